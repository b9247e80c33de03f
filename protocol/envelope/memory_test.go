package envelope_test

import (
	"testing"
	"time"

	"github.com/milagro-dta/dta/protocol/envelope"
	"github.com/milagro-dta/dta/protocol/identity"
)

// remembered makes two nodes and an envelope from the first to the second.
func remembered(t *testing.T) (from, to *identity.Keyring, block []byte) {
	t.Helper()
	now := time.Now()
	var err error
	for _, k := range []**identity.Keyring{&from, &to} {
		if *k, _, err = identity.Create(identity.Node, "node", now); err != nil {
			t.Fatal(err)
		}
	}
	s, err := envelope.Seal(from, envelope.Draft{
		Kind: envelope.Notice, Recipients: []*identity.Identity{to.Identity()}, Time: now, Expires: now.Add(time.Hour), Body: "news",
	})
	if err != nil {
		t.Fatal(err)
	}
	return from, to, s.Block
}

func parsed(t *testing.T, block []byte) *envelope.Envelope {
	t.Helper()
	e, err := envelope.Parse(block)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func TestMemoryOpensWhatItHasVerified(t *testing.T) {
	from, to, block := remembered(t)
	m := envelope.NewMemory(4)
	for range 2 {
		e := parsed(t, block)
		if err := m.Verify(e, from.Identity()); err != nil {
			t.Fatal(err)
		}
		if _, err := e.Open(to); err != nil {
			t.Fatal(err)
		}
	}
}

func TestMemoryStillRefusesAnotherSigner(t *testing.T) {
	from, to, block := remembered(t)
	m := envelope.NewMemory(4)
	if err := m.Verify(parsed(t, block), from.Identity()); err != nil {
		t.Fatal(err)
	}
	e := parsed(t, block)
	if err := m.Verify(e, to.Identity()); err == nil {
		t.Error("expected an envelope remembered under one signer to be refused under another")
	}
	if _, err := e.Open(to); err == nil {
		t.Error("expected an envelope that was refused not to open")
	}
}

func TestMemoryDoesNotRememberWhatFailed(t *testing.T) {
	from, _, block := remembered(t)
	m := envelope.NewMemory(4)
	bad := append([]byte(nil), block...)
	bad[len(bad)-1] ^= 1 // within the signature
	e, err := envelope.Parse(bad)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := m.Verify(e, from.Identity()); err == nil {
			t.Fatal("expected a changed signature to be refused")
		}
		m.Remember(e)
	}
}

func TestMemoryForgetsTheOldest(t *testing.T) {
	m := envelope.NewMemory(2)
	from, _, first := remembered(t)
	if err := m.Verify(parsed(t, first), from.Identity()); err != nil {
		t.Fatal(err)
	}
	for range 5 {
		other, _, block := remembered(t)
		if err := m.Verify(parsed(t, block), other.Identity()); err != nil {
			t.Fatal(err)
		}
	}
	// Forgotten is not refused: it is verified again.
	if err := m.Verify(parsed(t, first), from.Identity()); err != nil {
		t.Fatal(err)
	}
}
