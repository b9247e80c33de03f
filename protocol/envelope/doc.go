// Package envelope says what happened: signed, encrypted messages, each a block
// that links those it follows.
//
// # Use
//
// Seal makes one, once; it is stored and sent again byte for byte. Whoever gets
// a block goes Parse, Verify, Open, in this order: Open refuses an envelope
// that was not verified. Whoever was shown block and plaintext, without being a
// recipient, goes Parse, Verify, CheckPlain.
// Fresh decides whether an envelope that was never seen is accepted now.
//
// # Shape
//
// An envelope is a map {header, keys, body, signatures}.
//
// The plaintext is the DAG-CBOR list [salt, body], salt being 32 random bytes;
// header.plain is its CID. So whoever is shown the plaintext can check it
// against the signature, no two recipients can be given different ones (AES-GCM
// alone would allow that), and nobody can find the plaintext by guessing.
//
//	header hash  h = SHA-256(DAG-CBOR(header))
//	body         AES-256-GCM(content key, aad = h, plaintext), nonce first;
//	             the plaintext itself where there are no recipients
//	keys[i]      HPKE(recipient i's sealing key, info = "dta/envelope/key/v1" ‖ h,
//	             aad = recipient's name (36 bytes) ‖ uint32(i) big-endian, content key)
//	signatures   one, of the suite, for the purpose ENVELOPE, over the envelope
//	             with an empty list of signatures
//
// The signer stands in the header and the header in everything that decrypts:
// a signature stripped and replaced leaves keys that do not open. The
// recipients stand in what is signed: they cannot be exchanged or moved.
//
// Signatures are not unique (see package sign), and a block's CID covers its
// signature: HeaderCID is what tells whether an envelope has been seen. Two
// different contents under one header are equivocation, two signatures are not.
//
// Only an offer travels in the clear; every other kind needs a recipient.
package envelope
