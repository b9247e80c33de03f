package store

import (
	"errors"

	"github.com/milagro-dta/dta/protocol/fault"
)

// PeerCheckpoint is the newest checkpoint seen of a peer's audit log.
type PeerCheckpoint struct {
	Peer string // the peer's name
	Size int64  // entries that it attests
	Time int64  // when the peer gave it, unix milliseconds
	Note []byte // as it was signed
}

// PutCheckpoint replaces the checkpoint kept for a peer.
func (tx *Tx) PutCheckpoint(c PeerCheckpoint) error {
	_, err := tx.exec("put checkpoint", `
		insert into checkpoints (peer, size, time, note, checksum) values ($1, $2, $3, $4, $5)
		on conflict (peer) do update set size = excluded.size, time = excluded.time, note = excluded.note, checksum = excluded.checksum`,
		c.Peer, c.Size, c.Time, blob(c.Note), rowSum(c.Peer, c.Size, c.Time, blob(c.Note)))
	return err
}

// Checkpoint returns the checkpoint kept for a peer.
func (tx *Tx) Checkpoint(peer string) (PeerCheckpoint, error) {
	c := PeerCheckpoint{Peer: peer}
	err := tx.row("read checkpoint", `select size, time, note from checkpoints where peer = $1`, []any{peer}, &c.Size, &c.Time, &c.Note)
	if errors.Is(err, errNoRow) {
		err = fault.New(fault.NotFound, "no checkpoint of %s was seen yet", peer)
	}
	return c, err
}
