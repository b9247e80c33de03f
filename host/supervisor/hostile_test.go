package supervisor

import (
	"bufio"
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"math/big"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/go-hclog"

	"github.com/milagro-dta/dta/protocol/fault"
)

func TestALogLine(t *testing.T) {
	for _, c := range []struct {
		name, line string
		want       entry
	}{
		{"of hclog keeps level and pairs", `{"@level":"warn","@message":"m","@module":"x","n":5,"s":"v","@timestamp":"t"}`,
			entry{hclog.Warn, "m", []any{"module", "x", "n", "5", "s", "v"}}},
		{"with a message that is no string", `{"@message": 5}`, entry{hclog.Debug, "5", nil}},
		{"with a level that is none", `{"@level": [], "@message": "m"}`, entry{hclog.Debug, "m", nil}},
		{"with a level that would switch logging off", `{"@level": "off", "@message": "m"}`, entry{hclog.Debug, "m", nil}},
		{"with a prefix", "[ERROR] x", entry{hclog.Error, "[ERROR] x", nil}},
		{"of a panic", "panic: x", entry{hclog.Error, "panic: x", nil}},
		{"that is an array", "[]", entry{hclog.Debug, "[]", nil}},
		{"that is cut in the middle", `{"@message": "`, entry{hclog.Debug, `{"@message": "`, nil}},
		{"that would paint the terminal", "a\x1b[31m\tb\x00\xff\u202e\r", entry{hclog.Debug, "a\uFFFD[31m b\uFFFD\uFFFD\uFFFD", nil}},
		{"that hides a second line", `{"@message": "a\nb"}`, entry{hclog.Debug, "a\uFFFDb", nil}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if d := cmp.Diff(c.want, parseLine([]byte(c.line)), cmp.AllowUnexported(entry{})); d != "" {
				t.Error(d)
			}
		})
	}
}

func TestLongLinesAreCutAndTheNextIsRead(t *testing.T) {
	var got []string
	in := strings.Repeat("x", 100) + "\nshort\n" + strings.Repeat("y", 16) + "\nend"
	eachLine(bufio.NewReaderSize(strings.NewReader(in), 16), func(b []byte) { got = append(got, string(b)) })
	if d := cmp.Diff([]string{strings.Repeat("x", 16), "short\n", strings.Repeat("y", 16), "end"}, got); d != "" {
		t.Error(d)
	}
}

func TestTheLogOfAFloodIsBounded(t *testing.T) {
	var out bytes.Buffer
	in := newIntake(hclog.New(&hclog.LoggerOptions{Output: &out, Level: hclog.Trace}), nil)
	now := time.Unix(0, 0)
	for i := range 50_000 {
		in.take(fmt.Append(nil, "line ", i), "", now)
	}
	if n := strings.Count(out.String(), "\n"); n != linesBurst {
		t.Errorf("at one instant: expected %d lines, got %d", linesBurst, n)
	}
	out.Reset()
	in.take([]byte("later"), "", now.Add(time.Second))
	if got := out.String(); !strings.Contains(got, "lines=49000") || !strings.Contains(got, "later") {
		t.Errorf("a second later: expected the number of dropped lines and the line, got %q", got)
	}
	last := in.last()
	if len(last) != keptLines || last[0] != "debug: line 49981" || last[keptLines-1] != "debug: later" {
		t.Errorf("expected the last %d lines in order, got %q", keptLines, last)
	}
}

func TestABucketLendsAndIsPaidBack(t *testing.T) {
	b := bucket{size: 10, rate: 2, level: 10}
	now := time.Unix(0, 0)
	if w := b.take(10, now); w != 0 {
		t.Errorf("a full bucket: expected no wait, got %s", w)
	}
	if w := b.take(4, now); w != 2*time.Second {
		t.Errorf("an empty one: expected 2s, got %s", w)
	}
	if w := b.take(1, now.Add(time.Minute)); w != 0 || b.level != 9 {
		t.Errorf("after a minute: expected a full one less 1, got %v and %s", b.level, w)
	}
}

func TestBackoffStaysWithinItsLimits(t *testing.T) {
	s := New(Spec{Name: "x"}, Options{})
	for failures, limit := range map[int]time.Duration{
		1: 250 * time.Millisecond, 2: 500 * time.Millisecond, 5: 4 * time.Second, 8: 30 * time.Second, 1000: 30 * time.Second,
	} {
		for range 1000 {
			if d := s.backoff(failures); d < 0 || d > limit {
				t.Fatalf("after %d failures: expected at most %s, got %s", failures, limit, d)
			}
		}
	}
}

