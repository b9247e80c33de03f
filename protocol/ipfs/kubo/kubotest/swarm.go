// Package kubotest runs real Kubo nodes in a private swarm on loopback, for
// tests. Nothing of them reaches beyond the machine: they have a key of their
// own, no bootstrap nodes, no routing, no telemetry.
package kubotest

import (
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"testing"
)

// Swarm is a private swarm whose running nodes are connected to one another.
type Swarm struct {
	Nodes []*Node
}

// Start runs n nodes and connects them. They stop with the test.
func Start(t testing.TB, n int) *Swarm {
	t.Helper()
	key := make([]byte, 32)
	rand.Read(key)
	s := new(Swarm)
	for i := range n {
		node := &Node{Name: fmt.Sprintf("node%d", i), dir: t.TempDir(), binary: Binary(t), swarm: s}
		node.init(t, key)
		s.Nodes = append(s.Nodes, node)
	}
	for _, node := range s.Nodes {
		node.Start(t)
	}
	return s
}

// init makes the node's repository.
func (n *Node) init(t testing.TB, key []byte) {
	t.Helper()
	n.Run(t, "init", "--profile=test", "--empty-repo")
	text := "/key/swarm/psk/1.0.0/\n/base16/\n" + hex.EncodeToString(key) + "\n"
	if err := os.WriteFile(filepath.Join(n.dir, "swarm.key"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	n.configure(t, map[string]any{
		"Addresses": map[string]any{
			// Of the transports TCP alone does private networks.
			"Swarm":   []string{"/ip4/127.0.0.1/tcp/0"},
			"API":     "/ip4/127.0.0.1/tcp/0",
			"Gateway": "/ip4/127.0.0.1/tcp/0",
		},
		"Bootstrap": []string{},
		"Routing":   map[string]any{"Type": "none"},
		"Discovery": map[string]any{"MDNS": map[string]any{"Enabled": false}},
		"AutoTLS":   map[string]any{"Enabled": false},
		"AutoConf":  map[string]any{"Enabled": false},
		"AutoNAT":   map[string]any{"ServiceMode": "disabled"},
		"DNS":       map[string]any{"Resolvers": map[string]any{}},
		"Ipns":      map[string]any{"DelegatedPublishers": []string{}},
		"Swarm": map[string]any{
			"DisableNatPortMap":  true,
			"EnableHolePunching": false,
			"RelayClient":        map[string]any{"Enabled": false},
			"RelayService":       map[string]any{"Enabled": false},
			"Transports":         map[string]any{"Network": map[string]any{"Relay": false}},
		},
	})
}

// configure merges settings into the node's configuration.
func (n *Node) configure(t testing.TB, settings map[string]any) {
	t.Helper()
	path := filepath.Join(n.dir, "config")
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var config map[string]any
	if err := json.Unmarshal(text, &config); err != nil {
		t.Fatal(err)
	}
	merge(config, settings)
	if text, err = json.MarshalIndent(config, "", "  "); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
}

func merge(into, from map[string]any) {
	for name, value := range from {
		inner, ok := value.(map[string]any)
		if old, is := into[name].(map[string]any); ok && is {
			merge(old, inner)
			continue
		}
		into[name] = value
	}
}
