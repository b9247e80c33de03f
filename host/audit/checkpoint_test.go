package audit_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/milagro-dta/dta/host/audit"
	"github.com/milagro-dta/dta/host/store"
	"github.com/milagro-dta/dta/protocol/fault"
	"github.com/milagro-dta/dta/protocol/identity"
)

func TestEveryChangedByteOfACheckpointIsDetected(t *testing.T) {
	s, keys := open(t, filepath.Join(t.TempDir(), "dta.db")), node(t, "n")
	l := openLog(t, s, keys)
	grow(t, s, l, 5)
	good := l.Newest()
	if len(good) > audit.MaxCheckpoint {
		t.Fatalf("%d bytes", len(good))
	}
	for i := range good {
		for _, flip := range []byte{0x01, 0x80, 0x20} {
			bad := append([]byte{}, good...)
			bad[i] ^= flip
			if _, err := audit.OpenCheckpoint(bad, keys.Identity()); fault.Of(err) != fault.Invalid {
				t.Fatalf("byte %d ^ %#x: expected invalid, got %v\n%s", i, flip, err, bad)
			}
		}
		if _, err := audit.OpenCheckpoint(good[:i], keys.Identity()); fault.Of(err) != fault.Invalid {
			t.Fatalf("cut at %d: expected invalid, got %v", i, err)
		}
	}
}

func TestACheckpointOfAnotherNodeIsRefused(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "dta.db"))
	alice, bob := node(t, "alice"), node(t, "bob")
	l := openLog(t, s, alice)
	_, err := audit.OpenCheckpoint(l.Newest(), bob.Identity())
	wantKind(t, fault.Invalid, err)
}

func TestACheckpointOutlivesTheRotationOfTheLogKey(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "dta.db"))
	keys, next, err := identity.Create(identity.Node, "n", noon)
	if err != nil {
		t.Fatal(err)
	}
	l := openLog(t, s, keys)
	older := l.Newest()
	rotated, _, err := keys.Rotate(next, noon.Add(time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	l.SetSigner(audit.NewSigner(rotated))
	for _, c := range [][]byte{older, l.Newest()} {
		if _, err := audit.OpenCheckpoint(c, rotated.Identity()); err != nil {
			t.Error(err)
		}
	}
	_, err = audit.OpenCheckpoint(l.Newest(), keys.Identity())
	wantKind(t, fault.Invalid, err) // the shorter chain does not know the new key
}

func TestASignerDoesNotPrint(t *testing.T) {
	keys := node(t, "n")
	signer := audit.NewSigner(keys)
	text := fmt.Sprintf("%v %+v %#v %s %x", signer, signer, *signer, signer, signer)
	if j, err := json.Marshal(signer); err == nil {
		t.Errorf("it marshals: %s", j)
	}
	if want := "[secret]"; strings.Count(text, want) != 5 || len(text) != 5*len(want)+4 {
		t.Fatal(text)
	}
}

func TestPeersThatShortenOrForkTheirLogAreReported(t *testing.T) {
	dir := t.TempDir()
	keys := node(t, "peer")
	one := open(t, filepath.Join(dir, "one.db"))
	two := open(t, filepath.Join(dir, "two.db"))
	first, second := openLog(t, one, keys), openLog(t, two, keys)
	grow(t, one, first, 5)
	five := first.Newest()
	grow(t, one, first, 9)
	nine := first.Newest()
	wantKind(t, "", two.Update(ctx, func(tx *store.Tx) error {
		_, err := second.Append(tx, audit.Entry{Kind: "another.history"})
		return err
	}))
	grow(t, two, second, 9)
	forked := second.Newest()

	mine := open(t, filepath.Join(dir, "mine.db"))
	l := openLog(t, mine, node(t, "me"))
	at := noon.UnixMilli()
	track := func(note []byte, after time.Duration) error {
		return mine.Update(ctx, func(tx *store.Tx) error {
			_, err := l.TrackPeer(tx, keys.Identity(), note, at+after.Milliseconds())
			return err
		})
	}
	wantKind(t, "", track(five, 0))
	wantKind(t, "", track(nine, time.Second))
	wantKind(t, "", track(nine, time.Second))
	wantKind(t, "", track(five, 0)) // an older envelope, seen late
	wantKind(t, "", track(five, audit.Late))
	for name, c := range map[string]struct {
		note  []byte
		after time.Duration
	}{
		"shorter": {five, 2 * audit.Late},
		"forked":  {forked, 2 * time.Second},
	} {
		err := track(c.note, c.after)
		wantKind(t, fault.Conflict, err)
		var s *audit.Suspicion
		if !errors.As(err, &s) {
			t.Fatalf("%s: %v is no suspicion", name, err)
		}
		for _, evidence := range [][]byte{s.Kept, s.Shown} {
			if _, err := audit.OpenCheckpoint(evidence, keys.Identity()); err != nil {
				t.Errorf("%s: the evidence does not hold: %v", name, err)
			}
		}
	}
	wantKind(t, fault.Invalid, track([]byte("nonsense"), 0))
	wantKind(t, fault.Invalid, track(l.Newest(), 0)) // someone else's
}
