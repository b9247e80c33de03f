package mpin

import (
	"math"

	"github.com/milagro-dta/dta/crypto/bls"
)

// PINError returns, of a rejected login, the PIN that was entered less the right
// one, if that is all that was wrong: found tells so, and the distance is exact.
// It is not found where the token, the identity, the permit or the key is wrong,
// nor, for ever, if the client wanted to hide it and Suite.BindsDistance is
// false.
//
// It replaces AMCL's KANGAROO, which searches at random and misses some.
//
// The distance is for the server only. Whoever tells it to a client tells a
// thief the PIN. So does whoever treats logins with and without a distance
// differently: that is what TriedPIN is for.
func (s *Session) PINError() (distance int, found bool) {
	if s.verdict != ErrRejected {
		return 0, false
	}
	return logarithm(s.product(), s.unit(), PINs-1)
}

// product is E, the product that is not one.
func (s *Session) product() *bls.GT { return bls.PairProduct(s.pairs()) }

// unit is F = e(U + y·A, Q). The error is in the PIN and not in the permit, which
// is why UT has no part in it. E = F^(−distance).
func (s *Session) unit() *bls.GT {
	return bls.Pair(s.transcript.commitment.U.Add(s.a.Mul(s.transcript.y)), s.generator)
}

// logarithm finds the d, −n ≤ d ≤ n and d ≠ 0, with E = F^(−d), by baby steps and
// giant steps: it looks for
//
//	E·F^n·F^j = F^(i·m)   with   0 ≤ j < m   and   d = n + j − i·m
//
// among m baby and m giant steps, where m² covers the 2n + 1 distances. It takes
// all of them always, so that its time does not tell the distance.
func logarithm(e, f *bls.GT, n int) (d int, found bool) {
	if f.IsOne() {
		return 0, false
	}
	m := int(math.Sqrt(float64(2*n))) + 1
	baby := make(map[string]int, m)
	step := e.Mul(f.ExpSmall(uint32(n)))
	for j := range m {
		baby[string(step.Bytes())] = j
		step = step.Mul(f)
	}
	giant, stride := f.ExpSmall(0), f.ExpSmall(uint32(m))
	for i := 0; i <= (2*n+m)/m; i++ {
		if j, hit := baby[string(giant.Bytes())]; hit {
			if k := n + j - i*m; -n <= k && k <= n && k != 0 {
				d, found = k, true
			}
		}
		giant = giant.Mul(stride)
	}
	return d, found
}
