package issue

import (
	"fmt"
	"testing"

	"github.com/milagro-dta/dta/crypto/mpin"
	"github.com/milagro-dta/dta/protocol/order"
)

func BenchmarkCombine(b *testing.B) {
	r := newRealm(b, 3)
	n := r.found(b, r.terms(mpin.V1))
	var names []string
	for i := range MaxPoints {
		names = append(names, fmt.Sprintf("user%d@example.com", i))
	}
	for _, ask := range []Wish{
		{Kind: order.ClientSecret, Subjects: subjects(mpin.V1, names...)},
		{Kind: order.TimePermit, First: Day(now), Days: 16, Subjects: subjects(mpin.V1, names[:MaxPoints/16]...)},
	} {
		q := n.ask(b, ask, r.registrar)
		answers := q.answers(b)
		b.Run(string(ask.Kind), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := Combine(q.request, answers); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
