package config

import (
	"net/url"

	"github.com/hashicorp/hcl/v2"
	"github.com/milagro-dta/dta/protocol/dag"
)

// self names this node where identities are listed.
const self = "self"

func (l *loader) peer(block *hcl.Block) {
	b := l.open(block, []want{
		{"identity", true}, {"url", true}, {"custody", false}, {"tls_ca", false},
		{"accept_unpinned_custody_on_first_use", false},
	})
	var out Peer
	name, ok := l.label(block, 0)
	out.Name = name
	switch {
	case !ok:
	case name == self:
		l.errorAt(block.LabelRanges[0], "Reserved name", `"self" names this node.`)
	default:
		for _, other := range l.config.Peers {
			if other.Name == name {
				l.errorAt(block.LabelRanges[0], "Duplicate name", "There is already a peer %q.", name)
			}
		}
	}
	if t, ok := b.text("identity"); ok {
		out.Identity, ok = l.identity(t)
		if ok && l.taken(t, out.Identity) {
			out.Identity = dag.CID{}
		}
	}
	if t, ok := b.text("url"); ok {
		if u, ok := l.absoluteURL(t); ok {
			out.URL = u
			if u.Scheme == "http" && !loopback(u.Hostname()) {
				l.valueError(t.rng, "Peer without TLS", "Between machines nodes speak https; http is for loopback. Found %s.", t.said())
			}
		}
	}
	if list, ok := b.texts("custody"); ok {
		seen := make(map[dag.CID]bool)
		for _, t := range list {
			c, ok := l.identity(t)
			switch {
			case !ok:
			case seen[c]:
				l.valueError(t.rng, "Duplicate value", "%s is in the list already.", capital(t.said()))
			case c == out.Identity || l.taken(t, c):
				if c == out.Identity {
					l.valueError(t.rng, "Node in place of custody", "%s is the peer's node; a custody identity is a plugin's own.", capital(t.said()))
				}
			default:
				seen[c] = true
				out.Custody = append(out.Custody, c)
			}
		}
	}
	if ca, ok := b.path("tls_ca"); ok {
		out.TLSCA = ca.value
		l.authorities(ca)
	}
	out.AcceptUnpinnedCustodyOnFirstUse = b.flag("accept_unpinned_custody_on_first_use")
	if out.AcceptUnpinnedCustodyOnFirstUse {
		l.warn(b.content.Attributes["accept_unpinned_custody_on_first_use"].Range, "Custody identity not pinned",
			"The first one seen is believed. Take its name from the fiduciary's operator and write it in custody.")
	}
	l.config.Peers = append(l.config.Peers, out)
}

// taken reports an identity that belongs to an earlier peer.
func (l *loader) taken(t text, c dag.CID) bool {
	for _, other := range l.config.Peers {
		if other.Identity == c {
			l.valueError(t.rng, "Duplicate identity", "%s is the identity of peer %q already.", capital(t.said()), other.Name)
			return true
		}
		for _, held := range other.Custody {
			if held == c {
				l.valueError(t.rng, "Duplicate identity", "%s is a custody identity of peer %q already.", capital(t.said()), other.Name)
				return true
			}
		}
	}
	return false
}

// identity parses the name of an identity.
func (l *loader) identity(t text) (dag.CID, bool) {
	c, err := dag.Parse(t.value)
	if err != nil {
		l.valueError(t.rng, "Not an identity", `An identity's name is the CID of its first document, "bafy…"; found %s.`, t.said())
		return dag.CID{}, false
	}
	return c, true
}

// absoluteURL parses http(s)://host[:port], without user, path, query or fragment.
func (l *loader) absoluteURL(t text) (*url.URL, bool) {
	u, err := url.Parse(t.value)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" ||
		u.User != nil || u.Path != "" && u.Path != "/" || u.RawQuery != "" || u.Fragment != "" || u.ForceQuery {
		// Not shown: there may be a password in it.
		l.errorAt(t.rng, "Wrong URL", "An absolute URL is expected: http:// or https://, host and perhaps port, and nothing after them.")
		return nil, false
	}
	u.Path = ""
	return u, true
}
