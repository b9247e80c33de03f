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
// A checkpoint is a C2SP signed note (tlog-checkpoint): origin, size, root and one
// extension line, signed with an Ed25519 key of the log's own, so that signing is
// cheap:
//
//	dta/bafyrei…                                  the node's name
//	42
//	nND/nri/U0xuHUrYSy0HtMeal2vzD9V4k/BO79C+QeI=
//	key bafyrei… <Ed25519 public key> <BLS signature>
//
//	— dta/bafyrei… <key hash and signature>
//
// The extension line binds that key to the node: the BLS signing key of the
// named identity document signs (domain [bls.DomainCheckpoint]) the bytes
// "dta/audit/key/v1" ‖ 0 ‖ origin ‖ 0 ‖ Ed25519 public key. Whoever knows the
// node's identity can check a checkpoint; nothing else needs distributing.
package audit
