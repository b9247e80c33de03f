package fault

import "strings"

// About says what err is about, e.g. "redemption bafyr…", in front of its text:
// once, however many on the way say so. The same in front of the text stays as it
// is, and the bare noun ("redemption: …") gives way. The kind stays; nil stays nil.
func About(what string, err error) error {
	if err == nil {
		return nil
	}
	text := err.Error()
	if rest, said := strings.CutPrefix(text, what); said && (strings.HasPrefix(rest, ": ") || strings.HasPrefix(rest, " ")) {
		return err
	}
	noun, _, _ := strings.Cut(what, " ")
	return &about{what + ": " + strings.TrimPrefix(text, noun+": "), err}
}

// Explain puts "what: " in front of *err, if there is one. The kind stays. It is
// for one deferred line in place of many returns.
func Explain(what string, err *error) {
	if *err != nil {
		*err = New(Of(*err), "%s: %w", what, *err)
	}
}

// about is an error under another text.
type about struct {
	text string
	err  error
}

func (a *about) Error() string { return a.text }

func (a *about) Unwrap() error { return a.err }
