package plugintest

import (
	"runtime"
	"strings"
)

// goroutine is one of those that Go writes of a process that is told to quit.
type goroutine struct {
	id      string
	frames  []frame // innermost first
	created frame   // empty for the first
}

type frame struct{ function, place string }

func (f frame) String() string { return f.function + " (" + f.place + ")" }

// goroutinesIn reads a dump. Another text has none.
func goroutinesIn(dump string) (all []goroutine) {
	var g *goroutine
	var function string
	for line := range strings.Lines(dump) {
		line = strings.TrimRight(line, "\r\n")
		switch {
		case strings.HasPrefix(line, "goroutine ") && strings.HasSuffix(line, "]:"):
			all = append(all, goroutine{id: strings.Fields(line)[1]})
			g, function = &all[len(all)-1], ""
		case g == nil || line == "":
			g = nil
		case strings.HasPrefix(line, "\t"):
			place, _, _ := strings.Cut(strings.TrimSpace(line), " +0x")
			if made, ok := strings.CutPrefix(function, "created by "); ok {
				made, _, _ = strings.Cut(made, " in goroutine ")
				g.created = frame{made, place}
			} else {
				if i := strings.LastIndexByte(function, '('); i > 0 {
					function = function[:i]
				}
				g.frames = append(g.frames, frame{function, place})
			}
		default:
			function = line
		}
	}
	return all
}

// callers are the functions of this sdk that call an author's code.
var callers = []string{
	"sdk.keeper.", "sdk.maker.", "sdk.issuer.", "sdk.closeCustodian", "sdk.Plugin[", "sdk.schemeOf", "sdk.(*server).Status",
	"sdk/internal/guard.(*Guard).findRoot", "sdk/internal/guard.(*Guard).keepRoot",
}

const house = "github.com/milagro-dta/dta/"

// inAuthors gives the author's function that the goroutine is in; false if it is in none.
func (g goroutine) inAuthors() (frame, bool) {
	for i, f := range g.frames {
		for _, c := range callers {
			if i > 0 && strings.HasPrefix(f.function, house+c) {
				return g.frames[i-1], true
			}
		}
	}
	return frame{}, false
}

// authors gives the goroutines that are in an author's code, by their id.
func authors(all []goroutine) map[string]frame {
	in := map[string]frame{}
	for _, g := range all {
		if f, ok := g.inAuthors(); ok {
			in[g.id] = f
		}
	}
	return in
}

// byOrigin counts goroutines by where they were started.
func byOrigin(all []goroutine) map[string]int {
	n := map[string]int{}
	for _, g := range all {
		if g.created.function != "" {
			n[g.created.String()]++
		}
	}
	return n
}

// here is the dump of this process.
func here() []goroutine {
	buf := make([]byte, 8<<20)
	return goroutinesIn(string(buf[:runtime.Stack(buf, true)]))
}
