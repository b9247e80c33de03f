package issue

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"slices"
	"testing"

	"github.com/milagro-dta/dta/crypto/mpin"
	"github.com/milagro-dta/dta/protocol/dag"
	"github.com/milagro-dta/dta/protocol/fault"
	"github.com/milagro-dta/dta/protocol/order"
)

// TestNoEnvelopeHoldsAName: neither the envelopes that are kept for ever, nor what
// they hold for those who can open them; nor does the block beside them, sealed.
func TestNoEnvelopeHoldsAName(t *testing.T) {
	const name = "canary@example.com"
	r := newRealm(t, 2)
	n := r.found(t, r.terms(mpin.V1))
	people := subjects(mpin.V1, name)
	d := n.delegation(t, nil)
	enrol, receiver := n.draft(t, Wish{Kind: order.ClientSecret, Subjects: people})
	a := must(Approve(r.delegate, n.Order, enrol, d, n.who))(t)
	sealed := must(Ask(r.delegate, n.Order, enrol, []Approval{*a}, n.who, now))(t)
	delegated := &inquiry{network: n, request: n.verified(t, sealed, n.who), sealed: sealed, receiver: receiver}
	var kept [][]byte
	for _, q := range []*inquiry{
		delegated,
		n.ask(t, Wish{Kind: order.TimePermit, Subjects: people, First: Day(now), Days: 2}, r.registrar),
		n.ask(t, Wish{Kind: order.ServerSecret, Subjects: []Subject{{Name: name}}}, r.registrar, r.cosigner),
	} {
		grant, share := q.grant(t, 0, q.shares[0])
		kept = append(kept, q.sealed.Block, q.sealed.Plain, q.sealed.Subjects.Bytes, grant.Block, grant.Plain, share.Bytes)
		if !bytes.Contains(q.sealed.roll, []byte(name)) {
			t.Error("the name is not where it should be")
		}
	}
	revoked := must(Revoke(r.registrar, n.Order, people[0], n.who, now))(t)
	for i, b := range append(kept, revoked.Block, revoked.Plain) {
		for _, written := range []string{name, hex.EncodeToString([]byte(name)), base64.RawStdEncoding.EncodeToString([]byte(name))} {
			if bytes.Contains(b, []byte(written)) {
				t.Errorf("object %d holds the name", i)
			}
		}
	}
}

// TestARollIsHeldToItsRequest: each is shown for a request that the registrar
// approved.
func TestARollIsHeldToItsRequest(t *testing.T) {
	r := newRealm(t, 1)
	n := r.found(t, r.terms(mpin.V1))
	for name, c := range map[string]struct {
		edit   func(*Asked)
		resign bool // the request is for what was changed
		want   fault.Kind
	}{
		"as it was":                {func(*Asked) {}, false, ""},
		"another subject":          {func(a *Asked) { a.Subjects = subjects(mpin.V1, "bob", "anna") }, false, fault.Invalid},
		"another enrolment":        {func(a *Asked) { a.Subjects = []Subject{{"anna", 2}, {"bob", 1}} }, false, fault.Invalid},
		"another salt":             {func(a *Asked) { a.Salt = make([]byte, SaltSize) }, false, fault.Invalid},
		"another tag":              {func(a *Asked) { a.Tags = [][]byte{NewTag(), a.Tags[1]} }, false, fault.Invalid},
		"no salt":                  {func(a *Asked) { a.Salt = nil }, true, fault.Invalid},
		"no tags":                  {func(a *Asked) { a.Tags = nil }, true, fault.Invalid},
		"a tag too few":            {func(a *Asked) { a.Tags = a.Tags[:1] }, true, fault.Invalid},
		"a short tag":              {func(a *Asked) { a.Tags[1] = a.Tags[1][:15] }, true, fault.Invalid},
		"one tag for two":          {func(a *Asked) { a.Tags[1] = a.Tags[0] }, true, fault.Invalid},
		"tags of permits":          {func(a *Asked) { a.Kind, a.First, a.Days = order.TimePermit, Day(now), 1 }, true, fault.Invalid},
		"nobody":                   {func(a *Asked) { a.Roll = Roll{} }, true, fault.Invalid},
		"a hash that is too short": {func(a *Asked) { a.RollHash = a.RollHash[:31] }, false, fault.Invalid},
	} {
		t.Run(name, func(t *testing.T) {
			q, _ := n.draft(t, Wish{Kind: order.ClientSecret, Subjects: subjects(mpin.V1, "anna", "bob")})
			q.Tags = slices.Clone(q.Tags)
			c.edit(q)
			if c.resign {
				resign(t, q)
			}
			sealed := n.askWith(t, r.registrar, Approved{Version: Version, Request: q.Request, Roll: linked, Key: keyed, Approvals: []Approval{{Signer: r.registrar.Identity().Party()}}})
			if err := n.shown(sealed, &q.Roll); fault.Of(err) != c.want {
				t.Errorf("expected %q; found %v", c.want, err)
			}
			if err := q.Check(n.Order); fault.Of(err) != c.want {
				t.Errorf("before it is sealed: expected %q; found %v", c.want, err)
			}
		})
	}
}

