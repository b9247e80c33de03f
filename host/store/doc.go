// Package store keeps everything a node must remember in one transactional
// SQL database: blocks, orders, the envelopes that changed them,
// answers, jobs and the rows of the audit log. It is the only package that
// imports database/sql.
//
// # Use
//
//	s, err := store.Open(ctx, "dta-data/dta.db", store.Options{})
//	err = s.Update(ctx, func(tx *store.Tx) error { … })   // returns when durable
//	err = s.View(ctx, func(tx *store.Tx) error { … })     // a consistent snapshot
//
// Update returns nil only after the database has been synced to disk: a state
// change, the envelope that caused it and its audit entry, written by one
// closure, are there together after a crash, or none of them is.
//
// # Group commit
//
// One goroutine writes. It runs the closures that are waiting, each within a
// savepoint of its own, in one SQL transaction, commits once, and then lets all
// of them return. A closure that fails, or panics, undoes only its own rows.
// When the database itself fails (disk full, I/O error, a locked or damaged
// file) every closure of that transaction gets fault.Unavailable and nothing of
// any of them is kept.
//
// Closures therefore run one at a time and hold everybody up: do the
// cryptography and the network before, never inside, and never call Update or
// View from within one.
//
// # Errors
//
// fault.NotFound for a missing row, fault.Conflict for a row that is not as the
// caller believed, fault.Busy when the queue of writers is full, fault.Deadline
// when the context ended while the closure was queued (it was not and will not
// be run), fault.Unavailable when the database cannot serve.
//
// # Portability
//
// The statements are the common subset of SQLite and PostgreSQL: $n
// placeholders, bytea, bigint (unix milliseconds), text keys made by the
// application, `on conflict`, `returning`, compare-and-set updates judged by
// the number of rows they touched.
package store
