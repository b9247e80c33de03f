// Package scrub looks for damage in a node's store before its users meet it: bytes
// that no longer hash to their CIDs, rows that are not as they were written or
// contradict each other, blocks that an order needs and that are not there.
//
//	c := scrub.Checker{Store: s}
//	report, err := c.All(ctx, found)   // dta store verify
//	scrub.New(c, options).Run(ctx)     // slowly, while the node works
//
// A block that is damaged is fetched again from the parties that hold the same
// block, where the node runs. A row is nobody else's: it comes back with a backup of
// the database.
package scrub

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/milagro-dta/dta/host/audit"
	"github.com/milagro-dta/dta/host/records"
	"github.com/milagro-dta/dta/host/state"
	"github.com/milagro-dta/dta/host/store"
	"github.com/milagro-dta/dta/protocol/dag"
	"github.com/milagro-dta/dta/protocol/fault"
)

// Page is how many rows are checked in one transaction.
const Page = 32

// Checker checks a store.
type Checker struct {
	Store *store.Store
	// Records open what only the node's key opens, and mend blocks; nil where the
	// node does not run: then shares and deposits are not looked for.
	Records *records.Records
	// Jobs lists the kinds of jobs that there are; nil: any.
	Jobs []string
}

// Report is what a check of everything came to.
type Report struct {
	Rows     int64     `json:"rows"` // checked, of all tables
	Audit    int64     `json:"auditEntries"`
	Repaired []string  `json:"repaired"` // blocks
	Findings []Finding `json:"findings"`
	// Notice says what was not compared; "" where everything was.
	Notice string `json:"notice,omitempty"`
	// More is how many findings are left out.
	More int `json:"more,omitempty"`
}

// maxFindings bounds the findings of a report.
const maxFindings = 10_000

func (r *Report) add(found ...Finding) {
	for _, f := range found {
		if len(r.Findings) == maxFindings {
			r.More++
			continue
		}
		r.Findings = append(r.Findings, f)
	}
}

// All checks the whole store: the file's structure, every row, and the audit log.
func (c *Checker) All(ctx context.Context) (*Report, error) {
	r := &Report{Findings: []Finding{}, Repaired: []string{}}
	found, err := c.structure(ctx, "")
	if err != nil {
		return nil, err
	}
	r.add(found...)
	if found, err = c.self(ctx); err != nil {
		return nil, err
	}
	r.add(found...)
	if c.Records == nil {
		r.Notice = "not compared, since the node does not run: which shares and deposits there should be"
	}
	for _, t := range store.Tables() {
		for key := []any(nil); ; {
			page, err := c.page(ctx, t, key)
			if err != nil {
				return nil, err
			}
			r.Rows += int64(page.rows)
			r.Repaired = append(r.Repaired, page.repaired...)
			r.add(page.findings...)
			if key = page.next; key == nil {
				break
			}
		}
	}
	size, found, err := c.log(ctx)
	if err != nil {
		return nil, err
	}
	r.Audit = size
	r.add(found...)
	return r, nil
}

// self looks for what makes the database a node's.
func (c *Checker) self(ctx context.Context) (found []Finding, err error) {
	err = c.Store.View(ctx, func(tx *store.Tx) error {
		for _, name := range []string{state.MetaName, state.MetaIdentity} {
			value, err := tx.Meta(name)
			missing, err := lookup(tx, err)
			if err != nil {
				return err
			}
			if missing || len(value) == 0 {
				found = append(found, Finding{Kind: Identity, Key: name, Expected: "the node's own; restore the database from a backup", Found: "none"})
			}
		}
		return nil
	})
	return damaged(ctx, found, "meta", "readable rows", err)
}

// structure has the database check a table, or everything, and its counts.
func (c *Checker) structure(ctx context.Context, table string) (found []Finding, err error) {
	key := table
	if key == "" {
		key = "file"
	}
	sound := "a sound structure; restore the database from a backup"
	err = c.Store.View(ctx, func(tx *store.Tx) error {
		problems, err := tx.Integrity(ctx, table)
		if err != nil {
			return err
		}
		for i, p := range problems {
			found = append(found, Finding{Kind: Database, Key: fmt.Sprintf("%s %d", key, i+1), Expected: sound, Found: fault.Foreign(p)})
		}
		if table != "" && table != "jobs" {
			return nil
		}
		counts, err := tx.Miscounted()
		for _, m := range counts {
			found = append(found, Finding{Kind: Job, Key: "count", Expected: "as many pending jobs as were counted", Found: m})
		}
		return err
	})
	return damaged(ctx, found, key, sound, err)
}

// damaged makes a finding of an error that says that the database is damaged.
func damaged(ctx context.Context, found []Finding, key, expected string, err error) ([]Finding, error) {
	if err != nil && ctx.Err() == nil && errors.Is(err, store.ErrDamaged) {
		return append(found, Finding{Kind: Database, Key: key, Expected: expected, Found: err.Error()}), nil
	}
	return found, err
}

// log verifies the audit log, and that it does not end before the newest change.
func (c *Checker) log(ctx context.Context) (size int64, found []Finding, err error) {
	var changed int64
	var held string
	err = c.Store.View(ctx, func(tx *store.Tx) error {
		if held, err = tx.Unaudited(); err != nil {
			return err
		}
		changed, err = tx.Changed()
		return err
	})
	if err != nil {
		found, err = damaged(ctx, nil, "rows", "readable rows", err)
		return 0, found, err
	}
	whole := "entries and hashes as they were written"
	if held != "" {
		return 0, []Finding{{Kind: Audit, Key: "log", Expected: whole, Found: "no entry, although the database holds " + held}}, nil
	}
	report, err := new(audit.Log).Verify(ctx, c.Store, nil, nil)
	switch {
	case err != nil && ctx.Err() == nil && fault.Of(err) == fault.Conflict:
		return 0, []Finding{{Kind: Audit, Key: "log", Expected: whole, Found: err.Error()}}, nil
	case err != nil:
		return 0, nil, err
	}
	if err := report.Reaches(changed); err != nil {
		found = append(found, Finding{Kind: Audit, Key: "end", Expected: whole, Found: err.Error()})
	}
	missing, err := c.recorded(ctx)
	return report.Size, append(found, missing...), err
}

