package config

import (
	"regexp"

	"github.com/hashicorp/hcl/v2"
	"github.com/milagro-dta/dta/crypto/secret"
)

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

func (l *loader) store(block *hcl.Block) {
	if !l.kind(block, KindEmbedded, KindPostgres) {
		return
	}
	if block.Labels[0] == KindEmbedded {
		l.open(block, nil)
		return
	}
	l.config.Store.Kind = KindPostgres
	b := l.open(block, []want{{"url", true}})
	if t, ok := b.hidden("url"); ok {
		l.config.Store.URL = secret.New([]byte(t.value))
	}
	l.errorAt(block.LabelRanges[0], "Not available",
		`This version keeps its state in the embedded store only. Write: store "embedded" {}.`)
}

func (l *loader) ipfs(block *hcl.Block) {
	if !l.kind(block, KindEmbedded, KindKubo) {
		return
	}
	if block.Labels[0] == KindEmbedded {
		l.open(block, nil)
		return
	}
	l.config.IPFS.Kind = KindKubo
	b := l.open(block, []want{{"api", true}})
	if t, ok := b.text("api"); ok {
		if u, ok := l.absoluteURL(t); ok {
			l.config.IPFS.API = u.String()
		}
	}
}

func (l *loader) log(block *hcl.Block) {
	b := l.open(block, []want{{"level", false}, {"format", false}})
	l.config.Log.Level = b.oneOf("level", "info", "trace", "debug", "info", "warn", "error")
	l.config.Log.Format = b.oneOf("format", "text", "text", "json")
}

// kind checks the one label of a block that is one of a few kinds.
func (l *loader) kind(block *hcl.Block, kinds ...string) bool {
	t := text{value: block.Labels[0], rng: block.LabelRanges[0], shown: quote(block.Labels[0])}
	for _, k := range kinds {
		if t.value == k {
			return true
		}
	}
	l.errorAt(t.rng, "Unknown kind", "%s is %s; found %s.%s", block.Type, oneOfThese(kinds), t.shown, didYouMean(t.value, kinds...))
	return false
}

// Names appear in file names, URLs and `peer/plugin`.
var nameForm = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$`)

func (l *loader) checkName(t text, of string) bool {
	if nameForm.MatchString(t.value) {
		return true
	}
	l.valueError(t.rng, "Wrong name",
		"The name of a %s is 1 to 64 letters, digits, '-', '_' and '.', the first a letter or digit; found %s.", of, t.said())
	return false
}

// label takes the name of a block from its labels.
func (l *loader) label(block *hcl.Block, i int) (string, bool) {
	t := text{value: block.Labels[i], rng: block.LabelRanges[i], shown: quote(block.Labels[i])}
	return t.value, l.checkName(t, block.Type)
}
