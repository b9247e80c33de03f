package scrub

import (
	"errors"
	"fmt"
	"strings"

	"github.com/milagro-dta/dta/host/records"
	"github.com/milagro-dta/dta/protocol/dag"
	"github.com/milagro-dta/dta/protocol/fault"
	"github.com/milagro-dta/dta/protocol/ipfs"
)

// Kind says what is wrong; a closed list.
type Kind string

const (
	Database Kind = "database" // SQLite finds its own structure wrong
	Block    Kind = "block"    // bytes that do not hash to their CID, or that are missing
	RowSum   Kind = "row"      // a row that is not as it was written
	Order    Kind = "order"    // an order's row contradicts what is on record beside it
	Envelope Kind = "envelope" // an envelope's row contradicts its block
	Answer   Kind = "answer"   // an answer names what is not on record
	Identity Kind = "identity" // a chain of documents has a gap
	Job      Kind = "job"      // work that cannot be read
	Audit    Kind = "audit"    // the audit log is not what it was
)

// Kinds lists them all.
func Kinds() []Kind {
	return []Kind{Database, Block, RowSum, Order, Envelope, Answer, Identity, Job, Audit}
}

// Finding is one thing that is not as it should be.
type Finding struct {
	Kind     Kind   `json:"kind"`
	Key      string `json:"key"`             // the CID, or what else names it
	Order    string `json:"order,omitempty"` // CID of the order concerned
	Expected string `json:"expected"`
	Found    string `json:"found"`

	lost *lost // what is missing and may be fetched
	away bool  // a party that may have the block could not be asked
}

// unmended adds why a block was not had again.
func (f *Finding) unmended(err error) {
	var unreachable []error
	if u, ok := errors.AsType[*records.Unmended](err); ok {
		unreachable = u.Unreachable
	} else {
		unreachable = ipfs.Unreachable(err)
	}
	if f.away = len(unreachable) > 0; !f.away {
		f.Found += ", and no other party that was asked has the block"
		return
	}
	var texts []string
	for _, err := range unreachable {
		texts = append(texts, fault.Foreign(err.Error()))
	}
	f.Found += ", and a party that may have the block cannot be reached: " + strings.Join(texts, "; ") + ": tried again by itself"
}

// lost is a block that is missing, and how it is to be kept.
type lost struct {
	cid    dag.CID
	chain  string
	public bool
}

// String is the finding on one line.
func (f Finding) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s", f.Kind, f.Key)
	if f.Order != "" && f.Order != f.Key {
		fmt.Fprintf(&b, " of order %s", f.Order)
	}
	fmt.Fprintf(&b, ": expected %s, found %s", f.Expected, f.Found)
	return b.String()
}

// place names what a finding is about, so that it is reported once.
func (f Finding) place() string { return string(f.Kind) + " " + f.Key }
