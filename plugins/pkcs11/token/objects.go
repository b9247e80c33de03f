package token

import (
	"errors"
	"fmt"

	"github.com/miekg/pkcs11"

	"github.com/milagro-dta/dta/protocol/fault"
)

// Object is a handle, good until the token is next connected to: find objects again in every Use.
type Object uint

// Class is what an object is.
type Class uint

// The classes that custody uses.
const (
	SecretKey Class = pkcs11.CKO_SECRET_KEY
	Data      Class = pkcs11.CKO_DATA
)

// Query selects objects. Empty members select nothing in particular.
type Query struct {
	Class Class
	Label string
	ID    string // CKA_ID; keys only
}

func (q Query) String() string {
	class := "key"
	if q.Class == Data {
		class = "data object"
	}
	if q.ID == "" {
		return fmt.Sprintf("%s %q", class, q.Label)
	}
	return fmt.Sprintf("%s %q with id %x", class, q.Label, q.ID)
}

// findLimit bounds a search: nothing here has a use for more.
const findLimit = 64

// Find returns the handles of the matching objects in the token itself, at most 64.
func (s *Session) Find(q Query) ([]Object, error) {
	if err := s.usable(); err != nil {
		return nil, err
	}
	template := []*pkcs11.Attribute{
		pkcs11.NewAttribute(pkcs11.CKA_TOKEN, true),
		pkcs11.NewAttribute(pkcs11.CKA_CLASS, uint(q.Class)),
		pkcs11.NewAttribute(pkcs11.CKA_LABEL, q.Label),
	}
	if q.ID != "" {
		template = append(template, pkcs11.NewAttribute(pkcs11.CKA_ID, []byte(q.ID)))
	}
	objects, err := s.search(q, template)
	if err == nil && len(objects) == 0 {
		// A session whose login was lost sees no private object: that must not pass for "there is none".
		err = s.Check()
	}
	return objects, err
}

func (s *Session) search(q Query, template []*pkcs11.Attribute) ([]Object, error) {
	s.token.module.files.RLock()
	defer s.token.module.files.RUnlock()
	attempt := "find " + q.String()
	if err := s.lib.FindObjectsInit(s.handle, template); err != nil {
		return nil, s.fail(err, attempt, "")
	}
	var found []Object
	for len(found) < findLimit {
		handles, _, err := s.lib.FindObjects(s.handle, findLimit-len(found))
		if err != nil {
			return nil, s.fail(err, attempt, "")
		}
		if len(handles) == 0 {
			break
		}
		for _, h := range handles {
			found = append(found, Object(h))
		}
	}
	if err := s.lib.FindObjectsFinal(s.handle); err != nil {
		return nil, s.fail(err, attempt, "")
	}
	return found, nil
}

// One returns the only match, ErrNoObject or ErrManyObjects. The answer is remembered while the connection lasts.
func (s *Session) One(q Query) (Object, error) {
	s.token.mu.Lock()
	known, ok := s.token.handles[q]
	ok = ok && s.generation == s.token.generation
	s.token.mu.Unlock()
	if ok {
		return known, nil
	}
	found, err := s.Find(q)
	switch {
	case err != nil:
		return 0, err
	case len(found) == 0:
		return 0, fault.New(fault.Unavailable, "pkcs11: find %s in %s: %w", q, s.token, ErrNoObject)
	case len(found) > 1:
		return 0, fault.New(fault.Conflict, "pkcs11: find %s in %s: %w: %d", q, s.token, ErrManyObjects, len(found))
	}
	s.token.mu.Lock()
	defer s.token.mu.Unlock()
	if s.generation == s.token.generation {
		s.token.handles[q] = found[0]
	}
	return found[0], nil
}

// KeyID reads the CKA_ID of a key just found; ErrNoObject when it was destroyed since, by another process.
func (s *Session) KeyID(o Object) ([]byte, error) { return s.fresh(o, pkcs11.CKA_ID, "CKA_ID") }

// Content reads the value of a data object just found; ErrNoObject when it was destroyed since, by another process.
func (s *Session) Content(o Object) ([]byte, error) { return s.fresh(o, pkcs11.CKA_VALUE, "CKA_VALUE") }

// fresh reads an attribute of an object that was found in this Use: it may be gone, but its handle is not stale, and
// the session is as good as before.
func (s *Session) fresh(o Object, kind uint, name string) ([]byte, error) {
	if err := s.usable(); err != nil {
		return nil, err
	}
	got, err := s.lib.GetAttributeValue(s.handle, pkcs11.ObjectHandle(o), []*pkcs11.Attribute{pkcs11.NewAttribute(kind, nil)})
	if errors.Is(err, pkcs11.Error(pkcs11.CKR_OBJECT_HANDLE_INVALID)) {
		return nil, fault.New(fault.Unavailable, "pkcs11: read %s in %s: %w", name, s.token, ErrNoObject)
	}
	if err != nil {
		return nil, s.fail(err, "read "+name, "")
	}
	return got[0].Value, nil
}

