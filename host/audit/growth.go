package audit

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/milagro-dta/dta/host/store"
	"github.com/milagro-dta/dta/protocol/fault"
	"github.com/milagro-dta/dta/protocol/peer"
)

// proved is the store's name for the newest checkpoint of a peer whose log is known
// to extend all that were seen before; the peer's name follows.
const proved = "audit-proved/"

// maxBetween is how many checkpoints of one peer are remembered between the newest
// proved and the newest seen.
const maxBetween = peer.MaxOlder - 1

// between remembers checkpoints that were seen since a peer's last proof: a log that
// was put back extends the one proved, and the newest shown, but not what was
// shown between.
type between struct {
	mu   sync.Mutex
	seen map[string][]Seen // by the peer's name
}

// Remember has a checkpoint among those that the peer's next proof is about. It does
// not outlive the process. Of more than a proof has room for, any are kept.
func (l *Log) Remember(peer string, s *Seen) {
	l.between.mu.Lock()
	defer l.between.mu.Unlock()
	all := l.between.seen[peer]
	if slices.ContainsFunc(all, s.same) {
		return
	}
	if len(all) == maxBetween {
		all[rand.IntN(maxBetween)] = *s
		return
	}
	if l.between.seen == nil {
		l.between.seen = map[string][]Seen{}
	}
	l.between.seen[peer] = append(all, *s)
}

// Growth is what a peer's log has yet to prove.
type Growth struct {
	Peer  string // its name
	Older []Seen // 1 to peer.MaxOlder, each of 1 entry at least
	Newer Seen   // has more entries than any of them

	log *Log
}

// Unproved finds what a peer's log has yet to prove; nil where there is nothing.
func (l *Log) Unproved(tx *store.Tx, peer string) (*Growth, error) {
	row, err := tx.Checkpoint(peer)
	if fault.Of(err) == fault.NotFound {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	g := &Growth{Peer: peer, log: l}
	if g.Newer, err = parseKept(row.Note, peer); err != nil {
		return nil, err
	}
	l.between.mu.Lock()
	g.Older = slices.Clone(l.between.seen[peer])
	l.between.mu.Unlock()
	switch before, err := tx.Meta(proved + peer); fault.Of(err) {
	case "":
		last, err := parseKept(before, peer)
		if err != nil {
			return nil, err
		}
		if !slices.ContainsFunc(g.Older, last.same) {
			g.Older = append(g.Older, last)
		}
	case fault.NotFound: // it has not grown since it was seen first
	default:
		return nil, err
	}
	g.Older = slices.DeleteFunc(g.Older, func(s Seen) bool { return s.Size < 1 || s.Size >= g.Newer.Size })
	if len(g.Older) == 0 {
		return nil, nil
	}
	return g, nil
}

// Check is a *Suspicion where one of the proofs, one for each of Older, does not hold.
func (g *Growth) Check(proofs []tlog.TreeProof) error {
	if len(proofs) != len(g.Older) {
		return fault.New(fault.Unavailable, "audit log of %s: expected %d proofs, found %d", g.Peer, len(g.Older), len(proofs))
	}
	for i, older := range g.Older {
		if CheckExtension(g.Newer.Checkpoint, older.Checkpoint, proofs[i]) != nil {
			return suspect(g.Peer, fmt.Sprintf("its %d entries do not begin with the %d that it had", g.Newer.Size, older.Size), older.Note, g.Newer.Note)
		}
	}
	return nil
}

// Proved keeps that a peer's log has grown as it should.
func (g *Growth) Proved(tx *store.Tx) error {
	if err := tx.SetMeta(proved+g.Peer, g.Newer.Note); err != nil {
		return err
	}
	tx.AfterCommit(g.forget)
	return nil
}

func (g *Growth) forget() {
	b := &g.log.between
	b.mu.Lock()
	defer b.mu.Unlock()
	left := slices.DeleteFunc(b.seen[g.Peer], func(s Seen) bool {
		return slices.ContainsFunc(g.Older, s.same)
	})
	if len(left) == 0 {
		delete(b.seen, g.Peer)
		return
	}
	b.seen[g.Peer] = left
}
