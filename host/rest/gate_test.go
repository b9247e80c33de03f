package rest

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/hashicorp/go-hclog"
	"github.com/labstack/echo/v4"

	"github.com/milagro-dta/dta/host/fiduciary"
	"github.com/milagro-dta/dta/protocol/fault"
)

func TestSomeCallsWorkSomeWaitAndTheRestIsTurnedAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGate(2, 1)
		enter := func() func() {
			t.Helper()
			leave, err := g.enter(context.Background())
			if err != nil {
				t.Fatal(err)
			}
			return leave
		}
		one, two := enter(), enter()
		ctx, cancel := context.WithCancel(context.Background())
		gone := make(chan error)
		go func() { _, err := g.enter(ctx); gone <- err }()
		synctest.Wait()
		if _, err := g.enter(context.Background()); fault.Of(err) != fault.Busy {
			t.Errorf("expected busy; found %v", err)
		}
		cancel()
		if err := <-gone; fault.Of(err) != fault.Deadline {
			t.Errorf("one that went away: expected deadline; found %v", err)
		}
		waited := make(chan func())
		go func() { waited <- enter() }()
		synctest.Wait()
		select {
		case <-waited:
			t.Fatal("three work at once")
		default:
		}
		one()
		three := <-waited
		two()
		three()
		for _, leave := range []func(){enter(), enter()} {
			leave()
		}
	})
}

func TestNodesAreToldToComeAgain(t *testing.T) {
	s := &Services{Fiduciary: new(fiduciary.Service), gate: newGate(0, 0)}
	for name, handler := range map[string]echo.HandlerFunc{
		"fulfill order": fulfil(s, s.fulfillOrder), "fulfill secret": fulfil(s, s.fulfillSecret),
		"fulfill request": fulfil(s, s.fulfillRequest), "fulfill revocation": fulfil(s, s.fulfillRevocation), "notice": s.notice,
	} {
		rec := httptest.NewRecorder()
		c := echo.New().NewContext(httptest.NewRequest(http.MethodPost, "/", strings.NewReader("{}")), rec)
		problems(hclog.NewNullLogger())(handler(c), c)
		if rec.Code != http.StatusTooManyRequests || rec.Header().Get("Retry-After") == "" {
			t.Errorf("%s: found %d %v", name, rec.Code, rec.Header())
		}
		if err := fault.FromProblem(rec.Code, rec.Header().Get("Content-Type"), rec.Body.Bytes()); fault.Of(err) != fault.Busy {
			t.Errorf("%s: expected that a client finds busy; found %v", name, err)
		}
	}
}