// Value reads CKA_VALUE. For a key that is as it should be, it fails or is empty.
func (s *Session) Value(o Object) ([]byte, error) {
	return s.attribute(o, pkcs11.CKA_VALUE, "CKA_VALUE")
}

// Guarded reports whether the token says of a key that it is sensitive and cannot be extracted.
func (s *Session) Guarded(o Object) (bool, error) {
	sensitive, err := s.attribute(o, pkcs11.CKA_SENSITIVE, "CKA_SENSITIVE")
	if err != nil {
		return false, err
	}
	extractable, err := s.attribute(o, pkcs11.CKA_EXTRACTABLE, "CKA_EXTRACTABLE")
	if err != nil {
		return false, err
	}
	return len(sensitive) == 1 && sensitive[0] == 1 && len(extractable) == 1 && extractable[0] == 0, nil
}

func (s *Session) attribute(o Object, kind uint, name string) ([]byte, error) {
	if err := s.usable(); err != nil {
		return nil, err
	}
	got, err := s.lib.GetAttributeValue(s.handle, pkcs11.ObjectHandle(o), []*pkcs11.Attribute{pkcs11.NewAttribute(kind, nil)})
	if err != nil {
		return nil, s.fail(err, "read "+name, "")
	}
	return got[0].Value, nil
}

// MakeExtractable tries to lift a key's protection. A token that allows it is no place for a realm's key.
func (s *Session) MakeExtractable(o Object) error {
	if err := s.usable(); err != nil {
		return err
	}
	err := s.lib.SetAttributeValue(s.handle, pkcs11.ObjectHandle(o),
		[]*pkcs11.Attribute{pkcs11.NewAttribute(pkcs11.CKA_EXTRACTABLE, true)})
	return s.fail(err, "set CKA_EXTRACTABLE", "")
}

// StoreData writes a private data object into the token.
func (s *Session) StoreData(label string, value []byte) (Object, error) {
	if err := s.usable(); err != nil {
		return 0, err
	}
	s.token.module.files.Lock()
	defer s.token.module.files.Unlock()
	o, err := s.lib.CreateObject(s.handle, []*pkcs11.Attribute{
		pkcs11.NewAttribute(pkcs11.CKA_CLASS, pkcs11.CKO_DATA),
		pkcs11.NewAttribute(pkcs11.CKA_TOKEN, true),
		pkcs11.NewAttribute(pkcs11.CKA_PRIVATE, true),
		pkcs11.NewAttribute(pkcs11.CKA_MODIFIABLE, false),
		pkcs11.NewAttribute(pkcs11.CKA_APPLICATION, "dta"),
		pkcs11.NewAttribute(pkcs11.CKA_LABEL, label),
		pkcs11.NewAttribute(pkcs11.CKA_VALUE, value),
	})
	return Object(o), s.fail(err, fmt.Sprintf("store %s", Query{Class: Data, Label: label}), "")
}

// CannotStore tells the errors of StoreData that say: this token takes no data objects, or none from this user.
func CannotStore(err error) bool {
	code, ok := Code(err)
	if !ok {
		return false
	}
	switch code {
	case pkcs11.CKR_TEMPLATE_INCONSISTENT, pkcs11.CKR_TEMPLATE_INCOMPLETE, pkcs11.CKR_ATTRIBUTE_TYPE_INVALID,
		pkcs11.CKR_ATTRIBUTE_VALUE_INVALID, pkcs11.CKR_ATTRIBUTE_READ_ONLY, pkcs11.CKR_FUNCTION_NOT_SUPPORTED,
		pkcs11.CKR_TOKEN_WRITE_PROTECTED, pkcs11.CKR_SESSION_READ_ONLY, pkcs11.CKR_ACTION_PROHIBITED:
		return true
	}
	return false
}

// Destroy removes an object found in this Use. One that another process has destroyed is fine.
func (s *Session) Destroy(o Object) error {
	if err := s.usable(); err != nil {
		return err
	}
	s.token.mu.Lock()
	clear(s.token.handles)
	s.token.mu.Unlock()
	s.token.module.files.Lock()
	err := s.lib.DestroyObject(s.handle, pkcs11.ObjectHandle(o))
	s.token.module.files.Unlock()
	if err == nil || errors.Is(err, pkcs11.Error(pkcs11.CKR_OBJECT_HANDLE_INVALID)) {
		return nil
	}
	// SoftHSM removes an object, and then complains that it had no lock file.
	if _, gone := s.fresh(o, pkcs11.CKA_CLASS, "CKA_CLASS"); errors.Is(gone, ErrNoObject) {
		return nil
	}
	return s.fail(err, "destroy an object", "")
}

// DestroyAll removes the objects that match.
func (s *Session) DestroyAll(q Query) error {
	found, err := s.Find(q)
	for _, o := range found {
		if err == nil {
			err = s.Destroy(o)
		}
	}
	return err
}
