package token

import (
	"errors"
	"fmt"

	"github.com/miekg/pkcs11"

	"github.com/milagro-dta/dta/protocol/fault"
)

// ErrPIN marks an error as permanent: the token refused the PIN, or would lock it at the next mistake.
var ErrPIN = errors.New("the token does not take this PIN")

// ErrNoObject is returned by Session.One when nothing matches, ErrManyObjects when more than one object does.
var (
	ErrNoObject    = errors.New("no such object in the token")
	ErrManyObjects = errors.New("more than one such object in the token")
)

// Error is a refusal by the module.
type Error struct {
	Attempt   string // what was attempted: "encrypt", "find an object"
	Mechanism string // "AES-GCM"; empty where none is involved
	Code      uint   // CKR_…
}

func (e *Error) Error() string {
	if e.Mechanism == "" {
		return fmt.Sprintf("%s: %s", e.Attempt, codeName(e.Code))
	}
	return fmt.Sprintf("%s with %s: %s", e.Attempt, e.Mechanism, codeName(e.Code))
}

func codeName(code uint) string { return pkcs11.Error(code).Error() }

// failed turns what the module returned into an error with a kind; nil stays nil.
func failed(err error, attempt, mechanism string) error {
	if err == nil {
		return nil
	}
	var code pkcs11.Error
	if !errors.As(err, &code) {
		return fault.New(fault.Internal, "%s: %w", attempt, err)
	}
	e := &Error{Attempt: attempt, Mechanism: mechanism, Code: uint(code)}
	return fault.New(e.kind(), "pkcs11: %w", e)
}

// Code is the CKR_ value inside err.
func Code(err error) (code uint, ok bool) {
	var e *Error
	if errors.As(err, &e) {
		return e.Code, true
	}
	return 0, false
}

// kind is what a CKR_ value means to a caller of the node.
func (e *Error) kind() fault.Kind {
	switch e.Code {
	case pkcs11.CKR_SESSION_COUNT, pkcs11.CKR_OPERATION_ACTIVE, pkcs11.CKR_DEVICE_MEMORY:
		return fault.Busy
	case pkcs11.CKR_MECHANISM_INVALID, pkcs11.CKR_MECHANISM_PARAM_INVALID, pkcs11.CKR_FUNCTION_NOT_SUPPORTED,
		pkcs11.CKR_KEY_SIZE_RANGE:
		return fault.Unsupported
	case pkcs11.CKR_ENCRYPTED_DATA_INVALID, pkcs11.CKR_ENCRYPTED_DATA_LEN_RANGE, pkcs11.CKR_SIGNATURE_INVALID,
		pkcs11.CKR_SIGNATURE_LEN_RANGE:
		return fault.Invalid
	case pkcs11.CKR_FUNCTION_CANCELED:
		return fault.Unavailable
	}
	switch {
	case refusesPIN(e.Code):
		return fault.Denied
	case staleSession(e.Code), lostToken(e.Code), general(e.Code):
		return fault.Unavailable
	}
	return fault.Internal
}

// refusesPIN tells the codes after which the same PIN must not be tried again.
func refusesPIN(code uint) bool {
	switch code {
	case pkcs11.CKR_PIN_INCORRECT, pkcs11.CKR_PIN_INVALID, pkcs11.CKR_PIN_LEN_RANGE, pkcs11.CKR_PIN_EXPIRED,
		pkcs11.CKR_PIN_LOCKED, pkcs11.CKR_USER_PIN_NOT_INITIALIZED:
		return true
	}
	return false
}

// staleSession tells the codes that say: this session, login or handle is of the past, and nothing was done.
func staleSession(code uint) bool {
	switch code {
	case pkcs11.CKR_SESSION_HANDLE_INVALID, pkcs11.CKR_SESSION_CLOSED, pkcs11.CKR_USER_NOT_LOGGED_IN,
		pkcs11.CKR_OBJECT_HANDLE_INVALID, pkcs11.CKR_KEY_HANDLE_INVALID:
		return true
	}
	return false
}

// lostToken tells the codes that say: the token is not there, or not well. Whether anything was done is unknown. Codes
// of a maker's own count among them, and those that are no codes at all: a library that lost its server answers so.
func lostToken(code uint) bool {
	switch code {
	case pkcs11.CKR_DEVICE_ERROR, pkcs11.CKR_DEVICE_REMOVED, pkcs11.CKR_TOKEN_NOT_PRESENT,
		pkcs11.CKR_TOKEN_NOT_RECOGNIZED, pkcs11.CKR_SLOT_ID_INVALID, pkcs11.CKR_CRYPTOKI_NOT_INITIALIZED:
		return true
	}
	return code >= pkcs11.CKR_VENDOR_DEFINED
}

// general tells the codes that can mean anything: a lost token, or a forged ciphertext.
func general(code uint) bool {
	switch code {
	case pkcs11.CKR_GENERAL_ERROR, pkcs11.CKR_FUNCTION_FAILED, pkcs11.CKR_HOST_MEMORY:
		return true
	}
	return false
}

// General tells whether a module gave so general an error that the token may be lost: see Suspect.
func General(err error) bool {
	code, ok := Code(err)
	return ok && general(code)
}

// Lost tells whether the token was lost on the way.
func Lost(err error) bool {
	code, ok := Code(err)
	return ok && lostToken(code)
}

// Refused tells an operation that the token itself turned down from one that never reached it: a missing or busy
// token proves nothing about what it would have allowed.
func Refused(err error) bool {
	code, ok := Code(err)
	return ok && !staleSession(code) && !lostToken(code) && code != pkcs11.CKR_HOST_MEMORY && (&Error{Code: code}).kind() != fault.Busy
}
