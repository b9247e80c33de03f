package leak_test

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base32"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math/big"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/milagro-dta/dta/sdk/plugintest/internal/leak"
)

func random() []byte {
	k := make([]byte, leak.Size)
	_, _ = rand.Read(k)
	return k
}

func backwards(k []byte) []byte {
	r := bytes.Clone(k)
	slices.Reverse(r)
	return r
}

func inJSON(v any) string {
	b, _ := json.Marshal(map[string]any{"@level": "info", "@message": "kept", "key": v, "n": 17})
	return string(b)
}

func spaced(k []byte, format, with string) string {
	var all []string
	for _, b := range k {
		all = append(all, fmt.Sprintf(format, b))
	}
	return strings.Join(all, with)
}

func latin1(k []byte) string {
	var runes []rune
	for _, b := range k {
		runes = append(runes, rune(b))
	}
	return string(runes)
}

// forms are how programs have written keys where nobody wanted them.
var forms = map[string]func(k []byte) string{
	"raw":                         func(k []byte) string { return "kept " + string(k) + " well" },
	"raw, backwards":              func(k []byte) string { return string(backwards(k)) },
	"hex":                         func(k []byte) string { return fmt.Sprintf("kept %x well", k) },
	"HEX":                         func(k []byte) string { return fmt.Sprintf("%X", k) },
	"hex glued to digits":         func(k []byte) string { return fmt.Sprintf("abc%xdef", k) },
	"hex, backwards":              func(k []byte) string { return hex.EncodeToString(backwards(k)) },
	"the string of hex backwards": func(k []byte) string { return string(backwards([]byte(hex.EncodeToString(k)))) },
	"hex with spaces":             func(k []byte) string { return fmt.Sprintf("kept % x", k) },
	"hex with colons":             func(k []byte) string { return spaced(k, "%02X", ":") },
	"hex with commas":             func(k []byte) string { return spaced(k, "%02x", ", ") },
	"hex with 0x":                 func(k []byte) string { return spaced(k, "%#02x", ", ") },
	"hex, 0x for the whole":       func(k []byte) string { return fmt.Sprintf("%#x", k) },
	"hex, each with 0x":           func(k []byte) string { return fmt.Sprintf("%# x", k) },
	"hex by fours": func(k []byte) string {
		h := fmt.Sprintf("%x", k)
		return h[:16] + "-" + h[16:32] + "-" + h[32:48] + "-" + h[48:]
	},
	"a dump":                   func(k []byte) string { return "kept\n" + hex.Dump(k) },
	"a dump in JSON":           func(k []byte) string { return inJSON(hex.Dump(k)) },
	"a dump after other bytes": func(k []byte) string { return hex.Dump(append([]byte("key = "), k...)) },
	"Go syntax":                func(k []byte) string { return fmt.Sprintf("%#v", k) },
	"Go's %v":                  func(k []byte) string { return fmt.Sprint("kept ", k) },
	"Go's %v in JSON":          func(k []byte) string { return inJSON(fmt.Sprint(k)) },
	"Go's %q":                  func(k []byte) string { return fmt.Sprintf("kept %q", k) },
	"Go's %+q":                 func(k []byte) string { return fmt.Sprintf("%+q", k) },
	"Go's %q in JSON":          func(k []byte) string { return inJSON(fmt.Sprintf("%q", k)) },
	"a list of JSON": func(k []byte) string {
		b, _ := json.Marshal(strings.Split(spaced(k, "%d", ","), ","))
		return string(b)
	},
	"commas":              func(k []byte) string { return spaced(k, "%d", ",") },
	"a list, a line each": func(k []byte) string { return spaced(k, "%d", ",\n      ") },
	"signed bytes": func(k []byte) string {
		var all []string
		for _, b := range k {
			all = append(all, fmt.Sprint(int8(b)))
		}
		return "[" + strings.Join(all, ", ") + "]"
	},
	"octal":         func(k []byte) string { return spaced(k, "%o", " ") },
	"escaped octal": func(k []byte) string { return spaced(k, `\%03o`, "") },
	"binary":        func(k []byte) string { return spaced(k, "%08b", " ") },
	"places and values": func(k []byte) string {
		m := map[int]byte{}
		for i, b := range k {
			m[i] = b
		}
		var all []string
		for i := range k {
			all = append(all, fmt.Sprintf("%q:%d", fmt.Sprint(i), m[i]))
		}
		return "{" + strings.Join(all, ",") + "}"
	},
	"base64":                   base64.StdEncoding.EncodeToString,
	"base64 without padding":   base64.RawStdEncoding.EncodeToString,
	"base64 of URLs":           base64.URLEncoding.EncodeToString,
	"base64 of URLs, in JSON":  func(k []byte) string { return inJSON(k) },
	"base64, one byte before":  func(k []byte) string { return base64.StdEncoding.EncodeToString(append([]byte("k"), k...)) },
	"base64, two bytes before": func(k []byte) string { return base64.StdEncoding.EncodeToString(append([]byte("k="), k...)) },
	"base64, bytes around":     func(k []byte) string { return base64.RawURLEncoding.EncodeToString([]byte("key=" + string(k) + "!")) },
	"base64 glued to letters":  func(k []byte) string { return "key/" + base64.StdEncoding.EncodeToString(k) },
	"base32":                   base32.StdEncoding.EncodeToString,
	"base32, lower, unpadded": func(k []byte) string {
		return strings.ToLower(base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(k))
	},
	"base32 of hex":              base32.HexEncoding.EncodeToString,
	"base32, bytes before":       func(k []byte) string { return base32.StdEncoding.EncodeToString(append([]byte("abc"), k...)) },
	"one number":                 func(k []byte) string { return new(big.Int).SetBytes(k).String() },
	"base36":                     func(k []byte) string { return new(big.Int).SetBytes(k).Text(36) },
	"base62":                     func(k []byte) string { return new(big.Int).SetBytes(k).Text(62) },
	"a URL":                      func(k []byte) string { return "?key=" + url.PathEscape(string(k)) },
	"Latin-1":                    latin1,
	"Latin-1 in JSON":            func(k []byte) string { return inJSON(latin1(k)) },
	"Latin-1, escaped":           func(k []byte) string { return spaced(k, `\u%04x`, "") },
	"halves of hex on two lines": func(k []byte) string { return fmt.Sprintf("first=%x at 12:01\nsecond=%x at 12:02\n", k[:16], k[16:]) },
	"unequal parts of hex":       func(k []byte) string { return fmt.Sprintf("first=%x\nsecond=%x\n", k[:10], k[10:]) },
	"the second half first":      func(k []byte) string { return fmt.Sprintf("second=%x\nfirst=%x\n", k[16:], k[:16]) },
	"four parts of hex": func(k []byte) string {
		return fmt.Sprintf("%x p\n%x q\n%x r\n%x s\n", k[:8], k[8:16], k[16:24], k[24:])
	},
	"halves of base64": func(k []byte) string {
		return fmt.Sprintf("%s\nand %s\n", base64.StdEncoding.EncodeToString(k[:16]), base64.StdEncoding.EncodeToString(k[16:]))
	},
	"halves of a list": func(k []byte) string { return fmt.Sprintf("first=%v\nsecond=%v\n", k[:16], k[16:]) },
}

