// Package audit keeps a node's audit log: a Merkle log as in RFC 6962, hashed by
// golang.org/x/mod/sumdb/tlog, whose rows are written in the same transaction as
// what they tell of.
//
//	log, err := audit.Open(ctx, s)
//	log.SetSigner(audit.NewSigner(keys))
//	err = s.Update(ctx, func(tx *store.Tx) error {
//		…
//		_, err := log.Append(tx, audit.Entry{Time: now, Kind: "order.accepted", …})
//		return err
//	})
//	note := log.Newest() // a signed checkpoint of what is committed
//
// An entry that cannot be appended fails the whole transaction: nothing happens
// that the log does not tell of.
//
// # What it proves
//
// A checkpoint attests the size and the root hash of the log. Whoever holds one
// can have the log proved against it (Verify, or the proofs of RFC 6962) and will
// notice every changed, missing, added or moved bit of the entries it covers. The
// entries after it, or all where no checkpoint is held elsewhere, are protected
// only against damage: someone who rewrites the database can compute their hashes
// anew, and a tail that was cut off leaves no trace. That is why checkpoints
// travel in acceptances and releases, and why every party keeps the newest it has
// seen of its peers (TrackPeer) and has them prove that their logs only grew
// (Unproved).
//
// # Checkpoints
//
// A checkpoint is a C2SP signed note (tlog-checkpoint): origin, size and root,
// signed with an Ed25519 key of the log's own, so that signing is cheap and the
// note small, fewer than 500 bytes:
//
//	dta/bafyrei…                                  the node's name
//	42
//	nND/nri/U0xuHUrYSy0HtMeal2vzD9V4k/BO79C+QeI=
//
//	— dta/bafyrei… <key hash and signature>
//
// The node's identity documents have the public key (`log`), so that a reader who
// knows the node's identity can check a checkpoint and nothing else needs
// distributing. VerifierKey puts it in the form that monitors of such logs are
// configured with; golang.org/x/mod/sumdb/note alone then reads the checkpoints.
//
// A rotation of the identity brings a new log key. Checkpoints count under the
// key of any document of the chain: those made before the rotation stay good.
package audit
