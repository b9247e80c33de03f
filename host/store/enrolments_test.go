package store_test

import (
	"fmt"
	"math"
	"path/filepath"
	"testing"

	"github.com/milagro-dta/dta/host/store"
	"github.com/milagro-dta/dta/protocol/dag"
	"github.com/milagro-dta/dta/protocol/fault"
)

func enrolment(name string, number uint64, state string) store.Enrolment {
	return store.Enrolment{Role: "fiduciary", Reference: "aa", Mark: name, Number: number, State: state, Time: int64(number%1000) + 1, CID: dag.Sum([]byte(name))}
}

func TestAnEnrolmentIsThereOnce(t *testing.T) {
	s := fresh(t)
	first := enrolment("alice", 1, "enrolled")
	update(t, s, func(tx *store.Tx) error { return tx.InsertEnrolment(first) })
	again := first
	again.State, again.Time = "revoked", 9
	refuse(t, s, fault.Conflict, func(tx *store.Tx) error { return tx.InsertEnrolment(again) })
	update(t, s, func(tx *store.Tx) error {
		added, err := tx.PutEnrolment(again)
		same(t, false, added)
		return err
	})
	view(t, s, func(tx *store.Tx) error {
		got, err := tx.Enrolment("fiduciary", "aa", "alice")
		same(t, first, got)
		return err
	})
	for name, other := range map[string]store.Enrolment{
		"another role":    {Role: "registrar", Reference: "aa", Mark: "alice", Number: 1},
		"another network": {Role: "fiduciary", Reference: "bb", Mark: "alice", Number: 1},
		"another name":    {Role: "fiduciary", Reference: "aa", Mark: "Alice", Number: 1},
		"another number":  {Role: "fiduciary", Reference: "aa", Mark: "alice", Number: 2},
	} {
		update(t, s, func(tx *store.Tx) error {
			added, err := tx.PutEnrolment(other)
			if !added {
				t.Errorf("%s: expected an enrolment of its own", name)
			}
			return err
		})
	}
}

func TestAnEnrolmentChangesFromTheStateThatIsBelieved(t *testing.T) {
	s := fresh(t)
	e := enrolment("alice", 1, "asked")
	refuse(t, s, fault.Conflict, func(tx *store.Tx) error { return tx.SaveEnrolment(e, "asked") })
	update(t, s, func(tx *store.Tx) error { return tx.InsertEnrolment(e) })
	e.State, e.Time, e.CID = "enrolled", 7, dag.CID{}
	update(t, s, func(tx *store.Tx) error { return tx.SaveEnrolment(e, "asked") })
	refuse(t, s, fault.Conflict, func(tx *store.Tx) error { return tx.SaveEnrolment(e, "asked") })
	view(t, s, func(tx *store.Tx) error {
		got, err := tx.Enrolment("fiduciary", "aa", "alice")
		same(t, e, got)
		return err
	})
}

func TestNumbersOfEnrolmentsKeepTheirOrder(t *testing.T) {
	s := fresh(t)
	numbers := []uint64{0, 1, 2, math.MaxInt64, math.MaxInt64 + 1, math.MaxUint64}
	for i := range numbers {
		n := numbers[(i+3)%len(numbers)]
		update(t, s, func(tx *store.Tx) error { return tx.InsertEnrolment(enrolment("alice", n, "revoked")) })
	}
	view(t, s, func(tx *store.Tx) error {
		var got []uint64
		name, number := "", uint64(0)
		for {
			page, err := tx.Enrolments("fiduciary", "aa", name, number, 2)
			if err != nil || len(page) == 0 {
				same(t, numbers, got)
				return err
			}
			for _, e := range page {
				name, number = e.Mark, e.Number
				got = append(got, e.Number)
			}
		}
	})
	view(t, s, func(tx *store.Tx) error {
		newest, err := tx.Enrolment("fiduciary", "aa", "alice")
		same(t, uint64(math.MaxUint64), newest.Number)
		return err
	})
}

