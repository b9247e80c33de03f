package issue

import (
	"strings"
	"testing"
	"time"

	"github.com/milagro-dta/dta/crypto/bls"
	"github.com/milagro-dta/dta/crypto/mpin"
	"github.com/milagro-dta/dta/crypto/seal"
	"github.com/milagro-dta/dta/protocol/dag"
	"github.com/milagro-dta/dta/protocol/envelope"
	"github.com/milagro-dta/dta/protocol/fault"
	"github.com/milagro-dta/dta/protocol/identity"
	"github.com/milagro-dta/dta/protocol/order"
)

// seal signs any body, as one who has the keys but not this package's manners.
func (n *network) seal(t testing.TB, k *identity.Keyring, kind envelope.Kind, names, previous []dag.CID, body any) *envelope.Sealed {
	t.Helper()
	return must(n.Order.SealBeside(k, order.Writing{
		Kind: kind, After: &n.Order.Part, For: names, Previous: previous, Body: body, Expires: now.Add(Life),
	}, n.who, now))(t)
}

// askWith seals a request body of the caller's making for its right recipients.
func (n *network) askWith(t testing.TB, k *identity.Keyring, body Approved) *envelope.Sealed {
	t.Helper()
	names := []dag.CID{k.Identity().Name}
	for _, node := range n.nodes {
		names = append(names, node.Identity().Name)
	}
	return n.seal(t, k, envelope.Request, append(names, n.registrar.Identity().Name), []dag.CID{n.Order.CID()}, body)
}

// TestARequestOutOfItsNetworksTermsIsRefused: each case is sealed and approved by
// the registrar itself, so that only the rule in question can refuse it.
func TestARequestOutOfItsNetworksTermsIsRefused(t *testing.T) {
	r := newRealm(t, 2)
	terms := r.terms(mpin.V1)
	terms.Authority[1].Threshold = 1
	n := r.found(t, terms)
	other := r.found(t, r.terms(mpin.V1))
	today := Day(now)
	unknown := dag.Values{"x": must(dag.NewRaw(1))(t)}
	permits := func(first, days uint64) func(*Asked) {
		return func(q *Asked) { q.Kind, q.First, q.Days = order.TimePermit, first, days }
	}
	for name, c := range map[string]struct {
		edit func(*Asked)
		want fault.Kind
	}{
		"another version":                    {func(q *Asked) { q.Version = 2 }, fault.Unsupported},
		"an unknown critical name":           {func(q *Asked) { q.Critical = unknown }, fault.Unsupported},
		"another kind":                       {func(q *Asked) { q.Kind = "master-secret" }, fault.Unsupported},
		"a kind without end":                 {func(q *Asked) { q.Kind = order.IssueKind(strings.Repeat("\u202e", 100_000)) }, fault.Unsupported},
		"another network's order":            {func(q *Asked) { q.Order = other.Order.CID() }, fault.Invalid},
		"another network's terms":            {func(q *Asked) { q.Terms = other.Order.TermsCID().Bytes() }, fault.Invalid},
		"another epoch":                      {func(q *Asked) { q.Epoch = 1 }, fault.Invalid},
		"no quorum":                          {func(q *Asked) { q.Quorum = nil }, fault.Invalid},
		"a part of the D-TAs":                {func(q *Asked) { q.Quorum = []uint64{0} }, fault.Invalid},
		"a D-TA twice":                       {func(q *Asked) { q.Quorum = []uint64{0, 0} }, fault.Invalid},
		"a D-TA that there is not":           {func(q *Asked) { q.Quorum = []uint64{0, 1, 2} }, fault.Invalid},
		"the D-TAs in another order":         {func(q *Asked) { q.Quorum = []uint64{1, 0} }, fault.Invalid},
		"no subject":                         {func(q *Asked) { q.Subjects = nil }, fault.Invalid},
		"a subject twice":                    {func(q *Asked) { q.Subjects = append(q.Subjects, q.Subjects[0]) }, fault.Invalid},
		"permits for too many days in all":   {func(q *Asked) { permits(today, 2)(q); q.Subjects = make([]Subject, MaxPoints/2+1) }, fault.Invalid},
		"a subject without a name":           {func(q *Asked) { q.Subjects[0].Name = "" }, fault.Invalid},
		"a control character in a name":      {func(q *Asked) { q.Subjects[0].Name = "a\x00b" }, fault.Invalid},
		"days for a client secret":           {func(q *Asked) { q.First, q.Days = today, 1 }, fault.Invalid},
		"no day":                             {permits(today, 0), fault.Invalid},
		"more days than the network allows":  {permits(today, 32), fault.Invalid},
		"permits of last week":               {permits(today-7, 1), fault.Denied},
		"permits far ahead":                  {permits(today+40, 1), fault.Denied},
		"a day beyond all counting":          {permits(1<<63, 31), fault.Invalid},
		"two servers":                        {func(q *Asked) { q.Kind, q.Subjects = order.ServerSecret, []Subject{{Name: "a"}, {Name: "b"}} }, fault.Invalid},
		"a server with an enrolment":         {func(q *Asked) { q.Kind, q.Subjects = order.ServerSecret, []Subject{{"a", 1}} }, fault.Invalid},
		"a server's name that does not show": {func(q *Asked) { q.Kind, q.Subjects = order.ServerSecret, []Subject{{Name: "a\x1b[2J"}} }, fault.Invalid},
		"a server's name without end": {func(q *Asked) {
			q.Kind, q.Subjects = order.ServerSecret, []Subject{{Name: strings.Repeat("\u202e", 100_000)}}
		}, fault.Invalid},
		"no receiver":                {func(q *Asked) { q.Receiver = nil }, fault.Invalid},
		"a receiver's key cut short": {func(q *Asked) { q.Receiver = q.Receiver[:1000] }, fault.Invalid},
		"a short nonce":              {func(q *Asked) { q.Nonce = q.Nonce[:31] }, fault.Invalid},
		"an end before its time":     {func(q *Asked) { q.Expires = q.Time }, fault.Invalid},
		"a request for two days":     {func(q *Asked) { q.Expires = q.Time + 2*MaxLife.Milliseconds() }, fault.Invalid},
	} {
		t.Run(name, func(t *testing.T) {
			q, _ := n.draft(t, Wish{Kind: order.ClientSecret, Subjects: subjects(mpin.V1, "alice@example.com")})
			c.edit(q)
			q.Tags = nil
			for range q.Subjects {
				if q.Kind == order.ClientSecret {
					q.Tags = append(q.Tags, NewTag())
				}
			}
			resign(t, q)
			sealed := n.askWith(t, r.registrar, Approved{Version: Version, Request: q.Request, Roll: linked, Key: keyed, Approvals: []Approval{{Signer: r.registrar.Identity().Party()}}})
			err := n.shown(sealed, &q.Roll)
			wantKind(t, err, c.want)
			if n := len(err.Error()); n > 4096 {
				t.Errorf("expected a refusal of at most 4096 bytes; found %d", n)
			}
			if err := q.Check(n.Order); fault.Of(err) != c.want {
				t.Errorf("before it is sealed: expected %s; found %v", c.want, err)
			}
		})
	}
}

