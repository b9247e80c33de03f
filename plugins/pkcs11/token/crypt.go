package token

import (
	"github.com/miekg/pkcs11"

	"github.com/milagro-dta/dta/protocol/fault"
)

const (
	// IVSize is the size of the IV given to AES-GCM, in bytes.
	IVSize = 12
	// TagSize is the size of AES-GCM's tag, in bytes. It ends the ciphertext.
	TagSize = 16
	// MACSize is the size of an HMAC-SHA256, in bytes.
	MACSize = 32
)

// EncryptGCM encrypts with AES-GCM inside the token. Some tokens put an IV of their own in place of the given one:
// used is the one that counts.
func (s *Session) EncryptGCM(key Object, iv, aad, plain []byte) (used, sealed []byte, err error) {
	if err := s.usable(); err != nil {
		return nil, nil, err
	}
	parameters := pkcs11.NewGCMParams(iv, aad, TagSize*8)
	defer parameters.Free()
	if err := s.lib.EncryptInit(s.handle, gcm(parameters), pkcs11.ObjectHandle(key)); err != nil {
		return nil, nil, s.fail(err, "encrypt", "AES-GCM")
	}
	sealed, err = s.lib.Encrypt(s.handle, plain)
	if err != nil {
		return nil, nil, s.fail(err, "encrypt", "AES-GCM")
	}
	used = parameters.IV()
	if len(used) == 0 || len(sealed) != len(plain)+TagSize {
		s.broken = true
		return nil, nil, fault.New(fault.Unsupported, "pkcs11: encrypt with AES-GCM: expected an IV and %d bytes; found %d and %d",
			len(plain)+TagSize, len(used), len(sealed))
	}
	return used, sealed, nil
}

// DecryptGCM is the inverse of EncryptGCM. What a token answers to a forged ciphertext differs from maker to maker:
// SoftHSM says CKR_GENERAL_ERROR.
func (s *Session) DecryptGCM(key Object, iv, aad, sealed []byte) ([]byte, error) {
	if err := s.usable(); err != nil {
		return nil, err
	}
	parameters := pkcs11.NewGCMParams(iv, aad, TagSize*8)
	defer parameters.Free()
	if err := s.lib.DecryptInit(s.handle, gcm(parameters), pkcs11.ObjectHandle(key)); err != nil {
		return nil, s.fail(err, "decrypt", "AES-GCM")
	}
	plain, err := s.lib.Decrypt(s.handle, sealed)
	return plain, s.fail(err, "decrypt", "AES-GCM")
}

func gcm(p *pkcs11.GCMParams) []*pkcs11.Mechanism {
	return []*pkcs11.Mechanism{pkcs11.NewMechanism(pkcs11.CKM_AES_GCM, p)}
}

// HMAC computes HMAC-SHA256 (32 bytes) inside the token.
func (s *Session) HMAC(key Object, message []byte) ([]byte, error) {
	if err := s.usable(); err != nil {
		return nil, err
	}
	const mechanism = "HMAC-SHA256"
	m := []*pkcs11.Mechanism{pkcs11.NewMechanism(pkcs11.CKM_SHA256_HMAC, nil)}
	if err := s.lib.SignInit(s.handle, m, pkcs11.ObjectHandle(key)); err != nil {
		return nil, s.fail(err, "compute a MAC", mechanism)
	}
	mac, err := s.lib.Sign(s.handle, message)
	if err == nil && len(mac) != MACSize {
		s.broken = true
		return nil, fault.New(fault.Unsupported, "pkcs11: compute a MAC with %s: expected %d bytes, found %d", mechanism, MACSize, len(mac))
	}
	return mac, s.fail(err, "compute a MAC", mechanism)
}
