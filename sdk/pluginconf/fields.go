package pluginconf

import (
	"reflect"
	"strings"

	"github.com/milagro-dta/dta/internal/spelling"
)

var secretType = reflect.TypeFor[Secret]()

// field is one attribute or nested block of an author's struct.
type field struct {
	typ       reflect.Type
	block     *fieldSet // of a nested block
	sensitive bool
	required  bool
}

// fieldSet is an author's struct by the names in its hcl tags.
type fieldSet struct {
	byName map[string]*field
	// open: the struct takes what it does not name (a `remain` field).
	open bool
}

func taggedSensitive(f reflect.StructField) bool { return f.Tag.Get("dta") == "sensitive" }

func fieldsOf(t reflect.Type) *fieldSet { return fieldsWithin(t, map[reflect.Type]*fieldSet{}) }

func fieldsWithin(t reflect.Type, seen map[reflect.Type]*fieldSet) *fieldSet {
	for t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice {
		t = t.Elem()
	}
	if s, ok := seen[t]; ok {
		return s
	}
	set := &fieldSet{byName: map[string]*field{}}
	seen[t] = set
	if t.Kind() != reflect.Struct {
		set.open = true
		return set
	}
	for i := range t.NumField() {
		f := t.Field(i)
		name, kind, _ := strings.Cut(f.Tag.Get("hcl"), ",")
		switch {
		case f.Tag.Get("hcl") == "":
		case kind == "remain":
			set.open = true
		case kind == "block":
			set.byName[name] = &field{typ: f.Type, block: fieldsWithin(f.Type, seen), sensitive: taggedSensitive(f)}
		case kind == "" || kind == "attr" || kind == "optional":
			set.byName[name] = &field{typ: f.Type, sensitive: taggedSensitive(f) || holdsSecret(f.Type), required: kind != "optional"}
		}
	}
	return set
}

func holdsSecret(t reflect.Type) bool {
	switch t.Kind() {
	case reflect.Pointer, reflect.Slice, reflect.Array, reflect.Map:
		return holdsSecret(t.Elem())
	}
	return t == secretType
}

// secrets lists the names of the sensitive attributes and blocks of this set and the nested ones.
func (s *fieldSet) secrets() []string {
	var names []string
	s.each(map[*fieldSet]bool{}, func(name string, f *field) {
		if f.sensitive {
			names = append(names, name)
		}
	})
	return names
}

// each visits every field of this set and the nested ones.
func (s *fieldSet) each(seen map[*fieldSet]bool, visit func(name string, f *field)) {
	if seen[s] {
		return
	}
	seen[s] = true
	for name, f := range s.byName {
		visit(name, f)
		if f.block != nil {
			f.block.each(seen, visit)
		}
	}
}

// names gives every word that a diagnostic may quote: the names of the author's fields, and the functions'.
func (s *fieldSet) names() map[string]bool {
	all := map[string]bool{"file": true, "env": true}
	s.each(map[*fieldSet]bool{}, func(name string, _ *field) { all[name] = true })
	return all
}

// mayShow says whether an attribute that the struct does not know may be shown with its value, although there are
// secrets about: only if it is nearly the name of a harmless attribute of its own block, and nearer to that than to
// any of the secrets.
func (s *fieldSet) mayShow(unknown string, secrets []string) bool {
	harmless, secret := 3, 1<<30
	for name, f := range s.byName {
		if !f.sensitive && f.block == nil {
			harmless = min(harmless, spelling.Distance(unknown, name))
		}
	}
	for _, name := range secrets {
		secret = min(secret, spelling.Distance(unknown, name))
	}
	return harmless < 3 && harmless < secret
}
