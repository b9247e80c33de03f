package dag_test

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/milagro-dta/dta/protocol/dag"
	"github.com/milagro-dta/dta/protocol/fault"
)

type inner struct {
	Number int64 `cbor:"number"`
}

type sample struct {
	Name     string     `cbor:"name"`
	Bytes    []byte     `cbor:"bytes"`
	Links    []dag.CID  `cbor:"links"`
	Previous dag.CID    `cbor:"previous"`
	Inner    *inner     `cbor:"inner"`
	Extra    dag.Values `cbor:"extra"`
}

func full(t testing.TB) sample {
	t.Helper()
	raw, err := dag.NewRaw(map[string]any{"b": int64(-1), "aa": []string{"x"}})
	if err != nil {
		t.Fatal(err)
	}
	return sample{
		Name: "naïve", Bytes: []byte{1, 2}, Links: []dag.CID{dag.Sum([]byte("a")), dag.SumRaw([]byte("b"))},
		Previous: dag.Sum([]byte("c")), Inner: &inner{-5}, Extra: dag.Values{"later": raw},
	}
}

func encode(t testing.TB, v any) []byte {
	t.Helper()
	b, err := dag.Encode(v)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestAValueComesBackAsItWas(t *testing.T) {
	want := full(t)
	var got sample
	if err := dag.Decode(encode(t, want), &got); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(dag.CID{}), cmp.Comparer(func(a, b dag.CID) bool { return a == b })); diff != "" {
		t.Error(diff)
	}
}

func TestAbsentValuesAreNullOrEmptyAndNeverLeftOut(t *testing.T) {
	got := hex.EncodeToString(encode(t, sample{}))
	want := "a6" + // six names, by length and then by byte
		"646e616d65" + "60" +
		"656279746573" + "40" +
		"656578747261" + "a0" +
		"65696e6e6572" + "f6" +
		"656c696e6b73" + "80" +
		"6870726576696f7573" + "f6"
	if got != want {
		t.Errorf("expected %s, found %s", want, got)
	}
}

func TestALinkIsTag42OverTheBinaryCID(t *testing.T) {
	c := dag.Sum([]byte{0xf6})
	got := hex.EncodeToString(encode(t, c))
	if want := "d82a582500" + hex.EncodeToString(c.Bytes()); got != want {
		t.Errorf("expected %s, found %s", want, got)
	}
}

func TestNothingButTheCanonicalEncodingIsAccepted(t *testing.T) {
	for _, c := range []struct{ name, hex, says string }{
		{"nothing", "", "expected an item"},
		{"more than one item", "0000", "expected the end"},
		{"a long form of a small number", "1817" + "", "shortest"},
		{"a two-byte form of a one-byte number", "1900ff", "shortest"},
		{"a four-byte form of a two-byte number", "1a0000ffff", "shortest"},
		{"an eight-byte form of a four-byte number", "1b00000000ffffffff", "shortest"},
		{"a long form of a length", "580100", "shortest"},
		{"bytes of indefinite length", "5f4100ff", "definite"},
		{"text of indefinite length", "7f6161ff", "definite"},
		{"a list of indefinite length", "9f00ff", "definite"},
		{"a map of indefinite length", "bf616100ff", "definite"},
		{"a reserved length", "1c", "definite"},
		{"a half float", "f93c00", "no float"},
		{"a float", "fa3f800000", "no float"},
		{"a double", "fb3ff0000000000000", "no float"},
		{"undefined", "f7", "simple value 23"},
		{"another simple value", "e0", "simple value 0"},
		{"a simple value in two bytes", "f8ff", "no simple value"},
		{"a break alone", "ff", "definite"},
		{"the same name twice", "a2616100616100", "after"},
		{"names out of order", "a2616200616100", "after"},
		{"a longer name before a shorter one", "a262616100616200", "after"},
		{"a number as name", "a10000", "text as name"},
		{"bytes as name", "a1416100", "text as name"},
		{"text that is no UTF-8", "61ff", "UTF-8"},
		{"a tag other than a link", "c100", "no tag but 42"},
		{"a link that is text", "d82a6161", "link of 37"},
		{"a link that is too short", "d82a4100", "link of 37"},
		{"a link without its prefix", "d82a5825" + "01" + strings.Repeat("00", 36), "prefix"},
		{"a link to another hash function", "d82a5825" + "00" + "01711320" + strings.Repeat("00", 32), "sha2-256"},
		{"a link to another codec", "d82a5825" + "00" + "01701220" + strings.Repeat("00", 32), "sha2-256"},
		{"a list longer than the block", "990fff", "expected an item"},
		{"a list beyond the bound", "991001", "at most 4096"},
		{"a map beyond the bound", "b90101", "at most 256"},
		{"bytes beyond the block", "5bffffffffffffffff", "expected 18446744073709551615 bytes"},
		{"too deep", strings.Repeat("81", 33) + "00", "at most 32 levels"},
	} {
		t.Run(c.name, func(t *testing.T) {
			b, err := hex.DecodeString(c.hex)
			if err != nil {
				t.Fatal(err)
			}
			var raw dag.Raw
			err = dag.Decode(b, &raw)
			refused(t, err, c.says)
		})
	}
}

