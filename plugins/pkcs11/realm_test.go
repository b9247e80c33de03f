package pkcs11

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/milagro-dta/dta/crypto/secret"
	"github.com/milagro-dta/dta/plugins/pkcs11/internal/softtoken"
	"github.com/milagro-dta/dta/plugins/pkcs11/token"
	"github.com/milagro-dta/dta/protocol/fault"
	"github.com/milagro-dta/dta/sdk"
)

// inToken runs fn behind the keeper's back.
func inToken(t *testing.T, k *Keeper, fn func(*token.Session) error) {
	t.Helper()
	if _, err := token.Use(t.Context(), k.token, func(s *token.Session) (struct{}, error) { return struct{}{}, fn(s) }); err != nil {
		t.Fatal(err)
	}
}

func destroyAll(t *testing.T, k *Keeper, q token.Query) {
	t.Helper()
	inToken(t, k, func(s *token.Session) error {
		found, err := s.Find(q)
		if err != nil {
			return err
		}
		for _, o := range found {
			if err := s.Destroy(o); err != nil {
				return err
			}
		}
		return nil
	})
}

func refused(t *testing.T, err error, kind fault.Kind, text string) {
	t.Helper()
	if fault.Of(err) != kind || !strings.Contains(err.Error(), text) {
		t.Errorf("expected %s with %q, got %s: %v", kind, text, fault.Of(err), err)
	}
}

func TestTheFirstRungThatHoldsIsTaken(t *testing.T) {
	t.Run("the best, where all hold", func(t *testing.T) {
		if k := open(t, settings(t, "")); k.Scheme() != "pkcs11/gcm" {
			t.Errorf("expected gcm, got %s", k.Scheme())
		}
	})
	t.Run("the next, where the token's GCM fails", func(t *testing.T) {
		s := settings(t, "")
		softtoken.Fail(t, "C_EncryptInit", softtoken.MechanismInvalid, 1)
		if k := open(t, s); k.Scheme() != "pkcs11/hmac-derive" {
			t.Errorf("expected hmac-derive, got %s", k.Scheme())
		}
	})
	t.Run("none, where the token lets keys be wrapped", func(t *testing.T) {
		s := settings(t, "")
		softtoken.Succeed(t, "C_WrapKey")
		_, err := Open(t.Context(), s, &quiet{})
		refused(t, err, fault.Unsupported, "cannot be wrapped")
	})
	t.Run("none, where a key can be made extractable", func(t *testing.T) {
		s := settings(t, "")
		softtoken.MakeExtractable(t)
		_, err := Open(t.Context(), s, &quiet{})
		refused(t, err, fault.Unsupported, "cannot be made extractable")
	})
	t.Run("no decision, where the token is in trouble", func(t *testing.T) {
		s := settings(t, "")
		softtoken.Fail(t, "C_GenerateKey", softtoken.DeviceError, 1000)
		_, err := Open(t.Context(), s, &quiet{})
		refused(t, err, fault.Unavailable, `rung = "hmac-derive" may help`)
	})
	t.Run("the next, where the proof of one costs the connection", func(t *testing.T) {
		for _, code := range []uint{softtoken.DeviceError, 1<<64 - 1} {
			s := settings(t, "")
			softtoken.Fail(t, "C_EncryptInit", code, 1000)
			if k := open(t, s); k.Scheme() != "pkcs11/hmac-derive" {
				t.Errorf("expected hmac-derive, got %s", k.Scheme())
			}
			softtoken.Fail(t, "C_EncryptInit", code, 0)
		}
	})
	t.Run("the best, where the connection was lost by chance", func(t *testing.T) {
		s := settings(t, "")
		softtoken.Fail(t, "C_EncryptInit", softtoken.DeviceError, 1)
		if k := open(t, s); k.Scheme() != "pkcs11/gcm" {
			t.Errorf("expected gcm, got %s", k.Scheme())
		}
	})
	t.Run("no other, where the realm has a key", func(t *testing.T) {
		s := settings(t, "")
		k := open(t, s)
		enrol(t, k)
		k.Close()
		softtoken.Fail(t, "C_EncryptInit", softtoken.DeviceError, 1000)
		_, err := Open(t.Context(), s, &quiet{})
		refused(t, err, fault.Unavailable, "prove rung gcm")
	})
	t.Run("a named rung that fails is an error", func(t *testing.T) {
		s := settings(t, "gcm")
		softtoken.Fail(t, "C_EncryptInit", softtoken.MechanismInvalid, 1)
		_, err := Open(t.Context(), s, &quiet{})
		refused(t, err, fault.Unsupported, "AES-GCM")
	})
	t.Run("an unknown rung is an error", func(t *testing.T) {
		_, err := Open(t.Context(), settings(t, "xor"), &quiet{})
		refused(t, err, fault.Invalid, "gcm or hmac-derive")
	})
}

