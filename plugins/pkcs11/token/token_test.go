package token_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/miekg/pkcs11"

	"github.com/milagro-dta/dta/crypto/secret"
	"github.com/milagro-dta/dta/plugins/pkcs11/internal/softtoken"
	"github.com/milagro-dta/dta/plugins/pkcs11/token"
	"github.com/milagro-dta/dta/protocol/fault"
)

func TestMain(m *testing.M) { softtoken.Main(m) }

// open opens a fresh token with an HMAC key "k" in it.
func open(t *testing.T, sessions int) *token.Token {
	t.Helper()
	o := softtoken.New(t)
	o.Sessions = sessions
	tok, err := token.Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := tok.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	_, err = token.Use(t.Context(), tok, func(s *token.Session) (token.Object, error) {
		return s.Generate(token.KeySpec{Use: token.ForHMAC, Label: "k", ID: []byte("1"), Keep: true})
	})
	if err != nil {
		t.Fatal(err)
	}
	return tok
}

func mac(ctx context.Context, tok *token.Token, message string) ([]byte, error) {
	return token.Use(ctx, tok, func(s *token.Session) ([]byte, error) {
		key, err := s.One(token.Query{Class: token.SecretKey, Label: "k"})
		if err != nil {
			return nil, err
		}
		return s.HMAC(key, []byte(message))
	})
}

func TestManyCallersShareFewSessions(t *testing.T) {
	tok := open(t, 3)
	want, err := mac(t.Context(), tok, "same")
	if err != nil {
		t.Fatal(err)
	}
	opened := softtoken.Count(t, "C_OpenSession")
	var wg sync.WaitGroup
	for range 32 {
		wg.Go(func() {
			for range 50 {
				got, err := mac(t.Context(), tok, "same")
				if err != nil || !bytes.Equal(got, want) {
					t.Errorf("expected %x, got %x, %v", want, got, err)
					return
				}
			}
		})
	}
	wg.Wait()
	if n := opened(); n > 3 {
		t.Errorf("expected at most 3 sessions to be opened, got %d", n)
	}
}

func TestASessionIsThrownAwayAfterAnError(t *testing.T) {
	tok := open(t, 1)
	softtoken.Fail(t, "C_SignInit", pkcs11.CKR_FUNCTION_FAILED, 1)
	opened := softtoken.Count(t, "C_OpenSession")
	if _, err := mac(t.Context(), tok, "x"); fault.Of(err) != fault.Unavailable {
		t.Fatalf("expected unavailable, got %v", err)
	}
	if _, err := mac(t.Context(), tok, "x"); err != nil {
		t.Fatal(err)
	}
	if n := opened(); n != 1 {
		t.Errorf("expected one session in place of the broken one, got %d", n)
	}
}

func TestASessionRefusesWorkAfterItsError(t *testing.T) {
	tok := open(t, 1)
	_, err := token.Use(t.Context(), tok, func(s *token.Session) ([]byte, error) {
		if _, err := s.HMAC(9999, nil); err == nil {
			t.Error("expected a wrong handle to be refused")
		}
		return s.HMAC(9999, nil)
	})
	if err == nil || !strings.Contains(err.Error(), "used after it had failed") {
		t.Errorf("expected the second use to be refused, got %v", err)
	}
}

func TestSessionsClosedBehindThePoolAreReplaced(t *testing.T) {
	tok := open(t, 4)
	want, err := mac(t.Context(), tok, "same")
	if err != nil {
		t.Fatal(err)
	}
	for range 5 {
		logins := softtoken.Count(t, "C_Login")
		if err := token.CloseAllSessions(tok); err != nil {
			t.Fatal(err)
		}
		got, err := mac(t.Context(), tok, "same")
		if err != nil || !bytes.Equal(got, want) {
			t.Fatalf("expected %x, got %x, %v", want, got, err)
		}
		if n := logins(); n != 1 {
			t.Errorf("expected one login, got %d", n)
		}
	}
}

