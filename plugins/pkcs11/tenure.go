package pkcs11

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/milagro-dta/dta/plugins/pkcs11/token"
	"github.com/milagro-dta/dta/protocol/dag"
	"github.com/milagro-dta/dta/protocol/fault"
	"github.com/milagro-dta/dta/sdk"
)

// A realm belongs to one instance of one node: the processes that claim it decide on that once (see decide). And each
// start and end of that node's host claims it anew, with a number above all before, so that of two hosts with copies of one
// node's data the older notices. A claim replaces the one that its host has seen, and no other: a process that finds a
// claim beside its own takes its own back and looks again, so that of those that meet one replaces and the others see it.

func ownerLabel(realm string) string  { return "dta/owner/" + realm }
func tenureLabel(realm string) string { return "dta/tenure/" + realm }

const tenureVersion = 1

// owner is decided on once.
type owner struct {
	Version  uint64  `cbor:"version"`
	Node     dag.CID `cbor:"node"`
	Instance string  `cbor:"instance"`
}

// tenure is a data object for each claim; older ones are removed.
type tenure struct {
	Version  uint64  `cbor:"version"`
	Node     dag.CID `cbor:"node"`
	Instance string  `cbor:"instance"`
	Number   uint64  `cbor:"number"`
	Mark     []byte  `cbor:"mark"`
	Host     string  `cbor:"host"`
	Time     int64   `cbor:"time"` // Unix seconds
}

func (t tenure) told() sdk.Tenure {
	return sdk.Tenure{Node: t.Node, Instance: t.Instance, Number: t.Number, Mark: t.Mark, Host: t.Host, Since: time.Unix(t.Time, 0)}
}

