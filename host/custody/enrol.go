package custody

import (
	"context"
	"fmt"

	"github.com/milagro-dta/dta/config"
	"github.com/milagro-dta/dta/protocol/fault"
	"github.com/milagro-dta/dta/protocol/identity"
	"github.com/milagro-dta/dta/sdk/contract"
)

// Root is what the host keeps of an instance's custody identity: the root
// deposit, which only the plugin can open, the sealed next key, and the chain
// of documents.
type Root struct {
	Deposit []byte   `cbor:"deposit"`
	Next    []byte   `cbor:"next"`
	Chain   [][]byte `cbor:"chain"`
}

// Book is where roots are kept. Root answers fault.NotFound for an instance
// that was never enrolled; KeepRoot records the enrolment and is durable when
// it returns.
type Book interface {
	Root(ctx context.Context, instance string) (Root, error)
	KeepRoot(ctx context.Context, instance string, r Root, automatic bool) error
	// Tenure is what is kept of the claims to an instance's realm, empty if there
	// were none. KeepTenure changes it in one step, durably.
	Tenure(ctx context.Context, instance string) (Tenure, error)
	KeepTenure(ctx context.Context, instance string, change func(Tenure) Tenure) error
	// TakeOver is KeepTenure with an audit entry: the operator has the node go on in
	// the instance's realm although another copy of it has served there, as from says.
	TakeOver(ctx context.Context, instance, from string, change func(Tenure) Tenure) error
}

// recorded is what the host has kept of the instance's enrolment; nil where it
// was never enrolled.
func (i *Instance) recorded(ctx context.Context) (Root, *identity.Identity, error) {
	root, err := i.set.options.Book.Root(ctx, i.name)
	if fault.Of(err) == fault.NotFound {
		return Root{}, nil, nil
	}
	if err != nil {
		return Root{}, nil, err
	}
	id, err := identity.Verify(root.Chain)
	if err != nil {
		return Root{}, nil, fmt.Errorf("recorded custody identity: %w", err)
	}
	return root, id, nil
}

// shown is the custody identity that a configured plugin has: the recorded one
// or, where none is recorded, the one it shows or is now made.
func (i *Instance) shown(ctx context.Context, c *contract.Client, p config.Plugin, known *identity.Identity, chain [][]byte) (*identity.Identity, error) {
	switch {
	case len(chain) == 0 && known == nil && p.SelfEnrol:
		return i.enrol(ctx, c, true)
	case len(chain) == 0 && known == nil:
		return nil, nil
	}
	id, err := custodyIdentity(chain)
	if err != nil {
		return nil, err
	}
	if known != nil && (id == nil || id.Name != known.Name) {
		return nil, fault.New(fault.Conflict, "custody identity: expected %s, which this instance was enrolled with; the plugin shows another", known.Name)
	}
	if known == nil {
		// The custodian keeps its root itself, and was enrolled before this
		// node's store was made or had heard of it.
		if err := i.set.options.Book.KeepRoot(ctx, i.name, Root{Chain: chain}, false); err != nil {
			return nil, err
		}
	}
	return id, nil
}

func custodyIdentity(chain [][]byte) (*identity.Identity, error) {
	if len(chain) == 0 {
		return nil, nil
	}
	id, err := identity.Verify(chain)
	if err != nil {
		return nil, fault.New(fault.Invalid, "custody identity: %w", err)
	}
	if id.Doc.Kind != identity.Custody {
		return nil, fault.New(fault.Invalid, "custody identity: expected a document of kind %q; found %q", identity.Custody, id.Doc.Kind)
	}
	return id, nil
}

// enrol makes the custody identity and records it before anybody is told.
func (i *Instance) enrol(ctx context.Context, c *contract.Client, automatic bool) (*identity.Identity, error) {
	answer, err := c.Plugin.Enrol(ctx, &contract.EnrolRequest{Reference: i.set.options.Node + "/" + i.name})
	if err != nil {
		return nil, fmt.Errorf("enrol: %w", err)
	}
	root := Root{Deposit: answer.GetRoot(), Next: answer.GetNext(), Chain: answer.GetCustodyChain()}
	id, err := custodyIdentity(root.Chain)
	if err != nil {
		return nil, err
	}
	if id == nil {
		return nil, fault.New(fault.Internal, "enrol: the plugin made no custody identity")
	}
	return id, i.set.options.Book.KeepRoot(ctx, i.name, root, automatic)
}

// Enrol makes the instance's custody identity; fault.Conflict when it has one.
func (i *Instance) Enrol(ctx context.Context) (id *identity.Identity, err error) {
	err = i.forOperator(ctx, func(ctx context.Context, c *contract.Client) error {
		i.rooting.Lock()
		defer i.rooting.Unlock()
		if known := i.Identity(); known != nil {
			return fault.New(fault.Conflict, "plugin %q: it is enrolled already, as %s", i.name, known.Name)
		}
		if err = i.own(ctx, c); err != nil {
			return err
		}
		if id, err = i.enrol(ctx, c, false); err != nil {
			return err
		}
		i.mu.Lock()
		i.id = id
		i.mu.Unlock()
		i.watch.nudge()
		return nil
	})
	return id, err
}
