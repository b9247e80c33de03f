package softhsmdemo

import (
	"context"
	"path/filepath"
	"sync/atomic"

	"github.com/milagro-dta/dta/plugins/pkcs11"
	"github.com/milagro-dta/dta/plugins/pkcs11/token"
	"github.com/milagro-dta/dta/protocol/fault"
	"github.com/milagro-dta/dta/sdk"
	"github.com/milagro-dta/dta/sdk/pluginconf"
)

// defaultRealm is enough where a directory has one user.
const defaultRealm = "demo"

// Config is the plugin's config block.
type Config struct {
	// Directory is the plugin's own, made with mode 0700 if absent. Keep it apart from the node's files.
	Directory string `hcl:"directory"`
	// Module is the absolute path of SoftHSM's library; by default the known places are tried.
	Module string `hcl:"module,optional"`
	// Realm, Rung, Sessions, CreateKeys and ShareCache are as in package pkcs11; the realm is "demo" by default.
	Realm      string `hcl:"realm,optional"`
	Rung       string `hcl:"rung,optional"`
	Sessions   int    `hcl:"sessions,optional"`
	CreateKeys bool   `hcl:"create_keys,optional"`
	ShareCache int    `hcl:"share_cache,optional"`
}

func (c *Config) realm() string {
	if c.Realm == "" {
		return defaultRealm
	}
	return c.Realm
}

// RealmName implements [sdk.RealmNamer].
func (c *Config) RealmName() string {
	path, err := usablePath(c.Directory)
	if err != nil {
		path = c.Directory
	}
	// One process at a time has a directory, so that another realm in it is no other place.
	return path
}

// check finds what is wrong without touching token or network. Where the directory lies it looks up.
func (c *Config) check() []pluginconf.Problem {
	var found []pluginconf.Problem
	if c.Directory == "" {
		found = append(found, pluginconf.Problem{Attribute: "directory", Summary: "No directory",
			Detail: "The token needs a directory of its own."})
	}
	if c.Directory != "" {
		if _, err := usablePath(c.Directory); err != nil {
			found = append(found, pluginconf.Problem{Attribute: "directory", Summary: "Unusable directory name", Detail: err.Error()})
		}
	}
	if c.Module != "" && !filepath.IsAbs(c.Module) {
		found = append(found, pluginconf.Problem{Attribute: "module", Summary: "Module is not an absolute path",
			Detail: "Give the full path of SoftHSM's library, or leave the attribute out."})
	}
	found = append(found, pkcs11.CheckModule(c.Module)...)
	return append(found, pkcs11.CheckCommon(c.realm(), c.Rung, c.Sessions, c.ShareCache)...)
}

// taken says that this process has its SoftHSM. There can be one: the library has one configuration in a process.
var taken atomic.Bool

// keeper is the custodian of package pkcs11, with the directory that is its own.
type keeper struct {
	*pkcs11.Keeper
	directory *directory
}

// Close gives back token, directory and the process's SoftHSM.
func (k *keeper) Close() error {
	err := k.Keeper.Close()
	k.directory.unlock()
	taken.Store(false)
	return err
}

func (c *Config) open(ctx context.Context, env sdk.Environment) (_ *keeper, err error) {
	log := env.Logger
	module, err := findModule(c.Module)
	if err != nil {
		return nil, err
	}
	if !taken.CompareAndSwap(false, true) {
		return nil, fault.New(fault.Conflict, "softhsm-demo: SoftHSM is in use in this process: one instance needs one process")
	}
	defer func() {
		if err != nil {
			taken.Store(false)
		}
	}()
	d, err := openDirectory(ctx, c.Directory, env.InUse)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			d.unlock()
		}
	}()
	log.Warn("softhsm-demo is for demonstration only: its keys are files and its PIN lies beside them; whoever reads the directory has the keys",
		"directory", d.path)
	pin, err := d.userPIN(ctx, module)
	if err != nil {
		return nil, err
	}
	defer pin.Clear()
	if err := d.configure(d.join("token", "objects")); err != nil {
		return nil, fault.New(fault.Invalid, "softhsm-demo: %w", err)
	}
	k, err := pkcs11.Open(ctx, pkcs11.Settings{
		Token:      token.Options{Module: module, Label: tokenLabel, PIN: pin, Sessions: c.Sessions, Stuck: pkcs11.EndProcess(log)},
		Realm:      c.realm(),
		Rung:       c.Rung,
		CreateKeys: c.CreateKeys,
		ShareCache: c.ShareCache,
		InUse:      env.InUse,
		Settle:     func() error { return settle(d.join("token")) },
	}, log)
	if err != nil {
		return nil, err
	}
	return &keeper{Keeper: k, directory: d}, nil
}