func TestAKeyIsFoundInEveryForm(t *testing.T) {
	for name, write := range forms {
		t.Run(name, func(t *testing.T) {
			for range 20 {
				key := random()
				text := []byte("2026-11-30T12:00:01.123Z [INFO]  vault: " + write(key) + "\n")
				is := func(c []byte) bool { return bytes.Equal(c, key) }
				hits := leak.Search(text, true, is)
				if len(hits) == 0 {
					t.Fatalf("expected it to be found in %q", text)
				}
				struck := leak.Strike(text, hits)
				if again := leak.Search(struck, true, is); len(again) != 0 || !bytes.Contains(struck, []byte("[struck out]")) {
					t.Errorf("expected it to be struck out; got %q", struck)
				}
				if another := random(); len(leak.Search(text, true, func(c []byte) bool { return bytes.Equal(c, another) })) != 0 {
					t.Error("another key was found too")
				}
			}
		})
	}
}

func TestAKeyThatOnlyLooksEncryptedIsFound(t *testing.T) {
	xor := func(c byte) func([]byte) []byte {
		return func(k []byte) []byte {
			out := bytes.Clone(k)
			for i := range out {
				out[i] ^= c
			}
			return out
		}
	}
	masked := xor(0x5a)
	for name, m := range map[string]struct {
		mask func([]byte) []byte
		want string
	}{
		"in clear":              {bytes.Clone, "as it is"},
		"in clear, with others": {func(k []byte) []byte { return slices.Concat([]byte("v1:"), k, []byte{0, 9, 200}) }, "as it is"},
		"in hex":                {func(k []byte) []byte { return []byte(hex.EncodeToString(k)) }, "hex"},
		"XOR 0x5a":              {masked, "XOR 0x5a"},
		"inverted":              {xor(0xff), "XOR 0xff"},
		"XOR, in base64":        {func(k []byte) []byte { return []byte(base64.StdEncoding.EncodeToString(masked(k))) }, "base64, XOR 0x5a"},
		"XOR, in hex":           {func(k []byte) []byte { return []byte(hex.EncodeToString(masked(k))) }, "hex, XOR 0x5a"},
		"XOR, backwards":        {func(k []byte) []byte { return backwards(masked(k)) }, "XOR 0x5a, backwards"},
		"plus 3": {func(k []byte) []byte {
			out := bytes.Clone(k)
			for i := range out {
				out[i] += 3
			}
			return out
		}, "plus 0x03"},
		"hashed": {func(k []byte) []byte { h := sha256.Sum256(k); return h[:] }, ""},
	} {
		key := random()
		form, found := leak.Masked(m.mask(key), func(c []byte) bool { return bytes.Equal(c, key) })
		if found != (m.want != "") || !strings.Contains(form, m.want) {
			t.Errorf("%s: expected %q; got %q", name, m.want, form)
		}
	}
}

