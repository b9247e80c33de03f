package host

import (
	"context"
	"fmt"

	"github.com/milagro-dta/dta/crypto/seal"
	"github.com/milagro-dta/dta/crypto/secret"
	"github.com/milagro-dta/dta/crypto/sign"
	"github.com/milagro-dta/dta/host/audit"
	"github.com/milagro-dta/dta/host/custody"
	"github.com/milagro-dta/dta/host/state"
	"github.com/milagro-dta/dta/host/store"
	"github.com/milagro-dta/dta/protocol/dag"
	"github.com/milagro-dta/dta/protocol/fault"
	"github.com/milagro-dta/dta/protocol/identity"
)

// sealed is the node's identity at rest. The keyring is under a key that only
// the seal plugin gives back; the next signing key, which a rotation needs, is
// under another of its own, so that it is opened for a rotation and never else.
// Where the operator insisted on an identity kept plain, the deposits are empty
// and the rest is as it is.
type sealed struct {
	Seal        string `cbor:"seal"` // the plugin instance
	Deposit     []byte `cbor:"deposit"`
	Keyring     []byte `cbor:"keyring"`
	NextDeposit []byte `cbor:"next_deposit"`
	Next        []byte `cbor:"next"`
}

const (
	aadKeyring = "dta/node-identity/keyring/v1"
	aadNext    = "dta/node-identity/next/v1"
)

// vault is the plugin that seals the node's identity; nil where the operator
// insisted on an identity kept plain.
func (n *Node) vault() (*custody.Instance, error) {
	if name := n.config.Node.Seal; name != "" {
		return n.custody.Instance(name)
	}
	n.log.Warn("THE NODE'S IDENTITY IS KEPT IN PLAIN: whoever reads the data directory is this node", "option", "identity_kept_plain")
	return nil, nil
}

// openIdentity loads the node's identity.
func (n *Node) openIdentity(ctx context.Context) (*identity.Keyring, error) {
	vault, err := n.vault()
	if err != nil {
		return nil, err
	}
	var kept sealed
	err = n.store.View(ctx, func(tx *store.Tx) error {
		block, err := tx.Meta(state.MetaIdentity)
		if fault.Of(err) == fault.NotFound || (err == nil && len(block) == 0) {
			return fault.New(fault.Conflict, "the database has none: restore the data directory %s from a backup", n.config.Node.DataDir)
		}
		if err != nil {
			return err
		}
		if err := dag.Decode(block, &kept); err != nil {
			return fault.New(fault.Conflict, "it is damaged: restore the data directory %s from a backup: %w", n.config.Node.DataDir, err)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read the node's identity: %w", err)
	}
	if kept.Seal != n.config.Node.Seal {
		return nil, fault.New(fault.Conflict, "the node's identity is sealed by plugin %q; the configuration names %q", kept.Seal, n.config.Node.Seal)
	}
	plain, err := n.unseal(ctx, vault, kept.Deposit, kept.Keyring, aadKeyring)
	if err != nil {
		return nil, fmt.Errorf("open the node's identity: %w", err)
	}
	defer plain.Clear()
	keys, err := identity.ParseKeyring(plain)
	if err != nil {
		return nil, fmt.Errorf("open the node's identity: %w", err)
	}
	if name := keys.Identity().Name; name != n.state.Node() {
		keys.Clear()
		return nil, fault.New(fault.Conflict, "open the node's identity: expected node %s, found %s", n.state.Node(), name)
	}
	return keys, nil
}

// makeIdentity makes the node's identity, in a state that was made for it.
func (n *Node) makeIdentity(ctx context.Context) (_ *identity.Keyring, err error) {
	vault, err := n.vault()
	if err != nil {
		return nil, err
	}
	now, err := n.clock.Now()
	if err != nil {
		return nil, err
	}
	keys, next, err := identity.Create(identity.Node, n.config.Node.Name, now)
	if err != nil {
		return nil, err
	}
	defer next.Clear()
	defer func() {
		if err != nil {
			keys.Clear()
		}
	}()
	kept := sealed{Seal: n.config.Node.Seal}
	plain := keys.Marshal()
	defer plain.Clear()
	if kept.Deposit, kept.Keyring, err = sealUp(ctx, vault, plain, aadKeyring); err != nil {
		return nil, fmt.Errorf("seal the node's identity: %w", err)
	}
	if err := n.sealNext(ctx, vault, next, &kept); err != nil {
		return nil, fmt.Errorf("seal the node's next key: %w", err)
	}
	block, err := dag.Encode(kept)
	if err != nil {
		return nil, err
	}
	id := keys.Identity()
	if err := n.state.Named(id.Name); err != nil {
		return nil, err
	}
	return keys, n.store.Update(ctx, func(tx *store.Tx) error {
		if err := tx.SetMeta(state.MetaIdentity, block); err != nil {
			return err
		}
		if err := n.state.PutName(tx); err != nil {
			return err
		}
		var documents []dag.CID
		for _, b := range id.Blocks() {
			c := dag.Sum(b)
			if err := tx.PutBlock(c, b, true, ""); err != nil {
				return err
			}
			documents = append(documents, c)
		}
		if err := tx.PutIdentity(id.Name, documents); err != nil {
			return err
		}
		_, err := n.audit.Append(tx, audit.Entry{Time: now.UnixMilli(), Kind: "identity.made", Actor: id.Name, Object: id.Document, Detail: "sealed by " + sealedBy(kept.Seal)})
		return err
	})
}

func sealedBy(name string) string {
	if name == "" {
		return "nothing: kept plain"
	}
	return name
}

func (n *Node) sealNext(ctx context.Context, vault *custody.Instance, next *sign.PrivateKey, kept *sealed) (err error) {
	plain := next.Bytes()
	defer plain.Clear()
	kept.NextDeposit, kept.Next, err = sealUp(ctx, vault, plain, aadNext)
	return err
}

// sealUp encrypts under a fresh key of the vault's; without a vault it leaves
// the bytes as they are.
func sealUp(ctx context.Context, vault *custody.Instance, plain *secret.Bytes, aad string) (deposit, sealed []byte, err error) {
	if vault == nil {
		return []byte{}, append([]byte{}, plain.Open()...), nil
	}
	key, deposit, err := vault.MakeKey(ctx)
	if err != nil {
		return nil, nil, err
	}
	defer key.Clear()
	sealed, err = seal.V2.Encrypt(key, []byte(aad), plain.Open())
	return deposit, sealed, err
}

func (n *Node) unseal(ctx context.Context, vault *custody.Instance, deposit, sealed []byte, aad string) (*secret.Bytes, error) {
	if vault == nil {
		return secret.Copy(sealed), nil
	}
	key, err := n.openKey(ctx, vault, deposit)
	if err != nil {
		return nil, err
	}
	defer key.Clear()
	return seal.V2.Decrypt(key, []byte(aad), sealed)
}
