package state

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strconv"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/milagro-dta/dta/host/anchor"
	"github.com/milagro-dta/dta/host/audit"
	"github.com/milagro-dta/dta/host/datadir"
	"github.com/milagro-dta/dta/host/store"
	"github.com/milagro-dta/dta/protocol/dag"
	"github.com/milagro-dta/dta/protocol/fault"
)

// Unknown is the number of entries that are missing where the anchor cannot say.
const Unknown = -1

// Loss says that a database is not a continuation of what the node acknowledged.
// Its kind is fault.Conflict.
type Loss struct {
	// Missing is the number of acknowledged audit entries, with the orders they
	// tell of, that are not in the database: Unknown where that cannot be told.
	Missing int64
	what    string
}

// Number is how an operator names the loss to accept it.
func (l *Loss) Number() string {
	if l.Missing == Unknown {
		return "unknown"
	}
	return strconv.FormatInt(l.Missing, 10)
}

func (l *Loss) Error() string {
	return fmt.Sprintf("%s: put back %s with its %s-wal, or restore the newest backup of the data directory; "+
		"what is lost for good, the node goes on without after dta store accept-loss %s", l.what, datadir.Database, datadir.Database, l.Number())
}

func lost(missing int64, format string, args ...any) error {
	return fault.New(fault.Conflict, "%w", &Loss{Missing: missing, what: fmt.Sprintf(format, args...)})
}

// check holds a database to the anchor beside it.
func check(tx *store.Tx, blank bool, dir string) (a *anchor.Anchor, node dag.CID, err error) {
	if unfinished, err := datadir.Unfinished(dir); err != nil {
		return nil, node, err
	} else if unfinished && (blank || !Whole(tx)) {
		return nil, node, datadir.CutShort(dir)
	}
	var size int64
	if !blank {
		if node, err = nodeName(tx); err != nil {
			return nil, node, err
		}
		if size, err = tx.AuditSize(); err != nil {
			return nil, node, err
		}
	}
	a, mark, err := anchor.Open(filepath.Join(dir, anchor.File))
	defer func() {
		if err != nil && a != nil {
			a.Close()
			a = nil
		}
	}()
	silent := errors.Is(err, anchor.ErrMissing) || errors.Is(err, anchor.ErrDamaged)
	if !silent && err == nil && mark.Node.Defined() && node == mark.Node {
		// What the journal covers looks like this node's.
		if err := checkFile(tx, dir, mark.Node); err != nil {
			return a, node, err
		}
	}
	switch {
	case err != nil && !silent:
		return nil, node, err
	case size == 0 && (silent && !node.Defined() || !silent && mark.Size == 0):
		return a, node, datadir.CutShort(dir)
	case size == 0 && node.Defined():
		return a, node, fault.New(fault.Conflict, "data directory %s: the audit log is empty beside the node's identity: "+
			"restore the directory from a backup", full(dir))
	case silent:
		return nil, node, lost(Unknown, "%v: the database has %d audit entries; whether acknowledged ones are missing cannot be told", err, size)
	case !node.Defined() && size > 0:
		return a, node, fault.New(fault.Conflict, "data directory %s: the database has %d audit entries of node %s and no identity: "+
			"restore the directory from a backup", full(dir), size, mark.Node)
	case node.Defined() && node != mark.Node:
		return a, node, lost(mark.Size, "the database is that of node %s; the anchor attests %d acknowledged audit entries of node %s, and all are missing",
			node, mark.Size, mark.Node)
	case size < mark.Size:
		return a, node, lost(mark.Size-size, "%d acknowledged audit entries are missing: the anchor attests %d, the database has %d", mark.Size-size, mark.Size, size)
	}
	root, err := audit.RootAt(tx, mark.Size)
	if err != nil {
		return a, node, fault.New(fault.Conflict, "%w: restore the data directory %s from a backup", err, full(dir))
	}
	if root != mark.Root {
		err = lost(mark.Size, "the first %d audit entries are not the acknowledged ones: the anchor attests root %s, the database has %s", mark.Size, tlog.Hash(mark.Root), root)
	}
	return a, node, err
}

func nodeName(tx *store.Tx) (dag.CID, error) {
	b, err := tx.Meta(MetaName)
	if fault.Of(err) == fault.NotFound || (err == nil && len(b) == 0) {
		return dag.CID{}, nil
	}
	if err != nil {
		return dag.CID{}, err
	}
	name, err := dag.FromBytes(b)
	if err != nil {
		return dag.CID{}, fault.New(fault.Conflict, "the node's name in the database is damaged: %w", err)
	}
	return name, nil
}

// AcceptLoss goes on without the acknowledged entries that are missing. number is
// the one that [Loss] names; any other, and a database that misses nothing, are
// refused. The loss is an entry of the audit log afterwards, and the anchor
// attests the log as it then is.
func AcceptLoss(ctx context.Context, dir, number string, now time.Time) error {
	if err := datadir.Check(dir); err != nil {
		return err
	}
	var loss *Loss
	s := &State{dir: dir}
	err := s.open(ctx, store.Options{Check: func(tx *store.Tx, blank bool) error {
		a, node, err := check(tx, blank, dir)
		if a != nil {
			a.Close()
		}
		s.node = node
		switch {
		case err == nil:
			return fault.New(fault.Conflict, "accept a loss: nothing that was acknowledged is missing")
		case !errors.As(err, &loss):
			return err
		case loss.Number() != number:
			return fault.New(fault.Conflict, "accept a loss: expected the number %s, found %s: %w", loss.Number(), number, err)
		case !node.Defined():
			return fault.New(fault.Conflict, "accept a loss: the database has no identity to go on with: %w", err)
		}
		return nil
	}})
	if err != nil {
		return err
	}
	err = s.Store.Update(ctx, func(tx *store.Tx) error {
		if err := audit.Unverify(tx); err != nil {
			return err
		}
		if err := tx.SetMeta(MetaLoss, now.AppendFormat(nil, time.RFC3339Nano)); err != nil {
			return err
		}
		_, err := s.Audit.Append(tx, audit.Entry{Time: now.UnixMilli(), Kind: "store.loss.accepted", Detail: loss.what})
		return err
	})
	if err == nil {
		size, root := s.Audit.Head()
		s.anchor, err = anchor.Create(filepath.Join(dir, anchor.File), anchor.Mark{Size: size, Root: root, Node: s.node})
	}
	if e := s.Close(); err == nil {
		err = e
	}
	return err
}

func full(path string) string {
	if abs, err := filepath.Abs(path); err == nil {
		return abs
	}
	return path
}