func TestAKeyLoggedAsAStringIsNoticed(t *testing.T) {
	noticed := 0
	for range 50 {
		if _, found := leak.Mangled([]byte(inJSON(string(random())))); found {
			noticed++
		}
	}
	if noticed < 45 {
		t.Errorf("expected nearly all of 50 to be noticed; found %d", noticed)
	}
	for _, text := range []string{"", "plain text", inJSON("grüße, 世界 \ufffd\ufffd"), strings.Repeat("\ufffd and much text in between, ", 20)} {
		if _, found := leak.Mangled([]byte(text)); found {
			t.Errorf("noticed in %q", text)
		}
	}
}

func TestWhatStandsAloneLooksLikeAKey(t *testing.T) {
	key := random()
	for _, text := range []string{fmt.Sprintf("cannot keep %x", key), fmt.Sprintf("cannot keep %v", key), "cannot keep " + base64.StdEncoding.EncodeToString(key)} {
		hits := leak.Exact([]byte(text))
		if len(hits) != 1 || strings.Contains(string(leak.Strike([]byte(text), hits)), text[12:20]) {
			t.Errorf("expected one in %q; got %v", text, hits)
		}
	}
	for _, text := range []string{"bafyreigdyrzt5sfp7udm7hu76uh7y26nf3efuylqabf3oclgtqy55fbzdi is not known", fmt.Sprintf("%x", append(key, 1)), "no key"} {
		if hits := leak.Exact([]byte(text)); len(hits) != 0 {
			t.Errorf("expected none in %q; got %v", text, hits)
		}
	}
}
