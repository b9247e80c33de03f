package config

import "github.com/hashicorp/hcl/v2"

func (l *loader) log(block *hcl.Block) {
	b := l.open(block, []want{{"level", false}, {"format", false}})
	l.config.Log.Level = b.oneOf("level", "info", "trace", "debug", "info", "warn", "error")
	l.config.Log.Format = b.oneOf("format", "text", "text", "json")
}
