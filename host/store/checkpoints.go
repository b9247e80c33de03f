package store

import (
	"errors"

	"github.com/milagro-dta/dta/protocol/fault"
)

// PutCheckpoint keeps the newest checkpoint seen of a peer's audit log. peer is
// the peer's name, or another string the caller chose to know the log by.
func (tx *Tx) PutCheckpoint(peer string, size int64, note []byte) error {
	_, err := tx.exec("put checkpoint", `
		insert into checkpoints (peer, size, note) values ($1, $2, $3)
		on conflict (peer) do update set size = excluded.size, note = excluded.note`, peer, size, blob(note))
	return err
}

// Checkpoint returns the newest checkpoint kept for a peer.
func (tx *Tx) Checkpoint(peer string) (size int64, note []byte, err error) {
	err = tx.row("read checkpoint", `select size, note from checkpoints where peer = $1`, []any{peer}, &size, &note)
	if errors.Is(err, errNoRow) {
		err = fault.New(fault.NotFound, "no checkpoint of %s was seen yet", peer)
	}
	return size, note, err
}