// TestWhatIsAroundARequestIsJudgedToo: the request itself is sound.
func TestWhatIsAroundARequestIsJudgedToo(t *testing.T) {
	r := newRealm(t, 1)
	n := r.found(t, r.terms(mpin.V1))
	for name, c := range map[string]struct {
		edit func(*Approved)
		want fault.Kind
	}{
		"nothing changed":          {func(*Approved) {}, ""},
		"another version":          {func(b *Approved) { b.Version = 2 }, fault.Unsupported},
		"an unknown critical name": {func(b *Approved) { b.Critical = dag.Values{"x": must(dag.NewRaw(1))(t)} }, fault.Unsupported},
	} {
		t.Run(name, func(t *testing.T) {
			q, _ := n.draft(t, Wish{Kind: order.ClientSecret, Subjects: subjects(mpin.V1, "alice@example.com")})
			body := Approved{Version: Version, Request: q.Request, Roll: linked, Key: keyed, Approvals: []Approval{{Signer: r.registrar.Identity().Party()}}}
			c.edit(&body)
			sealed := n.askWith(t, r.registrar, body)
			_, err := VerifyRequest(n.Order, sealed.Block, sealed.Plain, n.who)
			if fault.Of(err) != c.want {
				t.Errorf("expected %q; found %v", c.want, err)
			}
		})
	}
}

func TestTwoSubjectsMayHaveOneName(t *testing.T) {
	r := newRealm(t, 1)
	n := r.found(t, r.terms(mpin.V1))
	q := n.ask(t, Wish{Kind: order.ClientSecret, Subjects: []Subject{{"alice", 1}, {"alice", 2}}}, r.registrar)
	got := must(Combine(q.request, q.answers(t)))(t)
	defer got.Clear()
	if got.Clients[0].Point().Equal(got.Clients[1].Point()) {
		t.Error("two enrolments of a name have one client secret")
	}
}

