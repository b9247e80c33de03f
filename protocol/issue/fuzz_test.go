package issue

import (
	"bytes"
	"testing"

	"github.com/milagro-dta/dta/crypto/bls"
	"github.com/milagro-dta/dta/crypto/mpin"
	"github.com/milagro-dta/dta/crypto/secret"
	"github.com/milagro-dta/dta/protocol/dag"
	"github.com/milagro-dta/dta/protocol/envelope"
	"github.com/milagro-dta/dta/protocol/fault"
	"github.com/milagro-dta/dta/protocol/order"
)

// A reader never panics, refuses with a kind, and what it accepts has no other
// encoding.

func seed(f *testing.F, v any) {
	f.Helper()
	seedBlock(f, must(dag.Encode(v))(f))
}

func seedBlock(f *testing.F, block []byte) {
	f.Add(block)
	f.Add(block[:len(block)/2])
	for _, i := range []int{1, len(block) / 3, len(block) - 1} {
		flipped := bytes.Clone(block)
		flipped[i] ^= 0x40
		f.Add(flipped)
	}
}

// decoded decodes a fuzzed block and tells whether it was one at all.
func decoded(t *testing.T, block []byte, v any) bool {
	t.Helper()
	if err := dag.Decode(block, v); err != nil {
		wantKind(t, err, fault.Invalid)
		return false
	}
	if again, err := dag.Encode(v); err != nil || !bytes.Equal(again, block) {
		t.Fatalf("accepted a second encoding of one value: %v", err)
	}
	return true
}

// refusal wants one, if there is an error: not_found is for a party whose documents
// were not shown.
func refusal(t *testing.T, err error) {
	t.Helper()
	switch k := fault.Of(err); {
	case err == nil, k == fault.Invalid, k == fault.Denied, k == fault.Unsupported, k == fault.NotFound:
	default:
		t.Fatalf("expected a refusal, found %s: %v", k, err)
	}
}

func FuzzRequest(f *testing.F) {
	q := smallInquiry(f)
	seed(f, q.request.Request())
	permits, _ := q.draft(f, Wish{Kind: order.TimePermit, Subjects: subjects(mpin.V1, "anna", "björn"), First: Day(now), Days: 31})
	seed(f, permits)
	f.Fuzz(func(t *testing.T, block []byte) {
		r, err := ParseAsked(block)
		if err != nil {
			wantKind(t, err, fault.Invalid)
			return
		}
		if again, err := r.Marshal(); err != nil || !bytes.Equal(again, block) {
			t.Fatalf("accepted a second encoding of one request: %v", err)
		}
		err = r.Check(q.Order)
		refusal(t, err)
		if points := uint64(len(r.Subjects)) * max(r.Days, 1); err == nil && (points < 1 || points > MaxPoints) {
			t.Fatalf("a sound request asks for %d points", points)
		}
	})
}

func FuzzApproval(f *testing.F) {
	q := smallInquiry(f)
	n := q.network
	own, _ := n.draft(f, Wish{Kind: order.ClientSecret, Subjects: subjects(mpin.V1, "anna")})
	seed(f, must(Approve(n.registrar, n.Order, own, nil, n.who))(f))
	seed(f, must(Approve(n.delegate, n.Order, own, n.delegation(f, nil), n.who))(f))
	f.Fuzz(func(t *testing.T, block []byte) {
		a, err := ParseApproval(block)
		if err != nil {
			wantKind(t, err, fault.Invalid)
			return
		}
		missing, err := Missing(n.Order, own, []Approval{*a}, n.who)
		refusal(t, err)
		if err == nil && missing != 0 {
			t.Fatalf("an approval that counts leaves %d missing of one", missing)
		}
	})
}

func FuzzDelegation(f *testing.F) {
	n := smallInquiry(f).network
	seed(f, n.delegation(f, nil))
	seed(f, n.delegation(f, func(d *Delegation) {
		d.Kinds, d.MaxDays, d.Prefix, d.Suffix = order.IssueKinds(), 7, "a", "@example.com"
	}))
	f.Fuzz(func(t *testing.T, block []byte) {
		var d Delegation
		if decoded(t, block, &d) {
			refusal(t, d.Verify(n.Order, n.who))
		}
	})
}

