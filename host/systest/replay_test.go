//go:build linux

package systest

import (
	"bytes"
	"encoding/json"
	"net/http"
	"slices"
	"testing"

	"github.com/milagro-dta/dta/host/systest/rig"
	"github.com/milagro-dta/dta/protocol/dag"
	"github.com/milagro-dta/dta/protocol/envelope"
	"github.com/milagro-dta/dta/protocol/peer"
)

// TestAReplayGetsTheFirstAnswer asks a fiduciary again, byte for byte, for what
// a principal and a beneficiary have asked of it: before a restart, after one,
// and after a kill.
func TestAReplayGetsTheFirstAnswer(t *testing.T) {
	ctx := patience(t)
	var asked recorder
	c := rig.Three(t, rig.Options{Front: asked.before(t, "fiduciary")})
	secret := []byte("what is asked for twice")
	placed, err := c.Principal.Client().Place(ctx, rig.Order{Secret: secret, Beneficiary: "beneficiary"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Beneficiary.Client().Await(ctx, placed.OrderReference, "accepted"); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Beneficiary.Client().Redeem(ctx, placed.OrderReference); err != nil {
		t.Fatal(err)
	}
	order, redemption := asked.of(t, peer.PathFulfillOrder), asked.of(t, peer.PathFulfillSecret)

	post := func(e exchange) []byte {
		t.Helper()
		got, err := c.Fiduciary.Client().Raw(ctx, http.MethodPost, e.path, "", e.request)
		if err != nil {
			t.Fatalf("the replay of %s: %v", e.path, err)
		}
		return got
	}
	// A repeat, which anyone could send, has the acceptance or the release, but not
	// the detached blocks that only the order's parties may have.
	acceptance, release := post(order), post(redemption)
	var accepted, acceptedAgain peer.FulfilledOrder
	unmarshal(t, order.answer, &accepted)
	unmarshal(t, acceptance, &acceptedAgain)
	if accepted.OrderPart2CID != acceptedAgain.OrderPart2CID {
		t.Errorf("the replay of an order: expected acceptance %s; found %s", accepted.OrderPart2CID, acceptedAgain.OrderPart2CID)
	}
	if n := acceptedAgain.Blocks.Len(); n != accepted.Blocks.Len()-1 {
		t.Errorf("the replay of an order: expected all but the deposit of %d blocks; found %d", accepted.Blocks.Len(), n)
	}
	var first, repeated peer.FulfilledSecret
	unmarshal(t, redemption.answer, &first)
	unmarshal(t, release, &repeated)
	if first.OrderPart4CID != repeated.OrderPart4CID {
		t.Errorf("the replay of a redemption: expected release %s; found %s", first.OrderPart4CID, repeated.OrderPart4CID)
	}
	replay := func(when string) {
		t.Helper()
		if got := post(order); !bytes.Equal(got, acceptance) {
			t.Errorf("%s, the replay of an order: expected the first repeat's answer; found another:\n%.400s\n%.400s", when, acceptance, got)
		}
		if got := post(redemption); !bytes.Equal(got, release) {
			t.Errorf("%s, the replay of a redemption: expected the first repeat's answer; found another:\n%.400s\n%.400s", when, release, got)
		}
	}
	replay("before a restart")
	c.Fiduciary.Stop()
	c.Fiduciary.Restart()
	replay("after a restart")
	c.Fiduciary.Kill()
	c.Fiduciary.Restart()
	replay("after a kill")

	shown, err := c.Fiduciary.Client().Show(ctx, placed.OrderReference)
	if err != nil {
		t.Fatal(err)
	}
	for _, kind := range []string{"order", "acceptance", "redemption", "release"} {
		if n := len(shown.CIDs(kind)); n != 1 {
			t.Errorf("expected one %s in the chain; found %d", kind, n)
		}
	}
}

// TestAChangedReplayIsRefused sends a fiduciary, after a restart, calls that
// differ from those it has answered: in the envelope, under a CID of its own,
// and in who is said to be the order's.
func TestAChangedReplayIsRefused(t *testing.T) {
	ctx := patience(t)
	var asked recorder
	c := rig.Three(t, rig.Options{Front: asked.before(t, "fiduciary")})
	placed, err := c.Principal.Client().Place(ctx, rig.Order{Secret: []byte("asked for by a forger")})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Principal.Client().Redeem(ctx, placed.OrderReference); err != nil {
		t.Fatal(err)
	}
	order, redemption := asked.of(t, peer.PathFulfillOrder), asked.of(t, peer.PathFulfillSecret)
	c.Fiduciary.Kill()
	c.Fiduciary.Restart()
	before := status(t, c.Fiduciary)

	changes := map[string]func(*envelope.Envelope){
		"a later end":        func(e *envelope.Envelope) { e.Header.Expires++ },
		"another body":       func(e *envelope.Envelope) { e.Body[len(e.Body)-1] ^= 1 },
		"another signature":  func(e *envelope.Envelope) { e.Signatures[0].Signature[40] ^= 1 },
		"another plaintext":  func(e *envelope.Envelope) { e.Header.Plain[35] ^= 1 },
		"one recipient less": func(e *envelope.Envelope) { e.Header.Recipients, e.Keys = e.Header.Recipients[1:], e.Keys[1:] },
		"no signature":       func(e *envelope.Envelope) { e.Signatures = nil },
	}
	for name, change := range changes {
		for _, call := range []exchange{order, redemption} {
			_, err := c.Fiduciary.Client().Raw(ctx, http.MethodPost, call.path, "", changed(t, call, change))
			if p := rig.Refusal(err); p == nil || p.HTTP < 400 || p.HTTP > 409 || p.Type != "application/problem+json" {
				t.Errorf("%s with %s: expected to be refused; found %v", call.path, name, err)
			}
		}
	}
	if after := status(t, c.Fiduciary); after.AuditSize != before.AuditSize {
		t.Errorf("expected nothing to be recorded; the audit log has grown from %d to %d entries", before.AuditSize, after.AuditSize)
	}
}

// changed is a call with its envelope changed, and named by its new CID.
func changed(t *testing.T, call exchange, change func(*envelope.Envelope)) []byte {
	t.Helper()
	var body map[string]json.RawMessage
	var bag []([]byte)
	unmarshal(t, call.request, &body)
	unmarshal(t, body["blocks"], &bag)
	member := "orderPart1CID"
	if call.path == peer.PathFulfillSecret {
		member = "orderPart3CID"
	}
	var text string
	unmarshal(t, body[member], &text)
	i := slices.IndexFunc(bag, func(block []byte) bool { return dag.Sum(block).String() == text })
	if i < 0 {
		t.Fatalf("%s: block %s is not in the call", call.path, text)
	}
	e, err := envelope.Parse(bag[i])
	if err != nil {
		t.Fatal(err)
	}
	change(e)
	if bag[i], err = dag.Encode(e); err != nil {
		t.Fatal(err)
	}
	body[member], body["blocks"] = marshal(t, dag.Sum(bag[i]).String()), marshal(t, bag)
	return marshal(t, body)
}

func unmarshal(t *testing.T, text []byte, into any) {
	t.Helper()
	if err := json.Unmarshal(text, into); err != nil {
		t.Fatal(err)
	}
}

func marshal(t *testing.T, v any) []byte {
	t.Helper()
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func status(t *testing.T, n *rig.Node) rig.Status {
	t.Helper()
	got, err := n.Client().Status(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return got
}
