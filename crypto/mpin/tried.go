package mpin

import (
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/binary"

	"github.com/milagro-dta/dta/crypto/secret"
)

// How far from the right PIN a try still is one. Every PIN is nearer to every other
// than triedAtLeast, and so is what is left of a few changes with a wrong old PIN.
const (
	triedAtLeast = 1 << 16
	triedSpread  = 1 << 18 // a power of two
	triedLimit   = triedAtLeast + triedSpread - 1

	tagTried = "dta/mpin/tried"
)

// TriedPIN tells of a rejected login whether it counts as a try of a PIN with the
// identity's own token. It does for every PIN, if Suite.BindsDistance is true, and
// hardly ever for who has no such token.
//
// Unlike PINError its answer may show. Who has a token can try any number in place
// of a PIN, −5000 say; were the tries that count those at a distance from −9999 to
// 9999, then whether one counted would tell the thief on which side of 4999 the PIN
// is, and the tries on the other side cost nothing: some 200 would give the PIN away.
// So the tries that count end at distances that only servers know, another two for
// each identity, always the same. Where a thief finds them he learns the sum of the
// PIN and a number that is drawn from triedSpread others: in the mean that makes the
// best guess (1 + PINs/triedSpread)² times as good, 1.08 in 10,000.
func (s *Session) TriedPIN() bool {
	if s.verdict != ErrRejected {
		return false
	}
	d, found := logarithm(s.product(), s.unit(), triedLimit)
	below, above := s.tried()
	return found && -below <= d && d <= above
}

// tried returns the distances at which tries end to count, triedAtLeast to
// triedLimit: numbers from s·Q and the identity.
func (s *Session) tried() (below, above int) {
	ss := secret.New(s.server.box.Open().Bytes())
	defer ss.Clear()
	b, err := hkdf.Key(sha256.New, ss.Open(), nil, string(fields([]byte(tagTried), s.transcript.id)), 8)
	if err != nil {
		panic(err) // Only for lengths out of range.
	}
	defer secret.Clear(b)
	end := func(b []byte) int { return triedAtLeast + int(binary.BigEndian.Uint32(b)%triedSpread) }
	return end(b[:4]), end(b[4:])
}