// onRecord are the audited kinds whose object is an envelope that stays on record.
var onRecord = []string{"order.placed", "order.accepted"}

// recorded looks for the orders and acceptances that the audit log tells of.
func (c *Checker) recorded(ctx context.Context) (found []Finding, err error) {
	for from, more := int64(0), true; more; {
		err := c.Store.View(ctx, func(tx *store.Tx) error {
			rows, err := tx.AuditEntries(from, Page)
			if err != nil {
				return err
			}
			more = len(rows) == Page
			for _, row := range rows {
				from = row.Number + 1
				e, err := audit.ParseEntry(row.Entry)
				if err != nil || !slices.Contains(onRecord, e.Kind) {
					continue // what is damaged has a finding of its own
				}
				_, err = tx.OrderOf(e.Object)
				missing, err := lookup(tx, err)
				if err != nil {
					return err
				}
				if missing {
					found = append(found, Finding{
						Kind: Audit, Key: strconv.FormatInt(row.Number, 10), Order: orderOf(e.Order),
						Expected: "the envelope " + e.Object.String() + " on record, of which the entry " + e.Kind + " tells", Found: "none",
					})
				}
			}
			return nil
		})
		if err != nil {
			return damaged(ctx, found, "audit log", "readable rows", err)
		}
	}
	return found, nil
}

// checked is what the check of a page came to.
type checked struct {
	rows     int
	next     []any // the last key; nil after the last page
	repaired []string
	findings []Finding
}

// page checks the rows of a table after a key.
func (c *Checker) page(ctx context.Context, t store.Table, after []any) (p checked, err error) {
	var broken []store.Row
	var orders []store.Row
	err = c.Store.View(ctx, func(tx *store.Tx) error {
		p, broken, orders = checked{}, nil, nil
		rows, err := tx.RowsAfter(t, after, Page)
		if err != nil {
			return err
		}
		p.rows = len(rows)
		if len(rows) == Page {
			p.next = rows[len(rows)-1].Key
		}
		for _, row := range rows {
			if !row.Sound {
				p.findings = append(p.findings, Finding{
					Kind: RowSum, Key: t.Name + " " + text(row.Key...), Order: orderOf(row.Text("chain")),
					Expected: "the row as it was written", Found: "another checksum",
				})
			}
			found, err := c.row(tx, t.Name, row)
			if err != nil {
				return err
			}
			for _, f := range found {
				if f.Kind == Block && t.Name == "blocks" {
					broken = append(broken, row)
					continue
				}
				p.findings = append(p.findings, f)
			}
			if t.Name == "orders" && row.Sound {
				orders = append(orders, row)
			}
		}
		return nil
	})
	if err != nil {
		// The rest of the table is not to be read.
		p = checked{}
		p.findings, err = damaged(ctx, nil, t.Name+" after "+text(after...), "readable rows", err)
		return p, err
	}
	for _, row := range broken {
		c.mend(ctx, row, &p)
	}
	for _, row := range orders {
		p.findings = append(p.findings, c.opened(ctx, row)...)
	}
	kept := p.findings[:0]
	for _, f := range p.findings {
		if f.lost == nil || c.Records == nil {
			kept = append(kept, f)
			continue
		}
		if err := c.Records.Refetch(ctx, f.lost.cid, f.lost.chain, f.lost.public); err != nil {
			f.unmended(err)
			kept = append(kept, f)
			continue
		}
		p.repaired = append(p.repaired, f.lost.cid.String())
	}
	p.findings = kept
	return p, ctx.Err()
}

// again fetches the block of a finding, and tells whether it was had.
func (c *Checker) again(ctx context.Context, f Finding) bool {
	if f.lost != nil {
		return c.Records.Refetch(ctx, f.lost.cid, f.lost.chain, f.lost.public) == nil
	}
	id, err := dag.Parse(f.Key)
	if err == nil {
		_, err = c.Records.MendNow(ctx, id)
	}
	return err == nil
}

// mend fetches a damaged block again, where there is a node to do so.
func (c *Checker) mend(ctx context.Context, row store.Row, p *checked) {
	f := Finding{
		Kind: Block, Key: text(row.Bytes("cid")), Order: orderOf(row.Text("chain")),
		Expected: "bytes that hash to the CID", Found: strconv.Itoa(len(row.Bytes("block"))) + " others",
	}
	if id, err := dag.FromBytes(row.Bytes("cid")); err == nil && c.Records != nil {
		if _, err = c.Records.MendNow(ctx, id); err == nil {
			p.repaired = append(p.repaired, id.String())
			return
		}
		f.unmended(err)
	}
	p.findings = append(p.findings, f)
}

// text is a key in the words of a finding.
func text(key ...any) string {
	var parts []string
	for _, k := range key {
		switch k := k.(type) {
		case []byte:
			if c, err := dag.FromBytes(k); err == nil {
				parts = append(parts, c.String())
			} else {
				parts = append(parts, hex.EncodeToString(k))
			}
		default:
			parts = append(parts, fault.Foreign(fmt.Sprint(k)))
		}
	}
	return strings.Join(parts, " ")
}

// orderOf is the order to which a chain belongs.
func orderOf(chain string) string {
	key, _, _ := strings.Cut(chain, "/")
	return fault.Foreign(key)
}
