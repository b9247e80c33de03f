package plugintest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/milagro-dta/dta/crypto/mpin"
	"github.com/milagro-dta/dta/protocol/dag"
	"github.com/milagro-dta/dta/protocol/fault"
	"github.com/milagro-dta/dta/protocol/order"
	"github.com/milagro-dta/dta/sdk/contract"
	"github.com/milagro-dta/dta/sdk/plugintest/internal/scene"
)

// answersManyAtOnce sends a few orders and redemptions again and again: repeats join the call in flight, and those of
// different orders run at once.
func answersManyAtOnce(t *testing.T, c Config) {
	e := Enrol(t, c)
	const different = 5
	var orders []*scene.Order
	var redeemed []*scene.Redeemed
	for range different {
		k := e.Keep(t, e.Something(t))
		orders, redeemed = append(orders, k.Order), append(redeemed, k.Redeem(t, k.Beneficiary))
	}
	var wg sync.WaitGroup
	var mu sync.Mutex
	deposits := map[string]bool{}
	for i := range 100 {
		wg.Go(func() {
			if i%2 == 0 {
				got, err := e.Custody.Safeguard(t.Context(), orders[i/2%different].Ask())
				if err != nil {
					t.Errorf("safeguard: %v", err)
					return
				}
				mu.Lock()
				defer mu.Unlock()
				deposits[string(got.GetDeposit())] = true
				return
			}
			r := redeemed[i/2%different]
			got, err := e.Custody.Restore(t.Context(), r.Ask())
			if err != nil {
				t.Errorf("restore: %v", err)
				return
			}
			wantBack(t, r.Kept, r.Open(t, got))
		})
	}
	wg.Wait()
	t.Logf("50 calls at once for %d orders made %d deposits", different, len(deposits))
}

func survivesCancelledCalls(t *testing.T, c Config) {
	e := Enrol(t, c)
	k := e.Keep(t, e.Something(t))
	ask := k.Redeem(t, k.Beneficiary).Ask()
	for range 20 {
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() {
			_, err := e.Custody.Restore(ctx, ask)
			done <- err
		}()
		cancel()
		if err := <-done; err != nil && fault.Of(err) != fault.Deadline {
			t.Errorf("expected an answer or deadline; got %s: %v", fault.Of(err), err)
		}
	}
	wantBack(t, k, e.Give(t, k.Redeem(t, k.Beneficiary)))
}

// issuesManyAtOnce sends a few requests again and again, so that some join others in flight.
func issuesManyAtOnce(t *testing.T, c Config) {
	e := Enrol(t, c)
	f := e.Found(t, e.Network(t, mpin.V1))
	all := inquire(t, f).all()
	var wg sync.WaitGroup
	var mu sync.Mutex
	grants := map[string]bool{}
	for i := range 60 {
		wg.Go(func() {
			q := all[i%len(all)]
			got, err := e.Issuing.Issue(t.Context(), q.Ask())
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				t.Errorf("issuing: %v", err)
				return
			}
			if grant := string(got.GetShare()); !grants[grant] {
				grants[grant] = true
				q.Open(t, got)
			}
		})
	}
	wg.Wait()
	t.Logf("60 repeats of %d requests at once got %d answers", len(all), len(grants))
}

// survivesCancelledIssue gives up batches, at once and under way.
func survivesCancelledIssue(t *testing.T, c Config) {
	e := Enrol(t, c)
	q := batch(t, e)
	ask := q.Ask()
	for i := range 10 {
		ctx, cancel := context.WithTimeout(t.Context(), time.Duration(i)*5*time.Millisecond)
		_, err := e.Issuing.Issue(ctx, ask)
		cancel()
		if err != nil && fault.Of(err) != fault.Deadline {
			t.Errorf("expected an answer or deadline; got %s: %v", fault.Of(err), err)
		}
	}
	if s := e.Issue(t, q); len(s.Permits) != batchSize {
		t.Errorf("expected permits for %d; got them for %d", batchSize, len(s.Permits))
	}
}

// batchSize is for how many a batch asks.
const batchSize = 32

// batch is a request that keeps a plugin busy for a while: a month's permits for many.
func batch(t testing.TB, e *Enrolled) *scene.Inquiry {
	t.Helper()
	names := make([]string, batchSize)
	for i := range names {
		names[i] = fmt.Sprintf("person %d", i)
	}
	return e.Found(t, e.Network(t, mpin.V1)).Permits(t, order.MaxPermitDays, names...)
}

func refusesOversized(t *testing.T, c Config) {
	e := Enrol(t, c)
	ask := e.Something(t).Ask()
	ask.Share = make([]byte, contract.MaxMessage)
	_, err := e.Custody.Safeguard(t.Context(), ask)
	wantKind(t, err, fault.Busy)

	ask.Share = make([]byte, contract.MaxMessage/2)
	_, err = e.Custody.Safeguard(t.Context(), ask)
	wantKind(t, err, fault.Invalid)
	if err := e.Ping(t.Context()); err != nil {
		t.Errorf("expected it to live; got %v", err)
	}
}

