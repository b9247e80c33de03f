//go:build linux

package systest

import (
	"context"
	"net/http"
	"testing"
	"time"

	"github.com/milagro-dta/dta/crypto/mpin"
	"github.com/milagro-dta/dta/crypto/seal"
	"github.com/milagro-dta/dta/host/systest/rig"
	"github.com/milagro-dta/dta/protocol/issue"
)

// TestANetworkOfThreeDTAsLetsAPersonLogIn takes a network from its order to a login,
// over five nodes, and takes a person's permits away again.
func TestANetworkOfThreeDTAsLetsAPersonLogIn(t *testing.T) {
	for _, suite := range []mpin.Suite{mpin.V1, mpin.AMCL} {
		t.Run(suite.Name, func(t *testing.T) {
			ctx := patience(t)
			f := rig.Federate(t, 3, rig.Options{})
			n, err := f.Registrar.Client().CreateNetwork(ctx, "", map[string]any{
				"name": "lab", "suite": suite.Name, "fiduciaries": []string{"dta-1", "dta-2", "dta-3"},
				"authority": []any{map[string]any{"kind": "server-secret", "names": []string{"registrar-is-self", "cosigner"}}},
			})
			if p := rig.Refusal(err); p == nil || p.HTTP != http.StatusBadRequest {
				t.Fatalf("a name that is nobody's: expected 400; found %v", err)
			}
			n, err = f.Registrar.Client().CreateNetwork(ctx, "lab", map[string]any{
				"name": "lab", "suite": suite.Name, "fiduciaries": []string{"dta-1", "dta-2", "dta-3"},
				"authority": []any{
					map[string]any{"kind": "server-secret", "names": []string{"self", "cosigner"}},
					map[string]any{"kind": "time-permit", "names": []string{"self", "cosigner"}, "threshold": 1},
				},
			})
			if err != nil || n.State != "accepted" || !n.Revocable || len(n.Charter) == 0 {
				t.Fatalf("expected a network; found %+v, %v", n, err)
			}
			member := &lab{t: t, f: f, network: n, suite: suite}
			server := member.serverSecret(ctx)
			alice := member.enrol(ctx, "alice@example.com")
			permit := member.permit(ctx, "alice@example.com")
			for pin, want := range map[int]bool{1234: true, 1235: false} {
				if got := member.login(alice, server, permit, pin); got != want {
					t.Errorf("PIN %d: expected %t; found %t", pin, want, got)
				}
			}
			member.revoked(ctx, "alice@example.com")
		})
	}
}

// lab is one network, and what is done in it.
type lab struct {
	t       *testing.T
	f       *rig.Federation
	network rig.Network
	suite   mpin.Suite
}

func (l *lab) key() *seal.PrivateKey {
	l.t.Helper()
	k, err := seal.V2.NewPrivateKey()
	if err != nil {
		l.t.Fatal(err)
	}
	return k
}

func (l *lab) receive(i rig.Issued, err error, k *seal.PrivateKey) *issue.Received {
	l.t.Helper()
	if err != nil || i.State != "issued" {
		l.t.Fatalf("expected grants; found %q, faults %v, %v", i.State, i.Faults, err)
	}
	got, err := i.Receive(l.network.Order(), k)
	if err != nil {
		l.t.Fatal(err)
	}
	return got
}

// serverSecret needs the registrar's and the co-signer's signatures.
func (l *lab) serverSecret(ctx context.Context) *mpin.ServerSecret {
	l.t.Helper()
	k := l.key()
	body := map[string]any{"name": "login.example.com"}
	i, err := l.f.Registrar.Client().Issue(ctx, l.network.Reference, "server-secret", "", k, body)
	if err != nil || i.State != "approval" || i.Needed != 1 || len(i.Grants) != 0 {
		l.t.Fatalf("expected one approval to be missing; found %+v, %v", i, err)
	}
	l.awaitKnown(ctx)
	var approved struct {
		Approval []byte `json:"approval"`
		Kind     string `json:"kind"`
	}
	path := "/v1/network/" + l.network.Reference + "/approval"
	if err := l.f.Cosigner.Client().Call(ctx, http.MethodPost, path, "", map[string]any{"request": i.Pending}, &approved); err != nil {
		l.t.Fatal(err)
	}
	body = map[string]any{"request": i.Pending, "approvals": append(i.Approvals, approved.Approval)}
	i, err = l.f.Registrar.Client().Issue(ctx, l.network.Reference, "server-secret", "", k, body)
	return l.receive(i, err, k).Server
}

