//go:build linux

package systest

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/milagro-dta/dta/crypto/secp"
	"github.com/milagro-dta/dta/crypto/secret"
	"github.com/milagro-dta/dta/host/systest/rig"
)

// wish is an order that a caller wants, and what has become of it.
type wish struct {
	order     rig.Order
	reference string // "" until an answer has told it
	accepted  bool   // the caller was told so
	released  string // CID of a release that a caller was given
	commit    string
}

// caller places orders one after another and redeems some of them. What had no
// answer it asks again, with the same Idempotency-Key, until it has one.
type caller struct {
	name    string
	custody string // "": the only one
	client  *rig.Client
	rand    *rand.Rand
	wishes  []*wish
	open    *wish // asked for, not answered
	serial  int
	fresh   []*wish // answered since the last call of takeFresh

	struck     bool         // the last call was for an order and had no answer
	redemption bool         // the last call was a redemption and had none
	putOff     atomic.Int64 // calls answered with 202, or with a 503 that invites a repeat
}

// errWrong is an answer that no node may give.
var errWrong = errors.New("a wrong answer")

// work makes calls until over is set, or one has had no answer. A wrong answer
// is an error.
func (c *caller) work(ctx context.Context, over *atomic.Bool) error {
	c.struck, c.redemption = false, false
	for !over.Load() {
		var err error
		placing := c.open != nil || len(c.wishes) == 0 || c.rand.IntN(4) != 0
		if placing {
			err = c.place(ctx)
		} else {
			err = c.redeem(ctx, c.wishes[c.rand.IntN(len(c.wishes))])
		}
		switch p := rig.Refusal(err); {
		case err == nil:
		case errors.Is(err, errWrong):
			return fmt.Errorf("%s: %w", c.name, err)
		case p != nil:
			if err := invitesRepeat(p); err != nil {
				return fmt.Errorf("%s: %w", c.name, err)
			}
			c.putOff.Add(1)
		case !over.Load():
			return fmt.Errorf("%s: %w: a call was cut off although nobody was killed: %w", c.name, errWrong, err)
		default:
			c.struck, c.redemption = placing, !placing
			return nil
		}
	}
	return nil
}

// invitesRepeat tells whether a refusal is one that a caller may be given while
// processes are killed: problem details of kind unavailable, with Retry-After.
func invitesRepeat(p *rig.Problem) error {
	if p.HTTP != 503 || p.Status != 503 || p.Kind != "unavailable" || p.Type != "application/problem+json" || p.RetryAfter == "" {
		return fmt.Errorf("%w: %w (%s, Retry-After %q)", errWrong, p, p.Type, p.RetryAfter)
	}
	return nil
}

// place asks for an order: that which had no answer, or a new one. One in six
// is for a key, one in twelve for a large secret.
func (c *caller) place(ctx context.Context) error {
	if c.open == nil {
		c.serial++
		w := &wish{order: rig.Order{Custody: c.custody, Once: fmt.Sprintf("%s-%d", c.name, c.serial)}}
		switch kind := c.rand.IntN(12); {
		case kind == 0:
			w.order.Secret = c.secret(64 << 10)
		case kind > 2:
			w.order.Secret = c.secret(1 + c.rand.IntN(64))
		}
		c.open = w
	}
	w := c.open
	got, err := c.client.Place(ctx, w.order)
	if err != nil {
		return err
	}
	if w.reference == "" {
		c.wishes, c.fresh = append(c.wishes, w), append(c.fresh, w)
	}
	if err := w.told(got); err != nil {
		return err
	}
	if w.accepted {
		c.open = nil
	} else {
		c.putOff.Add(1)
	}
	return nil
}

func (c *caller) secret(size int) []byte {
	b := make([]byte, size)
	for i := range b {
		b[i] = byte(c.rand.Uint32())
	}
	return b
}

// told takes in an answer to the order, which must agree with earlier ones.
func (w *wish) told(got rig.Placed) error {
	switch {
	case got.OrderReference == "":
		return fmt.Errorf("%w: an order without a reference", errWrong)
	case w.reference != "" && w.reference != got.OrderReference:
		return fmt.Errorf("%w: the request %s made order %s and then %s", errWrong, w.order.Once, w.reference, got.OrderReference)
	case w.accepted && (got.State == "ordered" || got.State == "failed"):
		return fmt.Errorf("%w: order %s was accepted and is %s", errWrong, w.reference, got.State)
	case w.commit != "" && got.Commitment != w.commit:
		return fmt.Errorf("%w: order %s has two commitments", errWrong, w.reference)
	}
	w.reference = got.OrderReference
	if got.State != "ordered" {
		w.accepted, w.commit = true, got.Commitment
	}
	return nil
}

// redeem asks for what an order keeps, and compares.
func (c *caller) redeem(ctx context.Context, w *wish) error {
	if !w.accepted {
		return nil
	}
	got, err := c.client.Redeem(ctx, w.reference)
	if err != nil {
		return err
	}
	w.released = got.ReleaseCID
	return w.check(got)
}

// check compares what was given back with what was entrusted; of an ordered
// key, with the commitment.
func (w *wish) check(got rig.Redeemed) error {
	if got.Commitment != w.commit {
		return fmt.Errorf("%w: order %s has two commitments", errWrong, w.reference)
	}
	if w.order.Secret != nil {
		if got.Kind != "secret" || !bytes.Equal(got.Secret, w.order.Secret) {
			return fmt.Errorf("%w: order %s gave back another secret", errWrong, w.reference)
		}
		return nil
	}
	raw, err := hex.DecodeString(got.Text)
	if err != nil {
		return fmt.Errorf("%w: order %s: a key that is not hex", errWrong, w.reference)
	}
	key, err := secp.ParsePrivateKey(secret.New(raw))
	if err != nil {
		return fmt.Errorf("%w: order %s: %w", errWrong, w.reference, err)
	}
	point, err := secp.Uncompressed(key.Public())
	if err != nil || hex.EncodeToString(point) != w.commit {
		return fmt.Errorf("%w: order %s gave a key that is not the one it committed to", errWrong, w.reference)
	}
	return nil
}

// takeFresh gives the orders answered since it was last called.
func (c *caller) takeFresh() []*wish {
	fresh := c.fresh
	c.fresh = nil
	return fresh
}

// crowd is callers who work at once.
type crowd []*caller

func newCrowd(n int, client *rig.Client, custody string, seed uint64) crowd {
	var all crowd
	for i := range n {
		all = append(all, &caller{
			name: fmt.Sprintf("caller-%s%d", custody, i), custody: custody, client: client, rand: rand.New(rand.NewPCG(seed, uint64(i))),
		})
	}
	return all
}

// work has all callers work, until the function that it returns is called,
// which waits for them; strike is what cuts their calls off.
func (all crowd) work(ctx context.Context) (stop func(strike func()) error) {
	var over atomic.Bool
	var wg sync.WaitGroup
	errs := make([]error, len(all))
	for i, c := range all {
		wg.Go(func() { errs[i] = c.work(ctx, &over) })
	}
	return func(strike func()) error {
		over.Store(true)
		strike()
		wg.Wait()
		return errors.Join(errs...)
	}
}

func (all crowd) wishes() (out []*wish) {
	for _, c := range all {
		out = append(out, c.wishes...)
	}
	return out
}

// putOff counts the calls that were told to come again.
func (all crowd) putOff() (n int64) {
	for _, c := range all {
		n += c.putOff.Load()
	}
	return n
}

func (all crowd) struck() bool {
	return slices.ContainsFunc(all, func(c *caller) bool { return c.struck })
}
