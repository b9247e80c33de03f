package sdk

import "context"

// The abilities here are optional: a Custodian has one by having its methods. A Custodian may also be an io.Closer.

// Schemer says how deposits are made, e.g. "aes-gcm" for a rung of the PKCS#11 ladder. Receipts repeat it; at most
// 64 bytes.
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

// KeyMaker makes the keys that principals order, for instance with the random numbers of an HSM. Without it the sdk
// makes them.
type KeyMaker interface {
	// MakeKey returns a fresh secp256k1 private key: a scalar of 32 bytes, big-endian, from 1 to the order less 1. It
	// is cleared by the caller.
	MakeKey(ctx context.Context, about Context) (key []byte, err error)
}

// RootKeeper keeps the deposit of the plugin's own identity in the realm itself, for instance as a data object in a
// token. Without it the host stores that deposit and hands it back at every start.
type RootKeeper interface {
	// Root returns the deposit kept, or nothing if there never was one. If it can tell that there was one (a realm
	// in use without its root), it returns fault.NotFound.
	Root(ctx context.Context) (deposit []byte, err error)
	// KeepRoot keeps the deposit, at most 256 KiB, durably. It is called once in the life of a realm;
	// fault.Conflict if there is one.
	KeepRoot(ctx context.Context, deposit []byte) error
}
