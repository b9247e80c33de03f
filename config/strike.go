package config

import (
	"regexp"
	"strings"
	"unicode/utf8"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
)

// struckOut stands for what may be a secret.
const struckOut = "…"

var (
	headerLine = regexp.MustCompile(`^\s*[\w-]+(\s+"[^"]*")*\s*\{\s*\}?\s*$`)
	harmless   = regexp.MustCompile(`^((env|file)\("[^"\\$%]*"\)|(true|false|null)\b)`)
	optionHead = regexp.MustCompile(`^\s*([\w-]+(\s+"[^"]*")*\s*\{\s*)?"?[\w.-]+"?\s*$`)
)

// strikeOut takes the values out of a line: of an option it leaves its name,
// the punctuation and calls with their arguments, of a block its header, of
// anything else nothing.
func strikeOut(line string) string {
	if headerLine.MatchString(line) || !strings.ContainsFunc(line, contentful) {
		return line
	}
	name, value, option := strings.Cut(line, "=")
	if !option || !optionHead.MatchString(name) {
		return line[:len(line)-len(strings.TrimLeft(line, " \t"))] + struckOut
	}
	var out strings.Builder
	out.WriteString(name + "=")
	quoted, struck := false, false
	for i := 0; i < len(value); {
		if !quoted && !struck {
			if call := harmless.FindString(value[i:]); call != "" {
				out.WriteString(call)
				i += len(call)
				continue
			}
		}
		r, size := utf8.DecodeRuneInString(value[i:])
		if r == '"' {
			quoted = !quoted
		}
		if !contentful(r) {
			out.WriteRune(r)
		} else if !struck {
			out.WriteString(struckOut)
		}
		struck = contentful(r)
		i += size
	}
	return out.String()
}

func contentful(r rune) bool { return !strings.ContainsRune("\"[]{}(), \t", r) }

// lexed says of a line between two offsets whether it is text of a heredoc,
// which may look like an option, and where a comment on it begins (its end when
// there is none): comments are not shown.
func lexed(src []byte, from, to int) (heredoc bool, comment int) {
	tokens, _ := hclsyntax.LexConfig(src, "", hcl.InitialPos)
	opened, comment := -1, to
	for _, t := range tokens {
		start, end := t.Range.Start.Byte, t.Range.End.Byte
		switch t.Type {
		case hclsyntax.TokenOHeredoc:
			opened = end
		case hclsyntax.TokenCHeredoc:
			heredoc = heredoc || opened >= 0 && opened <= from && from < end
			opened = -1
		case hclsyntax.TokenComment:
			if start < to && end > from {
				comment = min(comment, max(start, from))
			}
		}
	}
	return heredoc || opened >= 0 && opened <= from, comment
}