func TestStaleSessionsUnderManyCallers(t *testing.T) {
	tok := open(t, 4)
	want, err := mac(t.Context(), tok, "same")
	if err != nil {
		t.Fatal(err)
	}
	softtoken.Fail(t, "C_SignInit", pkcs11.CKR_SESSION_HANDLE_INVALID, 100)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 50 {
				// The one retry may meet the next stale session; then the error is typed. No wrong MAC comes out.
				got, err := mac(t.Context(), tok, "same")
				if err != nil && fault.Of(err) != fault.Unavailable || err == nil && !bytes.Equal(got, want) {
					t.Errorf("expected unavailable or %x, got %x, %v", want, got, err)
					return
				}
			}
		})
	}
	wg.Wait()
	if _, err := mac(t.Context(), tok, "x"); err != nil {
		t.Errorf("expected the pool to recover, got %v", err)
	}
}

func TestALostLoginIsNotMistakenForALostKey(t *testing.T) {
	tok := open(t, 2)
	if err := token.Logout(tok); err != nil {
		t.Fatal(err)
	}
	found, err := token.Use(t.Context(), tok, func(s *token.Session) ([]token.Object, error) {
		return s.Find(token.Query{Class: token.SecretKey, Label: "k"})
	})
	if err != nil || len(found) != 1 {
		t.Errorf("expected the key, got %v, %v", found, err)
	}
}

func TestALostTokenIsUnavailableAndComesBack(t *testing.T) {
	for name, code := range map[string]uint{"removed": pkcs11.CKR_DEVICE_REMOVED, "failing": pkcs11.CKR_DEVICE_ERROR} {
		t.Run(name, func(t *testing.T) {
			tok := open(t, 2)
			softtoken.Fail(t, "C_SignInit", code, 1)
			if _, err := mac(t.Context(), tok, "x"); fault.Of(err) != fault.Unavailable {
				t.Fatalf("expected unavailable, got %v", err)
			}
			if _, err := mac(t.Context(), tok, "x"); err != nil {
				t.Fatal(err)
			}
		})
	}
}

func TestAWrongPINIsTriedOnce(t *testing.T) {
	o := softtoken.New(t)
	right := o.PIN
	o.PIN = secret.New([]byte("wrong-canary-pin"))
	logins := softtoken.Count(t, "C_Login")
	for range 3 {
		_, err := token.Open(t.Context(), o)
		if !errors.Is(err, token.ErrPIN) || fault.Of(err) != fault.Denied {
			t.Fatalf("expected ErrPIN of kind denied, got %v", err)
		}
		if strings.Contains(err.Error(), "canary") {
			t.Errorf("the PIN is in the error: %v", err)
		}
	}
	if n := logins(); n != 1 {
		t.Errorf("expected one attempt, got %d", n)
	}
	o.PIN = right
	tok, err := token.Open(t.Context(), o)
	if err != nil {
		t.Fatalf("the right PIN: %v", err)
	}
	tok.Close()
}

func TestAPINRefusedWhileRunningIsTriedOnce(t *testing.T) {
	tok := open(t, 4)
	softtoken.Fail(t, "C_Login", pkcs11.CKR_PIN_INCORRECT, 1000)
	logins := softtoken.Count(t, "C_Login")
	if err := token.CloseAllSessions(tok); err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for range 16 {
		wg.Go(func() {
			if _, err := mac(t.Context(), tok, "x"); !errors.Is(err, token.ErrPIN) {
				t.Errorf("expected ErrPIN, got %v", err)
			}
		})
	}
	wg.Wait()
	if n := logins(); n != 1 {
		t.Errorf("expected one attempt, got %d", n)
	}
}

func TestAPINIsNotTriedWhereAMistakeCouldBeTheLast(t *testing.T) {
	for name, flag := range map[string]uint{"one try left": pkcs11.CKF_USER_PIN_FINAL_TRY, "locked": pkcs11.CKF_USER_PIN_LOCKED} {
		t.Run(name, func(t *testing.T) {
			o := softtoken.New(t)
			softtoken.Flag(t, flag)
			logins := softtoken.Count(t, "C_Login")
			if _, err := token.Open(t.Context(), o); !errors.Is(err, token.ErrPIN) {
				t.Errorf("expected ErrPIN, got %v", err)
			}
			if n := logins(); n != 0 {
				t.Errorf("expected no attempt, got %d", n)
			}
		})
	}
}

func TestALoginByAnotherPartOfTheProcessIsEnough(t *testing.T) {
	o := softtoken.New(t)
	for range 2 {
		tok, err := token.Open(t.Context(), o)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { tok.Close() })
	}
}

