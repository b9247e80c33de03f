package hostile

import "github.com/milagro-dta/dta/protocol/fault"

// whole is a part of an order that the host may show, and where it belongs.
type whole[T any] struct {
	name string
	is   T
	// belongs names the true history; "" for a forgery.
	belongs string
	purpose string
	// alone is the refusal that a forgery gets when everything else is of history a.
	alone fault.Kind
}

// product calls f with every choice of n names.
func product(names []string, n int, f func([]string)) {
	pick := make([]string, n)
	var choose func(int)
	choose = func(i int) {
		if i == n {
			f(pick)
			return
		}
		for _, name := range names {
			pick[i] = name
			choose(i + 1)
		}
	}
	choose(0)
}

// allSame says that every choice fell on one name.
func allSame(pick []string) bool {
	for _, p := range pick {
		if p != pick[0] {
			return false
		}
	}
	return true
}
