package ledger_test

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/milagro-dta/dta/cmd/dta/authn/ledger"
	"github.com/milagro-dta/dta/protocol/fault"
)

// killed is the state as a server leaves it that is killed after it has locked anna.
func killed(t *testing.T) string {
	t.Helper()
	dir := fresh(t)
	l := open(t, dir)
	for left := 2; left >= 0; left-- {
		wrong(t, l, anna, left)
	}
	return copied(t, dir)
}

func copied(t *testing.T, dir string) string {
	t.Helper()
	to := filepath.Join(t.TempDir(), "copy")
	if err := os.CopyFS(to, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(to, 0o700); err != nil {
		t.Fatal(err)
	}
	for _, name := range names(t, to) {
		if err := os.Chmod(filepath.Join(to, name), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return to
}

func names(t *testing.T, dir string) (all []string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		all = append(all, e.Name())
	}
	return all
}

func remove(names ...string) func(*testing.T, string) {
	return func(t *testing.T, dir string) {
		for _, name := range names {
			if err := os.Remove(filepath.Join(dir, name)); err != nil {
				t.Fatal(err)
			}
		}
	}
}

func edit(name string, change func([]byte) []byte) func(*testing.T, string) {
	return func(t *testing.T, dir string) {
		path := filepath.Join(dir, name)
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, change(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func cut(parts int) func([]byte) []byte {
	return func(text []byte) []byte { return text[:len(text)*parts/10] }
}

// flip changes a bit in the first frame of a write-ahead log, or in both slots of an
// anchor.
func flip(text []byte) []byte {
	text = bytes.Clone(text)
	text[64] ^= 1
	text[512+64] ^= 1
	return text
}

func mark(t *testing.T, dir string) {
	if err := os.WriteFile(filepath.Join(dir, "unfinished"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
}

func execute(statement string) func(*testing.T, string) {
	return func(t *testing.T, dir string) {
		db, err := sql.Open("sqlite", filepath.Join(dir, "logins.db"))
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		if _, err := db.Exec(statement); err != nil {
			t.Fatal(err)
		}
	}
}

func all(steps ...func(*testing.T, string)) func(*testing.T, string) {
	return func(t *testing.T, dir string) {
		for _, step := range steps {
			step(t, dir)
		}
	}
}

// another puts the files of another ledger of the same server in the place of these.
func another(names ...string) func(*testing.T, string) {
	return func(t *testing.T, dir string) {
		other := fresh(t)
		for _, name := range names {
			text, err := os.ReadFile(filepath.Join(other, name))
			if err != nil {
				t.Fatal(err)
			}
			edit(name, func([]byte) []byte { return text })(t, dir)
		}
	}
}

func reopen(dir string, accept string) (*ledger.Ledger, error) {
	o := ledger.Options{Attempts: 3}
	if accept != "" {
		loss, err := ledger.ParseLoss(accept)
		if err != nil {
			return nil, err
		}
		o.AcceptLoss = &loss
	}
	return ledger.Open(context.Background(), dir, shop, o)
}

// A state that lost something unlocks nobody before its operator says so.
func TestALedgerIsWholeOrRefused(t *testing.T) {
	const db, wal, shm, lock, anchor = "logins.db", "logins.db-wal", "logins.db-shm", "logins.db.lock", "anchor"
	for _, test := range []struct {
		name   string
		damage func(*testing.T, string)
		kind   fault.Kind // "": it is whole
		says   string
		accept string // the loss that can be accepted; "": none
	}{
		{"killed", all(), "", "", ""},
		{"killed, without the shared memory", remove(shm), "", "", ""},
		{"killed, without the lock", remove(lock), "", "", ""},
		{"no database", remove(db), fault.Conflict, "logins.db, which is missing beside [anchor logins.db-shm logins.db-wal logins.db.lock]", ""},
		{"an empty database", edit(db, cut(0)), fault.Conflict, "which is empty beside", ""},
		{"the lock alone", remove(db, wal, shm, anchor), fault.Conflict, "which is missing beside [logins.db.lock]", ""},
		{"the anchor alone", remove(db, wal, shm, lock), fault.Conflict, "which is missing beside [anchor]", ""},
		{"the log alone", remove(db, shm, lock, anchor), fault.Conflict, "which is missing beside [logins.db-wal]", ""},
		{"nothing", remove(db, wal, shm, lock, anchor), fault.NotFound, "--create", ""},
		{"no log", remove(wal, shm), fault.Conflict, "6 of 6 changes are missing", "6"},
		{"an empty log", all(remove(shm), edit(wal, cut(0))), fault.Conflict, "6 of 6 changes are missing", "6"},
		{"half a log", all(remove(shm), edit(wal, cut(5))), fault.Conflict, "of 6 changes are missing", "4"},
		{"a bit of the log", all(remove(shm), edit(wal, flip)), fault.Conflict, "6 of 6 changes are missing", "6"},
		{"no line about itself", execute(`delete from meta`), fault.Conflict, "does not say any more", ""},
		{"no tables", execute(`drop table meta; drop table tries; pragma user_version = 0`), fault.Conflict, "found another database", ""},
		{"no tries", execute(`delete from tries`), fault.Conflict, "not those that were written", "unknown"},
		{"a line that was edited", execute(`update tries set wrong = 0`), fault.Conflict, "not those that were written", "unknown"},
		{"no anchor", remove(anchor), fault.Conflict, "the anchor is missing", "unknown"},
		{"an empty anchor", edit(anchor, cut(0)), fault.Conflict, "the anchor is damaged", "unknown"},
		{"half an anchor", edit(anchor, cut(5)), "", "", ""}, // it has two slots
		{"a bit of both slots of the anchor", edit(anchor, flip), fault.Conflict, "the anchor is damaged", "unknown"},
		{"another's anchor", another(anchor), fault.Conflict, "belongs to another", "unknown"},
		{"another's database", all(remove(wal, shm), another(db)), fault.Conflict, "belongs to another", "unknown"},
		{"no database any more", edit(db, func([]byte) []byte { return bytes.Repeat([]byte("no database "), 1000) }), fault.Conflict, "logins.db is damaged: ", ""},
		{"a cut database", all(remove(wal, shm), edit(db, cut(5))), fault.Conflict, "logins.db", ""},
		{"half a header", edit(db, func(text []byte) []byte { return text[:50] }), fault.Conflict, "put the ledger back", ""},
		{"cut short in the making", all(edit(db, cut(0)), execute(`pragma user_version = 0`), mark), fault.Conflict, "its making was cut short: remove what is in it", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			dir := killed(t)
			test.damage(t, dir)
			refused := func(what string, err error) {
				t.Helper()
				if fault.Of(err) != test.kind || !strings.Contains(err.Error(), test.says) {
					t.Errorf("%s: expected %s and %q; found %s, %v", what, test.kind, test.says, fault.Of(err), err)
				}
			}
			if test.kind == "" {
				locked(t, open(t, dir), anna, true)
				return
			}
			for range 2 { // a refusal mends nothing
				_, err := reopen(dir, "")
				refused("a start", err)
			}
			_, err := ledger.Unlock(t.Context(), dir, "anna")
			refused("an unlocking", err)
			_, err = ledger.Entries(t.Context(), dir)
			refused("a list", err)
			if err := ledger.Create(t.Context(), dir, shop); test.kind != fault.NotFound && fault.Of(err) != fault.Conflict {
				t.Errorf("expected no other to be made; found %v", err)
			}
			for _, wrongly := range []string{"1", "5", "7", "unknown"} {
				if wrongly != test.accept {
					if _, err := reopen(dir, wrongly); fault.Of(err) != test.kind && test.kind != fault.NotFound {
						t.Errorf("another loss: found %v", err)
					}
				}
			}
			if test.accept == "" {
				return
			}
			l, err := reopen(dir, test.accept)
			if err != nil {
				t.Fatal(err)
			}
			wrong(t, l, ben, 2)
			l.Close()
			if _, err := reopen(dir, test.accept); fault.Of(err) != fault.Conflict {
				t.Errorf("the loss that was accepted: expected it to be none any more; found %v", err)
			}
			wrong(t, open(t, dir), ben, 1)
		})
	}
}

// A wrong PIN that is written to a file without a name is forgotten with the process:
// no PIN is tried meanwhile.
func TestFilesThatVanishUnderARunningServerStopIt(t *testing.T) {
	for _, name := range []string{"logins.db", "logins.db-wal", "logins.db.lock", "anchor"} {
		dir := fresh(t)
		l := open(t, dir)
		wrong(t, l, anna, 2)
		path := filepath.Join(dir, name)
		if err := os.Rename(path, path+".away"); err != nil {
			t.Fatal(err)
		}
		if _, err := l.Begin(t.Context(), anna); fault.Of(err) != fault.Unavailable || !strings.Contains(err.Error(), name+" was removed or replaced under the running server") {
			t.Errorf("%s: expected that it is missed; found %v", name, err)
		}
		if err := os.Rename(path+".away", path); err != nil {
			t.Fatal(err)
		}
		wrong(t, l, anna, 1)
	}
}

func TestALossIsANumberOrUnknown(t *testing.T) {
	for _, text := range []string{"", "0", "-1", "1.5", "all", "99999999999999999999"} {
		if _, err := ledger.ParseLoss(text); fault.Of(err) != fault.Invalid {
			t.Errorf("%q: found %v", text, err)
		}
	}
}

// An older copy is behind the anchor, also where somebody was unlocked since.
func TestAnOlderCopyIsRefused(t *testing.T) {
	dir := fresh(t)
	l := open(t, dir)
	for left := 2; left >= 0; left-- {
		wrong(t, l, anna, left)
	}
	l.Close()
	older := copied(t, dir)
	if _, err := ledger.Unlock(t.Context(), dir, "anna"); err != nil {
		t.Fatal(err)
	}
	open(t, dir).Close()
	text, err := os.ReadFile(filepath.Join(dir, "anchor"))
	if err == nil {
		err = os.WriteFile(filepath.Join(older, "anchor"), text, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	_, err = reopen(older, "")
	if lost, ok := errors.AsType[*ledger.Lost](err); !ok || lost.Changes != 1 {
		t.Errorf("expected 1 change to be missing; found %v", err)
	}
	open(t, dir)
}

func TestTheAnchorGoesOnWithAnUnlockingBesideTheServer(t *testing.T) {
	dir := fresh(t)
	l := open(t, dir)
	wrong(t, l, anna, 2)
	if _, err := ledger.Unlock(t.Context(), dir, "anna"); err != nil {
		t.Fatal(err)
	}
	wrong(t, open(t, copied(t, dir)), anna, 2)
	wrong(t, l, anna, 2)
	wrong(t, open(t, copied(t, dir)), anna, 1)
}

func TestALedgerIsMadeOnceAndWhereNothingIs(t *testing.T) {
	dir := fresh(t)
	if err := ledger.Create(t.Context(), dir, shop); fault.Of(err) != fault.Conflict || !strings.Contains(err.Error(), "start without --create") {
		t.Errorf("found %v", err)
	}
	open(t, dir)
	for _, name := range []string{"mine", "logins.db-wal", "logins.db-shm", "logins.db.lock", "anchor"} {
		dir := filepath.Join(t.TempDir(), "state")
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte("mine"), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := ledger.Create(t.Context(), dir, shop); fault.Of(err) != fault.Conflict {
			t.Errorf("%s: found %v", name, err)
		}
		if text, err := os.ReadFile(filepath.Join(dir, name)); string(text) != "mine" || len(names(t, dir)) != 1 {
			t.Errorf("%s: expected it untouched; found %q, %v in %v", name, text, err, names(t, dir))
		}
	}
	dir = filepath.Join(t.TempDir(), "a", "state")
	if _, err := reopen(dir, ""); fault.Of(err) != fault.NotFound {
		t.Errorf("found %v", err)
	}
	if _, err := os.Lstat(dir); !os.IsNotExist(err) {
		t.Errorf("expected no directory to be made; found %v", err)
	}
}

// What others can open or have put there is not a state.
func TestAStateIsThisUsersAlone(t *testing.T) {
	chmod := func(name string, mode os.FileMode) func(*testing.T, string) {
		return func(t *testing.T, dir string) {
			if err := os.Chmod(filepath.Join(dir, name), mode); err != nil {
				t.Fatal(err)
			}
		}
	}
	linked := func(name string) func(*testing.T, string) {
		return func(t *testing.T, dir string) {
			away := filepath.Join(t.TempDir(), "away")
			if err := errors.Join(os.Rename(filepath.Join(dir, name), away), os.Symlink(away, filepath.Join(dir, name))); err != nil {
				t.Fatal(err)
			}
		}
	}
	tests := map[string]func(*testing.T, string){
		"a directory for others to look into": chmod(".", 0o755), "a directory for others to write": chmod(".", 0o777),
		"a database that others can read": chmod("logins.db", 0o644), "an anchor that others can write": chmod("anchor", 0o666),
		"a database that is a link": linked("logins.db"), "a lock that is a link": linked("logins.db.lock"), "an anchor that is a link": linked("anchor"),
	}
	if os.Geteuid() == 0 { // nobody else can give something away
		chown := func(name string) func(*testing.T, string) {
			return func(t *testing.T, dir string) {
				if err := os.Lchown(filepath.Join(dir, name), 65534, 65534); err != nil {
					t.Fatal(err)
				}
			}
		}
		tests["another's directory"], tests["another's database"] = chown("."), chown("logins.db")
	}
	for name, spoil := range tests {
		t.Run(name, func(t *testing.T) {
			dir := killed(t)
			spoil(t, dir)
			if _, err := reopen(dir, ""); fault.Of(err) != fault.Denied {
				t.Errorf("expected it to be refused; found %v", err)
			}
			if err := ledger.Create(t.Context(), dir, shop); fault.Of(err) != fault.Denied {
				t.Errorf("a new one: expected it to be refused; found %v", err)
			}
		})
	}
	dir := fresh(t)
	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(dir, link); err != nil {
		t.Fatal(err)
	}
	open(t, link).Close() // this user's own
	if os.Geteuid() == 0 {
		if err := os.Lchown(link, 65534, 65534); err != nil {
			t.Fatal(err)
		}
		for _, path := range []string{link, link + "/"} {
			if _, err := reopen(path, ""); fault.Of(err) != fault.Denied {
				t.Errorf("another's link %s: found %v", path, err)
			}
		}
	}
}
