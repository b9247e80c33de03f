package credential

import (
	"github.com/milagro-dta/dta/crypto/mpin"
	"github.com/milagro-dta/dta/crypto/secret"
	"github.com/milagro-dta/dta/protocol/strict"
)

// Server is an authentication server's file.
type Server struct {
	Realm
	Name    string // the server's
	Permits bool   // whether a login needs the day's permit
	Secret  *mpin.ServerSecret
}

type serverFile struct {
	Kind      string          `json:"kind"`
	Version   uint64          `json:"version"`
	Suite     string          `json:"suite"`
	Network   string          `json:"network"`
	Reference string          `json:"reference"`
	Name      string          `json:"name"`
	Permits   bool            `json:"permits"`
	Secret    strict.Material `json:"secret"`
}

// ReadServer reads a server's file.
func ReadServer(path string) (*Server, error) {
	return readFile("server secret", path, maxSecretFile, ParseServer)
}

// ParseServer reads the text of a server's file.
func ParseServer(text []byte) (*Server, error) {
	var f serverFile
	defer func() { f.Secret.Bytes().Clear() }()
	if err := decode(KindServer, text, &f); err != nil {
		return nil, err
	}
	realm, err := head{Suite: f.Suite, Network: f.Network, Reference: f.Reference}.realm()
	if err != nil {
		return nil, err
	}
	s := &Server{Realm: realm, Name: f.Name, Permits: f.Permits}
	// The name of a server is held to the same rules as a person's.
	if _, err := realm.Identity(f.Name, 0); err != nil {
		return nil, err
	}
	if s.Secret, err = realm.Suite.ParseServerSecret(f.Secret.Bytes()); err != nil {
		return nil, err
	}
	return s, nil
}

// Text is the file's text, which the caller clears.
func (s *Server) Text() *secret.Bytes {
	return encode(append(s.head(KindServer, s.Name).members(), plain("permits", s.Permits), hidden("secret", s.Secret.Bytes()))...)
}

// Clear overwrites the secret.
func (s *Server) Clear() {
	if s != nil {
		s.Secret.Clear()
	}
}
