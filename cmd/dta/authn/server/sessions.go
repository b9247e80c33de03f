package server

import (
	"container/list"
	"crypto/rand"
	"encoding/base64"
	"sync"
	"time"

	"github.com/milagro-dta/dta/cmd/dta/authn"
	"github.com/milagro-dta/dta/cmd/dta/authn/ledger"
	"github.com/milagro-dta/dta/crypto/mpin"
	"github.com/milagro-dta/dta/protocol/fault"
)

// session is a login under way. It waits for the answer to a challenge, or, where
// keys are set, for their confirmation.
type session struct {
	remote     string
	subject    ledger.Subject
	mpin       *mpin.Session
	transcript authn.Transcript
	keys       *authn.Keys

	expires time.Time
}

// sessions are those under way, in memory only: a restart ends them.
type sessions struct {
	limits Limits
	now    func() time.Time

	mu     sync.Mutex // guards what follows
	byID   map[string]*list.Element
	oldest *list.List // of *session, in the order in which they expire
	remote map[string]int
}

func newSessions(l Limits, now func() time.Time) *sessions {
	return &sessions{limits: l, now: now, byID: map[string]*list.Element{}, oldest: list.New(), remote: map[string]int{}}
}

var errSessions = fault.New(fault.Busy, "too many logins are under way; try again in a minute")

// room tells whether a session from there would be kept: what would not is not worth
// computing for.
func (t *sessions) room(remote string) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.sweep()
	if t.full(remote) {
		return errSessions
	}
	return nil
}

// full is called with the lock held.
func (t *sessions) full(remote string) bool {
	return t.oldest.Len() >= t.limits.Sessions || t.remote[remote] >= t.limits.PerRemote
}

// add keeps a session and gives it a name that nobody guesses.
func (t *sessions) add(s *session) (id string, err error) {
	var b [24]byte
	_, _ = rand.Read(b[:]) // does not fail
	id = base64.RawURLEncoding.EncodeToString(b[:])
	t.mu.Lock()
	defer t.mu.Unlock()
	t.sweep()
	if t.full(s.remote) {
		return "", errSessions
	}
	s.transcript.Session, s.expires = id, t.now().Add(t.limits.Life)
	t.keep(s)
	return id, nil
}

// keep is called with the lock held.
func (t *sessions) keep(s *session) {
	t.byID[s.transcript.Session] = t.oldest.PushBack(s)
	t.remote[s.remote]++
}

// again keeps a session that was taken, under its name, for its next step.
func (t *sessions) again(s *session) {
	t.mu.Lock()
	defer t.mu.Unlock()
	s.expires = t.now().Add(t.limits.Life)
	t.keep(s)
}

// take removes a session: whatever comes of this step, it is not taken twice.
// confirm says which step it must be at.
func (t *sessions) take(id string, confirm bool) (*session, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.sweep()
	e, ok := t.byID[id]
	if !ok {
		return nil, fault.New(fault.NotFound, "no such login is under way: it has ended, or took longer than %s", t.limits.Life)
	}
	s := t.drop(e)
	if (s.keys != nil) != confirm {
		s.keys.Clear()
		return nil, fault.New(fault.Conflict, "not the next step of this login, which has ended")
	}
	return s, nil
}

// sweep removes what has expired. It is called with the lock held.
func (t *sessions) sweep() {
	now := t.now()
	for e := t.oldest.Front(); e != nil && !now.Before(e.Value.(*session).expires); e = t.oldest.Front() {
		t.drop(e).keys.Clear()
	}
}

func (t *sessions) drop(e *list.Element) *session {
	s := t.oldest.Remove(e).(*session)
	delete(t.byID, s.transcript.Session)
	if t.remote[s.remote]--; t.remote[s.remote] == 0 {
		delete(t.remote, s.remote)
	}
	return s
}

func (t *sessions) clear() {
	t.mu.Lock()
	defer t.mu.Unlock()
	for t.oldest.Len() > 0 {
		t.drop(t.oldest.Front()).keys.Clear()
	}
}