func TestAHangingModuleCostsNoMoreThanItsSessions(t *testing.T) {
	tok := open(t, 2)
	resume := softtoken.Hang(t, "C_SignInit")
	short, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	for range 2 {
		if _, err := mac(short, tok, "x"); fault.Of(err) != fault.Deadline && fault.Of(err) != fault.Busy {
			t.Fatalf("expected deadline, got %v", err)
		}
	}
	long, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, _ = mac(long, tok, "x")
	last, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := mac(last, tok, "x"); fault.Of(err) != fault.Busy {
		t.Errorf("expected busy while every session hangs, got %v", err)
	}
	resume()
	if _, err := mac(t.Context(), tok, "x"); err != nil {
		t.Errorf("expected the sessions back, got %v", err)
	}
}

// ends fails if fn is still at it long after it should have given up.
func ends(t *testing.T, fn func()) {
	t.Helper()
	done := make(chan struct{})
	go func() {
		defer close(done)
		fn()
	}()
	select {
	case <-done:
	case <-time.After(20 * time.Second):
		t.Fatal("it does not end while the module hangs")
	}
}

func TestOpenGivesUpOnAHangingModule(t *testing.T) {
	for _, function := range []string{"C_OpenSession", "C_Login"} {
		t.Run(function, func(t *testing.T) {
			o := softtoken.New(t)
			resume := softtoken.Hang(t, function)
			ends(t, func() {
				short, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
				defer cancel()
				if _, err := token.Open(short, o); fault.Of(err) != fault.Deadline {
					t.Errorf("expected deadline, got %v", err)
				}
			})
			resume()
			tok, err := token.Open(t.Context(), o)
			if err != nil {
				t.Fatalf("expected the token to be of use again, got %v", err)
			}
			if err := tok.Close(); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestAHangingSessionHoldsUpNobodyElse(t *testing.T) {
	tok := open(t, 2)
	resume := softtoken.Hang(t, "C_OpenSession")
	_, err := token.Use(t.Context(), tok, func(*token.Session) (struct{}, error) {
		// This one has the idle session; the next needs one of its own.
		short, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		if _, err := mac(short, tok, "x"); fault.Of(err) != fault.Deadline {
			t.Errorf("expected deadline, got %v", err)
		}
		return struct{}{}, nil
	})
	if err != nil {
		t.Error(err)
	}
	ends(t, func() {
		if _, err := mac(t.Context(), tok, "x"); err != nil {
			t.Errorf("expected the idle session to serve, got %v", err)
		}
	})
	resume()
}

func TestAHangingLoginIsWaitedForByAllAndTriedOnce(t *testing.T) {
	tok := open(t, 4)
	resume := softtoken.Hang(t, "C_Login")
	logins := softtoken.Count(t, "C_Login")
	if err := token.CloseAllSessions(tok); err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			short, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
			defer cancel()
			if _, err := mac(short, tok, "x"); fault.Of(err) != fault.Deadline {
				t.Errorf("expected deadline, got %v", err)
			}
		})
	}
	ends(t, wg.Wait)
	resume()
	if _, err := mac(t.Context(), tok, "x"); err != nil {
		t.Errorf("expected the token back, got %v", err)
	}
	if n := logins(); n != 1 {
		t.Errorf("expected one login, got %d", n)
	}
}

func TestCloseGivesUpOnAHangingModuleAndIsDoneLater(t *testing.T) {
	tok := open(t, 2)
	resume := softtoken.Hang(t, "C_Login")
	if err := token.CloseAllSessions(tok); err != nil {
		t.Fatal(err)
	}
	short, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	_, _ = mac(short, tok, "x")
	ends(t, func() {
		if err := tok.Close(); fault.Of(err) != fault.Busy {
			t.Errorf("expected busy, got %v", err)
		}
	})
	ended := softtoken.Count(t, "C_Finalize")
	resume()
	for ended() == 0 {
		time.Sleep(time.Millisecond)
	}
}

func TestAPanicIsAnError(t *testing.T) {
	tok := open(t, 1)
	_, err := token.Use(t.Context(), tok, func(*token.Session) (int, error) { panic("boom") })
	if fault.Of(err) != fault.Internal {
		t.Errorf("expected internal, got %v", err)
	}
	if _, err := mac(t.Context(), tok, "x"); err != nil {
		t.Error(err)
	}
}

func TestTokensAreChosenByName(t *testing.T) {
	o := softtoken.New(t)
	twin := o
	if err := token.Initialise(o.Module, o.Label, secret.New([]byte("12345678")), secret.New([]byte("87654321"))); err == nil {
		t.Fatal("expected the second token of that label not to be told from the first")
	}
	for name, c := range map[string]struct {
		options token.Options
		kind    fault.Kind
		text    string
	}{
		"two tokens of one label": {twin, fault.Invalid, "choose by serial number"},
		"a token that is absent":  {token.Options{Module: o.Module, Label: "nobody", PIN: o.PIN}, fault.Unavailable, "not present"},
		"a relative module":       {token.Options{Module: "libsofthsm2.so", Label: "x", PIN: o.PIN}, fault.Invalid, "absolute path"},
		"a missing module":        {token.Options{Module: "/nowhere.so", Label: "x", PIN: o.PIN}, fault.Invalid, "/nowhere.so"},
		"a module that is none":   {token.Options{Module: "/etc/passwd", Label: "x", PIN: o.PIN}, fault.Invalid, "not a PKCS#11 library"},
		"no name":                 {token.Options{Module: o.Module, PIN: o.PIN}, fault.Invalid, "neither label nor serial"},
		"no PIN":                  {token.Options{Module: o.Module, Label: "x"}, fault.Invalid, "no PIN"},
		"too many sessions":       {token.Options{Module: o.Module, Label: "x", PIN: o.PIN, Sessions: 65}, fault.Invalid, "found 65"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := token.Open(t.Context(), c.options)
			if fault.Of(err) != c.kind || !strings.Contains(err.Error(), c.text) {
				t.Errorf("expected %s with %q, got %v", c.kind, c.text, err)
			}
		})
	}
}