// handshakeLine is what a well-behaved plugin prints.
func handshakeLine(t testing.TB, socket string) string {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	tmpl := &x509.Certificate{SerialNumber: big.NewInt(1)}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return "1|1|unix|" + socket + "|grpc|" + base64.RawStdEncoding.EncodeToString(der)
}

func TestAHandshake(t *testing.T) {
	good := handshakeLine(t, "/run/dta/p1/plugin7")
	for _, line := range []string{good, good + "|true", good + "\n", good + "|future|fields"} {
		if err := checkHandshake(line, "/run/dta/p1", []int{1}); err != nil {
			t.Errorf("%.60q: %v", line, err)
		}
	}
	swap := func(i int, with string) string {
		parts := strings.Split(good, "|")
		parts[i] = with
		return strings.Join(parts, "|")
	}
	for name, line := range map[string]string{
		"nothing":               "",
		"text":                  "hello",
		"another core version":  swap(0, "2"),
		"another version":       swap(1, "7"),
		"no version":            swap(1, "x"),
		"the network":           swap(2, "tcp"),
		"a socket above":        swap(3, "/run/dta/plugin7"),
		"a socket below":        swap(3, "/run/dta/p1/x/plugin7"),
		"a way around":          swap(3, "/run/dta/p1/../p2/plugin7"),
		"a way that looks near": swap(3, "/run/dta/p1/x/../plugin7"),
		"the directory itself":  swap(3, "/run/dta/p1/"),
		"an abstract socket":    swap(3, "@x"),
		"another protocol":      swap(4, "netrpc"),
		"no certificate":        swap(5, ""),
		"a broken certificate":  swap(5, strings.Repeat("A", 100)),
		"nothing after address": "1|1|unix|/run/dta/p1/plugin7",
	} {
		t.Run(name, func(t *testing.T) {
			if k := fault.Of(checkHandshake(line, "/run/dta/p1", []int{1})); k != fault.Unsupported && k != fault.Unavailable {
				t.Errorf("expected a refusal, got kind %q", k)
			}
		})
	}
}

func FuzzLogLine(f *testing.F) {
	for _, seed := range []string{
		"", "{}", "null", `{"@message":5}`, `{"@level":"error","@message":"m","k":{"a":[1]}}`, `{"@timestamp":1,"@level":null}`,
		"panic: x", "[WARN] y", "\x00\xff\x1b[2J", strings.Repeat(`{"a":`, 2000), `{"` + strings.Repeat("k", 600) + `":1}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, line []byte) {
		e := parseLine(line)
		texts := []string{e.message, e.String()}
		for _, p := range e.pairs {
			texts = append(texts, p.(string))
		}
		for _, s := range texts {
			if !utf8.ValidString(s) || strings.ContainsFunc(s, unicode.IsControl) {
				t.Errorf("unclean text %q", s)
			}
		}
		if len(e.pairs)%2 != 0 || len(e.pairs) > 2*maxPairs || len(e.String()) > maxKept+len("…") {
			t.Errorf("unbounded entry %v", e)
		}
		if e.level < hclog.Trace || e.level > hclog.Error {
			t.Errorf("level %v", e.level)
		}
	})
}

func FuzzHandshake(f *testing.F) {
	good := handshakeLine(f, "/d/s")
	for _, seed := range []string{"", good, good + "|true", strings.Replace(good, "unix", "tcp", 1), "1|1|unix|/d/s|grpc|", "|||||", "1|1|unix|/d/../s|grpc|AAAA"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, line string) {
		err := checkHandshake(line, "/d", []int{1})
		if err == nil && !strings.HasPrefix(line[strings.Index(line, "|unix|"):], "|unix|/d/") {
			t.Errorf("accepted a socket elsewhere: %q", line)
		}
		if err != nil && len(err.Error()) > 1000 {
			t.Errorf("an error of %d bytes", len(err.Error()))
		}
	})
}

func FuzzStdio(f *testing.F) {
	for _, seed := range [][]byte{{}, {8, 1, 18, 1, 'x'}, {18, 255, 255, 255, 255, 15}, {8}, {0x1a, 1, 0}} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if _, data := stdioData(b); len(data) > len(b) {
			t.Error("more bytes than came in")
		}
	})
}
