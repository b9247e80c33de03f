package store

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"fmt"

	"github.com/milagro-dta/dta/protocol/fault"
)

// remedy is what helps against damage that nobody else can mend.
const remedy = "restore the database from a backup"

// checked refuses a row that is not as it was written.
func checked(what string, sum []byte, values ...any) error {
	if bytes.Equal(sum, rowSum(values...)) {
		return nil
	}
	return fault.New(fault.Conflict, "%s: %w row in the store, its checksum does not match; %s", what, ErrDamaged, remedy)
}

// rowSumSize is enough to tell damage from chance. It is no proof against an
// editor of the database, who can compute checksums too.
const rowSumSize = 8

// rowSum is over the values of a row, in the order of its columns. A block is
// covered by its CID, an audit entry by its hashes, what else is kept for longer
// than a job by a checksum: SQLite itself has none, and returns a row in which a
// bit was flipped as if nothing had happened.
func rowSum(values ...any) []byte {
	h := sha256.New()
	for _, v := range values {
		var kind byte
		var b []byte
		switch v := v.(type) {
		case int:
			kind, b = 'i', binary.BigEndian.AppendUint64(nil, uint64(v))
		case int64:
			kind, b = 'i', binary.BigEndian.AppendUint64(nil, uint64(v))
		case string:
			kind, b = 't', []byte(v)
		case []byte:
			kind, b = 'b', v
		default: // of a damaged row only
			kind, b = '?', fmt.Append(nil, v)
		}
		h.Write(binary.BigEndian.AppendUint64([]byte{kind}, uint64(len(b))))
		h.Write(b)
	}
	return h.Sum(nil)[:rowSumSize]
}
