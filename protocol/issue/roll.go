package issue

import (
	"bytes"
	"crypto/sha256"
	"crypto/subtle"

	"github.com/milagro-dta/dta/crypto/mpin"
	"github.com/milagro-dta/dta/crypto/seal"
	"github.com/milagro-dta/dta/crypto/secret"
	"github.com/milagro-dta/dta/protocol/dag"
	"github.com/milagro-dta/dta/protocol/fault"
	"github.com/milagro-dta/dta/protocol/order"
)

// Sizes within a Roll.
const (
	SaltSize = 32
	TagSize  = 16
)

// Subject is whom something is issued to: a name, and the number that tells its
// enrolments apart (0 where the suite knows none). For a server secret the name
// is the server's, for people to read.
type Subject struct {
	Name      string `cbor:"name"`
	Enrolment uint64 `cbor:"enrolment"`
}

// Roll is whom a request is for. It stands in no envelope: a request has its
// hash, and the block that is handed to the quorum's D-TAs alone is dropped once
// they have answered. Without the salt, which goes with it, the hash tells nobody
// whether a name was meant.
type Roll struct {
	Salt     []byte    `cbor:"salt"`     // SaltSize random bytes
	Subjects []Subject `cbor:"subjects"` // 1 to MaxPoints, none twice; for a server secret one, of enrolment 0
	Tags     [][]byte  `cbor:"tags"`     // client-secret: the permit tag of each subject, TagSize random bytes; else none
}

// NewTag draws a permit tag. It is derived from nothing, so that it leads from
// permits to nobody, and stays with an enrolment.
func NewTag() []byte { return secret.Random(TagSize).Open() }

// Marshal is the roll's one encoding, as plugins and receivers are shown it.
func (r *Roll) Marshal() ([]byte, error) { return dag.Encode(r) }

// Hash is what a request carries of its roll: SHA-256 over Marshal.
func (r *Roll) Hash() ([]byte, error) {
	block, err := r.Marshal()
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(block)
	return sum[:], nil
}

// check holds a roll to the request that is for it.
func (r *Roll) check(o *order.VerifiedOrder, q *Request) error {
	n, err := networkOf(o)
	if err != nil {
		return err
	}
	if len(r.Salt) != SaltSize {
		return fault.New(fault.Invalid, "expected a salt of %d bytes, found %d", SaltSize, len(r.Salt))
	}
	if len(r.Subjects) < 1 || len(r.Subjects) > MaxPoints {
		return fault.New(fault.Invalid, "expected 1 to %d subjects, found %d", MaxPoints, len(r.Subjects))
	}
	if points := uint64(len(r.Subjects)) * max(q.Days, 1); points > MaxPoints {
		return fault.New(fault.Invalid, "expected at most %d permits, found %d", MaxPoints, points)
	}
	if err := r.checkTags(q.Kind); err != nil {
		return err
	}
	if q.Kind == order.ServerSecret {
		if len(r.Subjects) != 1 || r.Subjects[0].Enrolment != 0 {
			return fault.New(fault.Invalid, "expected one server, of enrolment 0")
		}
		return checkServerName(r.Subjects[0].Name)
	}
	suite, err := mpin.ByName(n.Suite)
	if err != nil {
		return fault.New(fault.Unsupported, "%w", err)
	}
	seen := make(map[Subject]bool, len(r.Subjects))
	for i, s := range r.Subjects {
		if seen[s] {
			return fault.New(fault.Invalid, "subject %d is listed twice", i)
		}
		seen[s] = true
		if _, err := suite.IdentityOf(o.NetworkID(), s.Name, s.Enrolment); err != nil {
			return fault.New(fault.Invalid, "subject %d: %w", i, err)
		}
	}
	return nil
}

func (r *Roll) checkTags(kind order.IssueKind) error {
	want := 0
	if kind == order.ClientSecret {
		want = len(r.Subjects)
	}
	if len(r.Tags) != want {
		return fault.New(fault.Invalid, "expected %d permit tags, found %d", want, len(r.Tags))
	}
	seen := make(map[string]bool, want)
	for i, tag := range r.Tags {
		if len(tag) != TagSize || seen[string(tag)] {
			return fault.New(fault.Invalid, "tag %d: expected %d bytes of its own, found %d", i, TagSize, len(tag))
		}
		seen[string(tag)] = true
	}
	return nil
}

// checkServerName wants what a terminal shows as it is.
func checkServerName(name string) error {
	if name == "" || !order.IsLabel(name) {
		return fault.New(fault.Invalid, "expected a server's name of 1 to %d printable characters, found %.40q", order.MaxLabel, name)
	}
	return nil
}

