package plugintest_test

import (
	"bytes"
	"context"
	"runtime"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/milagro-dta/dta/crypto/bls"
	"github.com/milagro-dta/dta/crypto/dleq"
	"github.com/milagro-dta/dta/crypto/mpin"
	"github.com/milagro-dta/dta/protocol/fault"
	"github.com/milagro-dta/dta/sdk"
	"github.com/milagro-dta/dta/sdk/plugintest"
)

// liar is an issuer over good hardware that answers otherwise while a lie is set.
type liar struct {
	sdk.Custodian
	*plugintest.Hardware

	mu   sync.Mutex
	lie  lie // guarded by mu
	kept int // guarded by mu; how often the custodian was asked to keep something
}

// lie changes answers; a nil function changes nothing.
type lie struct {
	handle func(handle []byte) []byte
	commit func(ctx context.Context, handle, value, proof []byte) ([]byte, []byte)
	g1     func(ctx context.Context, points [][]byte, proof []byte) ([][]byte, []byte)
	g2     func(ctx context.Context, point []byte) []byte
}

func (l *liar) tell(now lie) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lie = now
}

func (l *liar) now() lie {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.lie
}

func (l *liar) Safeguard(ctx context.Context, key []byte, about sdk.Context) ([]byte, error) {
	l.mu.Lock()
	l.kept++
	l.mu.Unlock()
	return l.Custodian.Safeguard(ctx, key, about)
}

func (l *liar) times() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.kept
}

func (l *liar) MakeShare(ctx context.Context, about sdk.Context) ([]byte, error) {
	handle, err := l.Hardware.MakeShare(ctx, about)
	if f := l.now().handle; f != nil {
		handle = f(handle)
	}
	return handle, err
}

func (l *liar) CommitShare(ctx context.Context, handle, proofContext []byte, about sdk.Context) ([]byte, []byte, error) {
	value, proof, err := l.Hardware.CommitShare(ctx, handle, proofContext, about)
	if f := l.now().commit; f != nil {
		value, proof = f(ctx, handle, value, proof)
	}
	return value, proof, err
}

func (l *liar) IssueG1(ctx context.Context, handle []byte, bases [][]byte, proofContext []byte, about sdk.Context) ([][]byte, []byte, error) {
	points, proof, err := l.Hardware.IssueG1(ctx, handle, bases, proofContext, about)
	if f := l.now().g1; f != nil {
		points, proof = f(ctx, points, proof)
	}
	return points, proof, err
}

func (l *liar) IssueG2(ctx context.Context, handle []byte, about sdk.Context) ([]byte, error) {
	point, err := l.Hardware.IssueG2(ctx, handle, about)
	if f := l.now().g2; f != nil {
		point = f(ctx, point)
	}
	return point, err
}

// withLiar enrols a plugin over a liar that tells the truth so far.
func withLiar(t *testing.T) (*plugintest.Enrolled, *liar) {
	t.Helper()
	l := &liar{Hardware: plugintest.NewHardware()}
	p, c := plugintest.Memory(), plugintest.MemoryConfig()
	open := p.Open
	p.Open = func(ctx context.Context, config *plugintest.MemoryBlock, env sdk.Environment) (_ sdk.Custodian, err error) {
		l.Custodian, err = open(ctx, config, env)
		return l, err
	}
	c.Plugin = p
	return plugintest.Enrol(t, c.Prepared(t)), l
}

var (
	identityG1 = append([]byte{0xc0}, make([]byte, 47)...)
	identityG2 = append([]byte{0xc0}, make([]byte, 95)...)
)

// outside are encodings of G1's size that no member of the group has: not on the curve, or outside the subgroup.
func outside(t *testing.T) (all [][]byte) {
	t.Helper()
	for x := range byte(8) {
		b := append(append([]byte{0x80}, make([]byte, 46)...), x)
		if _, err := bls.ParseG1(b); err == nil {
			t.Fatalf("x = %d is a point of the group", x)
		}
		all = append(all, b)
	}
	return all
}

func flipped(b []byte) []byte {
	b = bytes.Clone(b)
	b[len(b)-1] ^= 1
	return b
}

func another() []byte { return bls.G1Generator().Mul(bls.RandomScalar()).Bytes() }

