package plugintest

import (
	"bytes"
	"testing"
	"time"

	"github.com/milagro-dta/dta/crypto/bls"
	"github.com/milagro-dta/dta/crypto/mpin"
	"github.com/milagro-dta/dta/protocol/fault"
	"github.com/milagro-dta/dta/protocol/issue"
	"github.com/milagro-dta/dta/protocol/order"
	"github.com/milagro-dta/dta/sdk/contract"
	"github.com/milagro-dta/dta/sdk/plugintest/internal/scene"
)

var suites = []mpin.Suite{mpin.V1, mpin.AMCL}

// Found has the plugin make its share of a network.
func (e *Enrolled) Found(t testing.TB, n *scene.Network) *scene.Founded {
	t.Helper()
	got, err := e.Custody.Safeguard(t.Context(), n.Ask())
	if err != nil {
		t.Fatalf("making a network's share: %v\n%s", err, e.told())
	}
	return n.Accept(t, got)
}

// Issue has the plugin answer, and gives what the receiver ends up with.
func (e *Enrolled) Issue(t testing.TB, q *scene.Inquiry) *issue.Secrets {
	t.Helper()
	got, err := e.Issuing.Issue(t.Context(), q.Ask())
	if err != nil {
		t.Fatalf("issuing: %v\n%s", err, e.told())
	}
	return q.Open(t, got)
}

// issued is one of each kind: client secrets and permits of two people, for three days, and a server secret.
type issued struct {
	clients, server, permits *scene.Inquiry
}

func inquire(t testing.TB, f *scene.Founded) issued {
	t.Helper()
	return issued{f.Clients(t, "alice", "bob"), f.Server(t, "login.example"), f.Permits(t, 3, "alice", "bob")}
}

func (i issued) all() []*scene.Inquiry { return []*scene.Inquiry{i.clients, i.server, i.permits} }

// points gives the encodings of all that the receivers of requests end up with.
func (e *Enrolled) points(t testing.TB, requests ...*scene.Inquiry) (all [][]byte) {
	t.Helper()
	for _, q := range requests {
		s := e.Issue(t, q)
		for _, c := range s.Clients {
			all = append(all, c.Bytes().Open())
		}
		if s.Server != nil {
			all = append(all, s.Server.Bytes().Open())
		}
		for _, days := range s.Permits {
			for _, p := range days {
				all = append(all, s.Suite.PointBytes(p.Point))
			}
		}
	}
	return all
}

func issuesForNetwork(t *testing.T, c Config) {
	e := Enrol(t, c)
	for _, suite := range suites {
		t.Run(suite.Name, func(t *testing.T) {
			n := e.Network(t, suite)
			f, again := e.Found(t, n), e.Found(t, n)
			if bytes.Equal(f.Acceptance.Commitment(), again.Acceptance.Commitment()) {
				t.Error("a repeat made the same share: it is not random")
			}
			if got := f.Acceptance.Receipt(); got.Type != c.pluginType() || string(f.Acceptance.Checkpoint()) != "checkpoint of the order" {
				t.Errorf("expected a receipt of a %q with the node's checkpoint; got %+v", c.pluginType(), got)
			}
			i := inquire(t, f)
			clients, server, permits := e.Issue(t, i.clients), e.Issue(t, i.server), e.Issue(t, i.permits)
			// s is nobody's, but e(s·A, Q) = e(A, s·Q) for everything that was issued.
			for _, q := range []*scene.Inquiry{i.clients, i.permits} {
				bases, err := q.Request.Bases()
				if err != nil {
					t.Fatal(err)
				}
				got := permits.Permits
				for n, base := range bases {
					var p *bls.G1
					if q == i.clients {
						p = clients.Clients[n].Point()
					} else {
						p = got[n/3][n%3].Point
					}
					if !ofOneNetwork(base, p, server.Server) {
						t.Errorf("%s %d does not belong to the server secret", q.Request.Request().Kind, n)
					}
				}
			}
		})
	}
	ask := e.Network(t, mpin.V1).Ask()
	ask.Share = []byte("a share")
	_, err := e.Custody.Safeguard(t.Context(), ask)
	wantKind(t, err, fault.Invalid)
}

// ofOneNetwork tells whether e(p, Q)·e(−base, s·Q) = 1.
func ofOneNetwork(base, p *bls.G1, server *mpin.ServerSecret) bool {
	minus := new(bls.G1).Sub(base)
	return bls.PairsToOne([]*bls.G1{p, minus}, []*bls.G2{bls.G2Generator(), server.Point()})
}