func TestAKeyIsMadeForTheFirstThingSealedInARealm(t *testing.T) {
	for _, purpose := range []sdk.Purpose{sdk.PurposeCustodyRoot, sdk.PurposeNodeIdentity} {
		t.Run(string(purpose), func(t *testing.T) {
			k := open(t, settings(t, ""))
			_, err := k.Safeguard(t.Context(), []byte("key"), share)
			refused(t, err, fault.Unavailable, "enrol first")
			keep(t, k, sdk.Context{Purpose: purpose}, []byte("key"))
			keep(t, k, share, []byte("key"))
		})
	}
}

func TestAnEnrolmentCutShortIsCompleted(t *testing.T) {
	s := settings(t, "")
	k := open(t, s)
	d := keep(t, k, root, []byte("root key")) // the process dies before KeepRoot
	k, err := reopen(t, k, s)
	if err != nil {
		t.Fatal(err)
	}
	mustRestore(t, k, d, root, []byte("root key"))
	enrol(t, k)
}

func TestAVanishedKeyIsAnError(t *testing.T) {
	onEveryRung(t, func(t *testing.T, s Settings) {
		k := open(t, s)
		enrol(t, k)
		d := keep(t, k, share, []byte("key"))
		destroyAll(t, k, token.Query{Class: token.SecretKey, Label: keyLabel(k.rung, k.realm)})
		_, err := k.Restore(t.Context(), d, share)
		refused(t, err, fault.Unavailable, "vanished")
		_, err = k.Safeguard(t.Context(), []byte("key"), root)
		refused(t, err, fault.Unavailable, "vanished")
		s.CreateKeys = true
		_, err = reopen(t, k, s)
		refused(t, err, fault.Conflict, "no key any more")
	})
}

// strayKey puts a second key beside the realm's.
func strayKey(t *testing.T, k *Keeper, id string) {
	t.Helper()
	inToken(t, k, func(s *token.Session) error {
		_, err := s.Generate(token.KeySpec{Use: k.rung.use, Label: keyLabel(k.rung, k.realm), ID: []byte(id), Keep: true})
		return err
	})
}

// forget removes the record of the key that was decided on, as if an earlier version had made the realm.
func forget(t *testing.T, k *Keeper) {
	t.Helper()
	destroyAll(t, k, token.Query{Class: token.Data, Label: usedLabel(k.rung, k.realm)})
}

func TestARealmWithTwoKeysIsOpenedWithTheOneOfItsRoot(t *testing.T) {
	onEveryRung(t, func(t *testing.T, s Settings) {
		k := open(t, s)
		enrol(t, k)
		used := k.currentKey()
		d := keep(t, k, share, []byte("secret"))
		for _, stray := range []string{"\x00\x00\x00\x00\x00\x00\x00\x00", "\xff\xff\xff\xff\xff\xff\xff\xff"} {
			strayKey(t, k, stray)
			forget(t, k)
			log := &quiet{}
			k, err := Open(t.Context(), s, log)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { k.Close() })
			mustRestore(t, k, d, share, []byte("secret"))
			if now := k.currentKey(); !bytes.Equal(now, used) {
				t.Errorf("expected the root's key %x, got %x", used, now)
			}
			name := fmt.Sprintf("%s %x", k.rung.name, stray)
			if !strings.Contains(log.text.String(), name) || !strings.Contains(k.Status(t.Context()).Text, "not used for new deposits: "+name) {
				t.Errorf("expected the stray key to be reported; got %s and %s", log.text.String(), k.Status(t.Context()).Text)
			}
			destroyAll(t, k, token.Query{Class: token.SecretKey, Label: keyLabel(k.rung, k.realm), ID: stray})
		}
	})
}

