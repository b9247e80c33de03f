// Package mpin is M-Pin, a zero-knowledge login by a number of four digits and a
// token, over BLS12-381: Michael Scott's protocol ("M-Pin: A Multi-Factor Zero
// Knowledge Authentication Protocol") as Apache Milagro's AMCL has it, with all
// its parts, and a suite of our own beside.
//
// # The mathematics
//
// G is G1's generator, Q that of G2, r their order. Authorities hold shares s_i
// of a master secret s = Σ s_i, which exists nowhere.
//
//	identity       A = H(ID) in G1; for a day T, A_T = H(T, ID)
//	client secret  s·A                                      ClientShare, CombineClient
//	server secret  s·Q                                      ServerShare, CombineServer
//	permit         s·A_T, one per day                       PermitShare, CombinePermit
//	token          s·A − PIN·A                              ExtractPIN, ChangePIN
//
//	client         U = x·A, UT = x·(A + A_T)                NewProver, Commitment
//	server         random y                                 Begin, Challenge
//	client         V = −(x + y)·(token + PIN·A + permit)    Respond
//	server         e(V, Q)·e(U + y·A, s·Q) = 1?             Verify
//
// In one pass y is a hash of the commitment, the time and a message (Sign and
// BeginOnePass). M-Pin Full agrees on a key besides (Exchange and Key). Where a
// wrong PIN was the fault, the server finds by how much (PINError); what counts as a
// try of a PIN is another question (TriedPIN). Signatures to
// designated verifiers use a key that no authority has (DVSKey).
//
// The programs log in in two passes, with M-Pin Full. One pass, designated
// verifiers and factors have no caller in them yet: they are here so that this is
// all of what AMCL does.
//
// # Suites
//
// V1 and AMCL are the same mathematics in different writing; everything is a
// method of a Suite or of what one made.
//
// # What is secret
//
// Client secrets, tokens and the server secret do not print. A token alone says
// nothing of its PIN, and neither does the server secret; both together give it
// away in 10,000 tries. So s·Q is a secret too, no commitment to s is ever in G2,
// and no proof about a client secret may be kept.
//
// Multiplications by secret scalars take constant time. What depends on
// identities, days and messages alone does not.
package mpin
