package dag

import (
	"slices"

	"github.com/milagro-dta/dta/protocol/fault"
)

// Bounds of Values: names, bytes in the longest name, bytes in all.
const (
	MaxNames  = 16
	MaxName   = 64
	MaxValues = 4096
)

// Raw is one canonical DAG-CBOR item, kept as it came.
type Raw []byte

// NewRaw encodes v.
func NewRaw(v any) (Raw, error) { return Encode(v) }

// Decode fills v as the package's Decode does.
func (r Raw) Decode(v any) error { return Decode(r, v) }

// MarshalCBOR returns the item itself.
func (r Raw) MarshalCBOR() ([]byte, error) {
	if err := scan(r); err != nil {
		return nil, err
	}
	return r, nil
}

// UnmarshalCBOR keeps a copy of the item.
func (r *Raw) UnmarshalCBOR(b []byte) error {
	if err := scan(b); err != nil {
		return err
	}
	*r = slices.Clone(b)
	return nil
}

// Values are the maps `critical` and `extra` of every signed object: how it
// grows without a new version. An unknown name in `critical` is refused, one in
// `extra` is kept and ignored. The bounds hold in both directions.
type Values map[string]Raw

// MarshalCBOR encodes the map within its bounds.
func (v Values) MarshalCBOR() ([]byte, error) {
	if err := v.check(); err != nil {
		return nil, err
	}
	b, err := encoding.Marshal(map[string]Raw(v))
	if err != nil {
		return nil, err
	}
	if len(b) > MaxValues {
		return nil, fault.New(fault.Invalid, "values: expected at most %d bytes, found %d", MaxValues, len(b))
	}
	return b, nil
}

// UnmarshalCBOR reads a map within its bounds.
func (v *Values) UnmarshalCBOR(b []byte) error {
	if len(b) > MaxValues {
		return fault.New(fault.Invalid, "values: expected at most %d bytes, found %d", MaxValues, len(b))
	}
	m := map[string]Raw{}
	if err := decoding.Unmarshal(b, &m); err != nil {
		return invalid(err, "values")
	}
	*v = m
	return v.check()
}

func (v Values) check() error {
	if len(v) > MaxNames {
		return fault.New(fault.Invalid, "values: expected at most %d names, found %d", MaxNames, len(v))
	}
	for name := range v {
		if name == "" || len(name) > MaxName {
			return fault.New(fault.Invalid, "values: expected names of 1 to %d bytes, found one of %d", MaxName, len(name))
		}
	}
	return nil
}

// RefuseUnknown fails when v has a name that is not among known. It is called
// on `critical`.
func (v Values) RefuseUnknown(known ...string) error {
	var unknown []string
	for name := range v {
		if !slices.Contains(known, name) {
			unknown = append(unknown, name)
		}
	}
	if len(unknown) == 0 {
		return nil
	}
	slices.Sort(unknown)
	return fault.New(fault.Invalid, "critical: expected none but %q, found %q", known, unknown)
}