// Asked is a request with its roll: what approvers see, and what receivers do.
type Asked struct {
	Request `cbor:"request"`
	Roll    `cbor:"roll"`
}

// ParseAsked reads a request with its roll, as it goes from one approver to the
// next. Check holds it to its network.
func ParseAsked(block []byte) (*Asked, error) {
	a := new(Asked)
	if err := dag.Decode(block, a); err != nil {
		return nil, fault.New(fault.Invalid, "request: %w", err)
	}
	return a, nil
}

// Marshal is what ParseAsked reads. Approvals sign the request in it alone.
func (a *Asked) Marshal() ([]byte, error) { return dag.Encode(a) }

// Check holds a request to the network that it is for, and its roll to it.
func (a *Asked) Check(o *order.VerifiedOrder) (err error) {
	defer fault.Explain("request", &err)
	if err := a.Request.check(o); err != nil {
		return err
	}
	roll, err := a.Roll.Marshal()
	if err != nil {
		return fault.New(fault.Invalid, "subjects: %w", err)
	}
	if err := a.Request.shown(roll); err != nil {
		return err
	}
	return a.Roll.check(o, &a.Request)
}

// shown refuses a roll that is not the one meant.
func (r *Request) shown(roll []byte) error {
	sum := sha256.Sum256(roll)
	if subtle.ConstantTimeCompare(sum[:], r.RollHash) != 1 {
		return fault.New(fault.Invalid, "the subjects shown are not those that it is for")
	}
	return nil
}

// tagSubjects is the tag under which a roll is encrypted.
const tagSubjects = "dta/request/subjects/v1"

// sealRoll encrypts a roll for the readers of its request's envelope, which has
// the key: the block alone opens for nobody, and once it is dropped the key opens
// nothing.
func sealRoll(o *order.VerifiedOrder, a *Asked) (_ order.Block, key []byte, err error) {
	suite, err := seal.ByName(o.Terms().Suite)
	if err != nil {
		return order.Block{}, nil, err
	}
	roll, err := a.Roll.Marshal()
	if err != nil {
		return order.Block{}, nil, err
	}
	k := secret.Random(seal.KeySize)
	sealed, err := suite.Encrypt(k, rollAAD(&a.Request), roll)
	if err != nil {
		return order.Block{}, nil, err
	}
	block, err := order.PutSubjects(sealed)
	return block, k.Open(), err
}

func rollAAD(r *Request) []byte { return append([]byte(tagSubjects), r.RollHash...) }

// Unseal opens the block of subjects that a request links; see With.
func (r *VerifiedRequest) Unseal(block []byte) (_ *VerifiedRequest, err error) {
	if err := r.verified(); err != nil {
		return nil, err
	}
	sealed, err := order.GetSubjects(r.body.Roll, block)
	if err != nil {
		return nil, fault.New(fault.Of(err), "request: %w", err)
	}
	suite, err := seal.ByName(r.order.Terms().Suite)
	if err != nil {
		return nil, err
	}
	key := secret.Copy(r.body.Key)
	defer key.Clear()
	roll, err := suite.Decrypt(key, rollAAD(&r.body.Request), sealed)
	if err != nil {
		return nil, fault.New(fault.Invalid, "request: subjects: %w", err)
	}
	defer roll.Clear()
	return r.With(roll.Open())
}

// With is the request with its roll, which is held to it: that it is the one
// signed for, to the network's rules, and to the scope of the approvers'
// delegations. Nothing is issued for a request without.
func (r *VerifiedRequest) With(roll []byte) (_ *VerifiedRequest, err error) {
	defer fault.Explain("request", &err)
	if err := r.verified(); err != nil {
		return nil, err
	}
	if err := r.body.Request.shown(roll); err != nil {
		return nil, err
	}
	with := *r
	with.asked = Asked{Request: r.body.Request}
	if err := dag.Decode(bytes.Clone(roll), &with.asked.Roll); err != nil {
		return nil, fault.New(fault.Invalid, "subjects: %w", err)
	}
	if err := with.asked.Roll.check(r.order, &r.body.Request); err != nil {
		return nil, err
	}
	for i, a := range r.body.Approvals {
		for _, d := range a.Delegation {
			if err := d.coversAll(with.asked.Subjects); err != nil {
				return nil, fault.New(fault.Denied, "approval %d: delegation: %w", i, err)
			}
		}
	}
	return &with, nil
}
