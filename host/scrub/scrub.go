package scrub

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/milagro-dta/dta/host/store"
	"github.com/milagro-dta/dta/protocol/dag"
	"github.com/milagro-dta/dta/protocol/fault"
)

// Options tune a scrub; the zero value is right for a node.
type Options struct {
	// Rows is how many rows are checked in a second: 256 when zero, some twenty
	// million a day.
	Rows int
	// Every is how long after the beginning of a round the next begins: a day when
	// zero. A round that takes longer is followed by the next at once.
	Every time.Duration
	// Report is told what is wrong with the store, nil for nothing.
	Report func(error)
	Log    hclog.Logger
}

// Scrub checks the store of a node slowly, round after round, and remembers where it
// was when the node stopped. Make it with New.
type Scrub struct {
	Options
	checker *Checker

	mu    sync.Mutex
	known map[string]known // by place
	round int
}

// known is a finding, and the round in which it was met last.
type known struct {
	Finding
	round int
}

// maxKnown bounds the findings that are remembered and logged one by one.
const maxKnown = 1000

// New makes a scrub.
func New(c *Checker, o Options) *Scrub {
	if o.Rows <= 0 {
		o.Rows = 256
	}
	if o.Every <= 0 {
		o.Every = 24 * time.Hour
	}
	return &Scrub{Options: o, checker: c, known: make(map[string]known)}
}

// cursor is where in the store a scrub is.
type cursor struct {
	Table string `cbor:"table"` // its turn is next
	Key   []part `cbor:"key"`   // after which row; nil: from the first
}

// part is one column of a key.
type part struct {
	Kind  string `cbor:"kind"` // text, number or bytes
	Text  string `cbor:"text"`
	Int   int64  `cbor:"int"`
	Bytes []byte `cbor:"bytes"`
}

// metaCursor is the store's name for the cursor.
const metaCursor = "scrub"

// keepEvery is how often the cursor is written down.
const keepEvery = time.Minute

// Run scrubs until ctx ends. The first round begins where the last process ended,
// and goes round to there.
func (s *Scrub) Run(ctx context.Context) {
	from := s.restore(ctx)
	var retrying sync.WaitGroup
	retrying.Go(func() { s.retry(ctx) })
	defer retrying.Wait()
	for ctx.Err() == nil {
		began := time.Now()
		if err := s.goRound(ctx, from); err != nil && ctx.Err() == nil {
			s.Log.Warn("store scrub interrupted", "error", err)
			from = cursor{}
			wait(ctx, time.Minute)
			continue
		}
		from = cursor{}
		wait(ctx, s.Every-time.Since(began))
	}
}

// retryEvery is how soon blocks are fetched again of which a party may have the
// right bytes that could not be reached, and retryMost how many at once.
const (
	retryEvery = 5 * time.Second
	retryMost  = 32
)

// retry mends blocks when the parties that may have them are back.
func (s *Scrub) retry(ctx context.Context) {
	for last := ""; ctx.Err() == nil; {
		for _, f := range s.away(last) {
			if ctx.Err() != nil {
				return
			}
			last = f.place()
			if s.checker.again(ctx, f) {
				s.forget(last)
			}
		}
		wait(ctx, retryEvery)
	}
}

// away lists a few of the blocks that may be had, those after a place first.
func (s *Scrub) away(last string) (out []Finding) {
	s.mu.Lock()
	defer s.mu.Unlock()
	places := slices.Sorted(maps.Keys(s.known))
	at, _ := slices.BinarySearch(places, last+"\x00")
	for _, place := range slices.Concat(places[at:], places[:at]) {
		if f := s.known[place].Finding; f.away && len(out) < retryMost {
			out = append(out, f)
		}
	}
	return out
}

func wait(ctx context.Context, d time.Duration) {
	select {
	case <-time.After(d):
	case <-ctx.Done():
	}
}

