package token_test

import (
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/miekg/pkcs11"

	"github.com/milagro-dta/dta/plugins/pkcs11/internal/softtoken"
	"github.com/milagro-dta/dta/plugins/pkcs11/token"
	"github.com/milagro-dta/dta/protocol/fault"
)

// returns waits until the token is of use again, and fails for any error but unavailable on the way.
func returns(t *testing.T, tok *token.Token) {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		_, err := mac(t.Context(), tok, "x")
		switch {
		case err == nil:
			return
		case fault.Of(err) != fault.Unavailable:
			t.Fatalf("expected unavailable, got %v", err)
		case time.Now().After(end):
			t.Fatalf("the token is not used again: %v", err)
		}
	}
}

func lost(t *testing.T, tok *token.Token) {
	t.Helper()
	if _, err := mac(t.Context(), tok, "x"); fault.Of(err) != fault.Unavailable {
		t.Fatalf("expected unavailable, got %v", err)
	}
}

func TestATokenThatWasAwayIsUsedAgain(t *testing.T) {
	tok := open(t, 2)
	other := open(t, 1)
	back := softtoken.Away(t)
	logins := softtoken.Count(t, "C_Login")
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 20 {
				lost(t, tok)
			}
		})
	}
	wg.Wait()
	if n := logins(); n != 0 {
		t.Errorf("expected no login to a token that is away, got %d", n)
	}
	back()
	returns(t, tok)
	returns(t, other)
	if n := logins(); n != 2 {
		t.Errorf("expected one login each, got %d", n)
	}
}

func TestARemoteTokenIsUsedAgainWhenItsProcessDied(t *testing.T) {
	r := softtoken.NewRemote(t)
	var tok *token.Token
	var err error
	for end := time.Now().Add(30 * time.Second); tok == nil; time.Sleep(10 * time.Millisecond) {
		// The server may not be ready for its first connection; a host tries again, too.
		if tok, err = token.Open(t.Context(), r.Options); err != nil && (fault.Of(err) != fault.Unavailable || time.Now().After(end)) {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() { tok.Close() })
	_, err = token.Use(t.Context(), tok, func(s *token.Session) (token.Object, error) {
		return s.Generate(token.KeySpec{Use: token.ForHMAC, Label: "k", ID: []byte("1"), Keep: true})
	})
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if r.Kill(t) == 0 {
			t.Fatal("no process serves the token")
		}
		lost(t, tok)
		returns(t, tok)
	}
}

func TestALibraryThatLostItsTokenIsInitialisedAnew(t *testing.T) {
	for _, code := range []uint{pkcs11.CKR_DEVICE_ERROR, pkcs11.CKR_VENDOR_DEFINED, 0x80000005, 1<<64 - 1} {
		t.Run(fmt.Sprintf("%x", code), func(t *testing.T) {
			tok := open(t, 2)
			begun := softtoken.Count(t, "C_Initialize")
			softtoken.Fail(t, "C_SignInit", code, 2)
			lost(t, tok)
			lost(t, tok)
			returns(t, tok)
			if begun() == 0 {
				t.Error("expected the library to be initialised anew")
			}
		})
	}
}

func TestAnAbsentTokenAtTheStartIsUnavailable(t *testing.T) {
	o := softtoken.New(t)
	for function, codes := range map[string][]uint{
		"C_Initialize":  {pkcs11.CKR_GENERAL_ERROR, pkcs11.CKR_HOST_MEMORY, pkcs11.CKR_DEVICE_ERROR, 1<<64 - 1},
		"C_OpenSession": {pkcs11.CKR_TOKEN_NOT_PRESENT, pkcs11.CKR_HOST_MEMORY},
		"C_Login":       {pkcs11.CKR_DEVICE_REMOVED, 0x80000001},
	} {
		for _, code := range codes {
			softtoken.Fail(t, function, code, 1000)
			_, err := token.Open(t.Context(), o)
			if !fault.Of(err).Retryable() || errors.Is(err, token.ErrPIN) {
				t.Errorf("%s: %x: expected what may be over the next time, got %v", function, code, err)
			}
			softtoken.Fail(t, function, code, 0)
		}
	}
	for _, code := range []uint{pkcs11.CKR_PIN_INCORRECT, pkcs11.CKR_PIN_LOCKED, pkcs11.CKR_PIN_EXPIRED} {
		o := softtoken.New(t)
		softtoken.Fail(t, "C_Login", code, 1)
		if _, err := token.Open(t.Context(), o); fault.Of(err) != fault.Denied {
			t.Errorf("%x: expected denied, got %v", code, err)
		}
	}
}

func TestALibraryThatDoesNotLetGoEndsTheProcess(t *testing.T) {
	stuck := make(chan error, 1)
	o := softtoken.New(t)
	o.Stuck = func(err error) {
		select {
		case stuck <- err:
		default:
		}
	}
	tok, err := token.Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { tok.Close() })
	softtoken.Fail(t, "C_Finalize", pkcs11.CKR_FUNCTION_NOT_SUPPORTED, 1000)
	tok.Suspect()
	lost(t, tok)
	if err := <-stuck; !errors.Is(err, token.ErrStuck) {
		t.Errorf("expected ErrStuck, got %v", err)
	}
	softtoken.Fail(t, "C_Finalize", 0, 0)
}