// TestWithoutPermitsNobodyIsRevoked: such a network says so.
func TestWithoutPermitsNobodyIsRevoked(t *testing.T) {
	r := newRealm(t, 1)
	terms := r.terms(mpin.V1)
	terms.Permits, terms.MaxDays = false, 0
	n := r.found(t, terms)
	_, err := Draft(n.Order, Wish{Kind: order.TimePermit, Subjects: []Subject{{"alice", 1}}, First: Day(now), Days: 1, Receiver: make([]byte, seal.PublicKeySize)}, now)
	wantKind(t, err, fault.Unsupported)
	_, err = Revoke(r.registrar, n.Order, Subject{"alice", 1}, n.who, now)
	wantKind(t, err, fault.Unsupported)
	if n.Order.Terms().Policy.Enforcement != "" {
		t.Error("a network that revokes nobody promises that its hosts enforce something")
	}
}

// TestWhoeverHasAClockHoldsARequestToIt: a plugin has one of its own.
func TestWhoeverHasAClockHoldsARequestToIt(t *testing.T) {
	r := newRealm(t, 1)
	n := r.found(t, r.terms(mpin.V1))
	q := n.ask(t, Wish{Kind: order.ClientSecret, Subjects: subjects(mpin.V1, "alice")}, r.registrar)
	p := n.ask(t, Wish{Kind: order.TimePermit, Subjects: subjects(mpin.V1, "alice"), First: Day(now) + 31, Days: 1, Expires: now.Add(MaxLife).UnixMilli()}, r.registrar)
	for name, c := range map[string]struct {
		request *VerifiedRequest
		at      time.Time
		ok      bool
	}{
		"at once":                         {q.request, now, true},
		"by a clock a minute behind":      {q.request, now.Add(-time.Minute), true},
		"by a clock an hour behind":       {q.request, now.Add(-time.Hour), false},
		"at its end":                      {q.request, now.Add(Life), true},
		"after its end":                   {q.request, now.Add(Life + time.Second), false},
		"the last day that may be had":    {p.request, now, true},
		"the same, asked a day too early": {p.request, now.Add(-25 * time.Hour), false},
	} {
		t.Run(name, func(t *testing.T) {
			if err := c.request.Current(c.at); (err == nil) != c.ok {
				t.Errorf("expected %t; found %v", c.ok, err)
			}
		})
	}
}

