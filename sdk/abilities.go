package sdk

import (
	"context"
	"time"

	"github.com/milagro-dta/dta/protocol/dag"
)

// The abilities here are optional: a Custodian has one by having its methods. A Custodian may also be an io.Closer.

// Schemer says how deposits are made, e.g. "aes-gcm" for a rung of the PKCS#11 ladder. Receipts repeat it; at most
// 64 printable characters of ASCII.
type Schemer interface {
	Scheme() string
}

// StatusReporter says whether the Custodian could work now. Without it a configured plugin counts as ready.
type StatusReporter interface {
	Status(ctx context.Context) Status
}

// Status is for the operator; no secrets.
type Status struct {
	Ready bool
	Text  string // one sentence, e.g. "token \"custody\" present, 4 sessions"
}

// Destroyer can keep an order under a key of its own, and destroy that key when the order has ended. It is asked with
// Context.OwnKey set; then Safeguard makes a key for this deposit alone, which opens no other, and without which nobody
// opens the deposit. Offers name the ability as "own-key"; an order that asks for it is refused by other Custodians.
type Destroyer interface {
	// Destroy destroys the key of a deposit that Safeguard made with OwnKey set, for good, and returns when that is
	// durable. It succeeds where the key is destroyed already. about is that of Restore. A Restore afterwards fails
	// with fault.Gone.
	Destroy(ctx context.Context, deposit []byte, about Context) error
}

// KeyMaker makes the keys that principals order, for instance with the random numbers of an HSM. Without it the sdk
// makes them, of every type.
type KeyMaker interface {
	// KeyTypes names the types that MakeKey makes, of those of package keytype; at least one. The list is asked for
	// once and stands in Describe. An order of another type is fault.Unsupported, and MakeKey does not hear of it.
	KeyTypes() []string
	// MakeKey returns a fresh private key of a type, in the type's form, which package keytype describes: for
	// secp256k1 and bls12381 a scalar of 32 bytes, big-endian, from 1 to the group order less 1; for ed25519 scalar ‖
	// prefix, 64 bytes, such as a random seed of 32 bytes expands to (edwards.FromSeed). It is cleared by the caller.
	MakeKey(ctx context.Context, keyType string, about Context) (key []byte, err error)
}

// RootKeeper keeps the deposit of the plugin's own identity in the realm itself, for instance as a data object in a
// token. Without it the host stores that deposit and hands it back at every start.
type RootKeeper interface {
	// Root returns the deposit kept, or nothing if there never was one. If it can tell that there was one (a realm
	// in use without its root), it returns fault.NotFound.
	Root(ctx context.Context) (deposit []byte, err error)
	// KeepRoot keeps the deposit, at most 512 KiB, durably. It is called once in the life of a realm;
	// fault.Conflict if there is one.
	KeepRoot(ctx context.Context, deposit []byte) error
}

// RealmNamer is a configuration, a *C of [Plugin], that tells its realm from others without touching it, e.g. by library,
// token and realm. Two blocks with one name are reported when the node's configuration is validated. No secrets.
type RealmNamer interface {
	RealmName() string
}

// TenureKeeper keeps, in the realm itself, which node the realm belongs to and which claim of its hosts came last,
// so that another node is refused and a copy of the node's data is noticed. Without it neither is.
type TenureKeeper interface {
	// Claim gives the realm to a node's instance for good, or confirms it, and records a start or end of the host with
	// a number above every one before and above t.Number, which is what the host knows. It returns what it recorded.
	// after is the mark of the newest claim that the host has seen, empty for none: a newer one with another mark,
	// but for t's own, must not be replaced, which is fault.Busy. fault.Conflict: the realm belongs to another node or
	// instance, which the text names. fault.Unsupported: this realm keeps no such record.
	Claim(ctx context.Context, t Tenure, after []byte) (Tenure, error)
	// Holder returns the newest claim; fault.NotFound when nobody has the realm.
	Holder(ctx context.Context) (Tenure, error)
}

// Tenure is a claim to a realm.
type Tenure struct {
	Node     dag.CID   // the node's name
	Instance string    // the operator's name of the plugin
	Number   uint64    // counts the claims of the node's hosts; 0 in a Holder that has recorded none yet
	Mark     []byte    // 16 random bytes of the host's, which tell its claims from others
	Host     string    // where that host runs, for messages
	Since    time.Time // when it claimed, by its own clock
}

// Issuer keeps networks' shares in hardware that computes with them, so that they never leave it. P is the generator
// of G1 of BLS12-381, Q that of G2; points are compressed (ZCash), 48 bytes in G1 and 96 in G2. Without it the sdk
// makes the shares, has the Custodian keep them as any other material, and computes in the plugin's memory.
//
// The sdk hashes identities, verifies every answer before it signs it, and says nothing of an answer that is wrong. The
// two proofs are those of package crypto/dleq, whose documentation has the equations. What the methods are lent ends
// with the call, and what they return is cleared by the caller. They are called concurrently; a call may be repeated.
// plugintest.Hardware is an example.
type Issuer interface {
	// MakeShare makes a uniform scalar s, other than 0, and returns a handle to it, 1 to 4096 bytes, which is sealed
	// and handed to the Custodian as material is.
	MakeShare(ctx context.Context, about Context) (handle []byte, err error)
	// CommitShare returns s·P, and the proof that s is known (dleq.ProvePossession), bound to proofContext.
	CommitShare(ctx context.Context, handle, proofContext []byte, about Context) (commitment, proof []byte, err error)
	// IssueG1 returns s·A for each base A, at most 4096, in their order, and one proof for all (dleq.Prove), bound to
	// proofContext.
	IssueG1(ctx context.Context, handle []byte, bases [][]byte, proofContext []byte, about Context) (points [][]byte, proof []byte, err error)
	// IssueG2 returns s·Q, which is a secret.
	IssueG2(ctx context.Context, handle []byte, about Context) (point []byte, err error)
}

// ShareCacher has the sdk keep networks' shares opened in memory that is not swapped out, for speed where the
// Custodian is slow. Without it none is kept longer than a call. While a share is kept the plugin issues without asking
// the Custodian: taking a token away stops that only once the plugin has ended. An Issuer's handles are not kept.
type ShareCacher interface {
	// ShareCache is how many, at most MaxShareCache; 0 for none. It is asked once.
	ShareCache() int
}

// MaxShareCache bounds what a ShareCacher may ask for.
const MaxShareCache = 1024
