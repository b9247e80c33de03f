// Package issue is what a network's D-TAs are asked for and what they answer:
// shares of client secrets, server secrets and time permits of a ZKP-MFA
// network, each sealed to whoever is to have the whole. Like package order it is
// pure: no clock, file or network, and the same code in host, plugin and client.
//
// A network is an order (order.Network): its terms say which D-TAs serve it and
// whose signatures a request needs, its acceptances are the D-TAs' commitments
// s_i·P. Beside it stand
//
//	request     a node of the authority: what, for whom, sealed to which key,
//	            with the approvals of k of n names
//	grant       custody identity i: a link to its share, sealed to that key
//	revocation  the registrar or an authority for permits: nothing more to this subject
//
//	header.previous   request, revocation: order      grant: request, own acceptance
//
// A request is encrypted for its signer, the D-TAs' nodes it names and the
// registrar; a grant for the request's signer, the registrar and its own node. The
// receiver need not be a party: it is shown the plaintexts and a Charter, all
// that is needed to verify a network, and checks everything itself.
//
// No envelope has a name in it. A request has the hash of its Roll, which says whom
// it is for, and links the block of it, encrypted: the block goes to the D-TAs and
// is dropped, the envelope stays. A revocation has the Mark of a name. The parts of
// a request are read in two steps, therefore, and nothing is issued before the
// second: [VerifiedRequest.With].
//
// # What is issued
//
//	client secret  s_i·H₁(identity)        in G1, one for each subject
//	time permit    s_i·H_T(day, identity)  in G1, for each subject and day
//	server secret  s_i·Q                   in G2
//
// (package mpin). Shares in G1 come with one proof for all that they were made
// with the s_i of the commitment (package dleq); a share of a server secret is
// checked by e(s_i·P, Q) = e(P, s_i·Q). A proof about a client secret would tell
// a thief of the token which PIN is right: it travels inside what is sealed, and
// is checked and forgotten. So no stored envelope holds one.
//
// # Whose word counts
//
// An Approval is a signature over the Request. A name of the rule signs for
// itself, or a delegate does with a Delegation of that name's. Threshold different
// names, and as many different signers, must have signed: nobody counts twice.
package issue
