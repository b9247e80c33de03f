package issue

import (
	"bytes"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/milagro-dta/dta/crypto/bls"
	"github.com/milagro-dta/dta/crypto/mpin"
	"github.com/milagro-dta/dta/crypto/secret"
	"github.com/milagro-dta/dta/protocol/dag"
	"github.com/milagro-dta/dta/protocol/fault"
	"github.com/milagro-dta/dta/protocol/order"
)

// stored is one object of a network as it lies in a store, and a reader that has
// everything else.
type stored struct {
	name  string
	link  dag.CID
	block []byte
	read  func(block []byte) error
}

// objects lists what a network and one request in it leave behind.
func (q *inquiry) objects(t testing.TB) []stored {
	t.Helper()
	o, a := q.Order, q.Acceptances[0]
	grant, share := q.grant(t, 0, q.shares[0])
	g := must(VerifyGrant(q.request, a, grant.Block, grant.Plain, q.who))(t)
	revoked := must(Revoke(q.registrar, o, q.request.Request().Subjects[0], q.who, now))(t)
	both := func(name string, block, plain []byte, read func(block, plain []byte) error) []stored {
		return []stored{
			{name, dag.Sum(block), block, func(b []byte) error { return read(b, plain) }},
			{name + "'s plaintext", dag.Sum(plain), plain, func(b []byte) error { return read(block, b) }},
		}
	}
	all := both("order", o.Block(), o.Plain(), func(b, p []byte) error { _, err := order.VerifyOrder(b, p, q.who); return err })
	all = append(all, both("acceptance", a.Block(), a.Plain(), func(b, p []byte) error { _, err := order.VerifyAcceptance(o, b, p, q.who); return err })...)
	all = append(all, both("request", q.sealed.Block, q.sealed.Plain, func(b, p []byte) error { _, err := VerifyRequest(o, b, p, q.who); return err })...)
	all = append(all, both("grant", grant.Block, grant.Plain, func(b, p []byte) error { _, err := VerifyGrant(q.request, a, b, p, q.who); return err })...)
	all = append(all, both("revocation", revoked.Block, revoked.Plain, func(b, p []byte) error { _, err := VerifyRevocation(o, b, p, q.who); return err })...)
	roll := q.sealed.roll
	all = append(all,
		stored{"roll", dag.Sum(roll), roll, func(b []byte) error { _, err := q.request.With(b); return err }},
		stored{"block of subjects", q.sealed.Subjects.CID, q.sealed.Subjects.Bytes, func(b []byte) error { _, err := q.request.Unseal(b); return err }},
	)
	return append(all, stored{"sealed share", share.CID, share.Bytes, func(b []byte) error {
		s, err := OpenShare(g, b, q.receiver)
		s.Clear()
		return err
	}})
}

// One node in all roles: every byte costs a verification, so let there be few.
func smallInquiry(t testing.TB) *inquiry {
	t.Helper()
	r := newRealm(t, 1)
	r.registrar, r.cosigner = r.nodes[0], r.nodes[0]
	terms := r.terms(mpin.V1)
	for i := range terms.Authority {
		terms.Authority[i].Names, terms.Authority[i].Threshold = []dag.CID{r.registrar.Identity().Name}, 1
	}
	return r.found(t, terms).ask(t, Wish{Kind: order.ClientSecret, Subjects: subjects(mpin.V1, "alice@example.com")}, r.registrar)
}

// Any changed bit is detected: by the CID where the object is looked up by its link,
// and by signature or link where someone computed the CID anew.
func TestEveryChangedByteIsDetected(t *testing.T) {
	for _, object := range smallInquiry(t).objects(t) {
		t.Run(object.name, func(t *testing.T) {
			if err := object.read(object.block); err != nil {
				t.Fatalf("unchanged it does not read: %v", err)
			}
			step := 1
			if testing.Short() {
				step = 37
			}
			sharedOut(len(object.block)/step, func(i int) {
				i *= step
				flipped := bytes.Clone(object.block)
				flipped[i] ^= 1 << (i % 8)
				if dag.Check(object.link, flipped) == nil {
					t.Errorf("byte %d: the link does not notice", i)
				}
				if object.read(flipped) == nil {
					t.Errorf("byte %d: under a CID computed anew nobody notices", i)
				}
			})
		})
	}
}

