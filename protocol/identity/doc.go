// Package identity says who is whom: signed documents, chained, and the
// keyring that holds their secret half.
//
// # Names
//
// A party begins with a document it signs itself. The CID of that first
// document is the party's name and never changes. A later document links its
// predecessor and brings new keys. A Party pairs the name with the document
// whose keys are meant, and that is how envelopes refer to parties.
//
// # Rotation
//
// Every document announces the hash of the key that will sign its successor.
// That key is made beforehand and kept apart (Create and Rotate return it), so
// that the thief of today's keys cannot rotate, and their loss does not end the
// name. Where a document names a recovery set, k of its names together may put
// any key in place of the announced one.
//
// # Forks
//
// Of two documents that follow the same one, a recovery outranks a rotation by
// the announced key: a set of names may take a name back from the thief of both
// keys. Two of one rank are a fork, and nothing newer than the document before
// them counts until a recovery settles it. Settle decides between chains.
//
// # Trust
//
// An Identity exists only as the result of a verification: every document of
// the chain canonical, every key checked, every link, number, time and signature
// in order. It says that these documents
// belong to this name, not that the name is whom you take it for: names are
// pinned by those who deal with them. Nor does it say that no newer document
// exists; whoever knows a longer chain holds on to it (Extends).
//
// A document signs itself, which also proves possession of its signing key.
// Verifying costs one signature a document, about 0.1 ms. A Cache makes it free
// when the chain, or its beginning, was verified before.
package identity
