// Package dta_test holds the house to its plan: which package may import which.
package dta_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/milagro-dta/dta/"

type pkg struct {
	ImportPath string
	Imports    []string
	Deps       []string
}

// list asks the go command for the packages of the module, without their tests.
func list(t *testing.T) []pkg {
	t.Helper()
	cmd := exec.Command("go", "list", "-json=ImportPath,Imports,Deps", "./...")
	var out, text bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &text
	if err := cmd.Run(); err != nil {
		t.Fatalf("go list: %v\n%s", err, text.String())
	}
	var pkgs []pkg
	for dec := json.NewDecoder(&out); ; {
		var p pkg
		err := dec.Decode(&p)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		pkgs = append(pkgs, p)
	}
	if len(pkgs) < 20 {
		t.Fatalf("expected the whole house; go list found %d packages", len(pkgs))
	}
	return pkgs
}

// TestDependenciesPointOneWay: cmd → host → protocol → crypto and
// plugins → sdk → protocol → crypto.
func TestDependenciesPointOneWay(t *testing.T) {
	allowed := map[string][]string{
		"internal": {"internal"},
		"crypto":   {"crypto"},
		"protocol": {"protocol", "crypto"},
		"config":   {"config", "protocol", "crypto", "internal"},
		"sdk":      {"sdk", "protocol", "crypto", "internal"},
		"plugins":  {"plugins", "sdk", "protocol", "crypto", "internal"},
		"host":     {"host", "config", "sdk", "protocol", "crypto", "internal"},
		"cmd":      {"cmd", "host", "config", "plugins", "sdk", "protocol", "crypto", "internal"},
		"examples": {"examples", "protocol", "crypto"},
		"docs":     {},
	}
	for _, p := range list(t) {
		rest, ok := strings.CutPrefix(p.ImportPath, module)
		if !ok {
			continue // the root, which holds this test only
		}
		from, _, _ := strings.Cut(rest, "/")
		may, ok := allowed[from]
		if !ok {
			t.Errorf("%s: no room of the house has this name", p.ImportPath)
			continue
		}
		for _, imp := range p.Imports {
			rest, ours := strings.CutPrefix(imp, module)
			if !ours {
				continue
			}
			to, _, _ := strings.Cut(rest, "/")
			if !slices.Contains(may, to) {
				t.Errorf("%s imports %s: %s may import only %v", p.ImportPath, imp, from, may)
			}
			if from == "host" && to == "sdk" && !strings.HasPrefix(rest, "sdk/contract") && !strings.HasPrefix(rest, "sdk/pluginconf") {
				t.Errorf("%s imports %s: of the sdk the host sees the contract only", p.ImportPath, imp)
			}
		}
	}
}

// TestOneDoor: what only one package may touch.
func TestOneDoor(t *testing.T) {
	doors := map[string][]string{
		"database/sql":                      {"host/store", "cmd/dta/authn/ledger"},
		"modernc.org/sqlite":                {"host/store", "cmd/dta/authn/ledger"},
		"github.com/ipfs/go-ipfs-api":       {"protocol/ipfs/kubo"},
		"github.com/miekg/pkcs11":           {"plugins/pkcs11/token"},
		"github.com/labstack/echo/v4":       {"host/rest"},
		"github.com/supranational/blst":     {"crypto/bls"},
		"github.com/cloudflare/circl":       {"crypto/sign"},
		"github.com/consensys":              {}, // its timing depends on scalars: for tests alone
		"github.com/fxamacker/cbor/v2":      {"protocol/dag", "crypto/secret/secrettest"},
		"github.com/hashicorp/go-plugin":    {"host/supervisor", "sdk"},
		"github.com/decred/dcrd/dcrec/secp": {"crypto/secp"},
		"filippo.io/edwards25519":           {"crypto/edwards"},
	}
	for _, p := range list(t) {
		from := strings.TrimPrefix(p.ImportPath, module)
		for _, imp := range p.Imports {
			for door, rooms := range doors {
				if imp != door && !strings.HasPrefix(imp, door+"/") && !strings.HasPrefix(imp, door+"256k1") {
					continue
				}
				if !slices.ContainsFunc(rooms, func(r string) bool { return from == r || strings.HasPrefix(from, r+"/") }) {
					t.Errorf("%s imports %s: only %v may", p.ImportPath, imp, rooms)
				}
			}
		}
	}
}

// TestPluginsCarryNoHost: what an author links into a plugin reaches no web
// framework, database or IPFS client.
func TestPluginsCarryNoHost(t *testing.T) {
	for _, p := range list(t) {
		rest := strings.TrimPrefix(p.ImportPath, module)
		if !strings.HasPrefix(rest, "sdk") && !strings.HasPrefix(rest, "plugins") {
			continue
		}
		for _, dep := range p.Deps {
			for _, heavy := range []string{"github.com/labstack/echo", "database/sql", "modernc.org/sqlite", "github.com/ipfs/go-ipfs-api"} {
				if dep == heavy || strings.HasPrefix(dep, heavy+"/") {
					t.Errorf("%s reaches %s", p.ImportPath, dep)
				}
			}
		}
	}
}

// TestRolesMeetOnlyInPeer: one node may play all roles, yet no role service
// knows another.
func TestRolesMeetOnlyInPeer(t *testing.T) {
	roles := []string{module + "host/principal", module + "host/fiduciary", module + "host/beneficiary", module + "host/registrar"}
	seen := 0
	for _, p := range list(t) {
		if !slices.Contains(roles, p.ImportPath) {
			continue
		}
		seen++
		for _, dep := range p.Deps {
			if dep != p.ImportPath && slices.Contains(roles, dep) {
				t.Errorf("%s reaches %s", p.ImportPath, dep)
			}
		}
	}
	if seen != len(roles) {
		t.Errorf("expected %d role services; found %d", len(roles), seen)
	}
}
