package host

import (
	"context"
	"fmt"
	"time"

	"github.com/milagro-dta/dta/crypto/secret"
	"github.com/milagro-dta/dta/host/custody"
	"github.com/milagro-dta/dta/host/rest"
	"github.com/milagro-dta/dta/host/supervisor"
)

const (
	openTime = 30 * time.Second // for one attempt to open the identity
	openRest = time.Second      // between two, where the plugin's state does not change
)

// openKey has the seal's plugin open the key of the node's identity. A node that
// serves waits for a plugin that may return for as long as it takes; any other
// command is told.
func (n *Node) openKey(ctx context.Context, vault *custody.Instance, deposit []byte) (*secret.Bytes, error) {
	for waited := false; ; waited = true {
		changed := vault.Changed()
		limited, cancel := context.WithTimeout(ctx, openTime)
		key, err := vault.OpenKey(limited, deposit)
		cancel()
		if err == nil || !n.waits || ctx.Err() != nil || !vault.MayReturn(err) {
			return key, err
		}
		n.unopened.Store(&err)
		if !waited {
			n.log.Warn("waiting for the seal plugin", "plugin", vault.Name(), "reason", err)
		}
		timer := time.NewTimer(openRest)
		select {
		case <-changed:
		case <-timer.C:
		case <-ctx.Done():
		}
		timer.Stop()
	}
}

// waiting is what the node shows until its identity is open.
func (n *Node) waiting() rest.Waiting {
	return rest.Waiting{
		Node: n.state.Node(), Name: n.config.Node.Name, Custody: n.custody, RenewPlugin: n.renewPlugin,
		AuditSize: n.audit.Size, Reason: n.awaited,
	}
}

// awaited says what the node waits for, and to the operator why.
func (n *Node) awaited(operator bool) string {
	vault, err := n.custody.Instance(n.config.Node.Seal)
	if err != nil {
		return "it is starting"
	}
	state, reason := vault.State()
	unopened := n.unopened.Load()
	switch {
	case state == supervisor.Ready && unopened == nil:
		return "it is starting"
	case operator && reason != "":
	case operator && unopened != nil:
		reason = (*unopened).Error()
	default:
		reason = string(state)
	}
	return fmt.Sprintf("waiting for the seal plugin %s: %s", vault.Name(), reason)
}
