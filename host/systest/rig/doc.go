// Package rig runs nodes from the built programs, for tests of the whole: real
// processes, real sockets, a real software HSM.
//
//	n := rig.One(t, rig.Options{})          // a node in all three roles
//	placed, err := n.Client().Place(ctx, rig.Order{Secret: []byte("…")})
//	n.Kill()                                // SIGKILL
//	n.Restart()                             // on the same directories and port
//	n.Stop()                                // SIGTERM; it must end well
//
//	w := rig.Three(t, rig.Options{})        // w.Principal, w.Fiduciary, w.Beneficiary
//
// Everything is below one temporary directory. The programs are looked for in
// $DTA_BIN, or in bin/ of this repository; a missing one fails the test. When a
// test ends, its nodes are killed, a process that is left of one is a failure,
// and the ends of a failed test's logs are shown.
package rig
