package main

import (
	"bufio"
	"fmt"
	"os"
	"regexp"
	"strings"
	"time"

	"golang.org/x/term"
)

// printer writes the story; with colours only for a person at a terminal who
// has not declined them (https://no-color.org).
type printer struct {
	w       *bufio.Writer
	colours bool
}

func newPrinter(f *os.File) *printer {
	colours := term.IsTerminal(int(f.Fd())) && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"
	return &printer{w: bufio.NewWriter(f), colours: colours}
}

func (p *printer) flush() { _ = p.w.Flush() }

func (p *printer) paint(code, text string) string {
	if !p.colours {
		return text
	}
	return "\033[" + code + "m" + text + "\033[0m"
}

func (p *printer) strong(text string) string { return p.paint("1", text) }
func (p *printer) faint(text string) string  { return p.paint("2", text) }
func (p *printer) good(text string) string   { return p.paint("32", text) }
func (p *printer) bad(text string) string    { return p.paint("31", text) }

func (p *printer) line(format string, a ...any) {
	text := strings.TrimRight(fmt.Sprintf("  "+format, a...), " ")
	fmt.Fprintln(p.w, text)
	p.flush()
}

func (p *printer) chapter(format string, a ...any) {
	fmt.Fprintln(p.w)
	p.line("%s", p.strong(fmt.Sprintf(format, a...)))
}

// names lists what was shortened.
func (p *printer) names(s *stage) {
	p.line("%s", p.faint("names in full"))
	for _, name := range append([]string{"principal", "fiduciary", vault, "beneficiary", stranger}, federation...) {
		p.line("%s", p.faint(fmt.Sprintf("%-11s  %s", name, s.name[name])))
	}
}

// paragraph is the width of a paragraph, in bytes.
const paragraph = 72

// wrapped breaks text into lines of a paragraph, indented.
func (p *printer) wrapped(indent int, text string) {
	at := 0
	var b strings.Builder
	for _, word := range strings.Fields(text) {
		if at > 0 && at+1+len(word) > paragraph {
			p.line("%s%s", strings.Repeat(" ", indent), p.faint(b.String()))
			b.Reset()
			at = 0
		}
		if at > 0 {
			b.WriteByte(' ')
			at++
		}
		b.WriteString(word)
		at += len(word)
	}
	p.line("%s%s", strings.Repeat(" ", indent), p.faint(b.String()))
}

// short keeps both ends of a CID, whose beginning all share.
func short(cid string) string {
	if len(cid) < 24 {
		return cid
	}
	return cid[:12] + "…" + cid[len(cid)-6:]
}

func show(d time.Duration) string {
	if d < time.Second {
		return fmt.Sprintf("%d ms", d.Milliseconds())
	}
	return fmt.Sprintf("%.1f s", d.Seconds())
}

var (
	aCID       = regexp.MustCompile(`bafy[a-z2-7]{55}`)
	aReference = regexp.MustCompile(`[0-9a-f]{64}`)
)

// plain turns an error's text into one that is quickly read: names for CIDs, the
// beginning of a reference.
func (s *stage) plain(text string) string {
	text = aCID.ReplaceAllStringFunc(text, s.who)
	return aReference.ReplaceAllStringFunc(text, func(ref string) string { return ref[:8] + "…" })
}
