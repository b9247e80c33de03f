package config

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/hashicorp/hcl/v2"
)

// Write prints diagnostics for a person, each with its place, the block it lies
// in and its source line.
func Write(w io.Writer, files map[string]*hcl.File, diags hcl.Diagnostics) error {
	var out bytes.Buffer
	for i, d := range diags {
		if i > 0 {
			out.WriteByte('\n')
		}
		fmt.Fprintf(&out, "%s: %s\n", severity(d), clean(d.Summary))
		if d.Subject != nil && d.Subject.Filename != "" {
			fmt.Fprintf(&out, "  %s:%d:%d", clean(d.Subject.Filename), d.Subject.Start.Line, d.Subject.Start.Column)
			if block := blockAround(files, d); block != "" {
				fmt.Fprintf(&out, ", in %s", clean(block))
			}
			out.WriteByte('\n')
			if line, under := sourceLine(files, d); line != "" {
				fmt.Fprintf(&out, "  %4d: %s\n", d.Subject.Start.Line, line)
				if under != "" {
					fmt.Fprintf(&out, "        %s\n", under)
				}
			}
		}
		if d.Detail != "" {
			fmt.Fprintf(&out, "  %s\n", clean(d.Detail))
		}
	}
	_, err := w.Write(out.Bytes())
	return err
}

// Report is one diagnostic as WriteJSON writes it.
type Report struct {
	Severity string `json:"severity"` // "error" or "warning"
	Summary  string `json:"summary"`
	Detail   string `json:"detail,omitempty"`
	File     string `json:"file,omitempty"`
	Start    *Place `json:"start,omitempty"`
	End      *Place `json:"end,omitempty"`
	Block    string `json:"block,omitempty"`  // `plugin "pkcs11" "vault-a"`
	Source   string `json:"source,omitempty"` // the line, as Write shows it
}

// Place is a position in a file. Lines and columns count from 1, bytes from 0.
type Place struct {
	Line   int `json:"line"`
	Column int `json:"column"`
	Byte   int `json:"byte"`
}

// WriteJSON prints diagnostics for a program: {"valid": bool, "diagnostics": [Report]}.
func WriteJSON(w io.Writer, files map[string]*hcl.File, diags hcl.Diagnostics) error {
	reports := make([]Report, 0, len(diags))
	for _, d := range diags {
		r := Report{Severity: strings.ToLower(severity(d)), Summary: clean(d.Summary), Detail: clean(d.Detail)}
		if s := d.Subject; s != nil && s.Filename != "" {
			r.File = s.Filename
			r.Start = &Place{s.Start.Line, s.Start.Column, s.Start.Byte}
			r.End = &Place{s.End.Line, s.End.Column, s.End.Byte}
			r.Block = blockAround(files, d)
			r.Source, _ = sourceLine(files, d)
		}
		reports = append(reports, r)
	}
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	return encoder.Encode(struct {
		Valid       bool     `json:"valid"`
		Diagnostics []Report `json:"diagnostics"`
	}{!diags.HasErrors(), reports})
}

func severity(d *hcl.Diagnostic) string {
	if d.Severity == hcl.DiagWarning {
		return "Warning"
	}
	return "Error"
}

// blockAround names the top-level block that a diagnostic lies in.
func blockAround(files map[string]*hcl.File, d *hcl.Diagnostic) string {
	file := files[d.Subject.Filename]
	if _, broken := d.Extra.(brokenSyntax); broken || file == nil {
		return ""
	}
	if nav, ok := file.Nav.(interface{ ContextString(offset int) string }); ok {
		return nav.ContextString(d.Subject.Start.Byte)
	}
	return ""
}

const longestLine = 200

// sourceLine is the line that a diagnostic starts on, without the values it may
// not show, and a second line that underlines the subject.
func sourceLine(files map[string]*hcl.File, d *hcl.Diagnostic) (line, under string) {
	file := files[d.Subject.Filename]
	at := d.Subject.Start.Byte
	if file == nil || at < 0 || at > len(file.Bytes) {
		return "", ""
	}
	from := bytes.LastIndexByte(file.Bytes[:at], '\n') + 1
	to := len(file.Bytes)
	if n := bytes.IndexByte(file.Bytes[at:], '\n'); n >= 0 {
		to = at + n
	}
	heredoc, comment := lexed(file.Bytes, from, to)
	whole := strings.TrimRight(string(file.Bytes[from:comment]), " \t\r")
	start := min(at-from, len(whole))
	end := min(max(d.Subject.End.Byte-from, start), len(whole))
	line = whole
	if !shows(d) {
		line = strikeOut(whole)
		if heredoc {
			line = struckOut
		}
	}
	if line == whole || end <= strings.IndexByte(whole, '=') {
		under = strings.Repeat(" ", utf8.RuneCountInString(clean(whole[:start]))) +
			strings.Repeat("^", max(1, utf8.RuneCountInString(clean(whole[start:end]))))
	}
	line = clean(line)
	if len(line) > longestLine {
		line, under = strings.ToValidUTF8(line[:longestLine], "")+"…", ""
	}
	if strings.TrimSpace(line) == "" {
		return "", ""
	}
	return line, under
}

// clean makes text safe for a terminal: one line, no control characters.
func clean(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\t' || r == '\n':
			return ' '
		case unicode.IsPrint(r):
			return r
		}
		return unicode.ReplacementChar
	}, s)
}
