package pkcs11

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/milagro-dta/dta/crypto/secret"
	"github.com/milagro-dta/dta/plugins/pkcs11/token"
	"github.com/milagro-dta/dta/protocol/dag"
	"github.com/milagro-dta/dta/protocol/fault"
)

// PKCS#11 has no operation that creates an object unless there is one. So processes that meet in a new realm, perhaps
// on several machines, agree on what is written there once and for all: the realm's key, its custody root, the node it
// belongs to. They do so by Disk Paxos (Gafni, Lamport 2003) with the token as its one disk. Each process has an object
// of its own, its ballot, that it alone replaces:
//
//	promise   write a ballot with a round above all that are seen; look; give way to a higher one
//	accept    write it again with a value: that of the highest round accepted so far, or else its own proposal; look
//
// Whoever sees no higher promise after the second look knows that the value is decided, and writes the record. Delays
// and crashes at any point do no harm: nothing that was decided is ever undecided, and ballots that a dead process left
// are overruled. The record alone is read afterwards.

const (
	ballotVersion = 1
	voterSize     = 16
	maxBallots    = 60 // fewer than one search finds
)

// ballot is one process's, in canonical DAG-CBOR.
type ballot struct {
	Version  uint64 `cbor:"version"`
	Voter    []byte `cbor:"voter"`
	Promised uint64 `cbor:"promised"` // round
	Accepted uint64 `cbor:"accepted"` // round in which Value was accepted; 0: in none
	Value    []byte `cbor:"value"`
}

// above orders rounds; no two voters have the same.
func (b ballot) above(round uint64, voter []byte) bool {
	return b.Promised > round || b.Promised == round && bytes.Compare(b.Voter, voter) > 0
}

// newer tells the later of two ballots of one voter.
func (b ballot) newer(o ballot) bool {
	return b.Promised > o.Promised || b.Promised == o.Promised && b.Accepted > o.Accepted
}

func ballotLabel(record string) string { return "dta/ballot/" + strings.TrimPrefix(record, "dta/") }

// poll is what a process sees of a vote.
type poll struct {
	record  []byte // what was decided; nil: nothing yet
	ballots []ballot
	objects []token.Object // of all ballots
}

// look reads the ballots before the record: they are removed after it was written.
func look(s *token.Session, record string) (poll, error) {
	var p poll
	objects, contents, err := contents(s, ballotLabel(record))
	if err != nil {
		return p, err
	}
	if len(objects) > maxBallots {
		return p, fault.New(fault.Unavailable, "pkcs11: %d processes vote on %q in the token at once", len(objects), record)
	}
	p.objects = objects
	latest := map[string]ballot{}
	for _, b := range contents {
		var v ballot
		if err := dag.Decode(b, &v); err != nil || v.Version != ballotVersion || len(v.Voter) != voterSize {
			return p, fault.New(fault.Conflict, "pkcs11: data object %q: expected a ballot of version %d, found another thing", ballotLabel(record), ballotVersion)
		}
		if old, ok := latest[string(v.Voter)]; !ok || v.newer(old) {
			latest[string(v.Voter)] = v
		}
	}
	for _, v := range latest {
		p.ballots = append(p.ballots, v)
	}
	p.record, err = readRecord(s, record)
	return p, err
}

// readRecord returns the one value of the data objects with a label, nil if there is none. Several processes may have
// written it, the same.
func readRecord(s *token.Session, label string) ([]byte, error) {
	_, found, err := contents(s, label)
	if err != nil || len(found) == 0 {
		return nil, err
	}
	for _, other := range found[1:] {
		if !bytes.Equal(other, found[0]) {
			return nil, fault.New(fault.Conflict, "pkcs11: the token has %d data objects %q, which differ; expected one", len(found), label)
		}
	}
	return found[0], nil
}

// contents returns the data objects with a label. It looks again when one was replaced meanwhile.
func contents(s *token.Session, label string) (objects []token.Object, all [][]byte, err error) {
	for range lookAgain {
		objects, err = s.Find(token.Query{Class: token.Data, Label: label})
		if err != nil {
			return nil, nil, err
		}
		all = nil
		for _, o := range objects {
			var b []byte
			if b, err = s.Content(o); err != nil {
				break
			}
			all = append(all, b)
		}
		if !errors.Is(err, token.ErrNoObject) {
			return objects, all, err
		}
	}
	return nil, nil, err
}

// lookAgain bounds how often a search is repeated because of what other processes replace.
const lookAgain = 100

// decide has the processes that use the realm agree on the value of a record, and returns it: the proposal, or what
// another process proposed. It is called within write.
func decide(s *token.Session, record string, proposal []byte) ([]byte, error) {
	mine := ballot{Version: ballotVersion, Voter: secret.Random(voterSize).Open(), Value: []byte{}}
	var cast token.Object // my ballot in the token; 0 before the first
	vote := func() error {
		b, err := dag.Encode(mine)
		if err != nil {
			return err
		}
		o, err := s.StoreData(ballotLabel(record), b)
		if err == nil && cast != 0 {
			err = s.Destroy(cast)
		}
		cast = o
		return err
	}
	// round takes part once. Without a value, another process was ahead.
	round := func(seen poll) (decided []byte, _ poll, err error) {
		for _, b := range seen.ballots {
			mine.Promised = max(mine.Promised, b.Promised)
		}
		mine.Promised++
		if err = vote(); err != nil {
			return nil, seen, err
		}
		if seen, err = look(s, record); err != nil || seen.record != nil || overruled(seen, mine) {
			return nil, seen, err
		}
		mine.Value = proposal
		var highest ballot
		for _, b := range seen.ballots {
			if b.Accepted > 0 && (highest.Accepted == 0 || b.Accepted > highest.Accepted ||
				b.Accepted == highest.Accepted && bytes.Compare(b.Voter, highest.Voter) > 0) {
				highest, mine.Value = b, b.Value
			}
		}
		mine.Accepted = mine.Promised
		if err = vote(); err != nil {
			return nil, seen, err
		}
		if seen, err = look(s, record); err != nil || seen.record != nil || overruled(seen, mine) {
			return nil, seen, err
		}
		if _, err = s.StoreData(record, mine.Value); err != nil {
			return nil, seen, err
		}
		return mine.Value, seen, nil
	}

	end := time.Now().Add(decideLimit)
	seen, err := look(s, record)
	for pause := 5 * time.Millisecond; err == nil; pause = min(2*pause, 200*time.Millisecond) {
		decided := seen.record
		if decided == nil {
			decided, seen, err = round(seen)
		}
		if err == nil && decided != nil {
			for _, o := range seen.objects {
				if err := s.Destroy(o); err != nil {
					return nil, err
				}
			}
			return decided, nil
		}
		if err == nil && seen.record == nil {
			if time.Now().After(end) {
				return nil, fault.New(fault.Busy, "pkcs11: another process decides on %q in the token", record)
			}
			time.Sleep(rand.N(pause) + time.Millisecond)
			seen, err = look(s, record)
		}
	}
	return nil, err
}

// decideLimit is within writeLimit.
const decideLimit = 12 * time.Second

// overruled tells whether another voter has promised a higher round.
func overruled(seen poll, mine ballot) bool {
	for _, b := range seen.ballots {
		if !bytes.Equal(b.Voter, mine.Voter) && b.above(mine.Promised, mine.Voter) {
			return true
		}
	}
	return false
}
