package gateway_test

import (
	"context"
	"encoding/base64"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/milagro-dta/dta/protocol/dag"
	"github.com/milagro-dta/dta/protocol/fault"
	"github.com/milagro-dta/dta/protocol/identity"
	"github.com/milagro-dta/dta/protocol/ipfs/gateway"
	"github.com/milagro-dta/dta/protocol/ipfs/ipfstest"
)

func prove(t testing.TB, k gateway.Signer, audience, c dag.CID, at time.Time) string {
	t.Helper()
	proof, err := gateway.Prove(k, audience, c, at)
	if err != nil {
		t.Fatal(err)
	}
	return proof
}

func TestAProofServesForOneNodeOneBlockAndTwoMinutes(t *testing.T) {
	all := cast()
	s := new(shelf)
	url := node(t, s, all["party"], all["stranger"])
	owner := all["party"].Identity().Name
	here, elsewhere := all["node"].Identity().Name, all["other node"].Identity().Name
	c, other := s.keep(t, []byte{0x61, 'x'}, owner), s.keep(t, []byte{0x61, 'y'}, owner)
	for _, test := range []struct {
		name   string
		proof  string
		status int
	}{
		{"as it should be", prove(t, all["party"], here, c, now), 200},
		{"a little old", prove(t, all["party"], here, c, now.Add(-gateway.ProofWindow)), 200},
		{"a little early", prove(t, all["party"], here, c, now.Add(gateway.ProofWindow)), 200},
		{"too old", prove(t, all["party"], here, c, now.Add(-gateway.ProofWindow-time.Millisecond)), 403},
		{"too early", prove(t, all["party"], here, c, now.Add(gateway.ProofWindow+time.Millisecond)), 403},
		{"for another node", prove(t, all["party"], elsewhere, c, now), 403},
		{"for another block", prove(t, all["party"], here, other, now), 403},
		{"of someone else", prove(t, all["stranger"], here, c, now), 403},
		{"of someone unknown", prove(t, all["other node"], here, c, now), 403},
		{"signed by someone else", change(t, prove(t, all["stranger"], here, c, now), func(p *gateway.Proof) {
			p.Name, p.Document = owner, all["party"].Identity().Document
		}), 403},
		{"with the time changed", change(t, prove(t, all["party"], here, c, now), func(p *gateway.Proof) { p.Time++ }), 403},
		{"of another document", change(t, prove(t, all["party"], here, c, now), func(p *gateway.Proof) { p.Document = other }), 403},
		{"without a signature", change(t, prove(t, all["party"], here, c, now), func(p *gateway.Proof) { p.Signature = nil }), 400},
		{"of another version", change(t, prove(t, all["party"], here, c, now), func(p *gateway.Proof) { p.Version = 2 }), 400},
		{"of another kind", change(t, prove(t, all["party"], here, c, now), func(p *gateway.Proof) { p.Kind = "put-block" }), 400},
		{"with padding", prove(t, all["party"], here, c, now) + "=", 400},
	} {
		t.Run(test.name, func(t *testing.T) {
			res, text := ask(t, url, "GET", "/ipfs/"+c.String()+"?format=raw", http.Header{gateway.HeaderParty: {test.proof}})
			if res.StatusCode != test.status {
				t.Errorf("expected %d, found %s: %s", test.status, res.Status, text)
			}
		})
	}
}

// TestAnAbsentBlockCostsNoSignatureCheck: only form, addressee, block and time of
// the proof are looked at, as for a block that is here.
func TestAnAbsentBlockCostsNoSignatureCheck(t *testing.T) {
	all := cast()
	here, absent := all["node"].Identity().Name, dag.Sum([]byte{0x60})
	h := &gateway.Handler{Node: here, Blocks: new(shelf), Identities: unasked{t}, Now: func() time.Time { return now }}
	server := httptest.NewServer(h)
	defer server.Close()
	for _, test := range []struct {
		name   string
		proof  string
		status int
	}{
		{"of a party", prove(t, all["party"], here, absent, now), 404},
		{"not even a proof", "AAAA", 400},
		{"for another node", prove(t, all["party"], all["other node"].Identity().Name, absent, now), 403},
	} {
		res, text := ask(t, server.URL, "GET", "/ipfs/"+absent.String()+"?format=raw", http.Header{gateway.HeaderParty: {test.proof}})
		if res.StatusCode != test.status {
			t.Errorf("%s: expected %d, found %s: %s", test.name, test.status, res.Status, text)
		}
	}
}

// unasked knows nobody and must not be asked.
type unasked struct{ *testing.T }

func (u unasked) Party(context.Context, identity.Party) (*identity.Identity, error) {
	u.Error("the party was looked up")
	return nil, fault.New(fault.NotFound, "a test")
}

// TestAKeyThatWasRotatedAwayProvesNothing: neither by the old document's name
// nor under the new one's.
func TestAKeyThatWasRotatedAwayProvesNothing(t *testing.T) {
	all := cast()
	old, next := rotating(t)
	renewed, after, err := old.Rotate(next, now)
	if err != nil {
		t.Fatal(err)
	}
	defer after.Clear()
	defer renewed.Clear()
	s := new(shelf)
	url := node(t, s, renewed)
	c := s.keep(t, []byte{0x61, 'x'}, old.Identity().Name)
	here := all["node"].Identity().Name
	for name, test := range map[string]struct {
		proof  string
		status int
	}{
		"the new key": {prove(t, renewed, here, c, now), 200},
		"the old key": {prove(t, old, here, c, now), 403},
		"the old key under the new document": {change(t, prove(t, old, here, c, now), func(p *gateway.Proof) {
			p.Document = renewed.Identity().Document
		}), 403},
	} {
		res, text := ask(t, url, "GET", "/ipfs/"+c.String()+"?format=raw", http.Header{gateway.HeaderParty: {test.proof}})
		if res.StatusCode != test.status {
			t.Errorf("%s: expected %d, found %s: %s", name, test.status, res.Status, text)
		}
	}
}

// change edits a proof and encodes it again.
func change(t testing.TB, header string, edit func(*gateway.Proof)) string {
	t.Helper()
	p, err := gateway.ParseProof(header)
	if err != nil {
		t.Fatal(err)
	}
	edit(p)
	block, err := dag.Encode(p)
	if err != nil {
		t.Fatal(err)
	}
	return base64.RawURLEncoding.EncodeToString(block)
}

func TestAProofTooLongIsNotDecoded(t *testing.T) {
	_, err := gateway.ParseProof(string(make([]byte, 4096)))
	ipfstest.Expect(t, err, fault.Invalid)
}

func FuzzParseProof(f *testing.F) {
	all := cast()
	f.Add(prove(f, all["party"], all["node"].Identity().Name, dag.Sum([]byte{0x60}), now))
	f.Add("")
	f.Add("oA")
	f.Fuzz(func(t *testing.T, header string) {
		p, err := gateway.ParseProof(header)
		if err != nil {
			return
		}
		block, err := dag.Encode(p)
		if err != nil || base64.RawURLEncoding.EncodeToString(block) != header {
			t.Errorf("a proof has two headers: %q and that of %+v (%v)", header, p, err)
		}
	})
}
