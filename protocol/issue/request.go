package issue

import (
	"crypto/sha256"
	"slices"
	"time"

	"github.com/milagro-dta/dta/crypto/seal"
	"github.com/milagro-dta/dta/crypto/secret"
	"github.com/milagro-dta/dta/protocol/dag"
	"github.com/milagro-dta/dta/protocol/fault"
	"github.com/milagro-dta/dta/protocol/order"
)

// Version is that of everything here that is signed.
const Version = 1

// Epoch is that of every network's shares, until amendments exist.
const Epoch = 0

// What one request may ask.
const (
	MaxPoints = 4096 // subjects, times days for permits
	NonceSize = 32

	Life    = 15 * time.Minute // of a request, unless it says otherwise
	MaxLife = 24 * time.Hour
)

// Request is what is asked, and what the authority signs.
type Request struct {
	Version  uint64          `cbor:"version"`
	Kind     order.IssueKind `cbor:"kind"`
	Order    dag.CID         `cbor:"order"` // the network's
	Terms    []byte          `cbor:"terms"` // CID(terms)
	Epoch    uint64          `cbor:"epoch"`
	Quorum   []uint64        `cbor:"quorum"`   // places in terms.fiduciaries, rising; an additive network: all
	RollHash []byte          `cbor:"subjects"` // SHA-256 of the Roll: nobody's name stands in an envelope
	First    uint64          `cbor:"first"`    // time-permit: the first day, since 1970-01-01 UTC; else 0
	Days     uint64          `cbor:"days"`     // time-permit: how many; else 0
	Receiver []byte          `cbor:"receiver"` // sealing key, 1216 bytes: whoever has its other half gets what is issued
	Nonce    []byte          `cbor:"nonce"`    // NonceSize random bytes
	Time     int64           `cbor:"time"`     // unix milliseconds
	Expires  int64           `cbor:"expires"`  // at most MaxLife later
	Critical dag.Values      `cbor:"critical"`
	Extra    dag.Values      `cbor:"extra"`
}

// Marshal is the request's one encoding, which approvals sign.
func (r *Request) Marshal() ([]byte, error) { return dag.Encode(r) }

// check holds a request to the network that it is for: fault.Unsupported for
// what this version or this network does not know, fault.Invalid for the rest.
func (r *Request) check(o *order.VerifiedOrder) error {
	n, err := networkOf(o)
	if err != nil {
		return err
	}
	if err := checkBody(r.Version, r.Critical); err != nil {
		return err
	}
	if !slices.Contains(order.IssueKinds(), r.Kind) {
		return fault.New(fault.Unsupported, "cannot issue %.40q", r.Kind)
	}
	if err := checkNetwork(o, r.Order, r.Terms, r.Epoch); err != nil {
		return err
	}
	if err := r.checkQuorum(o); err != nil {
		return err
	}
	if err := r.checkDays(n); err != nil {
		return err
	}
	if len(r.RollHash) != sha256.Size {
		return fault.New(fault.Invalid, "expected a hash of the subjects of %d bytes, found %d", sha256.Size, len(r.RollHash))
	}
	suite, err := seal.ByName(o.Terms().Suite)
	if err != nil {
		return fault.New(fault.Unsupported, "%w", err)
	}
	if err := suite.CheckPublicKey(r.Receiver); err != nil {
		return fault.New(fault.Invalid, "receiver: %w", err)
	}
	if len(r.Nonce) != NonceSize {
		return fault.New(fault.Invalid, "expected a nonce of %d bytes, found %d", NonceSize, len(r.Nonce))
	}
	if r.Time < 0 || r.Expires <= r.Time || r.Expires-r.Time > MaxLife.Milliseconds() {
		return fault.New(fault.Invalid, "expected it to expire after its time and within %s, found %d and %d", MaxLife, r.Time, r.Expires)
	}
	return nil
}

// checkQuorum wants all D-TAs: an additive network has nothing to choose.
func (r *Request) checkQuorum(o *order.VerifiedOrder) error {
	if !slices.Equal(r.Quorum, wholeQuorum(o)) {
		return fault.New(fault.Invalid, "expected all %d D-TAs in rising order as the quorum, found %d that differ", o.Terms().N, len(r.Quorum))
	}
	return nil
}

func wholeQuorum(o *order.VerifiedOrder) []uint64 {
	all := make([]uint64, o.Terms().N)
	for i := range all {
		all[i] = uint64(i)
	}
	return all
}

func (r *Request) checkDays(n *order.NetworkTerms) error {
	if r.Kind != order.TimePermit {
		if r.First != 0 || r.Days != 0 {
			return fault.New(fault.Invalid, "expected no days for a %s, found %d from %d", r.Kind, r.Days, r.First)
		}
		return nil
	}
	if !n.Permits {
		return fault.New(fault.Unsupported, "this network has no permits, and cannot revoke")
	}
	if r.Days < 1 || r.Days > n.MaxDays {
		return fault.New(fault.Invalid, "expected permits for 1 to %d days, found %d", n.MaxDays, r.Days)
	}
	if r.First < 1 || r.First > maxDay {
		return fault.New(fault.Invalid, "expected a first day of 1 to %d, found %d", maxDay, r.First)
	}
	// A delegate's or registrar's request says when it was made; whoever has a
	// clock holds it to today, too (Current).
	return checkAhead(r, n.MaxDays, r.Time)
}

// maxDay leaves room for what is added to a day; AMCL counts in 31 bits.
const maxDay = 1 << 30

// networkOf wants the verified order of a network.
func networkOf(o *order.VerifiedOrder) (*order.NetworkTerms, error) {
	if o == nil || o.Signer() == nil {
		return nil, fault.New(fault.Internal, "the order was not verified")
	}
	n, ok := o.Network()
	if !ok {
		return nil, fault.New(fault.Invalid, "expected the order of a network, found that of a %s", o.Terms().What)
	}
	return n, nil
}

// Wish is what a request is drafted from.
type Wish struct {
	Kind     order.IssueKind
	Subjects []Subject
	Tags     [][]byte // of the subjects of client secrets; nil where one is to be drawn
	First    uint64
	Days     uint64
	Receiver []byte
	Expires  int64 // 0: after Life
}

// Draft fills in what a request repeats of its network, a salt, a nonce, tags and
// its times.
func Draft(o *order.VerifiedOrder, w Wish, now time.Time) (*Asked, error) {
	if _, err := networkOf(o); err != nil {
		return nil, err
	}
	a := &Asked{
		Request: Request{
			Version: Version, Kind: w.Kind, Order: o.CID(), Terms: o.TermsCID().Bytes(), Epoch: Epoch, Quorum: wholeQuorum(o),
			First: w.First, Days: w.Days, Receiver: w.Receiver, Nonce: nonce(), Time: now.UnixMilli(), Expires: w.Expires,
		},
		Roll: Roll{Salt: secret.Random(SaltSize).Open(), Subjects: w.Subjects},
	}
	if a.Expires == 0 {
		a.Expires = now.Add(Life).UnixMilli()
	}
	if w.Kind == order.ClientSecret {
		a.Tags = make([][]byte, len(w.Subjects))
		for i := range a.Tags {
			if i < len(w.Tags) && w.Tags[i] != nil {
				a.Tags[i] = w.Tags[i]
				continue
			}
			a.Tags[i] = NewTag()
		}
	}
	var err error
	if a.RollHash, err = a.Roll.Hash(); err != nil {
		return nil, fault.New(fault.Invalid, "request: subjects: %w", err)
	}
	return a, a.Check(o)
}
