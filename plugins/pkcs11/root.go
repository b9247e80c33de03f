package pkcs11

import (
	"bytes"
	"context"

	"github.com/milagro-dta/dta/plugins/pkcs11/token"
	"github.com/milagro-dta/dta/protocol/fault"
)

// maxRoot bounds the custody root: a sealed identity with its chain.
const maxRoot = 512 << 10

// checkRoot refuses a realm that has lost what it once had. The root is opaque here: package sdk finds out at once
// when the key that sealed it is gone. But keys without a root are left by an enrolment that was cut short, and a root
// without any key by a loss.
func checkRoot(found inventory, realm string) error {
	if found.root != nil && len(found.keys) == 0 {
		return fault.New(fault.Conflict, "pkcs11: realm %q has a custody root but no key any more: restore the token from its backup", realm)
	}
	for _, r := range ladder {
		if id := found.used[r.name]; id != nil && !found.has(r, id) {
			return fault.New(fault.Conflict, "pkcs11: realm %q has lost its key %x for rung %s: restore the token from its backup", realm, id, r.name)
		}
	}
	return nil
}

// empty is the refusal of a realm that has nothing, where it should.
func (k *Keeper) empty() error {
	return fault.New(fault.NotFound, "pkcs11: realm %q has neither key nor custody root in %s, and this plugin has been in use: another token, volume or realm stands in its place; put back the right one",
		k.realm, k.token)
}

// Root returns the realm's custody root as it was kept, nil if the realm was never enrolled.
func (k *Keeper) Root(ctx context.Context) ([]byte, error) {
	found, err := again(ctx, k, func(s *token.Session) (inventory, error) { return takeInventory(s, k.realm) })
	return found.root, err
}

// KeepRoot writes the custody root into the token. It is written once: the same again is fine, another is a conflict.
// It is not cut short when ctx ends: its caller must know whether the realm has that root.
func (k *Keeper) KeepRoot(ctx context.Context, root []byte) error {
	if len(root) == 0 || len(root) > maxRoot {
		return fault.New(fault.Invalid, "pkcs11: keep the custody root: expected 1 to %d bytes, found %d", maxRoot, len(root))
	}
	root = bytes.Clone(root)
	_, err := write(ctx, k, "keep the custody root", func(s *token.Session) (struct{}, error) {
		decided, err := decide(s, rootLabel(k.realm), root)
		if err == nil && !bytes.Equal(decided, root) {
			err = fault.New(fault.Conflict, "pkcs11: realm %q has another custody root already", k.realm)
		}
		return struct{}{}, err
	})
	return err
}
