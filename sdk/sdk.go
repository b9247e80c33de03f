// Package sdk is what the author of a custody plugin reads.
//
// A plugin is a program that keeps secrets for a fiduciary. Its author writes a Custodian, two methods that keep
// and give back a 32-byte key, and a main that calls Serve:
//
//	func main() {
//		sdk.Serve(sdk.Plugin[config]{Type: "my-vault", Version: "1.0", Open: open})
//	}
//
// Everything else comes with the sdk: the plugin's own identity, the verification of every envelope and document
// that the host shows, the sealing of the material, deadlines, the joining of repeats, logging, and a conformance
// suite (package plugintest).
//
// # The life of a plugin
//
//  1. The host starts the program (a supervised plugin), or a service manager does with -socket PATH (an enrolled
//     one, which the host cannot read even if it is taken over; no host attaches to one yet). Core dumps and debuggers
//     are shut out.
//  2. Validate: the operator's config block is decoded into the plugin's struct and Plugin.Validate looks at it.
//     No token or network is touched, and what file() and env() name is looked for but not read. Often the program
//     ends here: the operator only asked for a check.
//  3. Configure: the block is decoded again, now with file() and env() evaluated, and Plugin.Open returns the
//     Custodian. Prove here that keeping works (log in, make a key, try a round trip): a start that fails is
//     reported to the operator with the text of Open's error.
//  4. Enrol, once in the life of a realm: the custody identity is made, and its secret half goes to the Custodian
//     as a deposit like any other. At every later start it must come back, or the start fails.
//  5. Safeguard and Restore, many at once, each with a deadline. A share of a network's master secret the sdk makes
//     itself and has kept like any other material. It comes back for every request that the network's authority
//     approved: the sdk computes what is asked for, seals it to the receiver and clears the share. A Custodian over
//     hardware that computes pairings may be an Issuer, and a slow one a ShareCacher.
//  6. SIGTERM, the end of the host, or its Shutdown call: calls in flight are finished, for at most 10 s, then a
//     Custodian that is an io.Closer is closed and the program ends. A host is less patient with a program that it
//     started: it waits 1.5 s for its calls, then calls Shutdown, and kills what is still there about a second
//     later. What was cut short is asked for again after the next start.
//
// # Errors
//
// Give an error its kind with protocol/fault where the caller can do something about it: fault.Unavailable for a
// token that is away, fault.Busy for an exhausted pool, fault.Denied, fault.Invalid. The text of such an error goes
// to the host and its callers. An error without a kind is internal: its text stays in the plugin's log. Only Open's
// errors always reach the operator. Values of sensitive configuration attributes are blotted out of both.
//
// # Logging
//
// Log to Environment.Logger, or to log and log/slog, which are redirected there. Never log a key. What is printed
// to standard output before Serve breaks the handshake with the host.
package sdk

import (
	"context"

	"github.com/milagro-dta/dta/protocol/dag"
	"github.com/milagro-dta/dta/sdk/internal/guard"
)

// Custodian keeps 32-byte keys. Under each key the sdk has sealed one secret; the ciphertext lies with the host.
//
// Both methods are called concurrently, must respect the context and may keep no state in the process: the plugin
// may be killed at any moment, and another process may be asked for what this one kept.
type Custodian interface {
	// Safeguard keeps a key and returns a deposit from which Restore gives it back, for instance the key encrypted
	// in an HSM, at most 192 KiB. The host stores the deposit; assume that others read it. key is cleared when the
	// call returns: do not hold on to it. about says what the key is for, and may be ignored.
	Safeguard(ctx context.Context, key []byte, about Context) (deposit []byte, err error)
	// Restore gives back the key. about is that of Safeguard but for Operation, and Receiver now being set. A
	// deposit may have been changed by whoever stored it: return an error then, fault.Denied. The key returned is
	// cleared by the caller.
	Restore(ctx context.Context, deposit []byte, about Context) (key []byte, err error)
}

// Purpose says what a deposit is for; a closed list.
type Purpose string

const (
	PurposeShare        = Purpose(guard.Share)        // a share of a given secret
	PurposeKey          = Purpose(guard.Key)          // an ordered key
	PurposeNetworkShare = Purpose(guard.NetworkShare) // a share of a network's master secret
	PurposeCustodyRoot  = Purpose(guard.CustodyRoot)  // the plugin's own identity
	PurposeNodeIdentity = Purpose(guard.NodeIdentity) // the host's own identity, the one the host gets to see
)

// Context tells a Custodian what is being done and for whom; all of it was verified. Fields that a purpose has no
// use for are zero: only orders have Terms, Principal and Receiver, and node-identity has no Custody.
type Context struct {
	Operation string  // names the call; the same in a repeat
	Purpose   Purpose // of the deposit
	Terms     dag.CID // of the order
	Custody   dag.CID // name of this plugin's identity
	Epoch     uint64  // counts what replaced the material
	Principal dag.CID // name of who placed the order
	Receiver  dag.CID // Restore: name of who gets the material, sealed; of a network's share, of who asked
	Instance  string  // the operator's name of this plugin
	OwnKey    bool    // the order asks for a key of its own; only a Destroyer is asked: see there
}
