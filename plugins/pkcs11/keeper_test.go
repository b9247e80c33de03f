package pkcs11

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/milagro-dta/dta/crypto/secret"
	"github.com/milagro-dta/dta/plugins/pkcs11/internal/softtoken"
	"github.com/milagro-dta/dta/plugins/pkcs11/token"
	"github.com/milagro-dta/dta/protocol/dag"
	"github.com/milagro-dta/dta/protocol/fault"
	"github.com/milagro-dta/dta/sdk"
)

func TestMain(m *testing.M) {
	if os.Getenv(guestEnv) != "" {
		os.Exit(guest())
	}
	softtoken.Main(m)
}

// quiet is a logger that remembers.
type quiet struct {
	mu   sync.Mutex
	text strings.Builder
}

func (q *quiet) Info(msg string, args ...any) { q.add(msg, args) }
func (q *quiet) Warn(msg string, args ...any) { q.add(msg, args) }
func (q *quiet) add(msg string, args []any) {
	q.mu.Lock()
	defer q.mu.Unlock()
	fmt.Fprintln(&q.text, msg, args)
}

func settings(t testing.TB, rung string) Settings {
	return Settings{Token: softtoken.New(t), Realm: "acme", Rung: rung}
}

func open(t testing.TB, s Settings) *Keeper {
	t.Helper()
	k, err := Open(context.Background(), s, &quiet{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := k.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return k
}

// reopen closes k and opens its realm again.
func reopen(t testing.TB, k *Keeper, s Settings) (*Keeper, error) {
	t.Helper()
	if err := k.Close(); err != nil {
		t.Fatal(err)
	}
	again, err := Open(context.Background(), s, &quiet{})
	if err == nil {
		t.Cleanup(func() { again.Close() })
	}
	return again, err
}

var (
	root  = sdk.Context{Purpose: sdk.PurposeCustodyRoot, Custody: dag.Sum([]byte("custody"))}
	share = sdk.Context{Purpose: sdk.PurposeShare, Custody: dag.Sum([]byte("custody")), Terms: dag.Sum([]byte("terms")), Epoch: 1}
)

// enrol does what package sdk does at enrolment.
func enrol(t testing.TB, k *Keeper) {
	t.Helper()
	d := keep(t, k, root, []byte("root key"))
	if err := k.KeepRoot(t.Context(), d); err != nil {
		t.Fatal(err)
	}
}

func keep(t testing.TB, k *Keeper, about sdk.Context, key []byte) []byte {
	t.Helper()
	d, err := k.Safeguard(t.Context(), key, about)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func mustRestore(t testing.TB, k *Keeper, d []byte, about sdk.Context, want []byte) {
	t.Helper()
	got, err := k.Restore(t.Context(), d, about)
	if err != nil || !bytes.Equal(got, want) {
		t.Errorf("expected the key back, got %d bytes, %v", len(got), err)
	}
}

func onEveryRung(t *testing.T, test func(t *testing.T, s Settings)) {
	for _, r := range ladder {
		t.Run(r.name, func(t *testing.T) { test(t, settings(t, r.name)) })
	}
}

func TestWhatIsSafeguardedIsRestored(t *testing.T) {
	onEveryRung(t, func(t *testing.T, s Settings) {
		k := open(t, s)
		enrol(t, k)
		for _, size := range []int{1, 16, 32, maxKey} {
			key := secret.Random(size).Open()
			d := keep(t, k, share, key)
			if bytes.Contains(d, key) && size > 1 {
				t.Error("the key stands in its deposit")
			}
			mustRestore(t, k, d, share, key)
		}
	})
}

func TestARestartFindsTheRealm(t *testing.T) {
	onEveryRung(t, func(t *testing.T, s Settings) {
		k := open(t, s)
		enrol(t, k)
		d := keep(t, k, share, []byte("thirty-two bytes of a secret key"))
		k, err := reopen(t, k, s)
		if err != nil {
			t.Fatal(err)
		}
		mustRestore(t, k, d, share, []byte("thirty-two bytes of a secret key"))
		kept, err := k.Root(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		mustRestore(t, k, kept, root, []byte("root key"))
	})
}

func TestManyCallersAtOnce(t *testing.T) {
	onEveryRung(t, func(t *testing.T, s Settings) {
		k := open(t, s)
		enrol(t, k)
		var wg sync.WaitGroup
		for i := range 32 {
			wg.Go(func() {
				about := share
				about.Epoch = uint64(i)
				for range 10 {
					key := secret.Random(32).Open()
					d, err := k.Safeguard(t.Context(), key, about)
					if err != nil {
						t.Error(err)
						return
					}
					got, err := k.Restore(t.Context(), d, about)
					if err != nil || !bytes.Equal(got, key) {
						t.Errorf("caller %d: expected its own key, got another, %v", i, err)
						return
					}
				}
			})
		}
		wg.Wait()
	})
}

func TestEveryChangedByteOfADepositIsRefused(t *testing.T) {
	onEveryRung(t, func(t *testing.T, s Settings) {
		k := open(t, s)
		enrol(t, k)
		d := keep(t, k, share, secret.Random(32).Open())
		for i := range d {
			for _, bit := range []byte{1, 0x80} {
				changed := bytes.Clone(d)
				changed[i] ^= bit
				got, err := k.Restore(t.Context(), changed, share)
				if err == nil || got != nil {
					t.Fatalf("byte %d: expected a refusal, got %d bytes", i, len(got))
				}
				switch fault.Of(err) {
				case fault.Denied, fault.Invalid, fault.Unsupported:
				default:
					t.Errorf("byte %d: expected a typed refusal, got %s: %v", i, fault.Of(err), err)
				}
			}
		}
		for n := range d {
			if _, err := k.Restore(t.Context(), d[:n], share); fault.Of(err) != fault.Invalid {
				t.Errorf("cut to %d bytes: expected invalid, got %v", n, err)
			}
		}
		mustRestoreAny(t, k, d)
	})
}

func mustRestoreAny(t *testing.T, k *Keeper, d []byte) {
	t.Helper()
	if _, err := k.Restore(t.Context(), d, share); err != nil {
		t.Errorf("the deposit itself: %v", err)
	}
}

func TestADepositOpensForItsOwnContextOnly(t *testing.T) {
	onEveryRung(t, func(t *testing.T, s Settings) {
		k := open(t, s)
		enrol(t, k)
		d := keep(t, k, share, secret.Random(32).Open())
		for name, change := range map[string]func(*sdk.Context){
			"purpose": func(c *sdk.Context) { c.Purpose = sdk.PurposeKey },
			"terms":   func(c *sdk.Context) { c.Terms = dag.Sum([]byte("other")) },
			"custody": func(c *sdk.Context) { c.Custody = dag.CID{} },
			"epoch":   func(c *sdk.Context) { c.Epoch++ },
		} {
			about := share
			change(&about)
			if _, err := k.Restore(t.Context(), d, about); fault.Of(err) != fault.Denied {
				t.Errorf("another %s: expected denied, got %v", name, err)
			}
		}
		about := share
		about.Operation, about.Receiver, about.Instance = "other", dag.Sum([]byte("receiver")), "renamed"
		if _, err := k.Restore(t.Context(), d, about); err != nil {
			t.Errorf("what differs between keeping and restoring does not bind: %v", err)
		}
	})
}

func TestADepositOfAnotherRealmIsRefused(t *testing.T) {
	onEveryRung(t, func(t *testing.T, s Settings) {
		k := open(t, s)
		enrol(t, k)
		d := keep(t, k, share, secret.Random(32).Open())
		s.Realm = "northwind"
		other := open(t, s)
		enrol(t, other)
		if _, err := other.Restore(t.Context(), d, share); fault.Of(err) != fault.Invalid || !strings.Contains(err.Error(), "realm") {
			t.Errorf("expected the realm to be named, got %v", err)
		}
		// Moved into the other realm by hand, it is bound to its own all the same.
		var moved deposit
		if err := dag.Decode(d, &moved); err != nil {
			t.Fatal(err)
		}
		moved.Realm, moved.Key = "northwind", other.key
		b, err := dag.Encode(moved)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := other.Restore(t.Context(), b, share); fault.Of(err) != fault.Denied {
			t.Errorf("expected denied, got %v", err)
		}
	})
}

func TestADepositOfAnotherTokenIsRefused(t *testing.T) {
	onEveryRung(t, func(t *testing.T, s Settings) {
		k := open(t, s)
		enrol(t, k)
		d := keep(t, k, share, secret.Random(32).Open())
		other := open(t, settings(t, s.Rung))
		enrol(t, other)
		if _, err := other.Restore(t.Context(), d, share); fault.Of(err) != fault.Denied || !errors.Is(err, token.ErrNoObject) {
			t.Errorf("expected the missing key to be named, got %v", err)
		}
	})
}

func TestKeysOfAWrongSizeAreRefused(t *testing.T) {
	k := open(t, settings(t, ""))
	enrol(t, k)
	for _, size := range []int{0, maxKey + 1} {
		if _, err := k.Safeguard(t.Context(), make([]byte, size), share); fault.Of(err) != fault.Invalid {
			t.Errorf("%d bytes: expected invalid, got %v", size, err)
		}
	}
}

func TestATokenInTroubleIsNotTakenForAForgedDeposit(t *testing.T) {
	k := open(t, settings(t, "gcm"))
	enrol(t, k)
	d := keep(t, k, share, secret.Random(32).Open())
	softtoken.Fail(t, "C_DecryptInit", softtoken.GeneralError, 2)
	if _, err := k.Restore(t.Context(), d, share); fault.Of(err) != fault.Unavailable {
		t.Errorf("expected unavailable, got %v", err)
	}
	mustRestoreAny(t, k, d)
}

func TestNothingOfThePINIsLogged(t *testing.T) {
	s := settings(t, "")
	pin := string(s.Token.PIN.Open())
	log := &quiet{}
	k, err := Open(t.Context(), s, log)
	if err != nil {
		t.Fatal(err)
	}
	enrol(t, k)
	k.Close()
	if log.text.Len() == 0 || strings.Contains(log.text.String(), pin) {
		t.Error("expected a log without the PIN")
	}
}

func BenchmarkSafeguard(b *testing.B) {
	for _, r := range ladder {
		b.Run(r.name, func(b *testing.B) {
			k := open(b, settings(b, r.name))
			enrol(b, k)
			key := secret.Random(32).Open()
			for b.Loop() {
				keep(b, k, share, key)
			}
		})
	}
}

func BenchmarkRestore(b *testing.B) {
	for _, r := range ladder {
		b.Run(r.name, func(b *testing.B) {
			k := open(b, settings(b, r.name))
			enrol(b, k)
			d := keep(b, k, share, secret.Random(32).Open())
			for b.Loop() {
				if _, err := k.Restore(b.Context(), d, share); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func FuzzDeposit(f *testing.F) {
	for _, r := range ladder {
		b, err := dag.Encode(deposit{Version: 1, Rung: r.name, Realm: "acme", Key: make([]byte, keyIDSize),
			Parameters: make([]byte, r.parameters), Sealed: make([]byte, 48)})
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
		f.Add(b[:len(b)-1])
	}
	f.Add([]byte(nil))
	f.Fuzz(func(t *testing.T, b []byte) {
		d, _, err := parseDeposit(b)
		if err != nil {
			return
		}
		again, err := dag.Encode(d)
		if err != nil || !bytes.Equal(again, b) {
			t.Errorf("one deposit, two encodings: %v", err)
		}
	})
}
