package bench

import (
	"fmt"
	"os"
	"testing"
	"time"
)

// BenchmarkBefore compares these programs with older ones, in the directory that
// DTA_BEFORE names. A node of each runs, and they take turns, since the machine is
// not equally fast at all times: each figure is the median over the turns.
func BenchmarkBefore(b *testing.B) {
	older := os.Getenv("DTA_BEFORE")
	if older == "" {
		b.Skip("DTA_BEFORE names no directory of older programs")
	}
	const turns, size = 7, 200
	nodes := []*node{startFrom(b, older), startFrom(b, programs())}
	secret := make([]byte, 32)
	type key struct {
		what    string
		callers int
		node    int
	}
	rows := []key{{"order", 1, 0}, {"redemption", 1, 0}, {"order", 64, 0}, {"redemption", 64, 0}}
	for range b.N {
		spent := make(map[key][]time.Duration)
		for turn := range turns {
			for i := range nodes {
				at := (i + turn) % len(nodes)
				n, refs := nodes[at], make([]string, size)
				for _, callers := range []int{1, 64} {
					each := func(what string, work func(i int) error) {
						before := n.cpu(b)
						share(b, size, callers, work)
						k := key{what, callers, at}
						spent[k] = append(spent[k], (n.cpu(b)-before)/size)
					}
					each("order", func(i int) (err error) { refs[i], err = n.place(secret); return err })
					each("redemption", func(i int) error { return n.redeem(refs[i]) })
				}
			}
		}
		fmt.Printf("\n| CPU ms, all processes | callers | before | after | after / before |\n| --- | ---: | ---: | ---: | ---: |\n")
		for _, row := range rows {
			before, after := median(spent[row]), median(spent[key{row.what, row.callers, 1}])
			ratio := float64(after) / float64(before)
			fmt.Printf("| %s | %d | %.1f | %.1f | %.2f |\n", row.what, row.callers, ms(before), ms(after), ratio)
			b.ReportMetric(ratio, fmt.Sprintf("%s-%d-ratio", row.what, row.callers))
		}
	}
	b.ReportMetric(0, "ns/op")
}
