// Package pkcs11 keeps keys in a hardware security module, or in anything else that speaks PKCS#11.
//
// It is a custodian for package sdk: Safeguard turns a 32-byte key into a deposit that only the token can open,
// Restore opens it. The deposit goes to the host; the key that protects it never leaves the token.
//
// # The ladder
//
// Tokens differ in what they can do, and their lists of mechanisms are wrong in both directions. So there are several
// ways of making a deposit, the rungs of a ladder, best first:
//
//	gcm          AES-256-GCM inside the token
//	hmac-derive  a key for each deposit, derived inside the token by HMAC-SHA256; AES-256-GCM in this process
//
// At start a rung is proven on the token itself: what it seals it opens; a changed deposit and a changed context are
// refused; the key cannot be read, cannot be made extractable and cannot be wrapped. The first rung that holds is
// taken, or the one that the configuration names. A token on which none holds is refused.
//
// # Realms
//
// A realm is a namespace in a token: its keys and its custody root. Objects are found by label and key id:
//
//	secret key   CKA_LABEL "dta/<rung>/<realm>"      CKA_ID 8 random bytes
//	data object  CKA_LABEL "dta/key/<rung>/<realm>"  private; CKA_ID of the key that was decided on
//	data object  CKA_LABEL "dta/root/<realm>"        private; the deposit of the custody identity
//	data object  CKA_LABEL "dta/owner/<realm>"       private; the node and instance that the realm belongs to
//	data object  CKA_LABEL "dta/tenure/<realm>"      private; the newest start of that node's host
//	data object  CKA_LABEL "dta/ballot/…"            private; gone once the record of that name is decided
//
// A realm's key is made when the realm is first used: at enrolment, or when the node's own identity is sealed in it. It
// is never made again: a realm whose key or root has vanished is an error at start. Processes that meet in a new realm,
// on one machine or several, decide on one key, one root and one owner: see decide.go. A deposit names its rung, realm
// and key, so that deposits of several rungs live side by side: to move a realm to another rung, name the rung and set
// create_keys for one start. What was deposited before still opens.
//
// A token that was lost is connected to anew by package token. Status asks it.
package pkcs11
