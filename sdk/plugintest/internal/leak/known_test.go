package leak_test

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/milagro-dta/dta/sdk/plugintest/internal/leak"
)

func xor(k []byte, mask ...byte) []byte {
	out := bytes.Clone(k)
	for i := range out {
		out[i] ^= mask[i%len(mask)]
	}
	return out
}

func known(keys ...[]byte) *leak.Known {
	var all []leak.Key
	for _, k := range keys {
		all = append(all, leak.Key{Bytes: k})
	}
	return leak.NewKnown(all)
}

func line(v any) string { return inJSON(v) + "\n" }

// hidden are forms in which a key is found only if it is known.
var hidden = map[string]func(k []byte) string{
	"the first half":    func(k []byte) string { return fmt.Sprintf("%x", k[:16]) },
	"8 bytes in base64": func(k []byte) string { return base64.RawStdEncoding.EncodeToString(k[7:15]) },
	"8 bytes in base58": func(k []byte) string {
		return inDigits(k[3:14], "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz")
	},
	"thirds, among others": func(k []byte) string {
		return strings.Repeat(line(hex.EncodeToString(random())), 30) + line(hex.EncodeToString(k[:11])) + strings.Repeat(line("x"), 40) + line(hex.EncodeToString(k[11:22])) + line(hex.EncodeToString(k[22:]))
	},
	"in any order": func(k []byte) string { return fmt.Sprintf("%x %x %x %x", k[24:], k[8:16], k[:8], k[16:24]) },
	"the halves in two ways": func(k []byte) string {
		return line(hex.EncodeToString(k[:16])) + line(base64.StdEncoding.EncodeToString(k[16:]))
	},
	"base64, backwards":    func(k []byte) string { return string(backwards([]byte(base64.StdEncoding.EncodeToString(k)))) },
	"hex by ROT13":         func(k []byte) string { return strings.Map(rot13, hex.EncodeToString(k)) },
	"base64 in other case": func(k []byte) string { return strings.Map(otherCase, base64.StdEncoding.EncodeToString(k)) },
	"a string":             func(k []byte) string { return inJSON(string(k)) },
	"a string, cleaned":    func(k []byte) string { return strings.ToValidUTF8(string(k), "?") },
	"each bit backwards":   func(k []byte) string { return spaced(k, "%08b", "") },
	"little words, in hex": func(k []byte) string { return words32(k, binary.LittleEndian, "%08x", "") },
	"XOR, in hex":          func(k []byte) string { return hex.EncodeToString(xor(k, 0x5a)) },
	"XOR, in a list":       func(k []byte) string { return fmt.Sprint(xor(k, 0x5a)) },
	"XOR, in base64":       func(k []byte) string { return base64.StdEncoding.EncodeToString(xor(k, 0xa7)) },
	"XOR by four bytes":    func(k []byte) string { return base64.StdEncoding.EncodeToString(xor(k, 1, 2, 3, 4)) },
	"XOR by half the key's length": func(k []byte) string {
		return hex.EncodeToString(xor(k, random()[:16]...))
	},
	"inverted":       func(k []byte) string { return fmt.Sprintf("%x", xor(k, 0xff)) },
	"XOR, backwards": func(k []byte) string { return fmt.Sprintf("%x", xor(backwards(k), 9)) },
	"XOR its place": func(k []byte) string {
		out := bytes.Clone(k)
		for i := range out {
			out[i] ^= byte(i) ^ 0x33
		}
		return fmt.Sprintf("%x", out)
	},
	"plus 3": func(k []byte) string {
		out := bytes.Clone(k)
		for i := range out {
			out[i] += 3
		}
		return fmt.Sprintf("%x", out)
	},
	"half of it under XOR": func(k []byte) string { return fmt.Sprintf("%x", xor(k[:16], 9)) },
}

func rot13(r rune) rune {
	switch {
	case r >= 'a' && r <= 'm':
		return r + 13
	case r >= 'n' && r <= 'z':
		return r - 13
	}
	return r
}

func otherCase(r rune) rune {
	switch {
	case r >= 'a' && r <= 'z':
		return r - 32
	case r >= 'A' && r <= 'Z':
		return r + 32
	}
	return r
}

func TestAKnownKeyIsFoundInEveryForm(t *testing.T) {
	for _, all := range []map[string]func([]byte) string{forms, hidden} {
		for name, write := range all {
			t.Run(name, func(t *testing.T) {
				for range 3 {
					other, key := random(), random()
					k := known(other, key)
					text := "2026-11-30T12:00:01.123Z [INFO]  vault: " + write(key) + "\n"
					k.Read("the log", []byte(text))
					found := k.Found()
					if len(found) != 1 || found[0].Key != 1 {
						t.Fatalf("expected the key in %q; got %+v", text, found)
					}
					if s := found[0].Sources[0]; s.Where != "the log" || s.Form == "" || s.Start >= s.End || s.End > len(text) {
						t.Errorf("expected a place; got %+v", s)
					}
				}
			})
		}
	}
}

