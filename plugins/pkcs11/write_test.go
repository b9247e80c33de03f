package pkcs11

import (
	"bytes"
	"context"
	"testing"
	"time"

	"github.com/milagro-dta/dta/crypto/secret"
	"github.com/milagro-dta/dta/plugins/pkcs11/internal/softtoken"
	"github.com/milagro-dta/dta/plugins/pkcs11/token"
	"github.com/milagro-dta/dta/protocol/fault"
)

// givenUp calls fn with a context that ends while the module hangs in a function, and lets that go on after.
func givenUp(t *testing.T, function string, fn func(context.Context) error) error {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	calls := softtoken.Count(t, function+".begun")
	resume := softtoken.Hang(t, function)
	done := make(chan error, 1)
	go func() { done <- fn(ctx) }()
	for calls() == 0 {
		time.Sleep(time.Millisecond)
	}
	cancel()
	time.Sleep(20 * time.Millisecond) // for what would give up at once
	resume()
	return <-done
}

func TestAKeyWhoseMakingWasGivenUpIsUsedByTheNext(t *testing.T) {
	s := settings(t, "")
	settled := 0
	s.Settle = func() error { settled++; return nil }
	k := open(t, s)
	err := givenUp(t, "C_GenerateKey", func(ctx context.Context) error {
		_, err := k.Safeguard(ctx, []byte("root key"), root)
		return err
	})
	if fault.Of(err) != fault.Deadline {
		t.Errorf("expected deadline, got %v", err)
	}
	if settled != 1 {
		t.Errorf("expected the key to be settled once, got %d times", settled)
	}
	enrol(t, k)
	if k, err = reopen(t, k, s); err != nil {
		t.Errorf("expected a realm with one key, got %v", err)
	}
}

func TestARootIsKeptAlthoughItsCallerGaveUp(t *testing.T) {
	s := settings(t, "")
	settled := 0
	s.Settle = func() error { settled++; return nil }
	k := open(t, s)
	d := keep(t, k, root, []byte("root key"))
	if err := givenUp(t, "C_CreateObject", func(ctx context.Context) error { return k.KeepRoot(ctx, d) }); err != nil {
		t.Errorf("expected the outcome, got %v", err)
	}
	if kept, err := k.Root(t.Context()); err != nil || !bytes.Equal(kept, d) || settled != 2 {
		t.Errorf("expected the root, settled; got %d bytes, settled %d times, %v", len(kept), settled, err)
	}
}

func TestAKeyThatAppearedSinceTheStartIsTakenOnceItIsProved(t *testing.T) {
	appear := func(t *testing.T, k *Keeper) []byte {
		id := secret.Random(keyIDSize).Open()
		inToken(t, k, func(s *token.Session) error {
			_, err := s.Generate(token.KeySpec{Use: k.rung.use, Label: keyLabel(k.rung, k.realm), ID: id, Keep: true})
			return err
		})
		return id
	}
	t.Run("one that holds", func(t *testing.T) {
		k := open(t, settings(t, ""))
		id := appear(t, k)
		d, _, err := parseDeposit(keep(t, k, root, []byte("root key")))
		if err != nil || !bytes.Equal(d.Key, id) {
			t.Errorf("expected a deposit under key %x; got %x, %v", id, d.Key, err)
		}
	})
	t.Run("one that does not", func(t *testing.T) {
		k := open(t, settings(t, ""))
		appear(t, k)
		softtoken.MakeExtractable(t)
		_, err := k.Safeguard(t.Context(), []byte("root key"), root)
		refused(t, err, fault.Unsupported, "cannot be made extractable")
	})
	t.Run("two", func(t *testing.T) {
		k := open(t, settings(t, ""))
		first, second := appear(t, k), appear(t, k)
		if bytes.Compare(second, first) < 0 {
			first = second
		}
		d, _, err := parseDeposit(keep(t, k, root, []byte("root key")))
		if err != nil || !bytes.Equal(d.Key, first) {
			t.Errorf("expected a deposit under key %x; got %x, %v", first, d.Key, err)
		}
	})
}