// TestAGrantThatAnswersSomethingElseIsRefused: each is signed by the D-TA itself.
func TestAGrantThatAnswersSomethingElseIsRefused(t *testing.T) {
	r := newRealm(t, 2)
	n := r.found(t, r.terms(mpin.V1))
	other := r.found(t, r.terms(mpin.V1))
	q := n.ask(t, Wish{Kind: order.ClientSecret, Subjects: subjects(mpin.V1, "alice")}, r.registrar)
	q2 := n.ask(t, Wish{Kind: order.ClientSecret, Subjects: subjects(mpin.V1, "alice")}, r.registrar)
	genuine, _ := q.grant(t, 0, n.shares[0])
	unknown := dag.Values{"x": must(dag.NewRaw(1))(t)}
	parties := grantParties(q.request, n.Acceptances[0])
	previous := []dag.CID{q.request.CID(), n.Acceptances[0].CID()}
	for name, c := range map[string]struct {
		edit     func(*Grant)
		signer   *identity.Keyring
		previous []dag.CID
		want     fault.Kind
	}{
		"another version":               {edit: func(g *Grant) { g.Version = 2 }, want: fault.Unsupported},
		"an unknown critical name":      {edit: func(g *Grant) { g.Critical = unknown }, want: fault.Unsupported},
		"another request":               {edit: func(g *Grant) { g.Request = q2.request.CID() }, want: fault.Invalid},
		"another network":               {edit: func(g *Grant) { g.Order = other.Order.CID() }, want: fault.Invalid},
		"another network's terms":       {edit: func(g *Grant) { g.Terms = other.Order.TermsCID().Bytes() }, want: fault.Invalid},
		"another D-TA's acceptance":     {edit: func(g *Grant) { g.Acceptance = n.Acceptances[1].CID() }, want: fault.Invalid},
		"another D-TA's place":          {edit: func(g *Grant) { g.Index = 1 }, want: fault.Invalid},
		"a place beyond the list":       {edit: func(g *Grant) { g.Index = 1 << 63 }, want: fault.Invalid},
		"another kind":                  {edit: func(g *Grant) { g.Kind = order.TimePermit }, want: fault.Invalid},
		"a kind without end":            {edit: func(g *Grant) { g.Kind = order.IssueKind(strings.Repeat("\u202e", 100_000)) }, want: fault.Invalid},
		"another epoch":                 {edit: func(g *Grant) { g.Epoch = 1 }, want: fault.Invalid},
		"another quorum":                {edit: func(g *Grant) { g.Quorum = []uint64{0} }, want: fault.Invalid},
		"another receiver":              {edit: func(g *Grant) { g.Receiver = make([]byte, 32) }, want: fault.Invalid},
		"another nonce":                 {edit: func(g *Grant) { g.Nonce = make([]byte, NonceSize) }, want: fault.Invalid},
		"no share":                      {edit: func(g *Grant) { g.Share = dag.CID{} }, want: fault.Invalid},
		"a checkpoint without end":      {edit: func(g *Grant) { g.Checkpoint = make([]byte, order.MaxCheckpoint+1) }, want: fault.Invalid},
		"another D-TA's signature":      {signer: r.custody[1], want: fault.Denied},
		"the node's signature":          {signer: r.nodes[0], want: fault.Denied},
		"links to another request":      {previous: []dag.CID{q2.request.CID(), n.Acceptances[0].CID()}, want: fault.Invalid},
		"links to another acceptance":   {previous: []dag.CID{q.request.CID(), n.Acceptances[1].CID()}, want: fault.Invalid},
		"no link to its own acceptance": {previous: []dag.CID{q.request.CID()}, want: fault.Invalid},
	} {
		t.Run(name, func(t *testing.T) {
			var body Grant
			if err := envelope.DecodePlain(genuine.Plain, &body); err != nil {
				t.Fatal(err)
			}
			if c.edit != nil {
				c.edit(&body)
			}
			if c.signer == nil {
				c.signer = r.custody[0]
			}
			if c.previous == nil {
				c.previous = previous
			}
			sealed := n.seal(t, c.signer, envelope.Grant, parties, c.previous, body)
			_, err := VerifyGrant(q.request, n.Acceptances[0], sealed.Block, sealed.Plain, n.who)
			wantKind(t, err, c.want)
			if n := len(err.Error()); n > 4096 {
				t.Errorf("expected a refusal of at most 4096 bytes; found %d", n)
			}
		})
	}
	t.Run("as it was", func(t *testing.T) {
		if _, err := VerifyGrant(q.request, n.Acceptances[0], genuine.Block, genuine.Plain, n.who); err != nil {
			t.Error(err)
		}
	})
	t.Run("for a reader more", func(t *testing.T) {
		var body Grant
		if err := envelope.DecodePlain(genuine.Plain, &body); err != nil {
			t.Fatal(err)
		}
		sealed := n.seal(t, r.custody[0], envelope.Grant, append(parties, r.stranger.Identity().Name), previous, body)
		_, err := VerifyGrant(q.request, n.Acceptances[0], sealed.Block, sealed.Plain, n.who)
		wantKind(t, err, fault.Invalid)
	})
}

