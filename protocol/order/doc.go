// Package order is the life of one safeguarded secret, from the principal who
// places it to the beneficiary who gets it back. It is pure: it reads no clock,
// no file and no network, and a host and a plugin judge with the same code.
//
// Two other things are ordered the same way. A key (Key) is made by its fiduciary,
// which commits to the public half and releases the private one. A network
// (Network) has each of its D-TAs make a share of a master secret, commit to it and
// release it never.
//
// An order is a chain of four signed and encrypted envelopes.
//
//	order       the principal: the Terms, and links to the sealed shares
//	acceptance  a custody identity: "I keep share i", with a receipt
//	redemption  a redeemer: "release it to this receiver"
//	release     a custody identity: a link to the share sealed to the receiver
//
//	header.previous   order: none            acceptance: order
//	                  redemption: acceptances…, order
//	                  release: redemption, own acceptance
//
// so that …/header/previous/0 leads from a release back to its order. Order and
// redemption are encrypted to all parties, in this order and each once: the
// principal, the fiduciaries' nodes, the redeemers, the receivers. Of acceptance
// and release only the signer's own node among the fiduciaries' is a reader. A
// custody identity is never one: its host shows it the plaintext, which it checks
// against the signed header, and the document chains of the part's signer and of
// those that it will itself seal to.
//
// # Reading
//
// VerifyOrder, VerifyAcceptance, VerifyRedemption and VerifyRelease check every
// rule that one part must keep and return a value of their own type. Later
// steps take only such values, and each carries those it was checked against,
// so that parts of two orders cannot be mixed. The Open… variants first decrypt
// with a node's keyring; the signature is verified before anything is opened.
//
// # Writing
//
// Place makes an order, Accept an acceptance, Redeem a redemption and ReleaseTo
// a release. Each runs the checks of its reader before it signs.
//
// # Beside an order
//
// What is asked, issued and revoked in a network travels in further envelopes that
// package issue knows; Beside and SealBeside read and write them by the rules for
// signers, readers and documents that the four parts keep.
//
// # What holds a secret
//
// Shares, deposits, sealed releases and the secret's ciphertext are blocks of their
// own, linked from a signed body and deletable without breaking the chain. The
// principal keeps each deposit beside its acceptance: it opens nowhere but in the
// realm that made it, and a fiduciary that has lost it can be given it back. What
// is sealed for an order is bound to CID(terms): lifted into another order it
// does not open. One fiduciary is a case of many: a random seed is shared t of
// n, the secret is encrypted under a key derived from the seed.
//
// # Not decided here
//
// Freshness (envelope.Fresh), whether a repeat is the first request, and what a
// fiduciary wants of its principals: they need a clock, a memory or a
// configuration, and belong to the host.
package order
