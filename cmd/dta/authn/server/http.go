package server

import (
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"

	"github.com/milagro-dta/dta/cmd/dta/authn"
	"github.com/milagro-dta/dta/protocol/fault"
	"github.com/milagro-dta/dta/protocol/strict"
)

// Handler is the server's, for tests and for who has a listener already.
func (s *Server) Handler() http.Handler {
	mux := http.NewServeMux()
	for path, step := range map[string]func(*http.Request, []byte) (any, error){
		authn.PathStart: s.start, authn.PathFinish: s.finish, authn.PathConfirm: s.confirm,
	} {
		mux.HandleFunc("POST "+path, s.step(step))
	}
	mux.HandleFunc("GET "+authn.PathAbout, func(w http.ResponseWriter, r *http.Request) { s.answer(w, s.about()) })
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		s.refuse(w, r, fault.New(fault.NotFound, "%s %s: expected GET %s, or POST %s, %s or %s", r.Method, fault.Foreign(r.URL.Path),
			authn.PathAbout, authn.PathStart, authn.PathFinish, authn.PathConfirm))
	})
	return http.NewCrossOriginProtection().Handler(mux)
}

// step is a handler for a step of a login.
func (s *Server) step(do func(*http.Request, []byte) (any, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		remote := remoteOf(r)
		err := s.throttle.check(remote)
		if err == nil {
			var text []byte
			if text, err = body(w, r); err == nil {
				var answer any
				if answer, err = do(r, text); err == nil {
					s.answer(w, answer)
					return
				}
			}
			// What the server could not do is nobody's failure.
			if fault.Of(err).Final() {
				s.throttle.charge(remote)
			}
		}
		s.refuse(w, r, err)
	}
}

// body reads a request's JSON.
func body(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	if media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || media != "application/json" {
		return nil, fault.New(fault.Invalid, "body: expected application/json")
	}
	text, err := io.ReadAll(http.MaxBytesReader(w, r.Body, authn.MaxBody))
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &large):
		return nil, fault.New(fault.Invalid, "body: expected at most %d bytes", authn.MaxBody)
	case err != nil:
		return nil, fault.New(fault.Invalid, "body: it ended before it was complete")
	}
	return text, nil
}

// read decodes a body.
func read(text []byte, into any) error {
	if err := strict.Decode(text, into); err != nil {
		return fault.New(fault.Invalid, "body: %w", err)
	}
	return nil
}

func (s *Server) answer(w http.ResponseWriter, v any) {
	s.write(w, http.StatusOK, "application/json", v)
}

// refusal is an error that says how the login stands.
type refusal struct {
	error
	state string
	left  *int
}

func (r *refusal) Unwrap() error { return r.error }

// refuse writes an error as a problem. What went wrong inside stays in the log.
func (s *Server) refuse(w http.ResponseWriter, r *http.Request, err error) {
	kind, detail := fault.Of(err), fault.Public(err)
	switch kind {
	case fault.Internal, fault.Unavailable:
		s.config.Log.Error("a login could not be looked at", "path", r.URL.Path, "error", err)
		detail = "the server cannot look at logins now"
	}
	p := authn.Problem{Type: "about:blank", Title: http.StatusText(kind.HTTP()), Status: kind.HTTP(), Detail: detail, Kind: kind}
	var how *refusal
	if errors.As(err, &how) {
		p.State, p.TriesLeft = how.state, how.left
	}
	if kind.Retryable() {
		w.Header().Set("Retry-After", "2")
	}
	s.write(w, p.Status, fault.ProblemType, p)
}

func (s *Server) write(w http.ResponseWriter, status int, media string, v any) {
	text, err := json.Marshal(v)
	if err != nil {
		s.config.Log.Error("cannot answer", "error", err)
		status, text = http.StatusInternalServerError, nil
	}
	h := w.Header()
	h.Set("Content-Type", media)
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	if _, err := w.Write(text); err != nil {
		s.config.Log.Debug("cannot answer", "error", err)
	}
}