// issuesForDelegate has one of the authority hand its signature on.
func issuesForDelegate(t *testing.T, c Config) {
	e := Enrol(t, c)
	f := e.Found(t, e.Network(t, mpin.V1))
	desk := e.Party(t, "service desk")
	d := f.Delegate(t, f.Registrar, desk, issue.Delegation{Kinds: []order.IssueKind{order.ClientSecret}, Suffix: "@example.org"})
	q, receiver := f.Draft(t, issue.Wish{Kind: order.ClientSecret, Subjects: []issue.Subject{f.Subject("alice@example.org")}})
	i := f.Send(t, desk, q, []issue.Approval{f.Approve(t, desk, q, d)}, receiver)
	if s := e.Issue(t, i); len(s.Clients) != 1 {
		t.Errorf("expected one client secret; got %d", len(s.Clients))
	}
}

func networkSurvivesProcess(t *testing.T, c Config) {
	e := Enrol(t, c)
	for _, suite := range suites {
		f := e.Found(t, e.Network(t, suite))
		i := inquire(t, f)
		before := e.points(t, i.all()...)
		e.Restart(t)
		wantSamePoints(t, before, e.points(t, i.all()...))
		// New requests of the restarted plugin belong to the old ones.
		wantSamePoints(t, before, e.points(t, inquire(t, f).all()...))
	}
}

func wantSamePoints(t testing.TB, want, got [][]byte) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("expected %d points; got %d", len(want), len(got))
	}
	for i := range want {
		if !bytes.Equal(want[i], got[i]) {
			t.Errorf("point %d is another", i)
		}
	}
}

// cachesShares compares what is issued with and without a cache, the same share in and out of it.
func cachesShares(t *testing.T, c Config) {
	if c.CachedBlock == "" {
		t.Log("Config.CachedBlock is not set: nothing is cached")
		return
	}
	e := Enrol(t, c)
	a, b := e.Found(t, e.Network(t, mpin.V1)), e.Found(t, e.Network(t, mpin.AMCL))
	ia, ib := inquire(t, a), inquire(t, b)
	pa, pb := e.points(t, ia.all()...), e.points(t, ib.all()...)
	e.Config.Block = c.CachedBlock
	e.Restart(t)
	for range 2 {
		wantSamePoints(t, pa, e.points(t, ia.all()...))
		wantSamePoints(t, pb, e.points(t, ib.all()...))
	}
	// What the cache holds is for those who prove that it is theirs.
	ask := ia.clients.Ask()
	ask.Deposit = b.Deposit
	_, err := e.Issuing.Issue(t.Context(), ask)
	wantKind(t, err, fault.Denied)
	ask = ia.clients.Ask()
	ask.Acceptance = b.Shown
	_, err = e.Issuing.Issue(t.Context(), ask)
	wantRefusal(t, err)
}

// showsNoShare searches all that the plugin said for its own share, and for what it issued.
func showsNoShare(t *testing.T, c Config) {
	e := Enrol(t, c)
	var said [][]byte
	hear := func(part ...[]byte) { said = append(said, part...) }
	secrets := map[string][]byte{}
	var deposits, commitments [][]byte
	for _, suite := range suites {
		f := e.Found(t, e.Network(t, suite))
		deposits, commitments = append(deposits, f.Deposit), append(commitments, f.Acceptance.Commitment())
		hear(f.Deposit, f.Shown.GetEnvelope(), f.Shown.GetPlain())
		for _, q := range inquire(t, f).all() {
			got, err := e.Issuing.Issue(t.Context(), q.Ask())
			if err != nil {
				t.Fatal(err)
			}
			hear(got.GetGrant().GetEnvelope(), got.GetGrant().GetPlain(), got.GetShare())
			for _, point := range q.Own(t, got) {
				secrets["a share of a "+string(q.Request.Request().Kind)] = point
				searchAll(t, said, secrets)
			}
			// A refusal says no more.
			ask := q.Ask()
			ask.Deposit = flip(ask.Deposit, len(ask.Deposit)/2)
			_, err = e.Issuing.Issue(t.Context(), ask)
			wantKind(t, err, fault.Denied)
			hear([]byte(err.Error()))
		}
	}
	materials, ok := e.Look(t, deposits...)
	if !ok {
		t.Log("neither Config.Plugin nor Config.Twin is set: the share itself is not searched for")
	}
	for i, m := range materials {
		secrets["the network's share"] = m[1:] // after the byte that says how it is held: 0 for the share itself
		if m[0] == 0 {
			s, err := bls.ParseScalar(m[1:])
			if err != nil || !bytes.Equal(bls.G1Generator().Mul(s).Bytes(), commitments[i]) {
				t.Errorf("the deposit holds another share than was committed to: %v", err)
			}
		}
		searchAll(t, append(said, []byte(e.Log())), secrets)
	}
	searchAll(t, [][]byte{[]byte(e.Log())}, secrets)
}

