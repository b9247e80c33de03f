package store

import (
	"errors"

	"github.com/milagro-dta/dta/protocol/fault"
)

// histories are what is only ever written together with an entry of the audit
// log: the table, and its rows in the words of an error.
var histories = []struct{ table, what string }{
	{"orders", "orders"}, {"envelopes", "envelopes"}, {"identities", "identities"},
	{"answers", "answers"}, {"enrolments", "enrolments"}, {"blocks", "blocks"},
}

// Unaudited says what the database holds, such as "orders", although its audit log
// has no entry; "" where the log has one, or the database is a new one.
func (tx *Tx) Unaudited() (string, error) {
	if n, err := tx.AuditSize(); err != nil || n > 0 {
		return "", err
	}
	for _, h := range histories {
		var one int
		switch err := tx.row("find "+h.what, `select 1 from `+h.table+` limit 1`, nil, &one); {
		case err == nil:
			return h.what, nil
		case !errors.Is(err, errNoRow):
			return "", err
		}
	}
	switch _, err := tx.Meta("identity"); fault.Of(err) {
	case "":
		return "the node's identity", nil
	case fault.NotFound:
		return "", nil
	default:
		return "", err
	}
}

// Changed returns the newest time at which an order or an envelope was recorded,
// in unix milliseconds; 0 where there is none. It reads both tables.
func (tx *Tx) Changed() (int64, error) {
	var orders, envelopes int64
	if err := tx.row("read orders", `select coalesce(max(updated), 0) from orders`, nil, &orders); err != nil {
		return 0, err
	}
	err := tx.row("read envelopes", `select coalesce(max(time), 0) from envelopes`, nil, &envelopes)
	return max(orders, envelopes), err
}