func TestABlockHoldsExactlyTheFieldsOfItsType(t *testing.T) {
	for _, c := range []struct {
		name, says string
		value      any
	}{
		{"an unknown field", "unknown field", map[string]any{"number": 1, "more": 2}},
		{"a field left out", "difference at byte", map[string]any{}},
		{"a field in another case", "unknown field", map[string]any{"Number": 1}},
		{"a null for a number", "difference at byte", map[string]any{"number": nil}},
		{"a text for a number", "cannot unmarshal", map[string]any{"number": "1"}},
		{"a list for the map", "cannot unmarshal", []any{1}},
	} {
		t.Run(c.name, func(t *testing.T) {
			refused(t, dag.Decode(encode(t, c.value), &inner{}), c.says)
		})
	}
	t.Run("a null for an empty list", func(t *testing.T) {
		var v struct {
			List []int64 `cbor:"list"`
		}
		refused(t, dag.Decode(encode(t, map[string]any{"list": nil}), &v), "difference at byte")
	})
	t.Run("a link where bytes are expected", func(t *testing.T) {
		var v struct {
			Bytes []byte `cbor:"bytes"`
		}
		refused(t, dag.Decode(encode(t, map[string]any{"bytes": dag.Sum(nil)}), &v), "")
	})
}

func TestARefusalRepeatsLittleOfANameOutOfOrder(t *testing.T) {
	name := append([]byte{0x7a, 0, 1, 0, 0}, bytes.Repeat([]byte{0x01}, 1<<16)...)
	block := bytes.Join([][]byte{{0xa2}, name, {0}, name, {0}}, nil)
	var raw dag.Raw
	err := dag.Decode(block, &raw)
	refused(t, err, "after")
	if n := len(err.Error()); n > 4096 {
		t.Errorf("expected at most 4096 bytes; found %d", n)
	}
}

func TestAListIsEmptiedWhereItStands(t *testing.T) {
	type signed struct {
		Body       []byte   `cbor:"body"`
		Signatures [][]byte `cbor:"signatures"`
		Zone       string   `cbor:"zone"`
	}
	v := signed{Body: []byte{1}, Signatures: [][]byte{{2}, {3}}, Zone: "z"}
	block := encode(t, v)
	got, err := dag.WithEmptied(block, "signatures")
	if err != nil {
		t.Fatal(err)
	}
	if again := encode(t, v); !bytes.Equal(block, again) {
		t.Error("the block given was changed")
	}
	v.Signatures = nil
	if want := encode(t, v); !bytes.Equal(got, want) {
		t.Errorf("expected %x; found %x", want, got)
	}
	_, err = dag.WithEmptied(block, "seals")
	refused(t, err, "found one without")
}

func TestEveryTruncationIsRefused(t *testing.T) {
	block := encode(t, full(t))
	for n := range block {
		refused(t, dag.Decode(block[:n], &sample{}), "")
	}
}

func TestEveryFlippedBitGivesAnotherValueOrNone(t *testing.T) {
	block := encode(t, full(t))
	for i := range block {
		for bit := range 8 {
			flipped := bytes.Clone(block)
			flipped[i] ^= 1 << bit
			var got sample
			if err := dag.Decode(flipped, &got); err != nil {
				continue
			}
			if !bytes.Equal(encode(t, got), flipped) {
				t.Fatalf("byte %d bit %d: accepted, but it is not the encoding of its value", i, bit)
			}
		}
	}
}

func TestValuesWithoutACanonicalEncodingAreNotEncoded(t *testing.T) {
	for name, v := range map[string]any{
		"a float":            1.5,
		"a number as name":   map[int]string{1: "a"},
		"a block too large":  make([]byte, dag.MaxBlock),
		"a list too long":    make([]int64, dag.MaxList+1),
		"text that is not":   "\xff",
		"raw that is not":    dag.Raw{0x18, 0x01},
		"raw that is absent": dag.Raw(nil),
		"a channel":          make(chan int),
	} {
		t.Run(name, func(t *testing.T) {
			_, err := dag.Encode(v)
			refused(t, err, "")
		})
	}
}

