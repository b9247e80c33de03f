package leak_test

import (
	"bytes"
	"compress/flate"
	"compress/gzip"
	"crypto/rand"
	"crypto/sha256"
	"encoding/ascii85"
	"encoding/base32"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math/big"
	"mime/quotedprintable"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/milagro-dta/dta/sdk/plugintest/internal/leak"
)

func oneKey(key []byte) leak.Judge {
	return func(c []byte) string {
		if bytes.Equal(c, key) {
			return "the key"
		}
		return ""
	}
}

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

	"hex of hex":    func(k []byte) string { return fmt.Sprintf("%x", fmt.Sprintf("%x", k)) },
	"hex of base64": func(k []byte) string { return fmt.Sprintf("%x", base64.StdEncoding.EncodeToString(k)) },
	"base64 of hex": func(k []byte) string { return base64.StdEncoding.EncodeToString(fmt.Appendf(nil, "%x", k)) },
	"base64 of base64": func(k []byte) string {
		return base64.StdEncoding.EncodeToString([]byte(base64.StdEncoding.EncodeToString(k)))
	},
	"base64 of JSON of hex": func(k []byte) string { return base64.StdEncoding.EncodeToString([]byte(inJSON(hex.EncodeToString(k)))) },
	"base64 of JSON of a list": func(k []byte) string {
		return base64.RawURLEncoding.EncodeToString([]byte(inJSON(slices.Collect(uints(k)))))
	},
	"base64 of quoted bytes": func(k []byte) string { return base64.StdEncoding.EncodeToString(fmt.Appendf(nil, "%q", k)) },
	"base32 of hex's text":   func(k []byte) string { return base32.StdEncoding.EncodeToString(fmt.Appendf(nil, "%x", k)) },
	"base58": func(k []byte) string {
		return inDigits(k, "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz")
	},
	"base58 of hex": func(k []byte) string {
		return inDigits(fmt.Appendf(nil, "%x", k), "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz")
	},
	"a list of hex's characters": func(k []byte) string { return fmt.Sprint(fmt.Appendf(nil, "%x", k)) },
	"hex in three layers":        func(k []byte) string { return fmt.Sprintf("%x", fmt.Sprintf("%x", fmt.Sprintf("%x", k))) },

	"ascii85":           inASCII85,
	"ascii85 in JSON":   func(k []byte) string { return inJSON(inASCII85(k)) },
	"ascii85, marked":   func(k []byte) string { return "<~" + inASCII85(k) + "~>" },
	"ascii85 of hex":    func(k []byte) string { return inASCII85(fmt.Appendf(nil, "%x", k)) },
	"ascii85 in base64": func(k []byte) string { return base64.StdEncoding.EncodeToString([]byte(inASCII85(k))) },
	"base85 of git":     func(k []byte) string { return inGroups(k, alphanumeric+"!#$%&()*+-;<=>?@^_`{|}~", 5, 4) },
	"Z85": func(k []byte) string {
		return inGroups(k, "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-:+=^!/*?&<>()[]{}@%$#", 5, 4)
	},
	"base45": func(k []byte) string {
		const digits = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:"
		var b strings.Builder
		for i := 0; i < len(k); i += 2 {
			n := int(k[i])<<8 | int(k[i+1])
			b.WriteString(string([]byte{digits[n%45], digits[n/45%45], digits[n/45/45]}))
		}
		return b.String()
	},
	"uuencode": func(k []byte) string {
		return "@" + inGroups(append(slices.Clone(k), 0), "`!\"#$%&'()*+,-./0123456789:;<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[\\]^_", 4, 3)
	},

	"quoted-printable": func(k []byte) string {
		var b strings.Builder
		w := quotedprintable.NewWriter(&b)
		w.Binary = true
		w.Write(k)
		w.Close()
		return b.String()
	},
	"HTML":                  func(k []byte) string { return spaced(k, "&#%d;", "") },
	"HTML of hex":           func(k []byte) string { return spaced(fmt.Appendf(nil, "%x", k), "&#x%x;", "") },
	"a URL of hex":          func(k []byte) string { return spaced(fmt.Appendf(nil, "%x", k), "%%%02X", "") },
	"UTF-16":                func(k []byte) string { return wide(hex.EncodeToString(k), 1) },
	"UTF-32, the other way": func(k []byte) string { return wide(hex.EncodeToString(k), -3) },
	"UTF-16 in base64": func(k []byte) string {
		return base64.StdEncoding.EncodeToString([]byte(wide(hex.EncodeToString(k), 1)))
	},
	"UTF-16 in JSON": func(k []byte) string { return inJSON(wide(hex.EncodeToString(k), 1)) },

	"gzip in base64":        func(k []byte) string { return base64.StdEncoding.EncodeToString(zipped(k)) },
	"gzip in hex":           func(k []byte) string { return hex.EncodeToString(zipped(k)) },
	"gzip of hex in base64": func(k []byte) string { return base64.StdEncoding.EncodeToString(zipped(fmt.Appendf(nil, "%x", k))) },
	"deflated hex in base64": func(k []byte) string {
		var b bytes.Buffer
		w, _ := flate.NewWriter(&b, flate.BestCompression)
		fmt.Fprintf(w, "key=%x", k)
		w.Close()
		return base64.StdEncoding.EncodeToString(b.Bytes())
	},

	"32 bits, a line each": func(k []byte) string { return words32(k, binary.BigEndian, "%d", "\n") },
	"32 bits, little":      func(k []byte) string { return words32(k, binary.LittleEndian, "%d", ", ") },
	"32 bits in hex":       func(k []byte) string { return words32(k, binary.LittleEndian, "%#x", " ") },
	"64 bits": func(k []byte) string {
		var all []uint64
		for i := 0; i < len(k); i += 8 {
			all = append(all, binary.LittleEndian.Uint64(k[i:]))
		}
		return fmt.Sprint(all)
	},
	"16 bits": func(k []byte) string {
		var all []int16
		for i := 0; i < len(k); i += 2 {
			all = append(all, int16(binary.BigEndian.Uint16(k[i:])))
		}
		return fmt.Sprint(all)
	},

	"hex in three lines": func(k []byte) string { return fmt.Sprintf("a %x\nb %x\nc %x", k[:10], k[10:21], k[21:]) },
	"hex, broken":        func(k []byte) string { h := hex.EncodeToString(k); return h[:25] + "\n" + h[25:50] + "\n" + h[50:] },
	"base64, broken": func(k []byte) string {
		h := base64.StdEncoding.EncodeToString(k)
		return h[:15] + "\r\n" + h[15:30] + "\r\n" + h[30:]
	},
	"hex, a line of JSON for each byte": func(k []byte) string {
		return inLines(k, 1, func(b []byte) string { return inJSON(hex.EncodeToString(b)) })
	},
	"decimals, a line of JSON for each": func(k []byte) string { return inLines(k, 1, func(b []byte) string { return inJSON(b[0]) }) },
	"decimals, a logged line for each": func(k []byte) string {
		return inLines(k, 1, func(b []byte) string { return fmt.Sprintf("2026-11-30T12:00:01.123Z [DEBUG] vault: kept: n=%d", b[0]) })
	},
	"32 bits, a logged line for each": func(k []byte) string {
		return inLines(k, 4, func(b []byte) string {
			return fmt.Sprintf("2026-11-30T12:00:01.123Z [DEBUG] vault: part %d of %d kept", binary.BigEndian.Uint32(b), 8)
		})
	},
	"base64, three lines of JSON": func(k []byte) string {
		return inLines([]byte(base64.StdEncoding.EncodeToString(k)), 15, func(b []byte) string { return inJSON(string(b)) })
	},
	"ascii85, four lines of JSON": func(k []byte) string {
		return inLines([]byte(inASCII85(k)), 10, func(b []byte) string { return inJSON(string(b)) })
	},
	"each quarter under another key": func(k []byte) string {
		return fmt.Sprintf("{\"a\":\"%x\",\"b\":\"%x\"}\n{\"c\":\"%x\",\"d\":\"%x\"}", k[:8], k[8:16], k[16:24], k[24:])
	},
}