// goRound checks everything once.
func (s *Scrub) goRound(ctx context.Context, from cursor) error {
	s.mu.Lock()
	s.round++
	s.mu.Unlock()
	tables := store.Tables()
	first := max(slices.IndexFunc(tables, func(t store.Table) bool { return t.Name == from.Table }), 0)
	kept := time.Now()
	for i := range len(tables) + 1 {
		t := tables[(first+i)%len(tables)]
		var key []any
		if i == 0 {
			key = from.key(len(t.Key))
		}
		if i == len(tables) && from.Key == nil {
			break // the first was done from its beginning
		}
		if key == nil {
			found, err := s.checker.structure(ctx, t.Name)
			if err != nil {
				return err
			}
			s.met(found)
		}
		for {
			began := time.Now()
			page, err := s.checker.page(ctx, t, key)
			if err != nil {
				return err
			}
			s.met(page.findings)
			if key = page.next; key == nil {
				break
			}
			if time.Since(kept) > keepEvery {
				s.keep(ctx, at(t.Name, key))
				kept = time.Now()
			}
			wait(ctx, time.Second*Page/time.Duration(s.Rows)-time.Since(began))
		}
	}
	missing, err := s.checker.recorded(ctx)
	if err != nil {
		return err
	}
	s.met(missing)
	s.keep(ctx, cursor{})
	s.ended()
	return nil
}

// met takes in findings: each is logged once, however often it is met.
func (s *Scrub) met(found []Finding) {
	if len(found) == 0 {
		return
	}
	s.mu.Lock()
	for _, f := range found {
		if _, old := s.known[f.place()]; !old {
			if len(s.known) >= maxKnown {
				continue
			}
			s.Log.Error("store damaged", "kind", f.Kind, "key", f.Key, "order", f.Order, "expected", f.Expected, "found", f.Found)
		}
		s.known[f.place()] = known{f, s.round}
	}
	s.mu.Unlock()
	s.report()
}

// ended forgets what a whole round has not met again.
func (s *Scrub) ended() {
	s.mu.Lock()
	maps.DeleteFunc(s.known, func(_ string, k known) bool { return k.round < s.round })
	s.mu.Unlock()
	s.report()
}

// forget takes back a finding.
func (s *Scrub) forget(place string) {
	s.mu.Lock()
	delete(s.known, place)
	s.mu.Unlock()
	s.report()
}

func (s *Scrub) report() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.known) == 0 {
		s.Report(nil)
		return
	}
	first := s.known[slices.Min(slices.Collect(maps.Keys(s.known)))]
	count := fmt.Sprintf("%d findings, the first", len(s.known))
	if len(s.known) == 1 {
		count = "1 finding"
	}
	s.Report(fault.New(fault.Unavailable, "%s: %s", count, first))
}

// Damaged implements [records.Watch].
func (s *Scrub) Damaged(c dag.CID, ref string, why error) {
	f := Finding{Kind: Block, Key: c.String(), Order: orderOf(ref), Expected: "bytes that hash to the CID", Found: "others"}
	f.unmended(why)
	s.met([]Finding{f})
}

// Mended implements [records.Watch].
func (s *Scrub) Mended(c dag.CID) {
	s.forget(Finding{Kind: Block, Key: c.String()}.place())
}

// at is a place after a row.
func at(table string, key []any) cursor {
	c := cursor{Table: table, Key: []part{}}
	for _, k := range key {
		switch k := k.(type) {
		case string:
			c.Key = append(c.Key, part{Kind: "text", Text: k, Bytes: []byte{}})
		case int64:
			c.Key = append(c.Key, part{Kind: "number", Int: k, Bytes: []byte{}})
		case []byte:
			c.Key = append(c.Key, part{Kind: "bytes", Bytes: k})
		default:
			return cursor{Table: table}
		}
	}
	return c
}

// key is the row after which a table of so many key columns goes on; nil for its
// beginning.
func (c cursor) key(columns int) (key []any) {
	if len(c.Key) != columns {
		return nil
	}
	for _, p := range c.Key {
		switch p.Kind {
		case "text":
			key = append(key, p.Text)
		case "number":
			key = append(key, p.Int)
		default:
			key = append(key, p.Bytes)
		}
	}
	return key
}

func (s *Scrub) keep(ctx context.Context, c cursor) {
	block, err := dag.Encode(c)
	if err == nil {
		err = s.checker.Store.Update(ctx, func(tx *store.Tx) error { return tx.SetMeta(metaCursor, block) })
	}
	if err != nil && ctx.Err() == nil {
		s.Log.Warn("place of the scrub not recorded", "error", err)
	}
}

func (s *Scrub) restore(ctx context.Context) (c cursor) {
	err := s.checker.Store.View(ctx, func(tx *store.Tx) error {
		block, err := tx.Meta(metaCursor)
		if err != nil {
			return err
		}
		return dag.Decode(block, &c)
	})
	if err != nil {
		return cursor{} // of a new node, or damaged: from the beginning
	}
	return c
}