// awaitKnown waits until the co-signer has been told of the network by all D-TAs.
func (l *lab) awaitKnown(ctx context.Context) {
	l.t.Helper()
	for {
		n, err := l.f.Cosigner.Client().ShowNetwork(ctx, l.network.Reference)
		if err == nil && n.State == "accepted" {
			return
		}
		select {
		case <-ctx.Done():
			l.t.Fatalf("the co-signer does not know the network: %+v, %v", n, err)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

func (l *lab) enrol(ctx context.Context, name string) *issue.Received {
	l.t.Helper()
	k := l.key()
	i, err := l.f.Registrar.Client().Issue(ctx, l.network.Reference, "client-secret", "enrol "+name, k, map[string]any{"name": name})
	first := l.receive(i, err, k)
	// The same request again, as after an answer that got lost.
	again, err := l.f.Registrar.Client().Issue(ctx, l.network.Reference, "client-secret", "enrol "+name, k, map[string]any{"name": name})
	second := l.receive(again, err, k)
	if again.RequestCID != i.RequestCID || !first.Clients[0].Point().Equal(second.Clients[0].Point()) {
		l.t.Errorf("a repeat: expected the first answer; found another")
	}
	_, err = l.f.Registrar.Client().Issue(ctx, l.network.Reference, "client-secret", "", k, map[string]any{"name": name})
	if p := rig.Refusal(err); p == nil || p.HTTP != http.StatusConflict {
		l.t.Errorf("enrolled a second time: expected 409; found %v", err)
	}
	return first
}

func (l *lab) permit(ctx context.Context, name string) *mpin.Permit {
	l.t.Helper()
	k := l.key()
	i, err := l.f.Registrar.Client().Issue(ctx, l.network.Reference, "time-permit", "", k, map[string]any{"name": name, "days": 2})
	return l.receive(i, err, k).Permits[0][0]
}

// login plays both sides, the PIN having been 1234.
func (l *lab) login(alice *issue.Received, server *mpin.ServerSecret, permit *mpin.Permit, pin int) bool {
	l.t.Helper()
	subject := alice.Request.Request().Subjects[0]
	id, err := l.suite.IdentityOf(alice.Network.Order.NetworkID(), subject.Name, subject.Enrolment)
	if err != nil {
		l.t.Fatal(err)
	}
	token, err := l.suite.ExtractPIN(alice.Clients[0], id, 1234)
	if err != nil {
		l.t.Fatal(err)
	}
	prover, err := l.suite.NewProver(mpin.Login{Identity: id, Token: token, PIN: pin, Permit: permit})
	if err != nil {
		l.t.Fatal(err)
	}
	s, err := l.suite.NewServer(server)
	if err != nil {
		l.t.Fatal(err)
	}
	session, err := s.Begin(mpin.Claim{Identity: id, Day: prover.Day(), Commitment: prover.Commitment()})
	if err != nil {
		l.t.Fatal(err)
	}
	v, err := prover.Respond(session.Challenge())
	if err != nil {
		l.t.Fatal(err)
	}
	if session.Verify(v) == nil {
		return true
	}
	if distance, found := session.PINError(); !found || distance != pin-1234 {
		l.t.Errorf("PIN %d: expected a distance of %d; found %d, %t", pin, pin-1234, distance, found)
	}
	return false
}

// revoked takes a person's permits away, at every D-TA, and for good.
func (l *lab) revoked(ctx context.Context, name string) {
	l.t.Helper()
	var out struct {
		Informed []string `json:"informed"`
		Pending  []string `json:"pending"`
	}
	l.f.Members[1].Stop()
	path := "/v1/network/" + l.network.Reference + "/revocation"
	if err := l.f.Registrar.Client().Call(ctx, http.MethodPost, path, "", map[string]any{"name": name}, &out); err != nil {
		l.t.Fatal(err)
	}
	if len(out.Informed) != 2 || len(out.Pending) != 1 {
		l.t.Errorf("expected two D-TAs to know and one to be told later; found %+v", out)
	}
	k := l.key()
	enrolment := 1
	if l.suite == mpin.AMCL {
		enrolment = 0
	}
	body := func() map[string]any { return map[string]any{"name": name, "enrolment": enrolment} }
	_, err := l.f.Registrar.Client().Issue(ctx, l.network.Reference, "time-permit", "", k, body())
	if p := rig.Refusal(err); p == nil || p.HTTP != http.StatusForbidden {
		l.t.Errorf("the registrar itself: expected 403; found %v", err)
	}
	// Whoever else has the authority, and has not heard of it, asks: the D-TAs have.
	l.f.Members[1].Restart()
	i, err := l.f.Cosigner.Client().Issue(ctx, l.network.Reference, "time-permit", "", k, body())
	if err != nil || i.State != "incomplete" || len(i.Grants) > 1 {
		l.t.Fatalf("permits of somebody revoked: expected refusals; found %q, %d grants, %v", i.State, len(i.Grants), err)
	}
	for _, fault := range i.Faults {
		if fault.Verdict != "refused" {
			l.t.Errorf("D-TA %d: expected refused; found %q (%s)", fault.Index, fault.Verdict, fault.Reason)
		}
	}
}