func searchAll(t testing.TB, in [][]byte, secrets map[string][]byte) {
	t.Helper()
	for what, secret := range secrets {
		for _, form := range Forms(secret) {
			for _, b := range in {
				if bytes.Contains(b, form) {
					t.Errorf("%s came out", what)
				}
			}
		}
	}
}

// refusesExpired holds a request to the plugin's own clock, whatever the host calls fresh.
func refusesExpired(t *testing.T, c Config) {
	e := Enrol(t, c)
	f := e.Found(t, e.Network(t, mpin.V1))
	q, receiver := f.Draft(t, issue.Wish{
		Kind: order.ClientSecret, Subjects: []issue.Subject{f.Subject("alice")}, Expires: time.Now().Add(500 * time.Millisecond).UnixMilli(),
	})
	i := f.Send(t, f.Registrar, q, []issue.Approval{f.Approve(t, f.Registrar, q, nil)}, receiver)
	time.Sleep(time.Until(time.UnixMilli(q.Expires + 2)))
	_, err := e.Issuing.Issue(t.Context(), i.Ask())
	wantKind(t, err, fault.Denied)
}

func refusesSenselessIssue(t *testing.T, c Config) {
	e := Enrol(t, c)
	f := e.Found(t, e.Network(t, mpin.V1))
	q, others := f.Clients(t, "alice"), f.Clients(t, "alice")
	for name, change := range map[string]func(*contract.IssueRequest){
		"no order":                  func(r *contract.IssueRequest) { r.Order = nil },
		"no acceptance":             func(r *contract.IssueRequest) { r.Acceptance = nil },
		"no request":                func(r *contract.IssueRequest) { r.Request = nil },
		"a request in clear only":   func(r *contract.IssueRequest) { r.Request.Envelope = nil },
		"a request without text":    func(r *contract.IssueRequest) { r.Request.Plain = nil },
		"the order as the request":  func(r *contract.IssueRequest) { r.Request = r.Order },
		"no deposit":                func(r *contract.IssueRequest) { r.Deposit = nil },
		"a deposit of noise":        func(r *contract.IssueRequest) { r.Deposit = bytes.Repeat([]byte{0x9f}, 1000) },
		"a deposit too long":        func(r *contract.IssueRequest) { r.Deposit = make([]byte, contract.MaxDeposit+1) },
		"no documents":              func(r *contract.IssueRequest) { r.Documents = nil },
		"too many documents":        func(r *contract.IssueRequest) { r.Documents = make([][]byte, contract.MaxNamed+1) },
		"an empty document":         func(r *contract.IssueRequest) { r.Documents = append(r.Documents, nil) },
		"no operation id":           func(r *contract.IssueRequest) { r.OperationId = "" },
		"the order's operation id":  func(r *contract.IssueRequest) { r.OperationId = q.Network.Ask().GetOperationId() },
		"a checkpoint too long":     func(r *contract.IssueRequest) { r.Checkpoint = make([]byte, contract.MaxCheckpoint+1) },
		"no subjects":               func(r *contract.IssueRequest) { r.Roll = nil },
		"others' subjects":          func(r *contract.IssueRequest) { r.Roll = others.Roll },
		"a subject changed":         func(r *contract.IssueRequest) { r.Roll = bytes.Replace(r.Roll, []byte("alice"), []byte("malus"), 1) },
		"subjects beyond bounds":    func(r *contract.IssueRequest) { r.Roll = make([]byte, contract.MaxEnvelope+1) },
		"an envelope beyond bounds": func(r *contract.IssueRequest) { r.Request.Envelope = make([]byte, contract.MaxEnvelope+1) },
	} {
		t.Run(name, func(t *testing.T) {
			ask := q.Ask()
			change(ask)
			_, err := e.Issuing.Issue(t.Context(), ask)
			wantRefusal(t, err)
		})
	}
	_, err := e.Issuing.Issue(t.Context(), &contract.IssueRequest{})
	wantRefusal(t, err)
	e.Issue(t, q)
}
