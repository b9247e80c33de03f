// Package token uses one PKCS#11 token the way tokens bear it. It is the only package that knows the PKCS#11 library.
//
// Open finds the token by its label or serial number, never by slot number, which changes; logs in once; and lends
// sessions:
//
//	t, err := token.Open(ctx, token.Options{Module: "/usr/lib/softhsm/libsofthsm2.so", Label: "custody", PIN: pin})
//	defer t.Close()
//	mac, err := token.Use(ctx, t, func(s *token.Session) ([]byte, error) {
//		key, err := s.One(token.Query{Class: token.SecretKey, Label: "master"})
//		if err != nil {
//			return nil, err
//		}
//		return s.HMAC(key, message)
//	})
//
// What the package promises, because some module crashes or locks itself without it:
//
//   - A module is loaded and initialised once in a process, however many tokens are used through it.
//   - A session has one user at a time. Sessions are bounded, and a caller waits for one no longer than its context.
//   - A session is thrown away after any error: several modules leave the failed operation active in it.
//   - When sessions or handles turn out to be stale (the token was unplugged, another part of the process closed all
//     sessions) the token is found, opened and logged into anew, and the call is made once more. Object handles are
//     never kept across that: they are found again.
//   - When connecting anew fails, or the token was lost twice in a row, the module is finalised and initialised again
//     first, once no call is in it: many libraries look for their tokens at no other time. Attempts are spaced, up to 5
//     seconds apart, so that a token that is away is not logged in to over and over. A library that cannot be
//     initialised anew, since a call hangs in it or for other reasons, is reported to Options.Stuck.
//   - A PIN that was refused is never tried again in this process, and a PIN is not tried at all where the token says
//     that one more mistake locks it. ErrPIN marks both.
//   - A call into a module cannot be interrupted. When the context ends first, the caller gets its answer and the
//     session stays lent until the module returns; a module that hangs costs its sessions, never the process. This
//     holds for opening sessions and for logging in as well. Only loading a module waits for it as long as it takes.
//
// Errors carry a fault kind (busy, unavailable, unsupported, denied, invalid, internal) and, as *Error, what was
// attempted, the mechanism and the CKR_ code. A PIN is in none of them.
package token