// Claim implements [sdk.TenureKeeper].
func (k *Keeper) Claim(ctx context.Context, claim sdk.Tenure, after []byte) (sdk.Tenure, error) {
	mine := tenure{Version: tenureVersion, Node: claim.Node, Instance: claim.Instance, Number: claim.Number,
		Mark: bytes.Clone(claim.Mark), Host: claim.Host, Time: claim.Since.Unix()}
	after = bytes.Clone(after)
	wanted, err := dag.Encode(owner{Version: tenureVersion, Node: claim.Node, Instance: claim.Instance})
	if err != nil {
		return sdk.Tenure{}, err
	}
	made, err := write(ctx, k, "claim the realm", func(s *token.Session) (tenure, error) {
		decided, err := decide(s, ownerLabel(k.realm), wanted)
		if err != nil {
			return mine, err
		}
		if !bytes.Equal(decided, wanted) {
			has, err := readHolder(s, k.realm)
			if err == nil {
				err = k.taken(has)
			}
			return mine, err
		}
		return raise(s, tenureLabel(k.realm), mine, after)
	})
	if token.CannotStore(err) {
		err = fault.New(fault.Unsupported, "pkcs11: %s keeps no data objects, so none that tells whose realm %q is: %w", k.token, k.realm, err)
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.keepsNone = fault.Of(err) == fault.Unsupported
	if err != nil {
		return sdk.Tenure{}, err
	}
	k.tenure = made
	return made.told(), nil
}

// taken is the refusal of a realm that another has.
func (k *Keeper) taken(has tenure) error {
	last := ""
	if has.Number > 0 {
		last = fmt.Sprintf(", last started on %s at %s", has.Host, has.told().Since.UTC().Format(time.RFC3339))
	}
	return fault.New(fault.Conflict, "pkcs11: realm %q belongs to plugin %q of node %s%s: name another realm, or mount the volume with the data directory of that node", k.realm, has.Instance, has.Node, last)
}

// raise writes the claim with a number above all before, and removes older claims, unless the newest of them is another
// than the one with the mark after.
func raise(s *token.Session, label string, mine tenure, after []byte) (tenure, error) {
	end := time.Now().Add(decideLimit)
	floor := mine.Number
	for {
		seen, objects, err := tenures(s, label)
		if err != nil {
			return mine, err
		}
		last := newest(seen)
		if last.Number > 0 && !bytes.Equal(last.Mark, after) && !bytes.Equal(last.Mark, mine.Mark) {
			return mine, fault.New(fault.Busy, "pkcs11: another process has claimed the realm meanwhile")
		}
		mine.Number = max(last.Number, floor) + 1
		b, err := dag.Encode(mine)
		if err != nil {
			return mine, err
		}
		written, err := s.StoreData(label, b)
		if err != nil {
			return mine, err
		}
		now, _, err := tenures(s, label)
		if err != nil {
			return mine, err
		}
		// Of two that write at once, the later to look sees both.
		met := slices.ContainsFunc(now, func(t tenure) bool { return !t.among(seen) && !t.among([]tenure{mine}) })
		if !met {
			for _, o := range objects {
				if err := s.Destroy(o); err != nil {
					return mine, err
				}
			}
			return mine, nil
		}
		if err := s.Destroy(written); err != nil {
			return mine, err
		}
		if time.Now().After(end) {
			return mine, fault.New(fault.Busy, "pkcs11: other processes claim the realm at once")
		}
		time.Sleep(rand.N(100*time.Millisecond) + time.Millisecond)
	}
}

func (t tenure) among(list []tenure) bool {
	return slices.ContainsFunc(list, func(o tenure) bool { return bytes.Equal(o.Mark, t.Mark) })
}

// tenures reads the claims.
func tenures(s *token.Session, label string) (all []tenure, objects []token.Object, err error) {
	objects, found, err := contents(s, label)
	if err != nil {
		return nil, nil, err
	}
	for _, b := range found {
		var t tenure
		if err := dag.Decode(b, &t); err != nil || t.Version != tenureVersion {
			return nil, nil, fault.New(fault.Conflict, "pkcs11: data object %q: expected a claim of version %d, found another thing", label, tenureVersion)
		}
		all = append(all, t)
	}
	return all, objects, nil
}

func newest(all []tenure) (last tenure) {
	for _, t := range all {
		if t.Number > last.Number {
			last = t
		}
	}
	return last
}

// readHolder returns the newest claim; Number is 0 where an owner is decided on and none has been written yet, and Node
// is undefined while nobody has the realm.
func readHolder(s *token.Session, realm string) (tenure, error) {
	all, _, err := tenures(s, tenureLabel(realm))
	if err != nil || len(all) > 0 {
		return newest(all), err
	}
	b, err := readRecord(s, ownerLabel(realm))
	if err != nil || b == nil {
		return tenure{}, err
	}
	var o owner
	if err := dag.Decode(b, &o); err != nil || o.Version != tenureVersion {
		return tenure{}, fault.New(fault.Conflict, "pkcs11: data object %q: expected an owner of version %d, found another thing", ownerLabel(realm), tenureVersion)
	}
	return tenure{Node: o.Node, Instance: o.Instance}, nil
}

// Holder implements [sdk.TenureKeeper].
func (k *Keeper) Holder(ctx context.Context) (sdk.Tenure, error) {
	t, err := again(ctx, k, func(s *token.Session) (tenure, error) { return readHolder(s, k.realm) })
	switch {
	case err != nil:
		return sdk.Tenure{}, err
	case !t.Node.Defined():
		return sdk.Tenure{}, fault.New(fault.NotFound, "pkcs11: realm %q belongs to nobody yet", k.realm)
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.tenure = t
	return t.told(), nil
}

// tenureText is what the status says of it.
func (k *Keeper) tenureText() string {
	k.mu.Lock()
	defer k.mu.Unlock()
	switch {
	case k.keepsNone:
		return "; the token keeps no record of the realm's node, so a copy of the node is not noticed"
	case k.tenure.Number > 0:
		return fmt.Sprintf("; of node %s, claim %d", k.tenure.Node, k.tenure.Number)
	}
	return ""
}
