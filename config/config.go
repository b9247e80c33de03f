package config

import (
	"fmt"
	"net/url"
	"slices"
	"time"

	"github.com/hashicorp/hcl/v2"
	"github.com/milagro-dta/dta/crypto/secret"
	"github.com/milagro-dta/dta/protocol/dag"
)

// Config is one node's configuration. It is complete and consistent when [Load]
// returned no error among its diagnostics; otherwise only Path and Files are
// of use.
type Config struct {
	Path      string // of the file, as it was given
	Node      Node
	Listeners []Listener // at least one
	IPFS      IPFS
	Plugins   []Plugin   // names are unique
	Fiduciary *Fiduciary // nil: this node keeps secrets for nobody
	Peers     []Peer     // names and identities are unique
	Log       Log

	fiduciaryRange hcl.Range

	// Files are the sources of the diagnostics, for Write.
	Files map[string]*hcl.File
}

// Node is the `node` block.
type Node struct {
	Name    string
	DataDir string

	// Seal names the plugin that keeps the node's identity. It is empty exactly
	// when IdentityKeptPlain is true: then the identity lies in DataDir as it is.
	Seal              string
	IdentityKeptPlain bool
}

// Audience is whom a listener serves.
type Audience string

// The audiences.
const (
	Nodes      Audience = "nodes"
	Principals Audience = "principals"
)

// Listener is a `listener` block.
type Listener struct {
	Name    string
	Address string // host:port
	Serves  []Audience
	TLS     *TLS // nil: plain HTTP

	// The long-named options; both false unless the operator insisted.
	InsecureWithoutTLS                bool
	InsecureWithoutClientCertificates bool
}

// For reports whether the listener serves an audience.
func (l *Listener) For(a Audience) bool { return slices.Contains(l.Serves, a) }

// TLS holds paths of PEM files; the pair of certificate and key has been loaded
// once to see that it fits.
type TLS struct {
	Cert, Key string
	ClientCA  string // of principals' certificates; empty: they need none
}

// IPFS is the `ipfs` block: where envelopes are published.
type IPFS struct {
	Kind string // KindEmbedded or KindKubo
	API  string // of Kubo, an absolute http(s) URL
}

// Labels of the ipfs and store blocks.
const (
	KindEmbedded = "embedded"
	KindKubo     = "kubo"
)

// Plugin is a `plugin` block.
type Plugin struct {
	Type, Name string
	Command    string // path of the program, found
	Args       []string
	Env        map[string]*secret.Bytes
	SHA256     []byte // 32 bytes; nil: not pinned
	Timeout    time.Duration
	SelfEnrol  bool
	Config     Block

	// Range is the block's header in the operator's file, SHA256Range the digest,
	// if there is one.
	Range, SHA256Range hcl.Range
}

// DefaultStartTimeout is how long a plugin may take to start unless
// start_timeout says otherwise.
const DefaultStartTimeout = 15 * time.Second

// Block is the inside of a plugin's `config` block: what lies between its
// braces, and where that starts in the operator's file. Lines and columns count
// from 1, bytes from 0.
type Block struct {
	Filename    string
	Source      []byte
	StartLine   int
	StartColumn int
	StartByte   int
}

// String names the block; its source may hold a secret.
func (b Block) String() string { return fmt.Sprintf("config block at %s:%d", b.Filename, b.StartLine) }

// GoString is String.
func (b Block) GoString() string { return b.String() }

// Fiduciary is the `fiduciary` block.
type Fiduciary struct {
	Custody    []string  // names of plugins
	Principals []dag.CID // names of identities, without Self
	Self       bool      // the node's own principal is served
}

// Peer is a `peer` block.
type Peer struct {
	Name     string
	Identity dag.CID
	Custody  []dag.CID // names of the peer's custody identities that are trusted
	URL      *url.URL
	TLSCA    string // path of a PEM file; empty: the system's authorities

	AcceptUnpinnedCustodyOnFirstUse bool
}

// Log is the `log` block.
type Log struct {
	Level  string // trace, debug, info, warn, error
	Format string // text, json
}

// Plugin finds a plugin by its name.
func (c *Config) Plugin(name string) (*Plugin, bool) {
	for i := range c.Plugins {
		if c.Plugins[i].Name == name {
			return &c.Plugins[i], true
		}
	}
	return nil, false
}

// Peer finds a peer by its name or by the CID of its identity.
func (c *Config) Peer(name string) (*Peer, bool) {
	for i := range c.Peers {
		if c.Peers[i].Name == name || c.Peers[i].Identity.String() == name {
			return &c.Peers[i], true
		}
	}
	return nil, false
}

// Clear wipes the secrets that the configuration carries.
func (c *Config) Clear() {
	for _, p := range c.Plugins {
		for _, v := range p.Env {
			v.Clear()
		}
	}
}
