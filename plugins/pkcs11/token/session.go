package token

import (
	"fmt"

	"github.com/miekg/pkcs11"

	"github.com/milagro-dta/dta/protocol/fault"
)

// Session is lent to one caller by Use. After any error it must not be used again; it refuses to be.
type Session struct {
	token      *Token
	lib        *pkcs11.Ctx
	handle     pkcs11.SessionHandle
	generation uint64
	epoch      uint64
	slot       uint
	broken     bool
}

// fail records that the session met an error.
func (s *Session) fail(err error, attempt, mechanism string) error {
	if err == nil {
		return nil
	}
	s.broken = true
	return failed(err, attempt, mechanism)
}

// usable is asked before every operation.
func (s *Session) usable() error {
	if s.broken {
		return fault.New(fault.Internal, "pkcs11: a session was used after it had failed")
	}
	return nil
}

// Check asks the token whether it is there and this process logged in. A library may answer from memory for a token that
// is away; what it says of the token itself gives that away.
func (s *Session) Check() error {
	if err := s.usable(); err != nil {
		return err
	}
	info, err := s.lib.GetSessionInfo(s.handle)
	if err == nil && info.State != pkcs11.CKS_RW_USER_FUNCTIONS {
		err = pkcs11.Error(pkcs11.CKR_USER_NOT_LOGGED_IN)
	}
	if err != nil {
		return s.fail(err, "ask for the state of a session", "")
	}
	about, err := s.lib.GetTokenInfo(s.slot)
	if err != nil || !s.token.options.match(about) {
		// One that cannot say what it is counts as gone, whatever the code.
		err = pkcs11.Error(pkcs11.CKR_TOKEN_NOT_PRESENT)
	}
	return s.fail(err, fmt.Sprintf("ask whether %s is present", s.token), "")
}
