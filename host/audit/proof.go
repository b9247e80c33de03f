package audit

import (
	"golang.org/x/mod/sumdb/tlog"

	"github.com/milagro-dta/dta/host/store"
	"github.com/milagro-dta/dta/protocol/fault"
)

// Consistency proves that the log of one size begins with the log of an older,
// smaller size, as [tlog.CheckTree] checks it. older is at least 1.
func (l *Log) Consistency(tx *store.Tx, size, older int64) (tlog.TreeProof, error) {
	if err := within(tx, size); err != nil {
		return nil, err
	}
	if older < 1 || older > size {
		return nil, fault.New(fault.Invalid, "audit proof: expected an older size of 1 to %d, found %d", size, older)
	}
	return tlog.ProveTree(size, older, reader{tx})
}

// Extends reports whether this log begins with the one an older checkpoint
// attests, by the hashes it keeps: nil, or fault.Conflict saying how they differ.
// Verify is the check that also reads every entry.
func (l *Log) Extends(tx *store.Tx, older Checkpoint) error {
	size, err := tx.AuditSize()
	if err != nil {
		return err
	}
	if older.Size > size {
		return fault.New(fault.Conflict, "the audit log has %d entries, the checkpoint attests %d: its tail is missing", size, older.Size)
	}
	root, err := tlog.TreeHash(older.Size, reader{tx})
	if err != nil {
		return err
	}
	if root != older.Root {
		return fault.New(fault.Conflict, "the first %d audit entries are not those that the checkpoint attests", older.Size)
	}
	return nil
}

func within(tx *store.Tx, size int64) error {
	has, err := tx.AuditSize()
	if err != nil {
		return err
	}
	if size < 0 || size > has {
		return fault.New(fault.NotFound, "the audit log has %d entries, not %d", has, size)
	}
	return nil
}

// CheckExtension checks the proof that the log of newer begins with that of older.
func CheckExtension(newer, older Checkpoint, proof tlog.TreeProof) error {
	if newer.Origin != older.Origin {
		return fault.New(fault.Invalid, "checkpoints are of two logs, %s and %s", older.Origin, newer.Origin)
	}
	if older.Size == 0 {
		return nil
	}
	if err := tlog.CheckTree(proof, newer.Size, newer.Root, older.Size, older.Root); err != nil {
		return fault.New(fault.Conflict, "audit log of %s does not extend its older checkpoint: %w", newer.Origin, err)
	}
	return nil
}
