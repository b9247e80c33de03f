package plugintest

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"testing"

	"github.com/milagro-dta/dta/crypto/seal"
	"github.com/milagro-dta/dta/crypto/secret"
	"github.com/milagro-dta/dta/protocol/fault"
	"github.com/milagro-dta/dta/sdk"
	"github.com/milagro-dta/dta/sdk/pluginconf"
)

// MemoryType is the type of Memory.
const MemoryType = "memory"

// Memory is a plugin that keeps keys with AES-GCM under a passphrase from its configuration, and ignores what it is
// told about them. It is a fake for tests, and the shortest useful plugin there is.
func Memory() sdk.Plugin[MemoryBlock] {
	return sdk.Plugin[MemoryBlock]{
		Type:    MemoryType,
		Version: "test",
		Validate: func(c *MemoryBlock) []pluginconf.Problem {
			if len(c.Passphrase) < 8 {
				return []pluginconf.Problem{{Attribute: "passphrase", Summary: "Passphrase too short", Detail: "Expected 8 characters or more."}}
			}
			return nil
		},
		Open: func(_ context.Context, c *MemoryBlock, env sdk.Environment) (sdk.Custodian, error) {
			hash := sha256.Sum256([]byte(c.Passphrase.Reveal()))
			env.Logger.Info("memory plugin open", "realm", c.Realm)
			return &memory{key: secret.Copy(hash[:]), cached: c.ShareCache}, nil
		},
	}
}

// MemoryConfig is the configuration of a test of Memory: a fresh passphrase for each test.
func MemoryConfig() Config {
	return Config{
		Fresh: func(_ testing.TB, c *Config) {
			a, b := passphrase(), passphrase()
			c.Block = "passphrase = \"" + a + "\"\nrealm = \"test\"\n"
			c.OtherBlock = "passphrase = \"" + b + "\"\nrealm = \"other\"\n"
			c.CachedBlock = c.Block + "share_cache = 4\n"
			c.Secrets = []string{a, b}
		},
		Mistakes: []Mistake{
			{Name: "a misspelt argument", Block: "passphrase = \"12345678\"\nrelm = \"x\"\n", Line: 2, Text: `Did you mean "realm"?`},
			{Name: "a missing argument", Block: "realm = \"x\"\n", Line: 1, Text: "passphrase"},
			{Name: "what the plugin's own check finds", Block: "passphrase = \"pa55w0r\"\n", Line: 1, Text: "too short", Secret: "pa55w0r"},
			{Name: "a file that is not there", Block: "passphrase = file(\"/nonexistent\")\n", Line: 1, Text: "no such file"},
		},
	}
}

func passphrase() string {
	b := make([]byte, 16)
	_, _ = rand.Read(b)
	return hex.EncodeToString(b)
}

// MemoryBlock is the config block of Memory.
type MemoryBlock struct {
	Passphrase pluginconf.Secret `hcl:"passphrase"`
	Realm      string            `hcl:"realm,optional"`
	ShareCache int               `hcl:"share_cache,optional"`
}

type memory struct {
	key    *secret.Bytes
	cached int
}

var (
	_ sdk.Custodian   = (*memory)(nil)
	_ sdk.Schemer     = (*memory)(nil)
	_ sdk.ShareCacher = (*memory)(nil)
)

func (m *memory) Safeguard(_ context.Context, key []byte, _ sdk.Context) ([]byte, error) {
	return seal.V2.Encrypt(m.key, nil, key)
}

func (m *memory) Restore(_ context.Context, deposit []byte, _ sdk.Context) ([]byte, error) {
	key, err := seal.V2.Decrypt(m.key, nil, deposit)
	if err != nil {
		return nil, fault.New(fault.Denied, "the deposit does not open in this realm")
	}
	return key.Open(), nil
}

func (m *memory) Scheme() string { return "aes-gcm in memory" }

func (m *memory) ShareCache() int { return m.cached }
