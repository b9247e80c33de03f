package plugintest_test

import "testing"

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
