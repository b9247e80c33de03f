package audit_test

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hashicorp/go-hclog"

	"github.com/milagro-dta/dta/host/audit"
	"github.com/milagro-dta/dta/host/store"
	"github.com/milagro-dta/dta/protocol/identity"
)

// rerun runs a watcher over a log until the log was verified, as a start of the
// node does, and returns the doubt.
func rerun(t *testing.T, s *store.Store, keys *identity.Keyring) (doubt error) {
	t.Helper()
	l := openLog(t, s, keys)
	until, cancel := context.WithCancel(ctx)
	defer cancel()
	w := audit.Watcher{
		Log: l, Store: s, Node: keys.Identity(), Logger: hclog.NewNullLogger(),
		Doubt: func(err error) { doubt = err },
	}
	w.Run(until, cancel)
	return doubt
}

// TestALogIsVerifiedFromWhereItWasVerifiedBeforeAndThenAsAWhole: what was verified
// before a start is held to the checkpoint that was kept, and read again.
func TestALogIsVerifiedFromWhereItWasVerifiedBeforeAndThenAsAWhole(t *testing.T) {
	const size = 1300 // three pages
	path := filepath.Join(t.TempDir(), "dta.db")
	s, keys := open(t, path), node(t, "n")
	grow(t, s, openLog(t, s, keys), size)
	if err := rerun(t, s, keys); err != nil {
		t.Fatal(err)
	}
	grow(t, s, openLog(t, s, keys), size+5)
	db := raw(t, path)
	for name, c := range map[string]struct{ change, want string }{
		"after the mark":                {"update audit_entries set entry = x'00' where number = 1302", "audit entry 1302"},
		"a leaf before the mark":        {"update audit_entries set entry = x'00' where number = 700", "audit entry 700"},
		"a hash before the mark":        {"update audit_entries set hashes = zeroblob(length(hashes)) where number = 1023", "audit entry 1023"},
		"the mark, by nobody":           {"update meta set value = x'00' where name = 'audit-verified'", ""},
		"all after the mark and before": {"delete from audit_entries where number >= 1290", "1300 were verified before"},
		"a leaf in the first page":      {"delete from audit_entries where number = 2", "audit entry 2 is missing"},
	} {
		t.Run(name, func(t *testing.T) {
			for _, table := range []string{"audit_entries", "meta"} {
				execute(t, db, fmt.Sprintf("create table kept_%s as select * from %s", table, table))
				defer func() {
					execute(t, db, "delete from "+table)
					execute(t, db, fmt.Sprintf("insert into %s select * from kept_%s", table, table))
					execute(t, db, "drop table kept_"+table)
				}()
			}
			execute(t, db, c.change)
			err := rerun(t, s, keys)
			if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
				t.Errorf("expected %q; found %v", c.want, err)
			}
		})
	}
	if err := rerun(t, s, keys); err != nil {
		t.Errorf("restored: %v", err)
	}
}
