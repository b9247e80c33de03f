package config

import (
	"github.com/hashicorp/hcl/v2"
	"github.com/milagro-dta/dta/protocol/dag"
)

func (l *loader) fiduciary(block *hcl.Block) {
	b := l.open(block, []want{{"custody", true}, {"principals", true}})
	var out Fiduciary
	if list, ok := b.texts("custody"); ok {
		if len(list) == 0 {
			l.valueError(b.content.Attributes["custody"].Expr.Range(), "Empty list", "A fiduciary keeps secrets with at least one plugin.")
		}
		for _, t := range list {
			for _, other := range out.Custody {
				if other == t.value {
					l.valueError(t.rng, "Duplicate value", "%s is in the list already.", capital(t.said()))
				}
			}
			l.pluginNamed(t)
			out.Custody = append(out.Custody, t.value)
		}
	}
	if list, ok := b.texts("principals"); ok {
		if len(list) == 0 {
			l.valueError(b.content.Attributes["principals"].Expr.Range(), "Empty list", `A fiduciary names those whose secrets it keeps: "self", peers, or identities.`)
		}
		for _, t := range list {
			l.principal(t, &out)
		}
	}
	l.config.Fiduciary, l.config.fiduciaryRange = &out, block.DefRange
}

// principal takes "self", the name of a peer, or an identity.
func (l *loader) principal(t text, out *Fiduciary) {
	if t.value == self {
		if out.Self {
			l.valueError(t.rng, "Duplicate value", `"self" is in the list already.`)
		}
		out.Self = true
		return
	}
	c, err := dag.Parse(t.value)
	if err != nil {
		peer, ok := l.config.Peer(t.value)
		if !ok {
			names := []string{self}
			for _, p := range l.config.Peers {
				names = append(names, p.Name)
			}
			hint := ""
			if !t.calls {
				hint = didYouMean(t.value, names...)
			}
			l.valueError(t.rng, "Unknown principal", `Expected "self", the name of a peer, or an identity "bafy…"; found %s.%s`, t.said(), hint)
			return
		}
		c = peer.Identity
		if !c.Defined() {
			return // reported with the peer
		}
	}
	for _, other := range out.Principals {
		if other == c {
			l.valueError(t.rng, "Duplicate value", "%s is in the list already.", capital(t.said()))
			return
		}
	}
	out.Principals = append(out.Principals, c)
}
