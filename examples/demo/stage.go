package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"time"
)

// The three nodes of examples/three-nodes, and where they listen.
var roles = []struct{ name, address string }{
	{"principal", "127.0.0.1:5601"},
	{"fiduciary", "127.0.0.1:5602"},
	{"beneficiary", "127.0.0.1:5603"},
}

const (
	vault    = "vault" // the fiduciary's custody instance
	stranger = "stranger"
)

// stage is a temporary directory in which the programs work, and what is known
// of those who act on it.
type stage struct {
	dta    string // the program
	dir    string
	secret []byte
	file   string            // in which the secret is
	env    []string          // DTA_…: names that the configurations take from the environment
	name   map[string]string // CID of a node, or of the custody identity, by what it is called here
	url    map[string]string // of a node's API
	nodes  []*node
}

// setStage checks that the nodes can be run, and lays out their files.
func setStage(bin, configs string, secret []byte) (_ *stage, err error) {
	s := &stage{secret: secret, name: map[string]string{}, url: map[string]string{}}
	if s.dta, err = program(bin); err != nil {
		return nil, err
	}
	for _, r := range roles {
		if err := free(r.address); err != nil {
			return nil, err
		}
		s.url[r.name] = "http://" + r.address
	}
	if s.dir, err = os.MkdirTemp("", "dta-demo-"); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			os.RemoveAll(s.dir)
		}
	}()
	for _, r := range roles {
		text, err := os.ReadFile(filepath.Join(configs, r.name+".hcl"))
		if err != nil {
			return nil, fmt.Errorf("read a configuration: %w", err)
		}
		if err := os.WriteFile(s.path(r.name+".hcl"), text, 0o600); err != nil {
			return nil, err
		}
	}
	s.file = s.path("secret")
	return s, os.WriteFile(s.file, secret, 0o600)
}

// program finds dta and the plugin that the configurations name beside it.
func program(bin string) (string, error) {
	bin, err := filepath.Abs(bin)
	if err != nil {
		return "", err
	}
	for _, name := range []string{"dta", "dta-plugin-softhsm-demo"} {
		if _, err := os.Stat(filepath.Join(bin, name)); err != nil {
			return "", fmt.Errorf("%w: build the programs first, with make build", err)
		}
	}
	return filepath.Join(bin, "dta"), nil
}

// free says clearly what is in the way.
func free(address string) error {
	l, err := net.Listen("tcp", address)
	if err != nil {
		_, port, _ := net.SplitHostPort(address)
		return fmt.Errorf("%s cannot be listened on (%w): the demo's nodes need the ports 5601 to 5603; stop the program that has port %s", address, err, port)
	}
	return l.Close()
}

func (s *stage) path(name string) string { return filepath.Join(s.dir, name) }

// who calls a CID by the name it has in this story.
func (s *stage) who(cid string) string {
	for name, c := range s.name {
		if c == cid {
			return name
		}
	}
	return short(cid)
}

// clear stops the nodes, the last started first, and removes every file. What
// does not end as it should is an error.
func (s *stage) clear() (time.Duration, error) {
	start := time.Now()
	var all []error
	for _, n := range s.nodes {
		n.terminate()
	}
	for _, n := range s.nodes {
		all = append(all, n.wait())
	}
	took := time.Since(start)
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	all = append(all, leftovers(ctx, s.dir), os.RemoveAll(s.dir))
	return took, errors.Join(all...)
}
