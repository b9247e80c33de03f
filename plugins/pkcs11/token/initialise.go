package token

import (
	"slices"

	"github.com/miekg/pkcs11"

	"github.com/milagro-dta/dta/crypto/secret"
	"github.com/milagro-dta/dta/protocol/fault"
)

// Initialise makes a new token with this label in an empty slot of the module, and sets both PINs. It never touches a
// token that is initialised already.
func Initialise(module, label string, officer, user *secret.Bytes) (err error) {
	m, err := loadModule(module)
	if err != nil {
		return err
	}
	defer func() {
		if released := m.release(); err == nil {
			err = released
		}
	}()
	defer m.exclusion.enter()()
	m.gate.enter()
	defer m.gate.leave()
	slots, err := m.slots()
	if err != nil {
		return err
	}
	var empty []uint
	for id, info := range slots {
		if info.Flags&pkcs11.CKF_TOKEN_INITIALIZED == 0 {
			empty = append(empty, id)
		}
	}
	if len(empty) == 0 {
		return fault.New(fault.Unavailable, "pkcs11: initialise token %q: %s has no empty slot", label, module)
	}
	if err := m.lib.InitToken(slices.Min(empty), text(officer), label); err != nil {
		return failed(err, "initialise a token", "")
	}
	slot, _, err := m.find(Options{Label: label}) // its slot number may be another now
	if err != nil {
		return err
	}
	session, err := m.lib.OpenSession(slot, pkcs11.CKF_SERIAL_SESSION|pkcs11.CKF_RW_SESSION)
	if err != nil {
		return failed(err, "open a session with the new token", "")
	}
	defer func() { _ = m.lib.CloseSession(session) }()
	if err := m.lib.Login(session, pkcs11.CKU_SO, text(officer)); err != nil {
		return failed(err, "log in as security officer", "")
	}
	defer func() { _ = m.lib.Logout(session) }()
	return failed(m.lib.InitPIN(session, text(user)), "set the user PIN", "")
}