const alphanumeric = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

func uints(k []byte) func(func(uint) bool) {
	return func(yield func(uint) bool) {
		for _, b := range k {
			if !yield(uint(b)) {
				return
			}
		}
	}
}

func inDigits(b []byte, alphabet string) string {
	n, base, digit := new(big.Int).SetBytes(b), big.NewInt(int64(len(alphabet))), new(big.Int)
	var out []byte
	for n.Sign() > 0 {
		n.DivMod(n, base, digit)
		out = append(out, alphabet[digit.Int64()])
	}
	slices.Reverse(out)
	return string(out)
}

func inGroups(b []byte, alphabet string, chars, octets int) string {
	var out []byte
	for i := 0; i < len(b); i += octets {
		n := uint64(0)
		for _, x := range b[i : i+octets] {
			n = n<<8 | uint64(x)
		}
		group := make([]byte, chars)
		for j := range group {
			group[chars-1-j] = alphabet[n%uint64(len(alphabet))]
			n /= uint64(len(alphabet))
		}
		out = append(out, group...)
	}
	return string(out)
}

func inASCII85(k []byte) string {
	out := make([]byte, ascii85.MaxEncodedLen(len(k)))
	return string(out[:ascii85.Encode(out, k)])
}

// wide writes so many zeros after each byte, or before it.
func wide(s string, zeros int) string {
	var out []byte
	for i := range len(s) {
		out = append(out, make([]byte, max(0, -zeros))...)
		out = append(out, s[i])
		out = append(out, make([]byte, max(0, zeros))...)
	}
	return string(out)
}

func zipped(b []byte) []byte {
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	w.Write(b)
	w.Close()
	return out.Bytes()
}

func words32(k []byte, order binary.ByteOrder, format, with string) string {
	var all []string
	for i := 0; i < len(k); i += 4 {
		all = append(all, fmt.Sprintf(format, order.Uint32(k[i:])))
	}
	return strings.Join(all, with)
}

// inLines writes a line of each so many bytes, and others between them.
func inLines(k []byte, n int, write func([]byte) string) string {
	var out strings.Builder
	for part := range slices.Chunk(k, n) {
		fmt.Fprintf(&out, "%s\n{\"@level\":\"info\",\"@message\":\"a call\",\"operation\":\"%x\"}\n", write(part), random())
	}
	return out.String()
}

func TestAKeyIsFoundInEveryForm(t *testing.T) {
	for name, write := range forms {
		t.Run(name, func(t *testing.T) {
			for range 5 {
				key := random()
				text := []byte("2026-11-30T12:00:01.123Z [INFO]  vault: " + write(key) + "\n")
				is := oneKey(key)
				hits := leak.Search(text, true, is)
				if len(hits) == 0 {
					t.Fatalf("expected it to be found in %q", text)
				}
				struck := leak.Strike(text, hits)
				if again := leak.Search(struck, true, is); len(again) != 0 || !bytes.Contains(struck, []byte("[struck out]")) {
					t.Errorf("expected it to be struck out; got %q", struck)
				}
				if another := random(); len(leak.Search(text, true, oneKey(another))) != 0 {
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
		form, found := leak.Masked(m.mask(key), oneKey(key))
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
