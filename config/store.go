package config

import "github.com/hashicorp/hcl/v2"

// store takes the one kind of store that there is.
func (l *loader) store(block *hcl.Block) {
	if block.Labels[0] == "postgres" {
		l.errorAt(block.LabelRanges[0], "Not available",
			`This version keeps its state in the embedded store only. Write: store "embedded" {}.`)
		return
	}
	if l.kind(block, KindEmbedded) {
		l.open(block, nil)
	}
}