func TestCIDsHaveOneTextAndOneForm(t *testing.T) {
	c := dag.Sum([]byte("block"))
	got, err := dag.Parse(c.String())
	if err != nil || got != c {
		t.Fatalf("expected %s, found %s, %v", c, got, err)
	}
	if got, err = dag.FromBytes(c.Bytes()); err != nil || got != c {
		t.Fatalf("expected %s, found %s, %v", c, got, err)
	}
	s := c.String()
	for name, text := range map[string]string{
		"upper case":      strings.ToUpper(s),
		"version 0":       "QmYwAPJzv5CZsnA625s3Xf2nemtYgPpHdWEz79ojWnPbdG",
		"too short":       s[:len(s)-1],
		"too long":        s + "a",
		"leftover bits":   s[:len(s)-1] + string(s[len(s)-1]+1),
		"not base32":      s[:10] + "1" + s[11:],
		"another hash":    "bafkrkq" + strings.Repeat("a", 52),
		"surrounding air": " " + s[:len(s)-1],
		"empty":           "",
	} {
		t.Run(name, func(t *testing.T) {
			_, err := dag.Parse(text)
			refused(t, err, "")
		})
	}
}

func TestCIDsTravelInJSONAsText(t *testing.T) {
	type body struct{ A, B dag.CID }
	want := body{A: dag.Sum([]byte("x"))}
	b, err := json.Marshal(want)
	if err != nil {
		t.Fatal(err)
	}
	var got body
	if err := json.Unmarshal(b, &got); err != nil || got != want {
		t.Fatalf("%s: found %v, %v", b, got, err)
	}
}

func TestCheckComparesABlockWithItsCID(t *testing.T) {
	block := []byte("a block")
	for _, c := range []dag.CID{dag.Sum(block), dag.SumRaw(block)} {
		if err := dag.Check(c, block); err != nil {
			t.Error(err)
		}
		refused(t, dag.Check(c, []byte("A block")), "expected "+c.String())
	}
	refused(t, dag.Check(dag.CID{}, block), "expected a CID")
}

func TestFieldFindsTheBytesThatCame(t *testing.T) {
	block := encode(t, full(t))
	start, end, err := dag.Field(block, "inner")
	if err != nil {
		t.Fatal(err)
	}
	if want := encode(t, inner{-5}); !bytes.Equal(block[start:end], want) {
		t.Errorf("expected % x, found % x", want, block[start:end])
	}
	_, _, err = dag.Field(block, "outer")
	refused(t, err, `with "outer"`)
	_, _, err = dag.Field([]byte{0x80}, "outer")
	refused(t, err, "expected a map")
}

func TestValuesAreBoundedBothWays(t *testing.T) {
	item := dag.Raw{0x00}
	many := dag.Values{}
	for i := range dag.MaxNames + 1 {
		many[strings.Repeat("n", i+1)] = item
	}
	for name, v := range map[string]dag.Values{
		"too many names": many,
		"an empty name":  {"": item},
		"a long name":    {strings.Repeat("n", dag.MaxName+1): item},
		"too many bytes": {"n": encode(t, make([]byte, dag.MaxValues))},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := dag.Encode(v)
			refused(t, err, "expected")
			var got dag.Values
			refused(t, dag.Decode(encode(t, map[string]dag.Raw(v)), &got), "expected")
		})
	}
}

func TestUnknownCriticalNamesAreRefused(t *testing.T) {
	v := dag.Values{"known": {0}, "b": {0}, "a": {0}}
	refused(t, v.RefuseUnknown("known"), `["a" "b"]`)
	if err := v.RefuseUnknown("a", "b", "known"); err != nil {
		t.Error(err)
	}
	if err := dag.Values(nil).RefuseUnknown(); err != nil {
		t.Error(err)
	}
}

func FuzzDecode(f *testing.F) {
	f.Add(encode(f, full(f)))
	f.Add(encode(f, sample{}))
	f.Add([]byte{0xa1, 0x61, 0x61, 0xd8, 0x2a})
	f.Add(bytes.Repeat([]byte{0x81}, 40))
	f.Fuzz(func(t *testing.T, block []byte) {
		var v sample
		if err := dag.Decode(block, &v); err == nil {
			if again := encode(t, v); !bytes.Equal(again, block) {
				t.Fatalf("accepted % x, which encodes as % x", block, again)
			}
		} else if fault.Of(err) != fault.Invalid {
			t.Fatalf("expected an invalid, found %v", err)
		}
		var raw dag.Raw
		if err := dag.Decode(block, &raw); err == nil && !bytes.Equal(raw, block) {
			t.Fatal("raw changed")
		}
		_, _, _ = dag.Field(block, "name")
	})
}

func FuzzParse(f *testing.F) {
	f.Add(dag.Sum(nil).String())
	f.Add("QmYwAPJzv5CZsnA625s3Xf2nemtYgPpHdWEz79ojWnPbdG")
	f.Fuzz(func(t *testing.T, s string) {
		if c, err := dag.Parse(s); err == nil && c.String() != s {
			t.Fatalf("%q was read as %s", s, c)
		}
	})
}

func refused(t *testing.T, err error, says string) {
	t.Helper()
	if fault.Of(err) != fault.Invalid {
		t.Fatalf("expected an invalid, found %v", err)
	}
	if !strings.Contains(err.Error(), says) {
		t.Fatalf("expected an error that says %q, found %q", says, err)
	}
}
