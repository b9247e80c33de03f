package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"time"
)

// The three nodes of examples/three-nodes.
var roles = []string{"principal", "fiduciary", "beneficiary"}

// The nodes of examples/network.
var (
	federation = append([]string{registrar}, members...)
	members    = []string{"north", "east", "west"}
)

const registrar = "registrar"

const (
	vault    = "vault" // the fiduciary's custody instance
	stranger = "stranger"
)

// stage is a temporary directory in which the programs work, and what is known
// of those who act on it.
type stage struct {
	dta    string // the program
	stdin  string // what the next command reads: a PIN
	dir    string
	secret []byte
	file   string            // in which the secret is
	env    []string          // DTA_…: names that the configurations take from the environment
	name   map[string]string // CID of a node, or of the custody identity, by what it is called here
	url    map[string]string // of a node's API
	nodes  []*node
}

// setStage checks that the nodes can be run, and lays out their files.
func setStage(bin, configs, networks string, secret []byte) (_ *stage, err error) {
	s := &stage{secret: secret, name: map[string]string{}, url: map[string]string{}}
	if s.dta, err = program(bin); err != nil {
		return nil, err
	}
	if s.dir, err = os.MkdirTemp("", "dta-demo-"); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			os.RemoveAll(s.dir)
		}
	}()
	for _, name := range roles {
		if err := s.copyConfig(configs, name); err != nil {
			return nil, err
		}
	}
	for _, name := range federation {
		if err := s.copyConfig(networks, name); err != nil {
			return nil, err
		}
	}
	s.file = s.path("secret")
	return s, os.WriteFile(s.file, secret, 0o600)
}

var listens = regexp.MustCompile(`(?m)^\s*address\s*=\s*"([^"]+)"`)

// copyConfig takes a node's configuration as it is, and makes sure that the node
// will be able to listen.
func (s *stage) copyConfig(from, name string) error {
	text, err := os.ReadFile(filepath.Join(from, name+".hcl"))
	if err != nil {
		return fmt.Errorf("read a configuration: %w", err)
	}
	found := listens.FindSubmatch(text)
	if found == nil {
		return fmt.Errorf("%s.hcl: expected a listener with an address, found none", name)
	}
	address := string(found[1])
	if err := free(address); err != nil {
		return fmt.Errorf("%s cannot be listened on (%w): stop the program that has this port; the nodes need one each", address, err)
	}
	s.url[name] = "http://" + address
	return os.WriteFile(s.path(name+".hcl"), text, 0o600)
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

func free(address string) error {
	l, err := net.Listen("tcp", address)
	if err != nil {
		return err
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

// errLeft says that the stage could not be cleared.
var errLeft = errors.New("not everything was stopped and removed")

// clear stops the nodes and removes every file. What does not end as it should
// is an error.
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
	if err := errors.Join(all...); err != nil {
		return took, fmt.Errorf("%w:\n%w", errLeft, err)
	}
	return took, nil
}