func refusesSenseless(t *testing.T, c Config) {
	e := Enrol(t, c)
	o := e.Something(t)
	for name, change := range map[string]func(*contract.SafeguardRequest){
		"nothing shown":          func(r *contract.SafeguardRequest) { r.Order = nil },
		"no plaintext":           func(r *contract.SafeguardRequest) { r.Order.Plain = nil },
		"no share":               func(r *contract.SafeguardRequest) { r.Share = nil },
		"no documents":           func(r *contract.SafeguardRequest) { r.Documents = nil },
		"an empty document":      func(r *contract.SafeguardRequest) { r.Documents = append(r.Documents, nil) },
		"too many documents":     func(r *contract.SafeguardRequest) { r.Documents = make([][]byte, contract.MaxNamed+1) },
		"a document of noise":    func(r *contract.SafeguardRequest) { r.Documents[0] = bytes.Repeat([]byte{0x9f}, 36) },
		"a document nobody has":  func(r *contract.SafeguardRequest) { r.Documents[0] = dag.Sum([]byte("nobody")).Bytes() },
		"no operation id":        func(r *contract.SafeguardRequest) { r.OperationId = "" },
		"another's operation id": func(r *contract.SafeguardRequest) { r.OperationId = o.Ask().OperationId[:63] + "x" },
		"a checkpoint too long":  func(r *contract.SafeguardRequest) { r.Checkpoint = make([]byte, contract.MaxCheckpoint+1) },
		"an envelope of noise":   func(r *contract.SafeguardRequest) { r.Order.Envelope = bytes.Repeat([]byte{0x9f}, 1000) },
	} {
		if name == "no share" && o.Secret == nil {
			continue // a key has none
		}
		t.Run(name, func(t *testing.T) {
			ask := o.Ask()
			change(ask)
			_, err := e.Custody.Safeguard(t.Context(), ask)
			wantRefusal(t, err)
		})
	}
	k := e.Keep(t, o)
	r := k.Redeem(t, k.Beneficiary)
	for name, change := range map[string]func(*contract.RestoreRequest){
		"no order":                          func(r *contract.RestoreRequest) { r.Order = nil },
		"no acceptance":                     func(r *contract.RestoreRequest) { r.Acceptance = nil },
		"no redemption":                     func(r *contract.RestoreRequest) { r.Redemption = nil },
		"no deposit":                        func(r *contract.RestoreRequest) { r.Deposit = nil },
		"a redemption without documents":    func(r *contract.RestoreRequest) { r.Documents = nil },
		"a redemption of noise":             func(r *contract.RestoreRequest) { r.Redemption.Envelope = bytes.Repeat([]byte{0x9f}, 1000) },
		"a redemption without operation id": func(r *contract.RestoreRequest) { r.OperationId = "" },
		"the order's operation id":          func(r *contract.RestoreRequest) { r.OperationId = o.Ask().GetOperationId() },
		"another instance's operation id": func(q *contract.RestoreRequest) {
			q.OperationId = contract.OperationID(r.Envelope.Envelope.HeaderCID(), "another", o.Purpose())
		},
	} {
		t.Run(name, func(t *testing.T) {
			ask := r.Ask()
			change(ask)
			_, err := e.Custody.Restore(t.Context(), ask)
			wantRefusal(t, err)
		})
	}
	if c.Lists(NodeKeys) {
		_, err := e.NodeIdentity.Open(t.Context(), &contract.OpenRequest{})
		wantRefusal(t, err)
	}
	e.Give(t, r)
}

// drains asks the plugin to end while calls are in flight: each of them is answered, or refused without harm.
func drains(t *testing.T, c Config) {
	e := Enrol(t, c)
	k := e.Keep(t, e.Something(t))
	ask := k.Redeem(t, k.Beneficiary).Ask()
	var wg sync.WaitGroup
	begun := make(chan struct{}, 8)
	for range 8 {
		wg.Go(func() {
			for {
				_, err := e.Custody.Restore(t.Context(), ask)
				select {
				case begun <- struct{}{}:
				default:
				}
				if err == nil {
					continue
				}
				if fault.Of(err) != fault.Unavailable || errors.Is(err, context.Canceled) {
					t.Errorf("expected unavailable; got %s: %v", fault.Of(err), err)
				}
				return
			}
		})
	}
	<-begun
	e.Terminate()
	wg.Wait()
	e.Restart(t)
	wantBack(t, k, e.Give(t, k.Redeem(t, k.Beneficiary)))
}

// drainsForHost has the host end the plugin while a call is under way that takes a while.
func drainsForHost(t *testing.T, c Config) {
	e := Enrol(t, c)
	q := batch(t, e)
	type answer struct {
		granted *contract.IssueResponse
		err     error
	}
	done, ask := make(chan answer, 1), q.Ask()
	go func() {
		granted, err := e.Issuing.Issue(t.Context(), ask)
		done <- answer{granted, err}
	}()
	// Calls over one connection begin about in their order: when these were answered, the first has begun.
	for range 20 {
		time.Sleep(5 * time.Millisecond)
		if _, err := e.Plugin.Status(t.Context(), &contract.StatusRequest{}); err != nil {
			t.Fatal(err)
		}
	}
	e.Shutdown()
	a := <-done
	if a.err != nil {
		t.Fatalf("expected the answer to the call under way; got %v\n%s", a.err, e.told())
	}
	q.Open(t, a.granted)
}