// TestAShareThatIsNotAsCommittedNamesItsDTA: whatever a D-TA seals and signs.
func TestAShareThatIsNotAsCommittedNamesItsDTA(t *testing.T) {
	r := newRealm(t, 2)
	n := r.found(t, r.terms(mpin.V1))
	people := subjects(mpin.V1, "alice", "bob")
	for _, kind := range []order.IssueKind{order.ClientSecret, order.ServerSecret} {
		ask, signers := Wish{Kind: kind, Subjects: people}, []*identity.Keyring{r.registrar}
		if kind == order.ServerSecret {
			ask.Subjects, signers = []Subject{{Name: "door"}}, append(signers, r.cosigner)
		}
		q, again := n.ask(t, ask, signers...), n.ask(t, ask, signers...)
		custody, commitment := r.custody[1].Identity().Name, n.Acceptances[1].Commitment()
		right := func(q *inquiry) wire { return opened(t, must(Issue(q.request, custody, commitment, n.shares[1]))(t)) }
		cases := map[string]struct {
			w      wire
			reason order.Reason
		}{
			"another scalar":               {opened(t, must(Issue(q.request, custody, commitment, bls.RandomScalar()))(t)), order.NotAsAccepted},
			"another D-TA's share":         {opened(t, must(Issue(q.request, custody, commitment, n.shares[0]))(t)), order.NotAsAccepted},
			"no points":                    {wire{Proof: right(q).Proof}, order.NotWellFormed},
			"the identity":                 {withPoint(right(q), identityOf(right(q).Points[0])), order.NotWellFormed},
			"a point outside the subgroup": {withPoint(right(q), outside(right(q).Points[0])), order.NotWellFormed},
			"a point cut short":            {withPoint(right(q), right(q).Points[0][:47]), order.NotWellFormed},
			"a point too many":             {wire{append(right(q).Points, right(q).Points[0]), right(q).Proof}, order.NotWellFormed},
		}
		if kind == order.ClientSecret {
			swapped := right(q)
			swapped.Points[0], swapped.Points[1] = swapped.Points[1], swapped.Points[0]
			zero := right(q)
			zero.Proof = make([]byte, len(zero.Proof))
			short := right(q)
			short.Proof = short.Proof[:63]
			cases["bob's for alice"] = struct {
				w      wire
				reason order.Reason
			}{swapped, order.NotAsAccepted}
			cases["a proof of nothing"] = struct {
				w      wire
				reason order.Reason
			}{zero, order.NotAsAccepted}
			cases["a short proof"] = struct {
				w      wire
				reason order.Reason
			}{short, order.NotWellFormed}
			cases["the proof for another request"] = struct {
				w      wire
				reason order.Reason
			}{wire{right(q).Points, right(again).Proof}, order.NotAsAccepted}
		}
		for name, c := range cases {
			t.Run(string(kind)+": "+name, func(t *testing.T) {
				err := q.deliver(t, 1, must(dag.Encode(c.w))(t), q.request.grantInfo(custody))
				var bad *BadShare
				if !asBad(err, &bad) || bad.Index != 1 || bad.Custody != custody || bad.Reason != c.reason || fault.Of(err) != fault.Invalid {
					t.Errorf("expected D-TA 1 named, %s; found %v", c.reason, err)
				}
			})
		}
		t.Run(string(kind)+": sealed for another request", func(t *testing.T) {
			err := q.deliver(t, 1, must(dag.Encode(right(q)))(t), again.request.grantInfo(custody))
			var bad *BadShare
			if !asBad(err, &bad) || bad.Reason != order.DoesNotOpen {
				t.Errorf("expected D-TA 1 named; found %v", err)
			}
		})
		t.Run(string(kind)+": as it should be", func(t *testing.T) {
			if err := q.deliver(t, 1, must(dag.Encode(right(q)))(t), q.request.grantInfo(custody)); err != nil {
				t.Error(err)
			}
		})
	}
}

// wire is what is sealed of a share, as package dag reads and writes it.
type wire struct {
	Points [][]byte `cbor:"points"`
	Proof  []byte   `cbor:"proof"`
}

// opened is a share's content, as a D-TA that lies has it in its hands.
func opened(t testing.TB, s *Share) (w wire) {
	t.Helper()
	b := s.marshal()
	defer b.Clear()
	if err := dag.Decode(b.Open(), &w); err != nil {
		t.Fatal(err)
	}
	return w
}

func withPoint(w wire, p []byte) wire {
	w.Points[0] = p
	return w
}

func identityOf(p []byte) []byte {
	out := make([]byte, len(p))
	out[0] = 0xc0
	return out
}

// outside is a point of the curve that is not in the subgroup of order r.
func outside(like []byte) []byte {
	for x := byte(1); ; x++ {
		p := make([]byte, len(like))
		p[0], p[len(p)-1] = 0x80, x
		var err error
		if len(like) == bls.G1Size {
			_, err = bls.ParseG1(p)
		} else {
			_, err = bls.ParseG2(p)
		}
		if err != nil && strings.Contains(err.Error(), "not in the subgroup") {
			return p
		}
	}
}

// deliver has D-TA i seal and sign some plaintext as its answer, and the receiver
// open it.
func (q *inquiry) deliver(t testing.TB, i int, plain, info []byte) error {
	t.Helper()
	sealed := must(seal.V2.SealTo(q.receiver.Public(), info, order.IndexAAD(i), plain))(t)
	block := must(order.PutGrant(sealed))(t)
	genuine, _ := q.grant(t, i, q.shares[i])
	var body Grant
	if err := envelope.DecodePlain(genuine.Plain, &body); err != nil {
		t.Fatal(err)
	}
	body.Share = block.CID
	a := q.Acceptances[i]
	e := q.seal(t, q.custody[i], envelope.Grant, grantParties(q.request, a), []dag.CID{q.request.CID(), a.CID()}, body)
	g := must(VerifyGrant(q.request, a, e.Block, e.Plain, q.who))(t)
	s, err := OpenShare(g, block.Bytes, q.receiver)
	s.Clear()
	return err
}
