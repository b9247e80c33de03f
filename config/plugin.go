package config

import (
	"bytes"
	"encoding/hex"
	"regexp"
	"strings"
	"time"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
)

var (
	typeForm     = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,63}$`)
	variableForm = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)
)

func (l *loader) plugin(block *hcl.Block) {
	b := l.open(block, []want{
		{"command", true}, {"sha256", false}, {"args", false}, {"env", false},
		{"start_timeout", false}, {"self_enrol", false},
	}, "config")
	out := Plugin{Type: block.Labels[0], Range: block.DefRange}
	if !typeForm.MatchString(out.Type) {
		l.errorAt(block.LabelRanges[0], "Wrong plugin type",
			"The type of a plugin is 1 to 64 lower-case letters, digits and '-', the first a letter or digit; found %s.", quote(out.Type))
	}
	name, ok := l.label(block, 1)
	out.Name = name
	if other, found := l.config.Plugin(name); ok && found {
		l.errorAt(block.LabelRanges[1], "Duplicate name",
			"There is already a plugin %q at %s; names are unique, whatever the type.", name, at(other.Range))
	}
	if t, ok := b.text("command"); ok {
		found, err := l.FindProgram(t.value)
		if err != nil {
			found = ""
			if t.calls {
				l.valueError(t.rng, "Program not found", "There is no such program as %s.", t.said())
			} else {
				l.valueError(t.rng, "Program not found", "It cannot be run: %v.", err)
			}
		}
		out.Command = found
	}
	if t, ok := b.text("sha256"); ok {
		sum, err := hex.DecodeString(t.value)
		if err != nil || len(sum) != 32 {
			l.valueError(t.rng, "Wrong checksum", "A SHA-256 is 64 hex digits; found %d characters. Take the line out, and `dta plugin pin %s` writes it.", len(t.value), name)
		} else {
			out.SHA256, out.SHA256Range = sum, t.rng
		}
	}
	if b.has("sha256") && out.SHA256 == nil {
		out.Command = "" // nothing is run, to check its block, under a pin that nobody can read
	}
	if list, ok := b.texts("args"); ok {
		for _, t := range list {
			out.Args = append(out.Args, t.value)
		}
	}
	out.Env = b.secrets("env", func(key text) bool {
		if !variableForm.MatchString(key.value) {
			l.errorAt(key.rng, "Wrong key", "The name of an environment variable is letters, digits and '_'.")
			return false
		}
		if key.value == "DTA_CUSTODY_PLUGIN" || strings.HasPrefix(key.value, "PLUGIN_") {
			l.errorAt(key.rng, "Reserved name", "%s belongs to the way host and plugin meet.", key.value)
			return false
		}
		return true
	})
	out.Timeout = b.duration("start_timeout", DefaultStartTimeout, time.Second, 10*time.Minute)
	out.SelfEnrol = b.flag("self_enrol")
	out.Config = l.source(block, b.inner("config"))
	l.config.Plugins = append(l.config.Plugins, out)
}

// source cuts the inside of a config block out of the file. Without one the
// plugin is given an empty block that starts where its own header ends.
func (l *loader) source(plugin, block *hcl.Block) Block {
	start, end := plugin.DefRange.End, plugin.DefRange.End
	if block != nil {
		for _, b := range plugin.Body.(*hclsyntax.Body).Blocks {
			if b.TypeRange == block.TypeRange {
				start, end = b.OpenBraceRange.End, b.CloseBraceRange.Start
			}
		}
	}
	return Block{
		Filename: l.config.Path, Source: bytes.Clone(l.src[start.Byte:end.Byte]),
		StartLine: start.Line, StartColumn: start.Column, StartByte: start.Byte,
	}
}

// pluginNamed reports a name that no plugin has.
func (l *loader) pluginNamed(t text) {
	if _, ok := l.config.Plugin(t.value); ok {
		return
	}
	var names []string
	for _, p := range l.config.Plugins {
		names = append(names, p.Name)
	}
	hint := ""
	if !t.calls {
		hint = didYouMean(t.value, names...)
	}
	l.valueError(t.rng, "Unknown plugin", "There is no plugin block named %s.%s", t.shown, hint)
}
