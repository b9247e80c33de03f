package plugintest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/milagro-dta/dta/sdk/contract"
)

// watcher hears what one plugin answers, knows the configuration's secrets and ends calls that hang.
type watcher struct {
	secrets  []string
	deadline time.Duration
	search   *search
	course   *course
	// gone says how the plugin's process ended, after a call that may have ended it; "" if it lives.
	gone func() string
	// stuck says where a plugin is that does not answer. It may end it.
	stuck func() string

	mu    sync.Mutex
	heard []string // which answers held a secret
	notes []string // what else went wrong
	dead  bool     // the program has ended by itself, which is noted
}

func newWatcher(c Config) *watcher {
	w := &watcher{deadline: c.Deadline, search: c.search, course: c.course}
	for _, s := range c.Secrets {
		if s != "" {
			w.secrets = append(w.secrets, s)
		}
	}
	c.search.protect(w.secrets)
	return w
}

func (w *watcher) finds(text string) bool {
	for _, s := range w.secrets {
		if strings.Contains(text, s) {
			return true
		}
	}
	return false
}

func (w *watcher) note(format string, a ...any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.notes = append(w.notes, fmt.Sprintf(format, a...))
}

// ended notes once that the program ended of itself, in a call or, where name is empty, between two.
func (w *watcher) ended(how, name string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.dead {
		return
	}
	w.dead = true
	note := "the program ended by itself, with " + how
	if name != "" {
		note += ", while " + name + " was called"
	}
	w.notes = append(w.notes, note)
}

const (
	// defaultDeadline ends a call where Config.Deadline does not say otherwise.
	defaultDeadline = 10 * time.Second
	// openDeadline is how long hosts give a plugin to be configured.
	openDeadline = 15 * time.Second
)

func (w *watcher) limit(method string) time.Duration {
	switch {
	case w.deadline > 0:
		return w.deadline
	case strings.HasSuffix(method, "/Configure"):
		return openDeadline
	}
	return defaultDeadline
}

// listen searches every answer, diagnostics among them, and every error.
func (w *watcher) listen(ctx context.Context, method string, req, reply any, conn *grpc.ClientConn, call grpc.UnaryInvoker, opts ...grpc.CallOption) error {
	name, ours := strings.CutPrefix(method, "/dta.custody.v1.")
	if !ours {
		return call(ctx, method, req, reply, conn, opts...)
	}
	w.before(req)
	limit := w.limit(method)
	limited, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	err := call(limited, method, req, reply, conn, opts...)
	said := fmt.Sprint(err)
	if m, ok := reply.(proto.Message); ok {
		raw, _ := proto.Marshal(m)
		said += string(raw)
	}
	if w.finds(said) {
		w.mu.Lock()
		w.heard = append(w.heard, name)
		w.mu.Unlock()
	}
	if err == nil {
		w.answered(name, reply)
		return nil
	}
	w.refused(name, err)
	switch {
	case errors.Is(limited.Err(), context.DeadlineExceeded) && ctx.Err() == nil:
		where := w.stuck()
		w.note("%s gave no answer within %s: it hangs%s", name, limit, where)
		w.course.stop("%s hangs%s", name, where)
	case status.Code(err) == codes.Unavailable && len(status.Convert(err).Details()) == 0:
		// Not the plugin said so, but the transport.
		if how := w.gone(); how != "" {
			w.ended(how, name)
		}
	}
	return w.struck(err)
}

// struck is an error for the author's report: keys, and what looks like one, are struck out.
func (w *watcher) struck(err error) error {
	s, ok := status.FromError(err)
	if !ok {
		return err
	}
	p := s.Proto()
	p.Message = w.search.struck(p.Message)
	return status.ErrorProto(p)
}

// before takes what the host knows.
func (w *watcher) before(req any) {
	if q, ok := req.(interface{ GetOperationId() string }); ok {
		w.search.mu.Lock()
		w.search.public[q.GetOperationId()] = true
		w.search.mu.Unlock()
	}
	if q, ok := req.(*contract.ConfigureRequest); ok {
		w.search.deposit(q.GetRoot(), false)
	}
}

func (w *watcher) refused(name string, err error) {
	s := status.Convert(err)
	text := s.Message()
	for _, d := range s.Details() {
		text += fmt.Sprintf("\n%v", d)
	}
	w.search.hear("an error of "+name, []byte(text), true)
	switch name {
	case "Custody/Safeguard", "NodeIdentity/Make", "Plugin/Enrol":
		// The key that was lent has no deposit by which to tell it. A refusal of the request itself lends none.
		broken := s.Code() == codes.Internal || s.Code() == codes.Unavailable || s.Code() == codes.ResourceExhausted
		if broken || strings.HasPrefix(text, "keeping a ") {
			w.search.suspect("an error of "+name, []byte(text))
		}
	}
}

// answered takes deposits and the node's key out of an answer, and has the rest of it searched.
func (w *watcher) answered(name string, reply any) {
	switch r := reply.(type) {
	case *contract.SafeguardResponse:
		w.search.deposit(r.GetDeposit(), true)
	case *contract.EnrolResponse:
		w.search.deposit(r.GetRoot(), true)
		w.search.deposit(r.GetNext(), true)
	case *contract.MakeResponse:
		w.search.deposit(r.GetDeposit(), true)
		w.search.know("the key of the node's identity", r.GetKey())
	}
	if m, ok := reply.(proto.Message); ok {
		w.read("an answer of "+name, m.ProtoReflect())
	}
}

// sealed are members that are encrypted, signed or public as a whole; what an author says in them is said in clear
// beside them. A deposit is searched part by part, and a key is what was asked for.
var sealed = map[protoreflect.Name]bool{"envelope": true, "custody_chain": true, "share": true, "key": true, "deposit": true, "root": true, "next": true}

func (w *watcher) read(where string, m protoreflect.Message) {
	m.Range(func(f protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		switch {
		case sealed[f.Name()]:
		case f.Kind() == protoreflect.MessageKind && f.IsList():
			for i := range v.List().Len() {
				w.read(where, v.List().Get(i).Message())
			}
		case f.Kind() == protoreflect.MessageKind && !f.IsMap():
			w.read(where, v.Message())
		case f.IsList() || f.IsMap():
			w.search.hear(where, []byte(v.String()), false)
		case f.Kind() == protoreflect.StringKind:
			w.search.hear(where, []byte(v.String()), true)
		case f.Kind() == protoreflect.BytesKind:
			w.search.hear(where, v.Bytes(), false)
		}
		return true
	})
}

// report says what was found, once the plugin has ended: what it logs last counts too.
func (w *watcher) report(t testing.TB, log string) {
	t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, method := range w.heard {
		t.Errorf("an answer of %s holds a secret of the configuration", method)
	}
	for _, note := range w.notes {
		t.Error(note)
	}
	if w.finds(log) {
		t.Error("the log holds a secret of the configuration")
	}
	if race := raceIn(log); race != "" {
		t.Errorf("the race detector found a data race:\n%s", race)
	}
}

// raceIn gives the first report of the race detector, without its frame.
func raceIn(log string) string {
	_, report, found := strings.Cut(log, "WARNING: DATA RACE")
	if !found {
		return ""
	}
	report, _, _ = strings.Cut(report, "==================")
	lines := strings.Split(strings.TrimSpace(report), "\n")
	return strings.Join(lines[:min(len(lines), 24)], "\n")
}
