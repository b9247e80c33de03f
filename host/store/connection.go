package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
)

// connection is one database session with its prepared statements. One
// goroutine uses it at a time.
type connection struct {
	conn       *sql.Conn
	statements map[string]*sql.Stmt
}

func dial(ctx context.Context, db *sql.DB) (*connection, error) {
	conn, err := db.Conn(ctx)
	if err != nil {
		return nil, err
	}
	return &connection{conn: conn, statements: map[string]*sql.Stmt{}}, nil
}

// prepare compiles a statement the first time it is used on this connection.
// Queries are constants of this package, so the map is bounded.
func (c *connection) prepare(query string) (*sql.Stmt, error) {
	if s, ok := c.statements[query]; ok {
		return s, nil
	}
	s, err := c.conn.PrepareContext(context.Background(), query)
	if err != nil {
		return nil, err
	}
	c.statements[query] = s
	return s, nil
}

func (c *connection) exec(query string, args ...any) (int64, error) {
	s, err := c.prepare(query)
	if err != nil {
		return 0, err
	}
	r, err := s.ExecContext(context.Background(), args...)
	if err != nil {
		return 0, err
	}
	return r.RowsAffected()
}

func (c *connection) query(query string, args ...any) (*sql.Rows, error) {
	s, err := c.prepare(query)
	if err != nil {
		return nil, err
	}
	return s.QueryContext(context.Background(), args...)
}

// begin opens a transaction: to write, with the lock taken at once, so that it
// never fails halfway for want of it, or to read one snapshot. Prepared statements
// cost a fraction of a [sql.Tx], which brings a goroutine of its own.
func (c *connection) begin(write bool) error {
	query := "begin"
	if write {
		query = "begin immediate"
	}
	_, err := c.exec(query)
	return err
}

func (c *connection) commit() error {
	_, err := c.exec("commit")
	return err
}

func (c *connection) rollback() error {
	_, err := c.exec("rollback")
	return err
}

// close ends the session for good, so that the next dial makes a new one.
func (c *connection) close() {
	for _, s := range c.statements {
		s.Close()
	}
	c.conn.Raw(func(any) error { return driver.ErrBadConn })
	c.conn.Close()
}

// checkpoint writes the write-ahead log into the database and cuts it to nothing;
// busy where somebody reads from it still.
func (c *connection) checkpoint() (busy bool, err error) {
	var readers, frames, written int
	row := c.conn.QueryRowContext(context.Background(), "pragma wal_checkpoint(truncate)")
	err = row.Scan(&readers, &frames, &written)
	return readers != 0, err
}
