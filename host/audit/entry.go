package audit

import (
	"strings"
	"unicode/utf8"

	"github.com/milagro-dta/dta/protocol/dag"
	"github.com/milagro-dta/dta/protocol/fault"
)

const (
	// MaxKind and MaxOrder are the longest such texts of an entry, in bytes.
	MaxKind  = 64
	MaxOrder = 64
	// MaxDetail is where a longer detail is cut, in bytes.
	MaxDetail = 1024
)

// Entry says who did what. It never holds a secret, nor anything a secret could
// be found from by trying.
type Entry struct {
	Time   int64   // unix milliseconds
	Kind   string  // what happened, such as "order.accepted"
	Actor  dag.CID // the name of who did it; undefined: this node's operator
	Order  string  // the text of the order's CID, "" for none
	Object dag.CID // the envelope or document concerned; undefined: none
	Detail string  // for a person to read
}

// record is an entry as it is stored and hashed: canonical DAG-CBOR.
type record struct {
	Version uint64  `cbor:"version"`
	Time    int64   `cbor:"time"`
	Kind    string  `cbor:"kind"`
	Actor   dag.CID `cbor:"actor"`
	Order   string  `cbor:"order"`
	Object  dag.CID `cbor:"object"`
	Detail  string  `cbor:"detail"`
}

const version = 1

// encode gives the bytes of a leaf. A detail too long, or no UTF-8, is mended:
// it must not stop what it tells of.
func (e Entry) encode() ([]byte, error) {
	r := record{version, e.Time, e.Kind, e.Actor, e.Order, e.Object, mend(e.Detail)}
	if err := r.check(); err != nil {
		return nil, err
	}
	return dag.Encode(r)
}

func mend(detail string) string {
	detail = strings.ToValidUTF8(detail, "?")
	if len(detail) <= MaxDetail {
		return detail
	}
	end := MaxDetail
	for !utf8.RuneStart(detail[end]) {
		end--
	}
	return detail[:end]
}

func (r record) check() error {
	switch {
	case r.Version != version:
		return fault.New(fault.Invalid, "audit entry: expected version %d, found %d", version, r.Version)
	case r.Time < 0:
		return fault.New(fault.Invalid, "audit entry: negative time")
	case r.Kind == "" || len(r.Kind) > MaxKind:
		return fault.New(fault.Invalid, "audit entry: expected a kind of 1 to %d bytes, found %d", MaxKind, len(r.Kind))
	case len(r.Order) > MaxOrder:
		return fault.New(fault.Invalid, "audit entry: expected an order of at most %d bytes, found %d", MaxOrder, len(r.Order))
	case len(r.Detail) > MaxDetail:
		return fault.New(fault.Invalid, "audit entry: expected a detail of at most %d bytes, found %d", MaxDetail, len(r.Detail))
	}
	return nil
}

// ParseEntry reads a stored entry.
func ParseEntry(b []byte) (Entry, error) {
	var r record
	if err := dag.Decode(b, &r); err != nil {
		return Entry{}, err
	}
	if err := r.check(); err != nil {
		return Entry{}, err
	}
	return Entry{r.Time, r.Kind, r.Actor, r.Order, r.Object, r.Detail}, nil
}
