package config_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io/fs"
	"math/big"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/milagro-dta/dta/config"
	"github.com/milagro-dta/dta/internal/readfile"
	"github.com/milagro-dta/dta/protocol/dag"
)

// Names that the tests' files and environments use.
const (
	cidA = "bafyreigks6arfsq3xxfpvqrrwonchxcnu6do76auprhhfomao6c273sixm"
	cidB = "bafyreib6epubmabzlffdhckpmvsodmjuro6xuaei2qwevs3t52xnlhaatu"
	cidC = "bafyreibopuwahkkqplrgl3hvwu2wrbnfgoj2eau5eqjzjglsmwq2ewxpyy"
	cidD = "bafyreiayvq7hgq7qc2eqyuiosp4tkjqrnhm6h5lfinsctaypv4etj5hy4q"
)

// canary is the content of every environment variable and file that could be a
// secret; no diagnostic may show it.
const canary = "kanarienvogel"

// disk is a file system of a few files; all else does not exist.
var disk = func() map[string]string {
	cert, key := pair()
	_, other := pair()
	return map[string]string{
		"node.pem": cert, "node.key": key, "other.key": other, "ca.pem": cert,
		"/etc/dta/tls/node.pem": cert, "/etc/dta/tls/node.key": key,
		"/etc/dta/tls/clients.pem": cert, "/etc/dta/tls/northwind.pem": cert,
		"empty":  "\n",
		"secret": canary + "\n",
	}
}()

// options reads files from src and disk, and knows the shipped plugins.
func options(src string) config.Options {
	env := map[string]string{
		"SECRET": canary, "EMPTY": "", "NODE_NAME": "acme", "ZERO": "a\x00b",
		"DTA_PRINCIPAL": cidA, "DTA_FIDUCIARY": cidB, "DTA_BENEFICIARY": cidC, "DTA_FIDUCIARY_CUSTODY": cidD,
	}
	for _, name := range []string{"REGISTRAR", "NORTH", "EAST", "WEST", "NORTH_CUSTODY", "EAST_CUSTODY", "WEST_CUSTODY"} {
		env["DTA_"+name] = dag.Sum([]byte(name)).String()
	}
	return config.Options{
		Env: func(name string) (string, bool) { v, ok := env[name]; return v, ok },
		ReadFile: func(path string, limit int64) ([]byte, error) {
			text, ok := disk[path]
			if path == "node.hcl" {
				text, ok = src, true
			}
			switch {
			case ok && int64(len(text)) > limit:
				return nil, &fs.PathError{Op: "read", Path: path, Err: readfile.TooLarge(limit)}
			case ok:
				return []byte(text), nil
			}
			return nil, &fs.PathError{Op: "open", Path: path, Err: syscall.ENOENT}
		},
		FindProgram: func(command string) (string, error) {
			if strings.HasPrefix(command, "dta-plugin-") {
				return "/opt/dta/bin/" + command, nil
			}
			return "", fmt.Errorf("there is no program %q in /opt/dta/bin nor along PATH", command)
		},
	}
}

// fromDisk reads configurations from real files and all else as options does.
func fromDisk() config.Options {
	o := options("")
	stub := o.ReadFile
	o.ReadFile = func(path string, limit int64) ([]byte, error) {
		if strings.HasSuffix(path, ".hcl") {
			return readfile.Regular(path, limit)
		}
		return stub(path, limit)
	}
	return o
}

// load expects no diagnostics of any kind.
func load(t *testing.T, src string) *config.Config {
	t.Helper()
	c, diags := config.Load("node.hcl", options(src))
	if len(diags) > 0 {
		var text strings.Builder
		config.Write(&text, c.Files, diags)
		t.Fatalf("expected no diagnostics:\n%s", &text)
	}
	return c
}

func pair() (cert, key string) {
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true,
	}
	c, err := x509.CreateCertificate(rand.Reader, template, template, k.Public(), k)
	if err != nil {
		panic(err)
	}
	k8, err := x509.MarshalPKCS8PrivateKey(k)
	if err != nil {
		panic(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c})),
		string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: k8}))
}
