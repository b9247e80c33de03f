// Package softhsmdemo is pkcs11 with a token of its own, made by SoftHSM: what a node uses when nobody has chosen an
// HSM yet.
//
// It is for demonstration. SoftHSM keeps keys in files, and the PIN that opens them lies beside them, in clear: this is
// the one PIN that dta writes down, and every start says so in the log. Whoever reads the directory has the keys.
//
//	directory/           0700, outside the node's own files
//	  lock               held while a plugin runs: SoftHSM's files bear one process at a time
//	  softhsm2.conf      written at every start
//	  token/             appears at once and complete, by a rename
//	    pins             0600: the security officer's PIN and the user's, random
//	    objects/         SoftHSM's files: nothing else should be put there
//	    settled          a copy of them, whole
//	    unsettled/       what a killed process left half written
//
// A token is made in token.new and renamed when it is ready, before any key is in it. So whatever a crash leaves under
// token.new holds nothing, and is removed; what is under token is never removed. See settled.go for kills at a
// later time.
package softhsmdemo
