package credential

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/milagro-dta/dta/crypto/mpin"
	"github.com/milagro-dta/dta/crypto/secret"
	"github.com/milagro-dta/dta/protocol/strict"
)

// Bounds of a file of permits.
const (
	MaxPermits     = 400 // more than a year
	maxPermitsFile = 256 << 10
)

// Permits is a file of one subject's permits, by day.
type Permits struct {
	Subject
	Permits []*mpin.Permit // rising days, each once
}

type permitsFile struct {
	Kind      string       `json:"kind"`
	Version   uint64       `json:"version"`
	Suite     string       `json:"suite"`
	Network   string       `json:"network"`
	Reference string       `json:"reference"`
	Name      string       `json:"name"`
	Enrolment uint64       `json:"enrolment"`
	Permits   []permitLine `json:"permits"`
}

type permitLine struct {
	Day    string        `json:"day"`
	Permit strict.Octets `json:"permit"`
}

// ReadPermits reads a file of permits.
func ReadPermits(path string) (*Permits, error) {
	return readFile("permits", path, maxPermitsFile, ParsePermits)
}

// ParsePermits reads the text of a file of permits. It cannot tell whether they
// are right.
func ParsePermits(text []byte) (*Permits, error) {
	var f permitsFile
	if err := decode(KindPermits, text, &f); err != nil {
		return nil, err
	}
	realm, err := head{Suite: f.Suite, Network: f.Network, Reference: f.Reference}.realm()
	if err != nil {
		return nil, err
	}
	p := &Permits{Subject: Subject{Realm: realm, Name: f.Name, Enrolment: f.Enrolment}}
	if _, err := p.Identity(); err != nil {
		return nil, err
	}
	if len(f.Permits) > MaxPermits {
		return nil, fmt.Errorf("expected at most %d permits; found %d", MaxPermits, len(f.Permits))
	}
	for i, line := range f.Permits {
		day, err := ParseDay(line.Day)
		if err != nil {
			return nil, fmt.Errorf("permit %d: %w", i, err)
		}
		permit, err := realm.Suite.ParsePermit(day, line.Permit)
		if err != nil {
			return nil, fmt.Errorf("permit %d: %w", i, err)
		}
		if i > 0 && p.Permits[i-1].Day >= day {
			return nil, fmt.Errorf("permit %d: expected a day after %s", i, Day(p.Permits[i-1].Day))
		}
		p.Permits = append(p.Permits, permit)
	}
	return p, nil
}

// Text is the file's text.
func (p *Permits) Text() *secret.Bytes {
	lines := []permitLine{}
	for _, permit := range p.Permits {
		lines = append(lines, permitLine{Day: Day(permit.Day), Permit: p.Suite.PointBytes(permit.Point)})
	}
	return encode(append(p.head(KindPermits, p.Name).members(), plain("enrolment", p.Enrolment), plain("permits", lines))...)
}

// For finds the permit of a day.
func (p *Permits) For(day uint32) (*mpin.Permit, bool) {
	if p == nil {
		return nil, false
	}
	i, found := slices.BinarySearchFunc(p.Permits, day, byDay)
	if !found {
		return nil, false
	}
	return p.Permits[i], true
}

// Merge puts in further permits, in place of those for the same days, and drops
// those for days before first.
func (p *Permits) Merge(further []*mpin.Permit, first uint32) error {
	all := slices.Clone(p.Permits)
	for _, permit := range further {
		if i, found := slices.BinarySearchFunc(all, permit.Day, byDay); found {
			all[i] = permit
		} else {
			all = slices.Insert(all, i, permit)
		}
	}
	all = slices.DeleteFunc(all, func(permit *mpin.Permit) bool { return permit.Day < first })
	if len(all) > MaxPermits {
		return fmt.Errorf("expected at most %d permits in a file; there would be %d", MaxPermits, len(all))
	}
	p.Permits = all
	return nil
}

func byDay(p *mpin.Permit, day uint32) int { return int(int64(p.Day) - int64(day)) }

const day = 24 * time.Hour

// Today is the day of a time, counted from 1970-01-01 UTC.
func Today(now time.Time) uint32 { return uint32(now.Unix() / int64(day/time.Second)) }

// Day is a day as people write it, 2026-11-22.
func Day(n uint32) string {
	return time.Unix(int64(n)*int64(day/time.Second), 0).UTC().Format(time.DateOnly)
}

var errDay = errors.New("day: expected one like 2026-11-22")

// ParseDay reads what Day writes, from 1970-01-02 on.
func ParseDay(text string) (uint32, error) {
	t, err := time.Parse(time.DateOnly, text)
	if err != nil || t.Unix() < int64(day/time.Second) {
		return 0, errDay
	}
	return Today(t), nil
}