func TestAKeyIsFoundInPiecesOverAllThatWasSaid(t *testing.T) {
	key := random()
	k := known(key)
	k.Read("the log", []byte(line(hex.EncodeToString(key[:6]))))
	k.Read("an error", fmt.Appendf(nil, "session %s is in use", base64.RawStdEncoding.EncodeToString(key[6:12])))
	if found := k.Found(); len(found) != 1 || found[0].Octets < 12 {
		t.Fatalf("expected 12 bytes; got %+v", found)
	}
	var where []string
	for _, s := range k.Found()[0].Sources {
		where = append(where, s.Where)
	}
	if !slices.Contains(where, "the log") || !slices.Contains(where, "an error") {
		t.Errorf("expected both places; got %v", where)
	}
}

func TestKeysUnderOneMaskAreFound(t *testing.T) {
	mask, keys := random(), [][]byte{random(), random(), random()}
	k := known(keys...)
	for _, key := range keys[1:] {
		k.Read("the log", []byte(line(hex.EncodeToString(xor(key, mask...)))))
	}
	if found := k.Found(); len(found) != 1 || !found[0].Mask {
		t.Errorf("expected a key under a mask; got %+v", found)
	}
}

// innocent is what honest plugins write.
var innocent = map[string]func() string{
	"identifiers in hex":    func() string { return strings.Repeat(line(hex.EncodeToString(random())), 8) },
	"identifiers in base64": func() string { return strings.Repeat(line(base64.StdEncoding.EncodeToString(random())), 8) },
	"a vendor's bytes":      func() string { return inJSON(string(random())) },
	"a version":             func() string { return inJSON("SoftHSM\x00\x02\x28 " + string([]byte{0xff, 0xfe, 2, 40})) },
	"a name":                func() string { return "bafyreigdyrzt5sfp7udm7hu76uh7y26nf3efuylqabf3oclgtqy55fbzdi is not known" },
	"a list of numbers":     func() string { return fmt.Sprint(random()) },
	"a dump":                func() string { return hex.Dump(append(random(), random()...)) },
	"prose": func() string {
		return strings.Repeat("the token was opened, and the rung holds; 4 sessions are lent to callers\n", 40)
	},
	"zeros": func() string {
		return fmt.Sprintf("%x %v %x", make([]byte, 64), make([]byte, 64), bytes.Repeat([]byte{0xff}, 64))
	},
}

func TestWhatIsNoKeyIsNotFound(t *testing.T) {
	for name, write := range innocent {
		var keys [][]byte
		for range 64 {
			keys = append(keys, random())
		}
		k := known(keys...)
		for range 4 {
			text := []byte(write())
			k.Read("the log", text)
			if hits := leak.Search(text, true, func([]byte) string { return "" }); len(hits) != 0 {
				t.Errorf("%s: judged to be a key: %+v", name, hits)
			}
		}
		// The first bytes of a key do as its name.
		k.Read("the log", []byte(line(hex.EncodeToString(keys[0][:4]))))
		if found := k.Found(); len(found) != 0 {
			t.Errorf("%s: found %+v", name, found)
		}
	}
}

// TestAPassphraseIsFoundAsAWholeOnly: its words are everybody's.
func TestAPassphraseIsFoundAsAWholeOnly(t *testing.T) {
	secret := []byte("another realm has another key")
	for text, want := range map[string]bool{
		"order: expected the one which the other realm has; another key was found, another realm": false,
		"opened with another realm has another key":                                               true,
		"opened with " + hex.EncodeToString(secret):                                               true,
		inJSON(base64.StdEncoding.EncodeToString(fmt.Appendf(nil, "pin=%s", secret))):             true,
	} {
		k := leak.NewKnown([]leak.Key{{Bytes: secret, Whole: true}})
		k.Read("the log", []byte(text))
		if found := k.Found(); (len(found) == 1) != want {
			t.Errorf("%s: found %+v", text, found)
		}
	}
}

func BenchmarkKnown(b *testing.B) {
	var keys [][]byte
	for range 16 {
		keys = append(keys, random())
	}
	var text strings.Builder
	for range 40 {
		text.WriteString(line(hex.EncodeToString(random())))
	}
	b.SetBytes(int64(text.Len()))
	for b.Loop() {
		k := known(keys...)
		k.Read("the log", []byte(text.String()))
	}
}

func BenchmarkSearch(b *testing.B) {
	var text strings.Builder
	for range 40 {
		text.WriteString(line(hex.EncodeToString(random())))
	}
	b.SetBytes(int64(text.Len()))
	n := 0
	for b.Loop() {
		leak.Search([]byte(text.String()), true, func([]byte) string { n++; return "" })
	}
	b.ReportMetric(float64(n)/float64(b.N), "judged")
}

// A half of a key is named as it stands, whichever bytes the key has: where the last
// byte of one eighth happens to be that of another, the eighths taken backwards would
// find one byte more.
func TestAChanceByteMakesNoBetterForm(t *testing.T) {
	key := random()
	key[23] = key[7]
	k := known(key)
	k.Read("the log", []byte(fmt.Sprintf("kept %x\n", key[:16])))
	found := k.Found()
	if len(found) != 1 || found[0].Octets != 16 || found[0].Sources[0].Form != "hex" {
		t.Errorf("expected 16 bytes in hex; found %+v", found)
	}
}
