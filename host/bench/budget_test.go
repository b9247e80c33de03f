package bench

import (
	"context"
	"fmt"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"
	"golang.org/x/sys/unix"

	"github.com/milagro-dta/dta/crypto/seal"
	"github.com/milagro-dta/dta/crypto/secret"
	"github.com/milagro-dta/dta/crypto/sign"
	"github.com/milagro-dta/dta/crypto/vss"
	softhsmdemo "github.com/milagro-dta/dta/plugins/softhsm-demo"
	"github.com/milagro-dta/dta/sdk"
)

// The primitives that an order and a redemption cannot do without when one node
// plays all roles: nobody verifies what it has just signed, nor what it has
// verified before. The custody plugin is a party of its own.
//
//	order:       order and acceptance are signed, each is verified by the other
//	             party; two content keys and a share are sealed, the share and the
//	             acceptance opened; the seed is dealt and its share checked; the
//	             HSM keeps a key
//	redemption:  redemption and release likewise; a reply key is made; the share
//	             is checked by plugin and receiver; the HSM gives the key back
var (
	orderNeeds      = needs{"sign": 2, "verify": 2, "seal": 3, "open": 2, "deal": 1, "check share": 1, "hsm keep": 1}
	redemptionNeeds = needs{"sign": 2, "verify": 2, "seal": 3, "open": 2, "make key": 1, "check share": 2, "hsm open": 1}
	names           = []string{"sign", "verify", "seal", "open", "make key", "deal", "check share", "hsm keep", "hsm open"}
)

type needs map[string]int

func (n needs) sum(costs map[string]time.Duration) (total time.Duration) {
	for name, times := range n {
		total += time.Duration(times) * costs[name]
	}
	return total
}

// BenchmarkCryptoBudget compares what a node spends with what it must, for one
// caller and for many, who share its commits.
func BenchmarkCryptoBudget(b *testing.B) {
	n := start(b)
	costs := primitives(b)
	refs := make([]string, rounds)
	secret := make([]byte, 32)
	for range b.N {
		fmt.Printf("\n| primitive | CPU µs | an order | a redemption |\n| --- | ---: | ---: | ---: |\n")
		for _, name := range names {
			fmt.Printf("| %s | %d | %d | %d |\n", name, costs[name].Microseconds(), orderNeeds[name], redemptionNeeds[name])
		}
		fmt.Printf("\n| | callers | CPU ms, all processes | necessary ms | ratio |\n| --- | ---: | ---: | ---: | ---: |\n")
		for _, callers := range []int{1, 64} {
			placing := spent(b, n, callers, func(i int) (err error) { refs[i], err = n.place(secret); return err })
			redeeming := spent(b, n, callers, func(i int) error { return n.redeem(refs[i]) })
			for _, row := range []struct {
				name        string
				spent, must time.Duration
			}{{"order", placing, orderNeeds.sum(costs)}, {"redemption", redeeming, redemptionNeeds.sum(costs)}} {
				ratio := float64(row.spent) / float64(row.must)
				fmt.Printf("| %s | %d | %.1f | %.1f | %.1f |\n", row.name, callers, ms(row.spent), ms(row.must), ratio)
				b.ReportMetric(ms(row.spent), fmt.Sprintf("%s-%d-ms", row.name, callers))
				b.ReportMetric(ratio, fmt.Sprintf("%s-%d-ratio", row.name, callers))
			}
		}
	}
	b.ReportMetric(0, "ns/op")
}

func ms(d time.Duration) float64 { return d.Seconds() * 1000 }

// spent is the CPU time of all processes for one piece of work.
func spent(b *testing.B, n *node, callers int, work func(i int) error) time.Duration {
	before := n.cpu(b)
	share(b, rounds, callers, work)
	return (n.cpu(b) - before) / rounds
}

// primitives measures each primitive in this process, on one thread.
func primitives(b *testing.B) map[string]time.Duration {
	b.Helper()
	key := sign.V2.NewPrivateKey()
	message := make([]byte, 2048)
	signature := key.Sign(sign.Envelope, message)
	public := key.Public()
	box, err := seal.V2.NewPrivateKey()
	fatal(b, err)
	share := make([]byte, 64)
	sealed, err := seal.V2.SealTo(box.Public(), message[:64], message[:40], share)
	fatal(b, err)
	seed := vss.NewSeed()
	commitments, shares, err := vss.Deal(seed, 1, 1)
	fatal(b, err)
	custodian := vault(b)
	about := sdk.Context{Purpose: sdk.PurposeShare, Instance: "bench"}
	root := sdk.Context{Purpose: sdk.PurposeCustodyRoot, Instance: "bench"} // the realm is made for its root
	_, err = custodian.Safeguard(context.Background(), message[:32], root)
	fatal(b, err)
	dataKey := secret.Random(32)
	deposit, err := custodian.Safeguard(context.Background(), dataKey.Open(), about)
	fatal(b, err)
	return map[string]time.Duration{
		"sign":   cost(b, func() error { key.Sign(sign.Envelope, message); return nil }),
		"verify": cost(b, func() error { return public.Verify(sign.Envelope, message, signature) }),
		"seal": cost(b, func() error {
			_, err := seal.V2.SealTo(box.Public(), message[:64], message[:40], share)
			return err
		}),
		"open": cost(b, func() error {
			_, err := seal.V2.OpenWith(box, message[:64], message[:40], sealed)
			return err
		}),
		"make key":    cost(b, func() error { _, err := seal.V2.NewPrivateKey(); return err }),
		"deal":        cost(b, func() error { _, _, err := vss.Deal(seed, 1, 1); return err }),
		"check share": cost(b, func() error { return vss.Verify(commitments, shares[0]) }),
		"hsm keep": cost(b, func() error {
			_, err := custodian.Safeguard(context.Background(), dataKey.Open(), about)
			return err
		}),
		"hsm open": cost(b, func() error {
			_, err := custodian.Restore(context.Background(), deposit, about)
			return err
		}),
	}
}

// vault is a SoftHSM token of the bench's own.
func vault(b *testing.B) sdk.Custodian {
	b.Helper()
	c := &softhsmdemo.Config{Directory: filepath.Join(b.TempDir(), "token"), CreateKeys: true}
	custodian, err := softhsmdemo.Plugin().Open(context.Background(), c, sdk.Environment{Logger: hclog.NewNullLogger(), Instance: "bench"})
	fatal(b, err)
	if closer, ok := custodian.(interface{ Close() error }); ok {
		b.Cleanup(func() { _ = closer.Close() })
	}
	return custodian
}

// cost is the median over batches of the CPU time of one call on this thread.
func cost(b *testing.B, call func() error) time.Duration {
	b.Helper()
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	const batches, size = 9, 30
	times := make([]time.Duration, batches)
	for i := range times {
		begin := thread()
		for range size {
			fatal(b, call())
		}
		times[i] = (thread() - begin) / size
	}
	return median(times)
}

func thread() time.Duration {
	var t unix.Timespec
	_ = unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &t)
	return time.Duration(t.Nano())
}

func fatal(b *testing.B, err error) {
	b.Helper()
	if err != nil {
		b.Fatal(err)
	}
}

// onThread runs work on one thread, whose clock thread reads.
func onThread(work func()) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	work()
}
