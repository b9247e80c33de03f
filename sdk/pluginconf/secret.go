package pluginconf

import (
	"cmp"
	"fmt"
	"log/slog"
	"reflect"
	"slices"
	"strings"
)

// Secret is a string that does not print. An attribute of this type is sensitive by itself.
type Secret string

// Reveal gives the string; the one place where it is opened.
func (s Secret) Reveal() string { return string(s) }

func (s Secret) String() string               { return "[secret]" }
func (s Secret) GoString() string             { return "[secret]" }
func (s Secret) Format(f fmt.State, _ rune)   { _, _ = f.Write([]byte("[secret]")) }
func (s Secret) LogValue() slog.Value         { return slog.StringValue("[secret]") }
func (s Secret) MarshalText() ([]byte, error) { return []byte("[secret]"), nil } // an error here would cost a log its line

// Scrub takes the values of the sensitive attributes out of a text that is about to leave the plugin, such as the
// error of a library that was given a PIN.
func (r *Result) Scrub(text string) string {
	for _, s := range r.secrets {
		if !strings.Contains(text, s) {
			continue
		}
		// To replace a very short value would show where it was, and thereby what.
		if len(s) < 4 {
			return "[not shown: it contains a secret of the configuration]"
		}
		text = strings.ReplaceAll(text, s, "[secret]")
	}
	return text
}

// secretsIn collects the strings of the sensitive fields, longest first, so that none hides within another.
func secretsIn(v reflect.Value, sensitive bool) (found []string) {
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface:
		if !v.IsNil() {
			found = secretsIn(v.Elem(), sensitive)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			f := v.Type().Field(i)
			if f.IsExported() && f.Tag.Get("hcl") != "" {
				found = append(found, secretsIn(v.Field(i), sensitive || taggedSensitive(f))...)
			}
		}
	case reflect.Slice, reflect.Array:
		for i := range v.Len() {
			found = append(found, secretsIn(v.Index(i), sensitive)...)
		}
	case reflect.Map:
		for it := v.MapRange(); it.Next(); {
			found = append(found, secretsIn(it.Value(), sensitive)...)
		}
	case reflect.String:
		if s := v.String(); s != "" && (sensitive || v.Type() == secretType) {
			found = append(found, s)
		}
	default:
		if sensitive && v.IsValid() && !v.IsZero() {
			found = append(found, fmt.Sprint(v))
		}
	}
	sortLongestFirst(found)
	return found
}

func sortLongestFirst(s []string) {
	slices.SortFunc(s, func(a, b string) int { return cmp.Or(cmp.Compare(len(b), len(a)), cmp.Compare(a, b)) })
}
