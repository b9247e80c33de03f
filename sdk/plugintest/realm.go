package plugintest

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/milagro-dta/dta/crypto/edwards"
	"github.com/milagro-dta/dta/crypto/secret"
	"github.com/milagro-dta/dta/protocol/fault"
	"github.com/milagro-dta/dta/sdk"
)

// realm is the memory plugin with every optional ability: a root of its own in a file, and hardware for networks.
type realm struct {
	*memory
	*Hardware
	root string
}

var (
	_ sdk.RootKeeper     = (*realm)(nil)
	_ sdk.KeyMaker       = (*realm)(nil)
	_ sdk.StatusReporter = (*realm)(nil)
	_ sdk.Issuer         = (*realm)(nil)
	_ sdk.ShareCacher    = (*realm)(nil)
)

func (r *realm) Root(context.Context) ([]byte, error) {
	b, err := os.ReadFile(r.root)
	if os.IsNotExist(err) {
		return nil, nil
	}
	return b, err
}

func (r *realm) KeepRoot(_ context.Context, deposit []byte) error {
	if _, err := os.Stat(r.root); err == nil {
		return fault.New(fault.Conflict, "the realm has a root")
	}
	return os.WriteFile(r.root, deposit, 0o600)
}

// KeyTypes leaves one out: a plugin need not make all.
func (r *realm) KeyTypes() []string { return []string{"secp256k1", "ed25519"} }

func (r *realm) MakeKey(_ context.Context, keyType string, _ sdk.Context) ([]byte, error) {
	random := secret.Random(32)
	switch keyType {
	case "secp256k1":
		random.Open()[0] = 1 // well below the order of the curve
		return random.Open(), nil
	case "ed25519":
		key, err := edwards.FromSeed(random)
		if err != nil {
			return nil, err
		}
		defer key.Clear()
		return key.Bytes().Open(), nil
	}
	return nil, fault.New(fault.Unsupported, "expected a key type of this plugin, found %q", keyType)
}

func (r *realm) Status(context.Context) sdk.Status { return sdk.Status{Ready: true, Text: "well"} }

// RealmConfig is the configuration of a test in this process of a plugin with every optional ability: Memory, with a
// realm in a directory that Fresh makes, where it keeps its root, and hardware of its own that issues for networks.
func RealmConfig() Config {
	c := MemoryConfig()
	fresh := c.Fresh
	c.Fresh = func(t testing.TB, c *Config) {
		fresh(t, c)
		dir, device := t.TempDir(), NewHardware()
		p := Memory()
		open := p.Open
		p.Open = func(ctx context.Context, config *MemoryBlock, env sdk.Environment) (sdk.Custodian, error) {
			c, err := open(ctx, config, env)
			if err != nil {
				return nil, err
			}
			return &realm{memory: c.(*memory), Hardware: device, root: filepath.Join(dir, "root")}, nil
		}
		c.Plugin = p
	}
	c.Plugin = Memory()
	return c
}
