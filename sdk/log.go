package sdk

import (
	"context"
	"io"
	"log"
	"log/slog"
	"os"
	"sync/atomic"

	"github.com/hashicorp/go-hclog"

	"github.com/milagro-dta/dta/sdk/contract"
)

// newLogger writes hclog's JSON lines, the one form whose levels the host keeps.
func newLogger(w io.Writer) (hclog.Logger, *scrubbedWriter) {
	out := &scrubbedWriter{w: w}
	level := hclog.LevelFromString(os.Getenv(contract.EnvLogLevel))
	if level == hclog.NoLevel {
		level = hclog.Info
	}
	return hclog.New(&hclog.LoggerOptions{Level: level, Output: out, JSONFormat: true}), out
}

// redirect sends what libraries say through log and log/slog to the same place.
func redirect(l hclog.Logger) {
	slog.SetDefault(slog.New(&handler{l}))
	log.SetFlags(0)
	log.SetOutput(l.StandardWriter(&hclog.StandardLoggerOptions{InferLevels: true}))
}

// scrubbedWriter blots the values of sensitive attributes out of log lines, should an author's library print one.
type scrubbedWriter struct {
	w     io.Writer
	scrub atomic.Pointer[func(string) string]
}

// scrubWith sets what to blot out; nil-safe.
func (s *scrubbedWriter) scrubWith(scrub func(string) string) {
	if s != nil {
		s.scrub.Store(&scrub)
	}
}

// Write takes one whole line at a time, as hclog gives it.
func (s *scrubbedWriter) Write(line []byte) (int, error) {
	scrub := s.scrub.Load()
	if scrub == nil {
		return s.w.Write(line)
	}
	if clean := (*scrub)(string(line)); clean != string(line) {
		if _, err := io.WriteString(s.w, clean); err != nil {
			return 0, err
		}
		return len(line), nil
	}
	return s.w.Write(line)
}

// handler is log/slog's view of an hclog.Logger.
type handler struct{ l hclog.Logger }

var _ slog.Handler = (*handler)(nil)

func (h *handler) Enabled(_ context.Context, level slog.Level) bool {
	return levelOf(level) >= h.l.GetLevel()
}

func (h *handler) Handle(_ context.Context, r slog.Record) error {
	args := make([]any, 0, 2*r.NumAttrs())
	r.Attrs(func(a slog.Attr) bool {
		args = append(args, a.Key, a.Value.Resolve().Any())
		return true
	})
	h.l.Log(levelOf(r.Level), r.Message, args...)
	return nil
}

func (h *handler) WithAttrs(attrs []slog.Attr) slog.Handler {
	args := make([]any, 0, 2*len(attrs))
	for _, a := range attrs {
		args = append(args, a.Key, a.Value.Resolve().Any())
	}
	return &handler{h.l.With(args...)}
}

func (h *handler) WithGroup(name string) slog.Handler { return &handler{h.l.Named(name)} }

func levelOf(l slog.Level) hclog.Level {
	switch {
	case l < slog.LevelDebug:
		return hclog.Trace
	case l < slog.LevelInfo:
		return hclog.Debug
	case l < slog.LevelWarn:
		return hclog.Info
	case l < slog.LevelError:
		return hclog.Warn
	}
	return hclog.Error
}
