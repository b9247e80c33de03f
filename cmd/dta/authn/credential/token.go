package credential

import (
	"encoding/hex"
	"fmt"

	"github.com/milagro-dta/dta/crypto/mpin"
	"github.com/milagro-dta/dta/crypto/secret"
	"github.com/milagro-dta/dta/protocol/issue"
	"github.com/milagro-dta/dta/protocol/strict"
)

// maxSecretFile bounds the files that hold one secret, in bytes.
const maxSecretFile = 16 << 10

// Token is a person's file.
type Token struct {
	Subject
	PermitTag []byte // under which the enrolment's permits are served; drawn when it was made, from nothing
	Token     *mpin.Token
}

type tokenFile struct {
	Kind      string          `json:"kind"`
	Version   uint64          `json:"version"`
	Suite     string          `json:"suite"`
	Network   string          `json:"network"`
	Reference string          `json:"reference"`
	Name      string          `json:"name"`
	Enrolment uint64          `json:"enrolment"`
	PermitTag string          `json:"permitTag"` // 32 hex digits
	Token     strict.Material `json:"token"`
}

// ReadToken reads a person's file.
func ReadToken(path string) (*Token, error) {
	return readFile("token", path, maxSecretFile, ParseToken)
}

// ParseToken reads the text of a person's file.
func ParseToken(text []byte) (*Token, error) {
	var f tokenFile
	defer func() { f.Token.Bytes().Clear() }()
	if err := decode(KindToken, text, &f); err != nil {
		return nil, err
	}
	realm, err := head{Suite: f.Suite, Network: f.Network, Reference: f.Reference}.realm()
	if err != nil {
		return nil, err
	}
	t := &Token{Subject: Subject{Realm: realm, Name: f.Name, Enrolment: f.Enrolment}}
	if _, err := t.Identity(); err != nil {
		return nil, err
	}
	t.PermitTag, err = hex.DecodeString(f.PermitTag)
	if err != nil || len(t.PermitTag) != issue.TagSize || hex.EncodeToString(t.PermitTag) != f.PermitTag {
		return nil, fmt.Errorf("permitTag: expected %d hex digits", 2*issue.TagSize)
	}
	if t.Token, err = realm.Suite.ParseToken(f.Token.Bytes()); err != nil {
		return nil, err
	}
	return t, nil
}

// Text is the file's text, which the caller clears.
func (t *Token) Text() *secret.Bytes {
	return encode(append(t.head(KindToken, t.Name).members(), plain("enrolment", t.Enrolment), plain("permitTag", hex.EncodeToString(t.PermitTag)), hidden("token", t.Token.Bytes()))...)
}

// Clear overwrites the token.
func (t *Token) Clear() {
	if t != nil {
		t.Token.Clear()
	}
}
