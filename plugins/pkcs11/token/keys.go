package token

import (
	"fmt"

	"github.com/miekg/pkcs11"
)

// KeySize is the size of every key made here, in bytes.
const KeySize = 32

// KeyUse is what a key may do; it can do nothing else.
type KeyUse struct {
	name    string
	making  uint // the mechanism that makes such a key
	type_   uint // CKK_…
	granted []uint
}

// The uses that custody has for keys.
var (
	// ForAES encrypts and decrypts.
	ForAES = KeyUse{"AES-256", pkcs11.CKM_AES_KEY_GEN, pkcs11.CKK_AES, []uint{pkcs11.CKA_ENCRYPT, pkcs11.CKA_DECRYPT}}
	// ForHMAC computes HMACs.
	ForHMAC = KeyUse{"HMAC", pkcs11.CKM_GENERIC_SECRET_KEY_GEN, pkcs11.CKK_GENERIC_SECRET, []uint{pkcs11.CKA_SIGN, pkcs11.CKA_VERIFY}}
	// ForWrapping exists to prove that other keys cannot be wrapped.
	ForWrapping = KeyUse{"wrapping", pkcs11.CKM_AES_KEY_GEN, pkcs11.CKK_AES, []uint{pkcs11.CKA_WRAP}}
)

// KeySpec describes a key to be made in the token. It is always private, sensitive and not extractable.
type KeySpec struct {
	Use   KeyUse
	Label string
	ID    []byte
	Keep  bool // a token object; otherwise it goes with the session
}

// Generate makes a key inside the token.
func (s *Session) Generate(k KeySpec) (Object, error) {
	if err := s.usable(); err != nil {
		return 0, err
	}
	template := []*pkcs11.Attribute{
		pkcs11.NewAttribute(pkcs11.CKA_CLASS, pkcs11.CKO_SECRET_KEY),
		pkcs11.NewAttribute(pkcs11.CKA_KEY_TYPE, k.Use.type_),
		pkcs11.NewAttribute(pkcs11.CKA_VALUE_LEN, KeySize),
		pkcs11.NewAttribute(pkcs11.CKA_TOKEN, k.Keep),
		pkcs11.NewAttribute(pkcs11.CKA_PRIVATE, true),
		pkcs11.NewAttribute(pkcs11.CKA_SENSITIVE, true),
		pkcs11.NewAttribute(pkcs11.CKA_EXTRACTABLE, false),
		pkcs11.NewAttribute(pkcs11.CKA_LABEL, k.Label),
		pkcs11.NewAttribute(pkcs11.CKA_ID, k.ID),
	}
	for _, ability := range []uint{pkcs11.CKA_ENCRYPT, pkcs11.CKA_DECRYPT, pkcs11.CKA_SIGN, pkcs11.CKA_VERIFY,
		pkcs11.CKA_WRAP, pkcs11.CKA_UNWRAP, pkcs11.CKA_DERIVE} {
		template = append(template, pkcs11.NewAttribute(ability, contains(k.Use.granted, ability)))
	}
	if k.Keep {
		s.token.module.files.Lock()
		defer s.token.module.files.Unlock()
	}
	o, err := s.lib.GenerateKey(s.handle, []*pkcs11.Mechanism{pkcs11.NewMechanism(k.Use.making, nil)}, template)
	return Object(o), s.fail(err, fmt.Sprintf("make a key for %s", k.Use.name), "")
}

func contains(list []uint, x uint) bool {
	for _, v := range list {
		if v == x {
			return true
		}
	}
	return false
}

// Wrapping is a way of getting a key out of a token.
type Wrapping struct {
	name      string
	mechanism uint
	iv        int
}

// Wrappings are all that a symmetric key of the token could be wrapped with.
var Wrappings = []Wrapping{
	{"AES-KEY-WRAP", pkcs11.CKM_AES_KEY_WRAP, 0},
	{"AES-KEY-WRAP-PAD", pkcs11.CKM_AES_KEY_WRAP_PAD, 0},
	{"AES-CBC-PAD", pkcs11.CKM_AES_CBC_PAD, 16},
	{"AES-CBC", pkcs11.CKM_AES_CBC, 16},
	{"AES-ECB", pkcs11.CKM_AES_ECB, 0},
}

func (w Wrapping) String() string { return w.name }

// Wrap tries to get key out of the token, encrypted under wrapper.
func (s *Session) Wrap(w Wrapping, wrapper, key Object) ([]byte, error) {
	if err := s.usable(); err != nil {
		return nil, err
	}
	var parameter any
	if w.iv > 0 {
		parameter = make([]byte, w.iv)
	}
	out, err := s.lib.WrapKey(s.handle, []*pkcs11.Mechanism{pkcs11.NewMechanism(w.mechanism, parameter)},
		pkcs11.ObjectHandle(wrapper), pkcs11.ObjectHandle(key))
	return out, s.fail(err, "wrap a key", w.name)
}