func TestErrorsNameWhatWasAttempted(t *testing.T) {
	tok := open(t, 1)
	for code, kind := range map[uint]fault.Kind{
		pkcs11.CKR_MECHANISM_INVALID:          fault.Unsupported,
		pkcs11.CKR_DEVICE_MEMORY:              fault.Busy,
		pkcs11.CKR_GENERAL_ERROR:              fault.Unavailable,
		pkcs11.CKR_KEY_FUNCTION_NOT_PERMITTED: fault.Internal,
	} {
		softtoken.Fail(t, "C_SignInit", code, 1)
		_, err := mac(t.Context(), tok, "x")
		if fault.Of(err) != kind {
			t.Errorf("%x: expected %s, got %s", code, kind, fault.Of(err))
		}
		for _, part := range []string{"compute a MAC", "HMAC-SHA256", pkcs11.Error(code).Error()} {
			if err == nil || !strings.Contains(err.Error(), part) {
				t.Errorf("expected %q in %v", part, err)
			}
		}
	}
}

func TestOptionsDoNotPrintThePIN(t *testing.T) {
	o := token.Options{Label: "x", PIN: secret.New([]byte("canary"))}
	if text := fmt.Sprintf("%v %+v %#v", o, o, o); strings.Contains(text, "canary") {
		t.Errorf("found the PIN in %s", text)
	}
}

func BenchmarkHMAC(b *testing.B) { benchmark(b, token.ForHMAC, (*token.Session).HMAC) }

func BenchmarkEncryptGCM(b *testing.B) {
	benchmark(b, token.ForAES, func(s *token.Session, key token.Object, m []byte) ([]byte, error) {
		_, sealed, err := s.EncryptGCM(key, make([]byte, token.IVSize), nil, m)
		return sealed, err
	})
}

func benchmark(b *testing.B, use token.KeyUse, op func(*token.Session, token.Object, []byte) ([]byte, error)) {
	tok, err := token.Open(b.Context(), softtoken.New(b))
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { tok.Close() })
	_, err = token.Use(b.Context(), tok, func(s *token.Session) (token.Object, error) {
		return s.Generate(token.KeySpec{Use: use, Label: "k", ID: []byte("1"), Keep: true})
	})
	if err != nil {
		b.Fatal(err)
	}
	message := make([]byte, 32)
	for b.Loop() {
		_, err := token.Use(b.Context(), tok, func(s *token.Session) ([]byte, error) {
			key, err := s.One(token.Query{Class: token.SecretKey, Label: "k"})
			if err != nil {
				return nil, err
			}
			return op(s, key, message)
		})
		if err != nil {
			b.Fatal(err)
		}
	}
}
