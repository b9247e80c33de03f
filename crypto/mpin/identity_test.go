package mpin

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math"
	"strings"
	"testing"
)

func TestIdentitiesAreWhatTheSuiteTakes(t *testing.T) {
	network := bytes.Repeat([]byte{7}, 36)
	for _, test := range []struct {
		about     string
		suite     Suite
		network   []byte
		name      string
		enrolment uint64
		ok        bool
	}{
		{"a name", V1, network, "alice@example.org", 1, true},
		{"the largest number", V1, network, "alice", math.MaxUint64, true},
		{"a long name", V1, network, strings.Repeat("a", 256), 1, true},
		{"a name in other letters", V1, network, "Алиса 愛麗絲", 1, true},
		{"a longer name", V1, network, strings.Repeat("a", 257), 1, false},
		{"no name", V1, network, "", 1, false},
		{"a name with a line's end", V1, network, "ali\nce", 1, false},
		{"a name with NUL", V1, network, "ali\x00ce", 1, false},
		{"a name with DEL", V1, network, "ali\x7fce", 1, false},
		{"a name with a C1 control", V1, network, "ali\u0085ce", 1, false},
		{"a name that is not UTF-8", V1, network, "ali\xffce", 1, false},
		{"no network", V1, nil, "alice", 1, false},
		{"a short network", V1, network[1:], "alice", 1, false},
		{"a long network", V1, append(network, 0), "alice", 1, false},

		{"AMCL's usual form", AMCL, network, `{"userID":"alice@example.org","salt":"9e3779b1"}`, 0, true},
		{"any network", AMCL, nil, "alice", 0, true},
		{"a long name", AMCL, nil, strings.Repeat("a", 1024), 0, true},
		{"a longer name", AMCL, nil, strings.Repeat("a", 1025), 0, false},
		{"an enrolment number", AMCL, nil, "alice", 1, false},
		{"no name", AMCL, nil, "", 0, false},
		{"a name with NUL", AMCL, nil, "ali\x00ce", 0, false},
		{"a name with a tab", AMCL, nil, "ali\tce", 0, false},
		{"a name that is not UTF-8", AMCL, nil, "ali\xc0\xafce", 0, false},
	} {
		id, err := test.suite.IdentityOf(test.network, test.name, test.enrolment)
		if (err == nil) != test.ok || err != nil && !errors.Is(err, ErrSubject) {
			t.Errorf("%s, %s: %v", test.suite, test.about, err)
		}
		if err == nil {
			if err := test.suite.CheckIdentity(id); err != nil {
				t.Errorf("%s, %s: its own identity: %v", test.suite, test.about, err)
			}
		}
	}
}

func TestIdentitiesOfDifferentSubjectsDiffer(t *testing.T) {
	a, b := bytes.Repeat([]byte{7}, 36), bytes.Repeat([]byte{8}, 36)
	seen := map[string]bool{}
	for _, network := range [][]byte{a, b} {
		for _, name := range []string{"alice", "alic", "alicee", "bob"} {
			for _, enrolment := range []uint64{0, 1, 256, 1 << 40} {
				id, err := V1.IdentityOf(network, name, enrolment)
				if err != nil {
					t.Fatal(err)
				}
				p, err := V1.HashIdentity(id)
				if err != nil || seen[string(id)] || seen[string(p.Bytes())] {
					t.Errorf("%s, %d: met before (%v)", name, enrolment, err)
				}
				seen[string(id)], seen[string(p.Bytes())] = true, true
			}
		}
	}
}

func TestBytesThatAreNoIdentityAreRefused(t *testing.T) {
	r := newRealm(t, V1)
	id := r.id("alice")
	for name, bad := range map[string][]byte{
		"nothing":                nil,
		"a plain name":           []byte("alice"),
		"a byte too few":         id[:len(id)-1],
		"a byte too many":        append(bytes.Clone(id), 0),
		"a field too few":        fields(r.network, []byte("alice")),
		"a field too many":       fields(r.network, []byte("alice"), make([]byte, 8), []byte("x")),
		"a short network":        fields(r.network[1:], []byte("alice"), make([]byte, 8)),
		"a short number":         fields(r.network, []byte("alice"), make([]byte, 7)),
		"an empty name":          fields(r.network, nil, make([]byte, 8)),
		"a control character":    fields(r.network, []byte("\x00"), make([]byte, 8)),
		"a permit's preimage":    fields(id, binary.BigEndian.AppendUint32(nil, today)),
		"a length past the end":  {0xff, 0xff, 1},
		"half a length":          {0},
		"a designated identity":  r.scheme.designate(id, r.NewDVSKey().Public()),
		"fields in wrong places": fields([]byte("alice"), r.network, make([]byte, 8)),
	} {
		if err := V1.CheckIdentity(bad); !errors.Is(err, ErrSubject) {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := V1.HashIdentity(bad); !errors.Is(err, ErrSubject) {
			t.Errorf("%s is hashed: %v", name, err)
		}
		if _, err := V1.HashPermit(bad, today); !errors.Is(err, ErrSubject) {
			t.Errorf("%s has a permit: %v", name, err)
		}
	}
}

func TestPermitsAreForDays(t *testing.T) {
	eachSuite(t, func(t *testing.T, r *realm) {
		id := r.id("alice")
		for _, day := range []uint32{0, 1 << 31, math.MaxUint32} {
			if _, err := r.HashPermit(id, day); !errors.Is(err, ErrDay) {
				t.Errorf("day %d is hashed: %v", day, err)
			}
			if _, err := r.PermitShare(r.shares[0], id, day); !errors.Is(err, ErrDay) {
				t.Errorf("day %d has a permit: %v", day, err)
			}
			if _, err := r.ParsePermit(day, r.PointBytes(r.permit(id, 1).Point)); !errors.Is(err, ErrDay) {
				t.Errorf("day %d is parsed: %v", day, err)
			}
		}
		seen := map[string]bool{string(r.clientSecret(id).Point().Bytes()): true}
		for _, day := range []uint32{1, 2, 255, 256, today, 1<<31 - 1} {
			p := string(r.permit(id, day).Point.Bytes())
			if seen[p] {
				t.Errorf("day %d has a permit met before", day)
			}
			seen[p] = true
		}
	})
}

func TestSuitesAreFoundByName(t *testing.T) {
	for _, s := range suites {
		got, err := ByName(s.Name)
		if err != nil || got != s {
			t.Errorf("%s: %v, %v", s, got, err)
		}
	}
	for _, name := range []string{"", "dta-v2", "DTA-V1", "amcl"} {
		if _, err := ByName(name); !errors.Is(err, ErrUnknownSuite) {
			t.Errorf("%q: %v", name, err)
		}
	}
}
