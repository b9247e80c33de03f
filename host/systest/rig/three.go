//go:build linux

package rig

import (
	"strings"
	"sync"
	"testing"
)

// Company is three nodes that know each other: what the principal places, the
// fiduciary keeps; the beneficiary is whom the principal may name.
type Company struct {
	Principal, Fiduciary, Beneficiary *Node
}

// Nodes lists the three.
func (c *Company) Nodes() []*Node { return []*Node{c.Principal, c.Fiduciary, c.Beneficiary} }

// Three starts three nodes, each with its own softhsm-demo. The options are for
// all three; their names are their roles, which are their aliases, too.
func Three(tb testing.TB, o Options) *Company {
	tb.Helper()
	node := func(name string) *Node { o := o; o.Name = name; return New(tb, o) }
	c := &Company{node("principal"), node("fiduciary"), node("beneficiary")}
	each(tb, c.Nodes(), func(n *Node) error {
		n.configure(roles{byHand: n == c.Fiduciary})
		out, err := n.Command("init")
		n.name = strings.TrimSpace(out)
		if err != nil || n != c.Fiduciary {
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
	urls := make(map[*Node]string)
	for _, n := range c.Nodes() {
		if urls[n] = n.URL(); o.Front != nil {
			urls[n] = o.Front(n.Name, n.URL())
		}
	}
	peer := func(n *Node, custody ...string) known { return known{n.Name, urls[n], n.name, custody} }
	var kept []string
	for _, name := range c.Fiduciary.Instances {
		kept = append(kept, c.Fiduciary.custody[name])
	}
	c.Principal.configure(roles{peers: []known{peer(c.Fiduciary, kept...), peer(c.Beneficiary)}})
	c.Fiduciary.configure(roles{byHand: true, principals: []string{"principal"}, peers: []known{peer(c.Principal), peer(c.Beneficiary)}})
	c.Beneficiary.configure(roles{peers: []known{peer(c.Principal), peer(c.Fiduciary, kept...)}})
	each(tb, c.Nodes(), func(n *Node) error {
		if err := n.TryStart(); err != nil {
			return err
		}
		return n.AwaitPlugins()
	})
	return c
}

// each works on nodes at once.
func each(tb testing.TB, nodes []*Node, do func(*Node) error) {
	tb.Helper()
	var wg sync.WaitGroup
	errs := make([]error, len(nodes))
	for i, n := range nodes {
		wg.Go(func() { errs[i] = do(n) })
	}
	wg.Wait()
	for _, err := range errs {
		if err != nil {
			tb.Fatal(err)
		}
	}
}

// custodyOf makes an instance's custody identity in a node that does not run.
func custodyOf(n *Node, instance string) (string, error) {
	out, err := n.Command("plugin", "enrol", instance)
	return strings.TrimSpace(out), err
}