func TestTheNewestEnrolmentsOfManyNames(t *testing.T) {
	s := fresh(t)
	update(t, s, func(tx *store.Tx) error {
		for _, e := range []store.Enrolment{
			enrolment("alice", 1, "revoked"), enrolment("alice", 2, "revoked"), enrolment("alice", 3, "enrolled"),
			enrolment("bob", 1, "enrolled"), enrolment("carol", 5, "revoked"),
		} {
			if err := tx.InsertEnrolment(e); err != nil {
				return err
			}
		}
		return nil
	})
	for _, test := range []struct {
		name, role, reference, state string
		want                         map[string]store.Enrolment
	}{
		{"revoked", "fiduciary", "aa", "revoked", map[string]store.Enrolment{
			"alice": enrolment("alice", 2, "revoked"), "carol": enrolment("carol", 5, "revoked")}},
		{"in any state", "fiduciary", "aa", "", map[string]store.Enrolment{
			"alice": enrolment("alice", 3, "enrolled"), "bob": enrolment("bob", 1, "enrolled"), "carol": enrolment("carol", 5, "revoked")}},
		{"of another network", "fiduciary", "bb", "", map[string]store.Enrolment{}},
		{"of another role", "registrar", "aa", "", map[string]store.Enrolment{}},
	} {
		view(t, s, func(tx *store.Tx) error {
			got, err := tx.NewestEnrolments(test.role, test.reference, test.state, "alice", "bob", "carol", "dave", "alice")
			same(t, test.want, got)
			return err
		})
	}
	names := []string{"alice"}
	for i := range 4095 {
		names = append(names, fmt.Sprint(i))
	}
	names[4095], names[300] = "bob", "carol"
	view(t, s, func(tx *store.Tx) error {
		if got, err := tx.NewestEnrolments("fiduciary", "aa", ""); err != nil || len(got) != 0 {
			t.Errorf("no names: found %v, %v", got, err)
		}
		got, err := tx.NewestEnrolments("fiduciary", "aa", "", names...)
		if len(got) != 3 {
			t.Errorf("among %d names: expected three with an enrolment; found %v", len(names), got)
		}
		return err
	})
	view(t, s, func(tx *store.Tx) error {
		for state, want := range map[string]int{"": 5, "revoked": 3, "enrolled": 2, "other": 0} {
			got, err := tx.CountEnrolments("fiduciary", "aa", state)
			if err != nil || got != want {
				t.Errorf("%q: expected %d; found %d, %v", state, want, got, err)
			}
		}
		return nil
	})
}

func TestARevocationOutlivesTheProcess(t *testing.T) {
	path := filepath.Join(t.TempDir(), "dta.db")
	s := open(t, path)
	want := enrolment("alice", 2, "revoked")
	update(t, s, func(tx *store.Tx) error { return tx.InsertEnrolment(want) })
	s.Close()
	view(t, open(t, path), func(tx *store.Tx) error {
		got, err := tx.Enrolment("fiduciary", "aa", "alice")
		same(t, want, got)
		return err
	})
}

func TestPerishedBlocksAreForgotten(t *testing.T) {
	s := fresh(t)
	var cids []dag.CID
	update(t, s, func(tx *store.Tx) error {
		for i := range 5 {
			c, b := block(t, fmt.Sprint("sealed ", i))
			cids = append(cids, c)
			if err := tx.PutBlock(c, b, false, ""); err != nil {
				return err
			}
			if i == 4 {
				break // stays
			}
			if err := tx.Perish(c, int64(10*i)); err != nil {
				return err
			}
		}
		return tx.Perish(cids[3], 0) // the first word stands
	})
	for _, step := range []struct {
		now     int64
		dropped int
		left    []bool
	}{
		{0, 0, []bool{true, true, true, true, true}},
		{29, 2, []bool{false, false, true, true, true}}, // no more at a time
		{29, 1, []bool{false, false, false, true, true}},
		{30, 0, []bool{false, false, false, true, true}},
		{31, 1, []bool{false, false, false, false, true}},
	} {
		update(t, s, func(tx *store.Tx) error {
			n, err := tx.DropPerished(step.now, 2)
			same(t, step.dropped, n)
			return err
		})
		view(t, s, func(tx *store.Tx) error {
			for i, c := range cids {
				has, err := tx.HasBlock(c)
				if err != nil || has != step.left[i] {
					t.Errorf("at %d, block %d: expected %t; found %t, %v", step.now, i, step.left[i], has, err)
				}
				at, err := tx.Perishes(c)
				if kept := i < 4 && has; kept != (err == nil) || (kept && at != int64(10*i)) {
					t.Errorf("at %d, block %d: found %d, %v", step.now, i, at, err)
				}
			}
			return nil
		})
	}
}
