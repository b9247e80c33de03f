package mpin

import "github.com/milagro-dta/dta/crypto/bls"

// PINError returns, of a rejected login, the PIN that was entered less the right
// one, if that is all that was wrong: found tells so, and the distance is exact.
// It is not found where the token, the identity, the permit or the key is wrong,
// nor, for ever, if the client wanted to hide it and Suite.BindsDistance is
// false.
//
// It replaces AMCL's KANGAROO, which searches at random and misses some.
//
// The distance is for the server only. Whoever tells it to a client tells a
// thief the PIN.
func (s *Session) PINError() (distance int, found bool) {
	if s.verdict != ErrRejected {
		return 0, false
	}
	e, f := s.product(), s.unit()
	return logarithm(e, f)
}

// product is E, the product that is not one.
func (s *Session) product() *bls.GT { return bls.PairProduct(s.pairs()) }

// unit is F = e(U + y·A, Q). The error is in the PIN and not in the permit, which
// is why UT has no part in it. E = F^(−distance).
func (s *Session) unit() *bls.GT {
	return bls.Pair(s.transcript.commitment.U.Add(s.a.Mul(s.transcript.y)), s.generator)
}

// logarithm finds the d, −MaxPIN < d < MaxPIN and d ≠ 0, with E = F^(−d), by baby
// steps and giant steps: with n = MaxPIN − 1 it looks for
//
//	E·F^n·F^j = F^(i·m)   with   0 ≤ j < m   and   d = n + j − i·m
//
// among m baby and m giant steps, where m² covers the 2n + 1 distances. It takes
// all of them always, so that its time does not tell the distance.
func logarithm(e, f *bls.GT) (d int, found bool) {
	const n, m = MaxPIN - 1, 142
	if f.IsOne() {
		return 0, false
	}
	baby := make(map[string]int, m)
	step := e.Mul(f.ExpSmall(n))
	for j := range m {
		baby[string(step.Bytes())] = j
		step = step.Mul(f)
	}
	giant, stride := f.ExpSmall(0), f.ExpSmall(m)
	for i := 0; i <= (2*n+m)/m; i++ {
		if j, hit := baby[string(giant.Bytes())]; hit {
			if k := n + j - i*m; -MaxPIN < k && k < MaxPIN && k != 0 {
				d, found = k, true
			}
		}
		giant = giant.Mul(stride)
	}
	return d, found
}
