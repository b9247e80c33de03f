package plugintest_test

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"github.com/milagro-dta/dta/crypto/secret"
	"github.com/milagro-dta/dta/protocol/fault"
	"github.com/milagro-dta/dta/protocol/issue"
	"github.com/milagro-dta/dta/sdk"
	"github.com/milagro-dta/dta/sdk/internal/guard"
	"github.com/milagro-dta/dta/sdk/plugintest"
	"github.com/milagro-dta/dta/sdk/plugintest/internal/scene"
)

// counted counts how often keys are asked for.
type counted struct {
	box
	opened *atomic.Int64
}

func (c counted) Restore(ctx context.Context, deposit []byte, about guard.About) ([]byte, error) {
	c.opened.Add(1)
	return c.box.Restore(ctx, deposit, about)
}

func issueWith(t *testing.T, g *guard.Guard, q *scene.Inquiry) {
	t.Helper()
	got, err := g.Issue(t.Context(), q.Ask())
	if err != nil {
		t.Fatal(err)
	}
	q.Open(t, got)
}

func TestACacheSparesTheCustodianAndOnlyIfAskedFor(t *testing.T) {
	for cached, want := range map[int]int64{0: 6, 1: 1} {
		var opened atomic.Int64
		g, f := founded(t, func(s *guard.Settings) {
			s.Custodian, s.Cached = counted{box{secret.Random(32)}, &opened}, cached
		})
		for range 2 {
			for _, q := range []*scene.Inquiry{f.Clients(t, "alice"), f.Server(t, "login.example"), f.Permits(t, 2, "alice")} {
				issueWith(t, g, q)
			}
		}
		if got := opened.Load(); got != want {
			t.Errorf("%d cached: expected the custodian to be asked %d times; it was %d times", cached, want, got)
		}
		// Once closed, the guard asks again.
		g.Close()
		issueWith(t, g, f.Clients(t, "bob"))
		if got := opened.Load(); got != want+1 {
			t.Errorf("%d cached, closed: expected the custodian to be asked %d times; it was %d times", cached, want+1, got)
		}
	}
}

func TestAnIssuersShareIsNotCached(t *testing.T) {
	var opened atomic.Int64
	g, f := founded(t, func(s *guard.Settings) {
		s.Custodian, s.Cached = counted{box{secret.Random(32)}, &opened}, 8
		s.Issuer = device{plugintest.NewHardware()}
	})
	for range 2 {
		issueWith(t, g, f.Clients(t, "alice"))
	}
	if opened.Load() != 2 {
		t.Errorf("expected the custodian to be asked twice; it was %d times", opened.Load())
	}
}

func TestWithoutItsHardwareAPluginSaysSo(t *testing.T) {
	g, f := founded(t, func(s *guard.Settings) { s.Issuer = device{plugintest.NewHardware()} })
	q := f.Clients(t, "alice")
	issueWith(t, g, q)
	g.Issuer = nil
	if _, err := g.Issue(t.Context(), q.Ask()); fault.Of(err) != fault.Unsupported {
		t.Errorf("expected unsupported; got %v", err)
	}
	g.Issuer = device{plugintest.NewHardware()}
	if _, err := g.Issue(t.Context(), q.Ask()); fault.Of(err) != fault.NotFound {
		t.Errorf("expected what the other device says; got %v", err)
	}
}

func TestARequestIsHeldToThePluginsOwnClock(t *testing.T) {
	g, f := founded(t)
	now := time.Now()
	for name, q := range map[string]*scene.Inquiry{"client secrets": f.Clients(t, "alice"), "permits": f.Permits(t, 31, "alice")} {
		for at, want := range map[time.Duration]fault.Kind{
			-3 * time.Minute: fault.Denied, -time.Minute: "", 0: "", issue.Life - time.Minute: "", issue.Life + time.Minute: fault.Denied, -48 * time.Hour: fault.Denied,
		} {
			g.Now = func() time.Time { return now.Add(at) }
			if _, err := g.Issue(t.Context(), q.Ask()); fault.Of(err) != want {
				t.Errorf("%s, the clock at %s: expected %q; got %v", name, at, want, err)
			}
		}
	}
}

var none sdk.Context

// device shows the hardware to a guard.
type device struct{ *plugintest.Hardware }

func (d device) MakeShare(ctx context.Context, _ guard.About) ([]byte, error) {
	return d.Hardware.MakeShare(ctx, none)
}

func (d device) CommitShare(ctx context.Context, handle, proofContext []byte, _ guard.About) ([]byte, []byte, error) {
	return d.Hardware.CommitShare(ctx, handle, proofContext, none)
}

func (d device) IssueG1(ctx context.Context, handle []byte, bases [][]byte, proofContext []byte, _ guard.About) ([][]byte, []byte, error) {
	return d.Hardware.IssueG1(ctx, handle, bases, proofContext, none)
}

func (d device) IssueG2(ctx context.Context, handle []byte, _ guard.About) ([]byte, error) {
	return d.Hardware.IssueG2(ctx, handle, none)
}
