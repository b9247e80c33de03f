package mpin

import (
	"errors"
	"testing"
	"time"
)

func TestALoginInOnePassHoldsForItsMessageTimeAndDay(t *testing.T) {
	now := time.Unix(1795375000, 0)
	eachSuite(t, func(t *testing.T, r *realm) {
		id, m := r.id("alice"), Message{Time: now.Unix(), Text: []byte("pay 5 to bob")}
		for _, day := range []uint32{0, today} {
			l := Login{Identity: id, Token: r.token(id, 7), PIN: 7}
			if day != 0 {
				l.Permit = r.permit(id, day)
			}
			p := r.prover(l)
			v, err := p.Sign(m)
			r.must(err)
			claim := Claim{Identity: id, Day: day, Commitment: p.Commitment()}
			verify := func(claim Claim, m Message, at time.Time) error {
				s, err := r.server.BeginOnePass(claim, m, at, time.Minute)
				if err != nil {
					return err
				}
				return s.Verify(v)
			}
			r.must(verify(claim, m, now))
			r.must(verify(claim, m, now.Add(time.Minute)))
			r.must(verify(claim, m, now.Add(-time.Minute)))
			other := m
			other.Text = []byte("pay 9 to bob")
			later := m
			later.Time++
			bob := claim
			bob.Identity = r.id("bob")
			for name, test := range map[string]struct{ got, want error }{
				"another text":     {verify(claim, other, now), ErrRejected},
				"another time":     {verify(claim, later, now), ErrRejected},
				"another identity": {verify(bob, m, now), ErrRejected},
				"too late":         {verify(claim, m, now.Add(time.Minute+time.Second)), ErrStale},
				"too early":        {verify(claim, m, now.Add(-time.Minute-time.Second)), ErrStale},
			} {
				if !errors.Is(test.got, test.want) {
					t.Errorf("day %d, %s: expected %v, found %v", day, name, test.want, test.got)
				}
			}
			if _, err := p.Sign(m); !errors.Is(err, ErrUsed) {
				t.Errorf("a second signature: %v", err)
			}
		}
	})
}

// What is accepted within the window is accepted again: the identifier is what
// the caller notices it by.
func TestAPlayedAgainLoginHasTheSameReplayID(t *testing.T) {
	now := time.Unix(1795375000, 0)
	eachSuite(t, func(t *testing.T, r *realm) {
		id, m := r.id("alice"), Message{Time: now.Unix()}
		seen := map[[32]byte]string{}
		for _, name := range []string{"first", "second", "third"} {
			p := r.prover(Login{Identity: id, Token: r.token(id, 7), PIN: 7})
			v, err := p.Sign(m)
			r.must(err)
			claim := Claim{Identity: id, Commitment: p.Commitment()}
			s, err := r.server.BeginOnePass(claim, m, now, time.Minute)
			r.must(err)
			r.must(s.Verify(v))
			again, err := r.server.BeginOnePass(claim, m, now.Add(time.Second), time.Minute)
			r.must(err)
			r.must(again.Verify(v))
			if again.ReplayID() != s.ReplayID() {
				t.Error("a replay has another identifier")
			}
			if seen[s.ReplayID()] != "" {
				t.Errorf("the %s login has the identifier of the %s", name, seen[s.ReplayID()])
			}
			seen[s.ReplayID()] = name
		}
	})
}

func TestMessagesAreWhatTheSuiteTakes(t *testing.T) {
	for _, test := range []struct {
		suite Suite
		m     Message
		ok    bool
	}{
		{V1, Message{Time: 1 << 40, Text: make([]byte, 65535)}, true}, {V1, Message{Text: make([]byte, 65536)}, false},
		{AMCL, Message{Time: 1<<31 - 1, Text: make([]byte, 256)}, true}, {AMCL, Message{Time: 1, Text: make([]byte, 257)}, false},
		{AMCL, Message{Time: 0}, false}, {AMCL, Message{Time: -1}, false}, {AMCL, Message{Time: 1 << 31}, false},
	} {
		r := newRealm(t, test.suite)
		id := r.id("alice")
		p := r.prover(Login{Identity: id, Token: r.token(id, 7), PIN: 7})
		if _, err := p.Sign(test.m); (err == nil) != test.ok {
			t.Errorf("%s, time %d, %d bytes signed: %v", test.suite, test.m.Time, len(test.m.Text), err)
		}
		if _, err := r.server.BeginOnePass(Claim{Identity: id, Commitment: p.Commitment()}, test.m, time.Unix(test.m.Time, 0), 0); (err == nil) != test.ok {
			t.Errorf("%s, time %d, %d bytes begun: %v", test.suite, test.m.Time, len(test.m.Text), err)
		}
	}
}
