package mpin

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/milagro-dta/dta/crypto/bls"
	"github.com/milagro-dta/dta/crypto/secret"
)

var vectorFiles = flag.String("vectors", "", "a further file of AMCL's vectors, published or extended form, from here or from the repository's root")

// The two forms of vectors: AMCL's published BLS381.json, and cases computed by
// its compiled C code that cover everything else. In testdata, published.json and
// extended.json hold a few of each; refused.json holds one of each kind of client
// that is refused: expired and absent permits, tokens that lack a share or are
// another's, V made of UT or of no point, keys of others, PINs off by the most.
func TestEveryFieldOfAMCLsVectorsMatches(t *testing.T) {
	files, err := filepath.Glob("testdata/*.json")
	if err != nil || len(files) < 2 {
		t.Fatalf("expected two files in testdata at least, found %d: %v", len(files), err)
	}
	beside, err := filepath.Glob("../../../shared/vectors/mpin_BLS381*.json")
	if err != nil {
		t.Fatal(err)
	}
	files = append(files, beside...)
	if *vectorFiles != "" {
		path := *vectorFiles
		if _, err := os.Stat(path); err != nil && !filepath.IsAbs(path) {
			path = filepath.Join("..", "..", path)
		}
		files = append(files, path)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			b, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			var entries []map[string]any
			d := json.NewDecoder(bytes.NewReader(b))
			d.UseNumber()
			if err := d.Decode(&entries); err != nil {
				t.Fatal(err)
			}
			if len(entries) == 0 {
				t.Fatal("no entries")
			}
			for i, fields := range entries {
				check, name := (*vector).extended, fields["test"]
				if _, published := fields["TEST"]; published {
					check, name = (*vector).published, fields["TEST"]
				}
				t.Run(fmt.Sprintf("%d: test %v", i, name), func(t *testing.T) {
					v := &vector{T: t, fields: fields, read: make(map[string]bool)}
					check(v)
					for name := range fields {
						if !v.read[name] {
							t.Errorf("%s: nothing checks this field", name)
						}
					}
				})
			}
		})
	}
}

// vector is an entry. It notes which fields were read.
type vector struct {
	*testing.T
	fields map[string]any
	read   map[string]bool
}

func (v *vector) field(name string) any {
	v.Helper()
	f, ok := v.fields[name]
	if !ok {
		v.Fatalf("%s: no such field", name)
	}
	v.read[name] = true
	return f
}

func (v *vector) number(name string) int {
	v.Helper()
	n, ok := v.field(name).(json.Number)
	if !ok {
		v.Fatalf("%s: not a number", name)
	}
	i, err := n.Int64()
	if err != nil {
		v.Fatalf("%s: %v", name, err)
	}
	return int(i)
}

func (v *vector) hex(name string) []byte {
	v.Helper()
	s, ok := v.field(name).(string)
	if !ok {
		v.Fatalf("%s: not a string", name)
	}
	b, err := hex.DecodeString(s)
	if err != nil {
		v.Fatalf("%s: %v", name, err)
	}
	return b
}

func (v *vector) scalar(name string) *bls.Scalar {
	v.Helper()
	x, err := AMCL.scheme.parseScalar(v.hex(name))
	if err != nil {
		v.Fatalf("%s: %v", name, err)
	}
	return x
}

func (v *vector) equal(name string, got []byte) {
	v.Helper()
	if want := v.hex(name); !bytes.Equal(got, want) {
		v.Errorf("%s: expected %x, found %x", name, want, got)
	}
}

func (v *vector) equalNumber(name string, got int) {
	v.Helper()
	if want := v.number(name); got != want {
		v.Errorf("%s: expected %d, found %d", name, want, got)
	}
}

func (v *vector) must(err error) {
	v.Helper()
	if err != nil {
		v.Fatal(err)
	}
}

// point is the field's where it differs from what belongs there. A file in
// which somebody cheats has such points, and then says that the server refuses:
// anything else is a mistake, here or there. It is nil where the field is none.
func (v *vector) point(name string, belongs *bls.G1, refused bool) *bls.G1 {
	v.Helper()
	b := v.hex(name)
	if bytes.Equal(b, AMCL.PointBytes(belongs)) {
		return belongs
	}
	p, err := AMCL.ParsePoint(b)
	if !refused {
		v.Fatalf("%s: expected %x, found %x (%v)", name, b, AMCL.PointBytes(belongs), err)
	}
	v.Logf("%s: of somebody who is refused", name)
	return p
}

