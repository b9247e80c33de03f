package fault

import (
	"encoding/json"
	"errors"
	"mime"
	"net/http"
	"strings"
	"unicode"
	"unicode/utf8"
)

// ProblemType is the media type of RFC 9457 problem details, in which a kind
// travels over HTTP as the member "kind".
const ProblemType = "application/problem+json"

// maxForeign bounds, in bytes, the text taken over from another process. It is
// less than maxPublic: what was put in front of it is told, too.
const maxForeign = 1024

// FromProblem turns an HTTP answer other than 2xx into an error of the kind that
// its problem details say, where that kind is known and the one that the status
// stands for. Any other answer is somebody else's, a proxy's page or a redirect,
// and tells nothing about the request: Unavailable.
func FromProblem(status int, contentType string, text []byte) error {
	var said struct {
		Kind    Kind     `json:"kind"`
		Detail  string   `json:"detail"`
		Error   string   `json:"error"`
		Missing []string `json:"missing"`
	}
	media, _, err := mime.ParseMediaType(contentType)
	if err != nil || media != ProblemType || json.Unmarshal(text, &said) != nil ||
		said.Kind != said.Kind.known() || said.Kind != OfHTTP(status) {
		return New(Unavailable, "expected an answer of a node; found HTTP %d %s", status, http.StatusText(status))
	}
	for _, detail := range []string{said.Detail, said.Error, http.StatusText(status)} {
		if detail = Foreign(detail); detail != "" {
			return &Error{Kind: said.Kind, err: errors.New(detail), missing: listed(said.Missing)}
		}
	}
	return New(said.Kind, "HTTP %d", status)
}

// Foreign makes text from another process fit to be printed and logged: valid
// UTF-8 on one line, at most 1 KiB and an ellipsis, without control
// characters and those that change the direction of writing.
func Foreign(text string) string {
	// Cut twice: cleaning can lengthen a text, and must not cost more for a long one.
	text = cut(text, 4*maxForeign, "")
	text = strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\t':
			return ' '
		case unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) || r == '\u2028' || r == '\u2029':
			return -1
		}
		return r
	}, strings.ToValidUTF8(text, "�"))
	return cut(text, maxForeign, "…")
}

// cut keeps at most n bytes, and whole runes.
func cut(text string, n int, mark string) string {
	if len(text) <= n {
		return text
	}
	for i := 0; i < utf8.UTFMax-1 && !utf8.RuneStart(text[n]); i++ {
		n--
	}
	return text[:n] + mark
}