// TestNothingIsIssuedForARequestWithoutItsRoll, by whoever has verified the rest.
func TestNothingIsIssuedForARequestWithoutItsRoll(t *testing.T) {
	r := newRealm(t, 1)
	n := r.found(t, r.terms(mpin.V1))
	q := n.ask(t, Wish{Kind: order.ClientSecret, Subjects: subjects(mpin.V1, "anna")}, r.registrar)
	bare := must(VerifyRequest(n.Order, q.sealed.Block, q.sealed.Plain, n.who))(t)
	custody, a := r.custody[0], n.Acceptances[0]
	_, err := bare.Bases()
	wantKind(t, err, fault.Invalid)
	_, err = Issue(bare, custody.Identity().Name, a.Commitment(), n.shares[0])
	wantKind(t, err, fault.Invalid)
	door := n.ask(t, Wish{Kind: order.ServerSecret, Subjects: []Subject{{Name: "door"}}}, r.registrar, r.cosigner)
	_, err = Issue(must(VerifyRequest(n.Order, door.sealed.Block, door.sealed.Plain, n.who))(t), custody.Identity().Name, a.Commitment(), n.shares[0])
	wantKind(t, err, fault.Invalid)
	for name, block := range map[string][]byte{
		"none": nil, "another request's": door.sealed.Subjects.Bytes, "cut short": q.sealed.Subjects.Bytes[:60],
	} {
		if _, err := bare.Unseal(block); fault.Of(err) != fault.Invalid {
			t.Errorf("%s: expected it to be refused; found %v", name, err)
		}
	}
	if opened := must(bare.Unseal(q.sealed.Subjects.Bytes))(t); !opened.Rolled() || bare.Rolled() {
		t.Error("expected the request that was verified to stay without its subjects")
	}
}

// TestABlockOfSubjectsUnderTheWrongKeyIsRefused: its CID is right, its key or its
// content is another.
func TestABlockOfSubjectsUnderTheWrongKeyIsRefused(t *testing.T) {
	r := newRealm(t, 1)
	n := r.found(t, r.terms(mpin.V1))
	approvals := []Approval{{Signer: r.registrar.Identity().Party()}}
	q, _ := n.draft(t, Wish{Kind: order.ClientSecret, Subjects: subjects(mpin.V1, "anna")})
	other, _ := n.draft(t, Wish{Kind: order.ClientSecret, Subjects: subjects(mpin.V1, "bob")})
	block, key, err := sealRoll(n.Order, q)
	if err != nil {
		t.Fatal(err)
	}
	for name, body := range map[string]Approved{
		"another key":    {Version: Version, Request: q.Request, Roll: block.CID, Key: make([]byte, len(key)), Approvals: approvals},
		"another's roll": {Version: Version, Request: other.Request, Roll: block.CID, Key: key, Approvals: approvals},
	} {
		sealed := n.askWith(t, r.registrar, body)
		v := must(VerifyRequest(n.Order, sealed.Block, sealed.Plain, n.who))(t)
		if _, err := v.Unseal(block.Bytes); fault.Of(err) != fault.Invalid {
			t.Errorf("%s: expected it to be refused; found %v", name, err)
		}
	}
	for name, body := range map[string]Approved{
		"no key":  {Version: Version, Request: q.Request, Roll: block.CID, Approvals: approvals},
		"no link": {Version: Version, Request: q.Request, Key: key, Approvals: approvals},
		"a link to raw bytes": {
			Version: Version, Request: q.Request, Roll: dag.SumRaw([]byte("raw")), Key: key, Approvals: approvals,
		},
	} {
		sealed := n.askWith(t, r.registrar, body)
		if _, err := VerifyRequest(n.Order, sealed.Block, sealed.Plain, n.who); fault.Of(err) != fault.Invalid {
			t.Errorf("%s: expected it to be refused; found %v", name, err)
		}
	}
}

// TestAMarkIsOneNamesInOneNetwork.
func TestAMarkIsOneNamesInOneNetwork(t *testing.T) {
	r := newRealm(t, 1)
	a, b := r.terms(mpin.V1), r.terms(mpin.V1)
	b.SubjectKey = bytes.Repeat([]byte{8}, order.SubjectKeySize)
	marks := []string{Mark(a, "anna"), Mark(a, "bob"), Mark(b, "anna"), Mark(a, "")}
	slices.Sort(marks)
	if len(slices.Compact(marks)) != 4 || len(marks[0]) != 64 || Mark(a, "anna") != Mark(a, "anna") {
		t.Errorf("found %q", marks)
	}
}