// masters are the shares ms1 and ms2, from which the secrets of an identity are
// computed, compared and combined.
type masters struct {
	shares [2]*bls.Scalar
	server *Server
}

func (v *vector) masters(upper bool) *masters {
	name := func(s string) string {
		if upper {
			return string(bytes.ToUpper([]byte(s)))
		}
		return s
	}
	m := &masters{shares: [2]*bls.Scalar{v.scalar(name("ms1")), v.scalar(name("ms2"))}}
	var parts []*ServerSecret
	for i, share := range m.shares {
		ss, err := AMCL.ServerShare(share)
		v.must(err)
		v.equal(name(fmt.Sprintf("ss%d", i+1)), ss.Bytes().Open())
		parts = append(parts, ss)
	}
	ss, err := AMCL.CombineServer(parts...)
	v.must(err)
	v.equal(name("ss"), ss.Bytes().Open())
	parsed, err := AMCL.ParseServerSecret(secret.New(v.hex(name("ss"))))
	v.must(err)
	m.server, err = AMCL.NewServer(parsed)
	v.must(err)
	return m
}

// client computes the shares of the client secret, compares them unless they
// have no name, and returns their sum.
func (m *masters) client(v *vector, a *bls.G1, names ...string) *ClientSecret {
	var parts []*ClientSecret
	for i, share := range m.shares {
		cs, err := AMCL.ClientSecretOf(a.Mul(share))
		v.must(err)
		if len(names) > 0 {
			v.equal(names[i], cs.Bytes().Open())
		}
		parts = append(parts, cs)
	}
	cs, err := AMCL.CombineClient(parts...)
	v.must(err)
	if len(names) > 0 {
		v.equal(names[2], cs.Bytes().Open())
	}
	return cs
}

// tokenOf is the token that belongs to the secret, or the field's, as with point.
func (v *vector) tokenOf(name string, cs *ClientSecret, id []byte, pin int, refused bool) *Token {
	v.Helper()
	token, err := AMCL.ExtractPIN(cs, id, pin)
	v.must(err)
	p := v.point(name, token.Point(), refused)
	if p == nil {
		v.Fatalf("%s: not a point", name)
	}
	return &Token{hide(AMCL, p)}
}

// code is AMCL's for what Verify says.
func code(err error) int {
	switch {
	case err == nil:
		return 0
	case errors.Is(err, ErrPoint):
		return -14
	case errors.Is(err, ErrRejected):
		return -19
	}
	return 1
}

func (v *vector) published() {
	v.field("TEST")
	if curve := v.field("CURVE"); curve != "bls381" {
		v.Fatalf("CURVE: expected bls381, found %v", curve)
	}
	id, m := v.hex("MPINId"), v.masters(true)
	a, err := AMCL.HashIdentity(id)
	v.must(err)
	for i, share := range m.shares {
		cs, err := AMCL.ClientShare(share, id)
		v.must(err)
		v.equal(fmt.Sprintf("CS%d", i+1), cs.Bytes().Open())
	}
	result := v.number("AuthResult")
	cs := m.client(v, a, "CS1", "CS2", "CS")
	pin1, pin2 := v.number("PIN1"), v.number("PIN2")
	token := v.tokenOf("TOKEN", cs, id, pin1, result != 0)

	p, err := AMCL.newProver(Login{Identity: id, Token: token, PIN: pin2}, 0, nil, v.scalar("X"))
	v.must(err)
	u := v.point("U", p.Commitment().U, result != 0)
	s, err := m.server.begin(Claim{Identity: id, Commitment: &Commitment{U: u}})
	v.must(err)
	s.transcript.y = v.scalar("Y")
	v.equal("Y", s.Challenge())
	answer, err := p.Respond(s.Challenge())
	v.must(err)
	v.equalNumber("AuthResult", code(s.Verify(v.point("V", answer, result != 0))))
	if distance, found := s.PINError(); result != 0 && found && distance != pin2-pin1 {
		v.Errorf("expected a distance of %d, found %d", pin2-pin1, distance)
	}
}