func TestALyingIssuerFoundsNoNetwork(t *testing.T) {
	e, l := withLiar(t)
	type commit = func(ctx context.Context, handle, value, proof []byte) ([]byte, []byte)
	lies := map[string]lie{
		"no handle":                {handle: func([]byte) []byte { return nil }},
		"an endless handle":        {handle: func([]byte) []byte { return make([]byte, 4097) }},
		"a panic over the handle":  {handle: func([]byte) []byte { panic("canary") }},
		"the end of its goroutine": {handle: func([]byte) []byte { runtime.Goexit(); return nil }},
	}
	for name, c := range map[string]commit{
		"the point of another share": func(_ context.Context, _, _, p []byte) ([]byte, []byte) { return another(), p },
		"the identity":               func(_ context.Context, _, _, p []byte) ([]byte, []byte) { return identityG1, p },
		"the identity with its proof": func(context.Context, []byte, []byte, []byte) ([]byte, []byte) {
			return identityG1, make([]byte, dleq.Size)
		},
		"no point":                 func(_ context.Context, _, _, p []byte) ([]byte, []byte) { return nil, p },
		"a point of G2":            func(_ context.Context, _, _, p []byte) ([]byte, []byte) { return bls.G2Generator().Bytes(), p },
		"a point cut off":          func(_ context.Context, _, v, p []byte) ([]byte, []byte) { return v[:47], p },
		"outside the group":        func(_ context.Context, _, _, p []byte) ([]byte, []byte) { return outside(t)[3], p },
		"a false proof":            func(_ context.Context, _, v, p []byte) ([]byte, []byte) { return v, flipped(p) },
		"no proof":                 func(_ context.Context, _, v, _ []byte) ([]byte, []byte) { return v, nil },
		"a proof that is too long": func(_ context.Context, _, v, p []byte) ([]byte, []byte) { return v, append(bytes.Clone(p), 0) },
		"a proof for another order": func(_ context.Context, _, _, _ []byte) ([]byte, []byte) {
			s := bls.RandomScalar()
			p, err := dleq.ProvePossession(s, []byte("another order"))
			if err != nil {
				t.Error(err)
			}
			return bls.G1Generator().Mul(s).Bytes(), p
		},
		"a panic": func(context.Context, []byte, []byte, []byte) ([]byte, []byte) { panic("canary") },
	} {
		lies[name] = lie{commit: c}
	}
	n := e.Network(t, mpin.V1)
	before := l.times()
	for name, now := range lies {
		t.Run(name, func(t *testing.T) {
			l.tell(now)
			got, err := e.Custody.Safeguard(t.Context(), n.Ask())
			if fault.Of(err) != fault.Internal || got != nil {
				t.Errorf("expected an internal error and no answer; got %v", err)
			}
			if l.times() != before {
				t.Error("something was kept before the commitment was checked")
			}
		})
	}
	l.tell(lie{})
	e.Found(t, n)
	if bytes.Contains([]byte(e.Log()), []byte("canary")) {
		t.Error("the log holds the value of a panic")
	}
}

func TestALyingIssuerIssuesNothing(t *testing.T) {
	e, l := withLiar(t)
	f := e.Found(t, e.Network(t, mpin.V1))
	clients, server := f.Clients(t, "alice", "bob"), f.Server(t, "login.example")

	type g1 = func(ctx context.Context, points [][]byte, proof []byte) ([][]byte, []byte)
	inG1 := map[string]g1{
		"a wrong point":    func(_ context.Context, d [][]byte, p []byte) ([][]byte, []byte) { d[1] = another(); return d, p },
		"points exchanged": func(_ context.Context, d [][]byte, p []byte) ([][]byte, []byte) { slices.Reverse(d); return d, p },
		"errors that cancel out": func(_ context.Context, d [][]byte, p []byte) ([][]byte, []byte) {
			a, _ := bls.ParseG1(d[0])
			b, _ := bls.ParseG1(d[1])
			return [][]byte{a.Add(bls.G1Generator()).Bytes(), b.Sub(bls.G1Generator()).Bytes()}, p
		},
		"the identity":        func(_ context.Context, d [][]byte, p []byte) ([][]byte, []byte) { d[0] = identityG1; return d, p },
		"too few points":      func(_ context.Context, d [][]byte, p []byte) ([][]byte, []byte) { return d[:1], p },
		"too many points":     func(_ context.Context, d [][]byte, p []byte) ([][]byte, []byte) { return append(d, d[0]), p },
		"no points":           func(_ context.Context, _ [][]byte, p []byte) ([][]byte, []byte) { return nil, p },
		"points of no length": func(_ context.Context, _ [][]byte, p []byte) ([][]byte, []byte) { return make([][]byte, 2), p },
		"points of G2": func(_ context.Context, _ [][]byte, p []byte) ([][]byte, []byte) {
			return [][]byte{bls.G2Generator().Bytes(), bls.G2Generator().Bytes()}, p
		},
		"a false proof":    func(_ context.Context, d [][]byte, p []byte) ([][]byte, []byte) { return d, flipped(p) },
		"no proof":         func(_ context.Context, d [][]byte, _ []byte) ([][]byte, []byte) { return d, nil },
		"a proof of zeros": func(_ context.Context, d [][]byte, _ []byte) ([][]byte, []byte) { return d, make([]byte, dleq.Size) },
		"a panic":          func(context.Context, [][]byte, []byte) ([][]byte, []byte) { panic("canary") },
	}
	for i, p := range outside(t) {
		inG1["outside the group "+string(rune('0'+i))] = func(_ context.Context, d [][]byte, proof []byte) ([][]byte, []byte) {
			d[1] = bytes.Clone(p)
			return d, proof
		}
	}
	for name, g1 := range inG1 {
		t.Run(name, func(t *testing.T) {
			l.tell(lie{g1: g1})
			got, err := e.Issuing.Issue(t.Context(), clients.Ask())
			if fault.Of(err) != fault.Internal || got != nil {
				t.Errorf("expected an internal error and no answer; got %v", err)
			}
		})
	}
	for name, g2 := range map[string]func(context.Context, []byte) []byte{
		"a wrong point":     func(context.Context, []byte) []byte { return bls.G2Generator().Mul(bls.RandomScalar()).Bytes() },
		"the generator":     func(context.Context, []byte) []byte { return bls.G2Generator().Bytes() },
		"the identity":      func(context.Context, []byte) []byte { return bytes.Clone(identityG2) },
		"a point of G1":     func(context.Context, []byte) []byte { return another() },
		"no point":          func(context.Context, []byte) []byte { return nil },
		"its negative":      func(_ context.Context, p []byte) []byte { p[0] ^= 0x20; return p },
		"outside the group": func(context.Context, []byte) []byte { return append(append([]byte{0x80}, make([]byte, 94)...), 2) },
		"a panic":           func(context.Context, []byte) []byte { panic("canary") },
	} {
		t.Run(name+" for a server", func(t *testing.T) {
			l.tell(lie{g2: g2})
			got, err := e.Issuing.Issue(t.Context(), server.Ask())
			if fault.Of(err) != fault.Internal || got != nil {
				t.Errorf("expected an internal error and no answer; got %v", err)
			}
		})
	}
	l.tell(lie{})
	e.Issue(t, clients)
	e.Issue(t, server)
	if bytes.Contains([]byte(e.Log()), []byte("canary")) {
		t.Error("the log holds the value of a panic")
	}
}

