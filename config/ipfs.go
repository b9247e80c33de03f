package config

import "github.com/hashicorp/hcl/v2"

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
