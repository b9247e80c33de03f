package store

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/milagro-dta/dta/protocol/dag"
)

// Table is a table as a check of the whole database goes through it.
type Table struct {
	Name    string
	Key     []string // the columns of its primary key
	columns []string // all others, as its checksum is over them
	loose   []string // those that no checksum covers
	sums    bool
}

// Tables lists what is checked row by row. The audit log is not among them: its own
// hashes cover it.
func Tables() []Table {
	return []Table{
		{Name: "blocks", Key: []string{"cid"}, columns: []string{"cid", "public", "chain"}, loose: []string{"block"}, sums: true},
		{Name: "orders", Key: []string{"role", "cid"}, columns: []string{"role", "cid", "reference", "state", "created", "updated", "data"}, sums: true},
		{Name: "envelopes", Key: []string{"cid"}, columns: []string{"cid", "chain", "sequence", "kind", "time", "header"}, sums: true},
		{Name: "answers", Key: []string{"request"}, columns: []string{"request", "answer", "detached"}, sums: true},
		{Name: "identities", Key: []string{"name", "sequence"}, columns: []string{"name", "sequence", "document"}, sums: true},
		{Name: "enrolments", Key: []string{"role", "reference", "mark", "number"}, columns: []string{"role", "reference", "mark", "number", "state", "time", "cid", "person"}, sums: true},
		{Name: "perishables", Key: []string{"cid"}, columns: []string{"cid", "expires"}, sums: true},
		{Name: "checkpoints", Key: []string{"peer"}, columns: []string{"peer", "size", "time", "note"}, sums: true},
		{Name: "idempotency", Key: []string{"caller", "path", "key"}, columns: []string{"caller", "path", "key", "mac", "status", "answer", "created"}, sums: true},
		{Name: "meta", Key: []string{"name"}, columns: []string{"name", "value"}, sums: true},
		{Name: "jobs", Key: []string{"kind", "key"}, columns: []string{"kind", "key"}, loose: []string{"payload", "state", "due", "lease", "place"}},
	}
}

// Row is a row as it was found, whatever is wrong with it.
type Row struct {
	Key    []any // as [Tx.RowsAfter] takes it: string, int64 or []byte each
	Sound  bool  // its checksum matches, where its table has one
	values map[string]any
}

// Text is a column's value; "" where it is none of text.
func (r Row) Text(column string) string { s, _ := r.values[column].(string); return s }

// Int is a column's value; 0 where it is no number.
func (r Row) Int(column string) int64 { n, _ := r.values[column].(int64); return n }

// Bytes is a column's value; nil where it is none of bytes.
func (r Row) Bytes(column string) []byte { b, _ := r.values[column].([]byte); return b }

// RowsAfter returns at most n rows of a table by their keys, after the one of a key
// (nil: from the first).
func (tx *Tx) RowsAfter(t Table, key []any, n int) ([]Row, error) {
	all := slices.Concat(t.columns, t.loose)
	if t.sums {
		all = append(all, "checksum")
	}
	by := strings.Join(t.Key, ", ")
	args := []any{n}
	where := ""
	if key != nil {
		var list []string
		for _, v := range key {
			args = append(args, v)
			list = append(list, "$"+strconv.Itoa(len(args)))
		}
		where = " where (" + by + ") > (" + strings.Join(list, ", ") + ")"
	}
	var found []Row
	err := tx.rows("read "+t.Name, `select `+strings.Join(all, ", ")+` from `+t.Name+where+` order by `+by+` limit $1`, args,
		func(scan func(...any) error) error {
			values := make([]any, len(all))
			into := make([]any, len(all))
			for i := range into {
				into[i] = &values[i]
			}
			if err := scan(into...); err != nil {
				return err
			}
			row := Row{Sound: true, values: make(map[string]any, len(all))}
			for i, column := range all {
				row.values[column] = values[i]
			}
			for _, column := range t.Key {
				row.Key = append(row.Key, row.values[column])
			}
			if t.sums {
				sum, _ := row.values["checksum"].([]byte)
				row.Sound = bytes.Equal(sum, rowSum(values[:len(t.columns)]...))
			}
			found = append(found, row)
			return nil
		})
	return found, err
}

// maxProblems bounds what [Tx.Integrity] lists.
const maxProblems = 100

// Integrity has the database check its own structure, of one table or, for "", of
// the whole file, and lists what is wrong. It can take long, and ends with ctx.
func (tx *Tx) Integrity(ctx context.Context, table string) ([]string, error) {
	if err := tx.usable(false); err != nil {
		return nil, err
	}
	what := table
	if what == "" {
		what = strconv.Itoa(maxProblems)
	}
	rows, err := tx.c.conn.QueryContext(ctx, `pragma integrity_check(`+what+`)`)
	if err != nil {
		return nil, tx.failed("check integrity", err)
	}
	defer rows.Close()
	var problems []string
	for rows.Next() {
		var line string
		if err := rows.Scan(&line); err != nil {
			return nil, tx.failed("check integrity", err)
		}
		if line != "ok" {
			problems = append(problems, line)
		}
	}
	if err := rows.Err(); err != nil {
		return nil, tx.failed("check integrity", err)
	}
	return problems, nil
}

// Miscounted lists the kinds of jobs of which another number is pending than was
// counted.
func (tx *Tx) Miscounted() ([]string, error) {
	var found []string
	err := tx.rows("count jobs", `
		select c.kind, c.pending, (select count(*) from jobs j where j.kind = c.kind and j.state = 'pending') as n
		from job_counts c where c.pending <> (select count(*) from jobs j where j.kind = c.kind and j.state = 'pending')`, nil,
		func(scan func(...any) error) error {
			var kind string
			var counted, pending int64
			if err := scan(&kind, &counted, &pending); err != nil {
				return err
			}
			found = append(found, fmt.Sprintf("%s: %d counted, %d pending", kind, counted, pending))
			return nil
		})
	return found, err
}

// OrderRoles lists the roles that have an order.
func (tx *Tx) OrderRoles(c dag.CID, of ...string) ([]string, error) {
	args := []any{link(c)}
	list := placeholders(&args, of)
	var found []string
	err := tx.rows("find order", `select role from orders where cid = $1 and role in (`+list+`)`, args,
		func(scan func(...any) error) error {
			var role string
			err := scan(&role)
			found = append(found, role)
			return err
		})
	return found, err
}

// EnvelopeAt reports whether a chain has an envelope of a number, from 1.
func (tx *Tx) EnvelopeAt(chain string, sequence int64) (bool, error) {
	var n int
	err := tx.row("find envelope", `select count(*) from envelopes where chain = $1 and sequence = $2`, []any{chain, sequence}, &n)
	return n > 0, err
}