// TestAnIssuerThatHangsHoldsUpNobodyElse: some respect their context, some do not.
func TestAnIssuerThatHangsHoldsUpNobodyElse(t *testing.T) {
	e, l := withLiar(t)
	n := e.Network(t, mpin.V1)
	f := e.Found(t, n)
	clients, server := f.Clients(t, "alice"), f.Server(t, "login.example")
	ended := make(chan struct{})
	t.Cleanup(func() { close(ended) })
	for name, wait := range map[string]func(context.Context){
		"it ends with its context": func(ctx context.Context) { <-ctx.Done() },
		"it does not end":          func(context.Context) { <-ended },
	} {
		t.Run(name, func(t *testing.T) {
			hang := lie{
				commit: func(ctx context.Context, _, v, p []byte) ([]byte, []byte) { wait(ctx); return v, p },
				g1:     func(ctx context.Context, d [][]byte, p []byte) ([][]byte, []byte) { wait(ctx); return d, p },
				g2:     func(ctx context.Context, p []byte) []byte { wait(ctx); return p },
			}
			for what, call := range map[string]func(context.Context) error{
				"a network":      func(ctx context.Context) error { _, err := e.Custody.Safeguard(ctx, n.Ask()); return err },
				"client secrets": func(ctx context.Context) error { _, err := e.Issuing.Issue(ctx, clients.Ask()); return err },
				"server secrets": func(ctx context.Context) error { _, err := e.Issuing.Issue(ctx, server.Ask()); return err },
			} {
				l.tell(hang)
				if err := within(t, 200*time.Millisecond, call); fault.Of(err) != fault.Deadline {
					t.Errorf("%s: expected deadline; got %v", what, err)
				}
				l.tell(lie{})
				// A repeat that comes at once may still join what the plugin is about to give up.
				err := error(fault.New(fault.Deadline, "not yet"))
				for tries := 0; fault.Of(err) == fault.Deadline && tries < 20; tries++ {
					time.Sleep(50 * time.Millisecond)
					err = within(t, 2*time.Second, call)
				}
				if err != nil {
					t.Errorf("%s, once more: %v", what, err)
				}
			}
		})
	}
}

func within(t *testing.T, d time.Duration, call func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(t.Context(), d)
	defer cancel()
	return call(ctx)
}

// TestAnIssuerMayScribbleOnWhatItIsLent, and use its buffers again.
func TestAnIssuerMayScribbleOnWhatItIsLent(t *testing.T) {
	e, l := withLiar(t)
	l.tell(lie{commit: func(_ context.Context, handle, value, proof []byte) ([]byte, []byte) {
		clear(handle)
		return value, proof
	}})
	f := e.Found(t, e.Network(t, mpin.V1))
	e.Issue(t, f.Clients(t, "alice"))
}
