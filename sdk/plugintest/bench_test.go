package plugintest_test

import (
	"fmt"
	"testing"

	"github.com/milagro-dta/dta/sdk/plugintest/internal/scene"
)

// The guard's own cost of an order and of a redemption, gRPC and an HSM left out.

func BenchmarkSafeguard(b *testing.B) {
	g, _, r := guarded(b)
	ask := r.Kept.Order.Ask()
	for b.Loop() {
		if _, err := g.Safeguard(b.Context(), ask); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkRestore(b *testing.B) {
	g, _, r := guarded(b)
	ask := r.Ask()
	for b.Loop() {
		if _, err := g.Restore(b.Context(), ask); err != nil {
			b.Fatal(err)
		}
	}
}

// What the guard takes for one request of many; crypto/mpin and crypto/dleq have the primitives.
func BenchmarkIssue(b *testing.B) {
	g, f := founded(b)
	var names []string
	for i := range 256 {
		names = append(names, fmt.Sprintf("person %d", i))
	}
	for _, c := range []struct {
		name string
		q    *scene.Inquiry
	}{
		{"one client secret", f.Clients(b, "alice")},
		{"256 client secrets", f.Clients(b, names...)},
		{"256 permits", f.Permits(b, 1, names...)},
		{"a server secret", f.Server(b, "login.example")},
	} {
		b.Run(c.name, func(b *testing.B) {
			ask := c.q.Ask()
			for b.Loop() {
				if _, err := g.Issue(b.Context(), ask); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
