package order

import (
	"fmt"
	"reflect"

	"github.com/milagro-dta/dta/protocol/dag"
)

// leaf is one value inside a body, found by reflection so that no field added
// later is forgotten.
type leaf struct {
	path  string
	value reflect.Value
}

var (
	cidType    = reflect.TypeOf(dag.CID{})
	valuesType = reflect.TypeOf(dag.Values{})
)

// leaves lists every value of the struct that v points to.
func leaves(v any) []leaf {
	var found []leaf
	var walk func(path string, v reflect.Value)
	walk = func(path string, v reflect.Value) {
		switch {
		case v.Type() == cidType, v.Type() == valuesType, v.Kind() == reflect.Slice && v.Type().Elem().Kind() == reflect.Uint8:
			found = append(found, leaf{path, v})
		case v.Kind() == reflect.Struct:
			for i := range v.NumField() {
				name := v.Type().Field(i).Name
				if path != "" {
					name = path + "." + name
				}
				walk(name, v.Field(i))
			}
		case v.Kind() == reflect.Slice:
			for i := range v.Len() {
				walk(fmt.Sprintf("%s[%d]", path, i), v.Index(i))
			}
		default:
			found = append(found, leaf{path, v})
		}
	}
	walk("", reflect.ValueOf(v).Elem())
	return found
}

// change gives the leaf another value and returns how to undo it.
func (l leaf) change() (restore func()) {
	before := reflect.New(l.value.Type()).Elem()
	before.Set(l.value)
	l.value.Set(otherThan(l.value))
	return func() { l.value.Set(before) }
}

func otherThan(v reflect.Value) reflect.Value {
	switch x := v.Interface().(type) {
	case dag.CID:
		return reflect.ValueOf(dag.Sum(append([]byte("other"), x.Bytes()...)))
	case dag.Values:
		return reflect.ValueOf(values("colour"))
	case []byte:
		other := append([]byte{}, x...)
		if len(other) == 0 {
			return reflect.ValueOf([]byte{1})
		}
		other[len(other)-1] ^= 1
		return reflect.ValueOf(other)
	case bool:
		return reflect.ValueOf(!x)
	case uint64:
		return reflect.ValueOf(x + 1)
	}
	if v.Kind() == reflect.String {
		return reflect.ValueOf(v.String() + "x").Convert(v.Type())
	}
	panic("no other value for " + v.Type().String())
}
