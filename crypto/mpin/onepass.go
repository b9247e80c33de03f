package mpin

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"time"

	"github.com/milagro-dta/dta/crypto/bls"
)

// Message is what a login in one pass signs besides its commitment: AMCL's
// TimeValue and MESSAGE.
type Message struct {
	// Time is in unix seconds; in amcl-bls381 from 1 to 2^31 − 1.
	Time int64
	// Text is up to 65,535 bytes, in amcl-bls381 up to 256.
	Text []byte
}

// Sign answers the challenge that the client sets itself: a hash of its
// commitment, the time and the text (AMCL's CLIENT). The server gets Commitment,
// the message and V. As Respond it works once.
func (p *Prover) Sign(m Message) (*bls.G1, error) {
	y, err := p.suite.scheme.onePass(&p.transcript, m)
	if err != nil {
		return nil, fmt.Errorf("sign: %w", err)
	}
	v, err := p.respond(y)
	if err != nil {
		return nil, fmt.Errorf("sign: %w", err)
	}
	return v, nil
}

// BeginOnePass is Begin for a login in one pass (AMCL's SERVER up to the
// pairings): the challenge is the hash of the message. Verify comes next.
//
// Where the message's time is further than window from now, in either direction,
// the error is ErrStale. Within the window a proof could be played again: the
// caller must keep the ReplayIDs of accepted logins for twice the window, and
// refuse those that it has seen.
func (v *Server) BeginOnePass(c Claim, m Message, now time.Time, window time.Duration) (*Session, error) {
	if age := now.Sub(time.Unix(m.Time, 0)); age > window || age < -window {
		return nil, fmt.Errorf("begin session: %w: it differs by %s, at most %s is allowed", ErrStale, age.Round(time.Second), window)
	}
	s, err := v.begin(c)
	if err != nil {
		return nil, fmt.Errorf("begin session: %w", err)
	}
	if s.transcript.y, err = v.suite.scheme.onePass(&s.transcript, m); err != nil {
		return nil, fmt.Errorf("begin session: %w", err)
	}
	return s, nil
}

// ReplayID is the same for whatever is made of one commitment of an identity,
// and differs for others: of one commitment a client signs once.
func (s *Session) ReplayID() [sha256.Size]byte {
	t := &s.transcript
	return sha256.Sum256(fields([]byte("mpin/replay"), []byte(s.server.suite.Name), t.id, binary.BigEndian.AppendUint32(nil, t.day), t.commitment.counting().Bytes()))
}