// TestAChangedCharterProvesNothing changes every byte that is the charter's own, and
// some of those in the blocks that it holds: each costs many verifications, and has its
// own test.
func TestAChangedCharterProvesNothing(t *testing.T) {
	n := smallInquiry(t).network
	charter := must(n.Charter())(t)
	own, step := 1, 61
	if testing.Short() {
		own, step = 7, 601
	}
	within := make([]bool, len(charter))
	c := n.charter(t)
	for _, b := range slices.Concat([][]byte{c.Order.Envelope, c.Order.Plain, c.Acceptances[0].Envelope, c.Acceptances[0].Plain}, slices.Concat(c.Chains...)) {
		start := bytes.Index(charter, b)
		for i := range b {
			within[start+i] = true
		}
	}
	var places []int
	for i := range charter {
		if !within[i] && i%own == 0 || i%step == 0 {
			places = append(places, i)
		}
	}
	sharedOut(len(places), func(at int) {
		i := places[at]
		flipped := bytes.Clone(charter)
		flipped[i] ^= 1 << (i % 8)
		got, err := ReadCharter(flipped)
		if err == nil && got.Order.CID() == n.Order.CID() && got.Acceptances[0].CID() == n.Acceptances[0].CID() {
			// A document that nobody needs may be changed: then it is not in there.
			t.Errorf("byte %d of %d: the charter still proves the network", i, len(charter))
		}
	})
}

// TestTenThousandMutatedAnswersAreRefused: each part of what a D-TA answers, cut,
// stretched, swapped with another's or with bits flipped, as it arrives and under the
// seal. Nothing panics, and nothing of them is believed.
func TestTenThousandMutatedAnswersAreRefused(t *testing.T) {
	q := smallInquiry(t)
	a := q.Acceptances[0]
	grant, share := q.grant(t, 0, q.shares[0])
	other, otherShare := q.grant(t, 0, q.shares[0])
	g := must(VerifyGrant(q.request, a, grant.Block, grant.Plain, q.who))(t)
	custody := q.custody[0].Identity().Name
	w := must(dag.Encode(opened(t, must(Issue(q.request, custody, a.Commitment(), q.shares[0]))(t))))(t)
	parts := []struct {
		name    string
		genuine []byte
		swap    []byte
		read    func([]byte) error
	}{
		{"grant", grant.Block, other.Block, func(b []byte) error { _, err := VerifyGrant(q.request, a, b, grant.Plain, q.who); return err }},
		{"plaintext", grant.Plain, other.Plain, func(b []byte) error { _, err := VerifyGrant(q.request, a, grant.Block, b, q.who); return err }},
		{"sealed share", share.Bytes, otherShare.Bytes, func(b []byte) error { s, err := OpenShare(g, b, q.receiver); s.Clear(); return err }},
		{"share under the seal", w, nil, func(b []byte) error {
			kept := secret.Copy(b)
			defer kept.Clear()
			s, err := parseShare(q.request, kept)
			if err != nil {
				return err
			}
			defer s.Clear()
			return s.check(q.request, custody, a.Commitment())
		}},
	}
	each := 2500
	if testing.Short() {
		each = 100
	}
	for _, p := range parts {
		t.Run(p.name, func(t *testing.T) {
			if err := p.read(p.genuine); err != nil {
				t.Fatalf("unchanged: %v", err)
			}
			if p.swap != nil && p.read(p.swap) == nil {
				t.Error("another answer's part is taken for this one's")
			}
			sharedOut(each, func(i int) {
				random := rand.New(rand.NewPCG(uint64(i), 1))
				m := mutated(random, p.genuine)
				if err := p.read(m); err == nil {
					t.Errorf("mutation %d is believed: %x", i, m)
				} else if k := fault.Of(err); k == fault.Internal {
					t.Errorf("mutation %d: expected the answer to be blamed; found %v", i, err)
				}
			})
		})
	}
}