func TestADecidedKeyThatIsGoneIsAnError(t *testing.T) {
	s := settings(t, "gcm")
	k := open(t, s)
	keep(t, k, sdk.Context{Purpose: sdk.PurposeNodeIdentity}, []byte("key"))
	destroyAll(t, k, token.Query{Class: token.SecretKey, Label: keyLabel(k.rung, k.realm)})
	_, err := reopen(t, k, s)
	refused(t, err, fault.Conflict, "lost its key")
}

func TestTheRootIsKeptOnce(t *testing.T) {
	s := settings(t, "")
	k := open(t, s)
	if kept, err := k.Root(t.Context()); err != nil || kept != nil {
		t.Fatalf("expected no root, got %x, %v", kept, err)
	}
	keep(t, k, root, []byte("key"))
	large := secret.Random(20_000).Open()
	for range 2 {
		if err := k.KeepRoot(t.Context(), large); err != nil {
			t.Fatal(err)
		}
	}
	if kept, err := k.Root(t.Context()); err != nil || !bytes.Equal(kept, large) {
		t.Errorf("expected the root back, got %d bytes, %v", len(kept), err)
	}
	refused(t, k.KeepRoot(t.Context(), []byte("another")), fault.Conflict, "another custody root")
	refused(t, k.KeepRoot(t.Context(), nil), fault.Invalid, "found 0")

	inToken(t, k, func(s *token.Session) error {
		_, err := s.StoreData(rootLabel(k.realm), []byte("second"))
		return err
	})
	_, err := k.Root(t.Context())
	refused(t, err, fault.Conflict, "2 custody roots")
	_, err = reopen(t, k, s)
	refused(t, err, fault.Conflict, "2 custody roots")
}

func TestARealmMovesToAnotherRung(t *testing.T) {
	for _, c := range []struct{ from, to string }{{"gcm", "hmac-derive"}, {"hmac-derive", "gcm"}} {
		t.Run(c.from+" to "+c.to, func(t *testing.T) {
			s := settings(t, c.from)
			k := open(t, s)
			enrol(t, k)
			before := keep(t, k, share, []byte("before"))

			s.Rung = c.to
			_, err := reopen(t, k, s)
			refused(t, err, fault.Invalid, "create_keys")

			s.CreateKeys = true
			k, err = Open(context.Background(), s, &quiet{})
			if err != nil {
				t.Fatal(err)
			}
			after := keep(t, k, share, []byte("after"))
			s.CreateKeys = false
			if k, err = reopen(t, k, s); err != nil {
				t.Fatal(err)
			}
			mustRestore(t, k, before, share, []byte("before"))
			mustRestore(t, k, after, share, []byte("after"))
			var d deposit
			if d, _, err = parseDeposit(after); err != nil || d.Rung != c.to {
				t.Errorf("expected a deposit of %s, got %s, %v", c.to, d.Rung, err)
			}
		})
	}
}

func TestARealmStaysOnItsRungUnlessTold(t *testing.T) {
	s := settings(t, "hmac-derive")
	k := open(t, s)
	enrol(t, k)
	s.Rung = ""
	k, err := reopen(t, k, s)
	if err != nil || k.Scheme() != "pkcs11/hmac-derive" {
		t.Errorf("expected hmac-derive, got %v", err)
	}
}

func TestRealmsHavePlainNames(t *testing.T) {
	for _, good := range []string{"a", "acme", "acme-1.eu_west", strings.Repeat("x", 64)} {
		if err := checkRealm(good); err != nil {
			t.Error(err)
		}
	}
	for _, bad := range []string{"", "Acme", "a/b", "-a", "a-", "a b", "ä", strings.Repeat("x", 65)} {
		if checkRealm(bad) == nil {
			t.Errorf("expected %q to be refused", bad)
		}
	}
}