func FuzzApproved(f *testing.F) {
	q := smallInquiry(f)
	seed(f, q.request.body)
	f.Fuzz(func(t *testing.T, block []byte) {
		var body Approved
		if decoded(t, block, &body) {
			refusal(t, body.check(q.Order, q.registrar.Identity().Party(), nil, q.who))
		}
	})
}

func FuzzGrant(f *testing.F) {
	q := smallInquiry(f)
	a := q.Acceptances[0]
	sealed, _ := q.grant(f, 0, q.shares[0])
	var genuine Grant
	if err := envelope.DecodePlain(sealed.Plain, &genuine); err != nil {
		f.Fatal(err)
	}
	seed(f, genuine)
	f.Fuzz(func(t *testing.T, block []byte) {
		var body Grant
		if decoded(t, block, &body) {
			refusal(t, body.check(q.request, a, q.custody[0].Identity()))
		}
	})
}

// FuzzShare is what a receiver finds under the seal, which a D-TA may have filled
// with anything.
func FuzzShare(f *testing.F) {
	q := smallInquiry(f)
	custody, commitment := q.custody[0].Identity().Name, q.Acceptances[0].Commitment()
	door := q.network.ask(f, Wish{Kind: order.ServerSecret, Subjects: []Subject{{Name: "door"}}}, q.registrar)
	seed(f, opened(f, must(Issue(q.request, custody, commitment, q.shares[0]))(f)))
	seed(f, opened(f, must(Issue(door.request, custody, commitment, q.shares[0]))(f)))
	seed(f, opened(f, must(Issue(q.request, custody, commitment, bls.RandomScalar()))(f)))
	f.Fuzz(func(t *testing.T, block []byte) {
		for _, r := range []*VerifiedRequest{q.request, door.request} {
			b := secret.Copy(block)
			s, err := parseShare(r, b)
			b.Clear()
			refusal(t, err)
			if err != nil {
				continue
			}
			if again := s.marshal(); !bytes.Equal(again.Open(), block) {
				t.Fatal("accepted a second encoding of one share")
			}
			refusal(t, s.check(r, custody, commitment))
			s.Clear()
		}
	})
}

func FuzzRevocation(f *testing.F) {
	q := smallInquiry(f)
	sealed := must(Revoke(q.registrar, q.Order, Subject{"anna", 1}, q.who, now))(f)
	var genuine Revocation
	if err := envelope.DecodePlain(sealed.Plain, &genuine); err != nil {
		f.Fatal(err)
	}
	seed(f, genuine)
	f.Fuzz(func(t *testing.T, block []byte) {
		var body Revocation
		if decoded(t, block, &body) {
			refusal(t, body.check(q.Order, q.registrar.Identity().Name))
		}
	})
}

// FuzzCharter and FuzzMandate read what arrives as a file.
func FuzzCharter(f *testing.F) {
	seedBlock(f, must(smallInquiry(f).network.Charter())(f))
	f.Fuzz(func(t *testing.T, block []byte) {
		_, err := ReadCharter(block)
		refusal(t, err)
	})
}

func FuzzMandate(f *testing.F) {
	n := smallInquiry(f).network
	seedBlock(f, must(n.Mandate(n.delegation(f, nil)))(f))
	f.Fuzz(func(t *testing.T, block []byte) {
		_, _, err := ReadMandate(block)
		refusal(t, err)
	})
}

// FuzzVerify gives the reader of each envelope a block and a plaintext as a lying
// host would.
func FuzzVerify(f *testing.F) {
	q := smallInquiry(f)
	a := q.Acceptances[0]
	grant, _ := q.grant(f, 0, q.shares[0])
	revoked := must(Revoke(q.registrar, q.Order, Subject{"anna", 1}, q.who, now))(f)
	for _, s := range []*envelope.Sealed{q.sealed.Sealed, grant, revoked} {
		f.Add(s.Block, s.Plain)
		f.Add(s.Block, s.Plain[:40])
		f.Add(s.Block[:200], s.Plain)
	}
	f.Fuzz(func(t *testing.T, block, plain []byte) {
		_, err := VerifyRequest(q.Order, block, plain, q.who)
		refusal(t, err)
		_, err = VerifyGrant(q.request, a, block, plain, q.who)
		refusal(t, err)
		_, err = VerifyRevocation(q.Order, block, plain, q.who)
		refusal(t, err)
	})
}
