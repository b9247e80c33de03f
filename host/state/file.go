package state

import (
	"crypto/sha256"
	"encoding/binary"

	"github.com/milagro-dta/dta/host/datadir"
	"github.com/milagro-dta/dta/host/store"
	"github.com/milagro-dta/dta/protocol/dag"
	"github.com/milagro-dta/dta/protocol/fault"
)

// A journal beside another node's database is laid over it when that is opened, page
// by page, and what it covers looks whole. So the database file itself says whose it
// is: its application id is derived from the node's name.

// applicationID is that of a node's database: the first four bytes of SHA-256 of its
// name, with the highest bit clear and the lowest set, since 0 stands for none.
func applicationID(node dag.CID) uint32 {
	sum := sha256.Sum256(node.Bytes())
	return binary.BigEndian.Uint32(sum[:4])&0x7fffffff | 1
}

// PutName writes the node's name in the transaction that makes its identity.
func (s *State) PutName(tx *store.Tx) error {
	if err := tx.SetApplicationID(applicationID(s.node)); err != nil {
		return err
	}
	return tx.SetMeta(MetaName, s.node.Bytes())
}

// checkFile refuses a database file that says, without the journal beside it, that it
// is another node's. One that does not say yet whose it is passes.
func checkFile(tx *store.Tx, dir string, node dag.CID) error {
	if id := tx.ApplicationID(); id == 0 || id == applicationID(node) {
		return nil
	}
	return fault.New(fault.Conflict, "data directory %s: %s is another node's, and the anchor beside it that of node %s: put back the right %s; "+
		"a %s-wal that lies there is kept, and may be that of the right one", full(dir), datadir.Database, node, datadir.Database, datadir.Database)
}
