//go:build linux

package rig

import (
	"fmt"
	"strings"
	"testing"
)

// Federation is a registrar, a co-signer, and D-TAs that serve the registrar's
// networks; each is an alias: registrar, cosigner, dta-1, dta-2, ….
type Federation struct {
	Registrar, Cosigner *Node
	Members             []*Node
}

// Nodes lists them all.
func (f *Federation) Nodes() []*Node { return append([]*Node{f.Registrar, f.Cosigner}, f.Members...) }

// Federate starts a federation of n D-TAs, each with its own softhsm-demo.
func Federate(tb testing.TB, n int, o Options) *Federation {
	tb.Helper()
	node := func(name string) *Node { o := o; o.Name = name; return New(tb, o) }
	f := &Federation{Registrar: node("registrar"), Cosigner: node("cosigner")}
	for i := range n {
		f.Members = append(f.Members, node(fmt.Sprintf("dta-%d", i+1)))
	}
	member := func(n *Node) bool { return n != f.Registrar && n != f.Cosigner }
	each(tb, f.Nodes(), func(n *Node) error {
		n.configure(roles{byHand: member(n)})
		out, err := n.Command("init")
		n.name = strings.TrimSpace(out)
		if err != nil || !member(n) {
			return err
		}
		n.custody = make(map[string]string)
		for _, name := range n.Instances {
			if n.custody[name], err = custodyOf(n, name); err != nil {
				return err
			}
		}
		return nil
	})
	for _, n := range f.Nodes() {
		r := roles{byHand: member(n)}
		if member(n) {
			r.principals = []string{"registrar"}
		}
		for _, other := range f.Nodes() {
			if other == n {
				continue
			}
			var custody []string
			for _, name := range other.Instances {
				if member(other) {
					custody = append(custody, other.custody[name])
				}
			}
			url := other.URL()
			if o.Front != nil {
				url = o.Front(other.Name, url)
			}
			r.peers = append(r.peers, known{other.Name, url, other.name, custody})
		}
		n.configure(r)
	}
	each(tb, f.Nodes(), func(n *Node) error {
		if err := n.TryStart(); err != nil {
			return err
		}
		return n.AwaitPlugins()
	})
	return f
}