// mutated is never what it was.
func mutated(random *rand.Rand, b []byte) []byte {
	m := bytes.Clone(b)
	for bytes.Equal(m, b) {
		switch random.IntN(6) {
		case 0:
			m = m[:random.IntN(len(m))]
		case 1:
			m = append(m, byte(random.Uint32()))
		case 2:
			i, j := random.IntN(len(m)), random.IntN(len(m))
			m[i], m[j] = m[j], m[i]
		case 3:
			for range 1 + random.IntN(8) {
				m[random.IntN(len(m))] ^= 1 << random.IntN(8)
			}
		case 4:
			i := random.IntN(len(m))
			m = append(m[:i:i], m[min(len(m), i+1+random.IntN(16)):]...)
		case 5:
			i := random.IntN(len(m))
			clear(m[i:min(len(m), i+random.IntN(48))])
		}
		if len(m) == 0 {
			return m
		}
	}
	return m
}

// TestALogReaderFindsNoProof: what is stored of an enrolment, envelopes, their
// plaintexts and detached blocks, holds neither the points that were issued nor the
// proof about them, which with a stolen token would be a test for the PIN.
func TestALogReaderFindsNoProof(t *testing.T) {
	q := smallInquiry(t)
	custody := q.custody[0].Identity().Name
	share := must(Issue(q.request, custody, q.Acceptances[0].Commitment(), q.shares[0]))(t)
	w := opened(t, share)
	grant, block, err := GrantTo(q.custody[0], q.request, q.Acceptances[0], share, nil, q.who, now)
	if err != nil {
		t.Fatal(err)
	}
	log := [][]byte{
		q.Order.Block(), q.Order.Plain(), q.Acceptances[0].Block(), q.Acceptances[0].Plain(),
		q.sealed.Block, q.sealed.Plain, grant.Block, grant.Plain, block.Bytes,
	}
	secrets := map[string][]byte{"the point": w.Points[0], "the proof": w.Proof, "the share": q.shares[0].Bytes().Open()}
	for name, s := range secrets {
		for i, b := range log {
			if bytes.Contains(b, s) || bytes.Contains(b, s[1:17]) {
				t.Errorf("%s is in stored object %d", name, i)
			}
		}
	}
	// What was searched for is there to be found, once the receiver has opened it.
	g := must(VerifyGrant(q.request, q.Acceptances[0], grant.Block, grant.Plain, q.who))(t)
	if got := opened(t, must(OpenShare(g, block.Bytes, q.receiver))(t)); !bytes.Equal(got.Proof, w.Proof) {
		t.Error("the receiver finds another proof")
	}
	// With the proof a thief of the token tests PINs offline: why it is not kept.
	base := must(q.request.Bases())(t)[0]
	right := must(bls.ParseG1(w.Points[0]))(t)
	token := right.Sub(base.MulSmall(1234))
	found, from := -1, uint32(0)
	if testing.Short() {
		from = 1200
	}
	for pin := from; pin < 2000; pin++ {
		candidate := wire{Points: [][]byte{token.Add(base.MulSmall(pin)).Bytes()}, Proof: w.Proof}
		b := secret.New(must(dag.Encode(candidate))(t))
		s, err := parseShare(q.request, b)
		if err == nil && s.check(q.request, custody, q.Acceptances[0].Commitment()) == nil {
			found = int(pin)
			break
		}
	}
	if found != 1234 {
		t.Errorf("the attack that this guards against: expected PIN 1234; found %d", found)
	}
}

// sharedOut calls do for 0…n−1, on two goroutines.
func sharedOut(n int, do func(i int)) {
	var next atomic.Int64
	var running sync.WaitGroup
	for range 2 {
		running.Go(func() {
			for i := next.Add(1) - 1; i < int64(n); i = next.Add(1) - 1 {
				do(int(i))
			}
		})
	}
	running.Wait()
}
