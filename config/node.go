package config

import "github.com/hashicorp/hcl/v2"

func (l *loader) node(block *hcl.Block) {
	b := l.open(block, []want{{"name", true}, {"data_dir", true}, {"seal", false}, {"identity_kept_plain", false}})
	n := &l.config.Node
	if t, ok := b.text("name"); ok && l.checkName(t, "node") {
		n.Name = t.value
	}
	if t, ok := b.text("data_dir"); ok {
		n.DataDir = t.value
	}
	n.IdentityKeptPlain = b.flag("identity_kept_plain")
	switch {
	case n.IdentityKeptPlain && b.has("seal"):
		l.valueError(b.content.Attributes["identity_kept_plain"].Range, "Contradiction",
			"The identity is either sealed by a plugin or kept plain: remove seal or identity_kept_plain.")
	case n.IdentityKeptPlain:
		l.warn(b.content.Attributes["identity_kept_plain"].Range, "Identity kept plain",
			"Whoever reads the data directory has this node's keys. Name a plugin in seal instead.")
	case !b.has("seal"):
		l.errorAt(block.DefRange, "Missing seal",
			"A plugin keeps the node's identity: name it in seal. (identity_kept_plain = true would leave the keys readable in the data directory.)")
	}
	if t, ok := b.text("seal"); ok {
		n.Seal = t.value
		l.pluginNamed(t)
	}
}
