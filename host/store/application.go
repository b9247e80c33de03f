package store

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
)

// Where the application id stands in the header of an SQLite file, in bytes from its
// beginning, big-endian (SQLite, Database File Format, 1.3).
const (
	applicationIDAt = 68
	headerSize      = 100
)

// SetApplicationID writes into the header of an SQLite file whose database it is: a
// number of 31 bits other than 0.
func (tx *Tx) SetApplicationID(id uint32) error {
	_, err := tx.exec("set application id", fmt.Sprintf("pragma application_id = %d", id))
	return err
}

// ApplicationID is what the file itself says, without the write-ahead log beside it,
// within [Options.Check]: 0 where it does not say it yet.
func (tx *Tx) ApplicationID() uint32 { return tx.applicationID }

// applicationIDOf reads a file that no connection of this process has open: closing
// it would release the locks that SQLite has on it.
func applicationIDOf(path string) (uint32, error) {
	f, err := os.Open(path)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	var header [headerSize]byte
	switch _, err := io.ReadFull(f, header[:]); {
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return 0, nil // all of it is in the write-ahead log
	case err != nil:
		return 0, err
	}
	return binary.BigEndian.Uint32(header[applicationIDAt:]), nil
}
