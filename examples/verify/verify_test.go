// Package verify_test runs the verifier in Python over the protocol's vectors,
// and over copies of them that were damaged or signed again by a liar.
package verify_test

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/milagro-dta/dta/crypto/secret"
	"github.com/milagro-dta/dta/crypto/sign"
	"github.com/milagro-dta/dta/protocol/dag"
)

const vectors = "../../protocol/testdata/"

// golden are the orders that earlier versions signed, unzipped.
func golden(t *testing.T) (paths []string) {
	t.Helper()
	zipped, err := filepath.Glob(vectors + "golden/*/order.json.gz")
	if err != nil || len(zipped) == 0 {
		t.Fatalf("expected golden orders, found %d: %v", len(zipped), err)
	}
	for _, path := range zipped {
		f, err := os.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		z, err := gzip.NewReader(f)
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(z)
		if err != nil {
			t.Fatal(err)
		}
		plain := filepath.Join(t.TempDir(), filepath.Base(filepath.Dir(path))+".json")
		if err := os.WriteFile(plain, text, 0o600); err != nil {
			t.Fatal(err)
		}
		paths = append(paths, plain)
	}
	return paths
}

// python runs python3 and returns both of its streams.
func python(t *testing.T, stdin []byte, args ...string) (out, text string, code int) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	cmd := exec.CommandContext(t.Context(), "python3", append([]string{"-B"}, args...)...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = bytes.NewReader(stdin), &stdout, &stderr
	if err := cmd.Run(); err != nil && cmd.ProcessState == nil {
		t.Fatalf("%v: as root, run apt-get install python3 python3-cryptography", err)
	}
	if strings.Contains(stderr.String(), "No module named 'cryptography'") {
		t.Fatalf("%sas root, run apt-get install python3 python3-cryptography", stderr.String())
	}
	return stdout.String(), stderr.String(), cmd.ProcessState.ExitCode()
}

// part is an envelope or a detached block, as the vectors have it.
type part = map[string]any

// orders reads a copy of the vectors of whole orders.
func orders(t *testing.T) []part {
	t.Helper()
	text, err := os.ReadFile(vectors + "order.json")
	if err != nil {
		t.Fatal(err)
	}
	var file struct{ Orders []part }
	if err := json.Unmarshal(text, &file); err != nil || len(file.Orders) < 2 {
		t.Fatalf("expected several orders, found %d: %v", len(file.Orders), err)
	}
	return file.Orders
}

// verifyEach runs the verifier over each entry of a directory, in one process,
// since starting Python takes longer than verifying an order.
const verifyEach = `
import contextlib, io, json, pathlib, sys
import verify
found = {}
for file in pathlib.Path(sys.argv[1]).iterdir():
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()) as text:
        code = verify.main([str(file)])
    found[file.stem] = {"code": code, "text": text.getvalue()}
json.dump(found, sys.stdout)
`

// result is what the verifier ended with, and printed as an error.
type result struct {
	Code int
	Text string
}

// refused says whether it is a refusal of the form of all, which has this text.
func (r result) refused(text string) bool {
	_, after, found := strings.Cut(r.Text, "expected ")
	return r.Code == 1 && found && strings.Contains(r.Text, text) && strings.Contains(after, ", found ")
}

// verifyAll runs the verifier over each entry of a directory; the results are by
// name, without the extension.
func verifyAll(t *testing.T, dir string) (results map[string]result) {
	t.Helper()
	out, text, code := python(t, nil, "-c", verifyEach, dir)
	if err := json.Unmarshal([]byte(out), &results); err != nil || code != 0 {
		t.Fatalf("exit code %d, %v: %s", code, err, text)
	}
	return results
}

// documentVectors are the chains of the vectors of documents.
func documentVectors(t *testing.T) (chains []part) {
	t.Helper()
	text, err := os.ReadFile(vectors + "documents.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &chains); err != nil {
		t.Fatal(err)
	}
	return chains
}

// writeOrders writes a file of orders as the vectors have them.
func writeOrders(t *testing.T, path string, orders ...part) {
	t.Helper()
	file, err := json.Marshal(map[string]any{"orders": orders})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, file, 0o600); err != nil {
		t.Fatal(err)
	}
}

func at(o part, name string, i int) part { return o[name].([]any)[i].(part) }

func field(t *testing.T, p part, name string) []byte {
	t.Helper()
	b, err := hex.DecodeString(p[name].(string))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// set replaces the block of a part, and its CID.
func set(p part, block []byte) {
	p["block"], p["cid"] = hex.EncodeToString(block), dag.Sum(block).String()
}

func TestWholeOrdersHold(t *testing.T) {
	t.Parallel()
	out, text, code := python(t, nil, "verify.py", vectors+"order.json")
	if code != 0 || text != "" {
		t.Fatalf("expected exit code 0, found %d: %s", code, text)
	}
	for _, o := range orders(t) {
		for name, v := range o {
			parts, ok := v.([]any)
			if p, one := v.(part); one && p["cid"] != nil {
				parts, ok = []any{p}, true
			}
			for _, p := range parts {
				if p, is := p.(part); ok && is && !strings.Contains(out, " "+p["cid"].(string)+"\n") {
					t.Errorf("%s: expected a line for %s %s", o["name"], name, p["cid"])
				}
			}
		}
	}
}

// TestGoldenOrdersHold: what earlier versions signed.
func TestGoldenOrdersHold(t *testing.T) {
	t.Parallel()
	for _, path := range golden(t) {
		if out, text, code := python(t, nil, "verify.py", path); code != 0 || text != "" || out == "" {
			t.Errorf("%s: expected exit code 0 and what holds, found %d: %s", filepath.Base(path), code, text)
		}
	}
}

// TestFilesAndDirectories: a file may hold one order, a directory holds other
// files as well, and it is an error where there is no order.
func TestFilesAndDirectories(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	one, err := json.Marshal(orders(t)[1])
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{"key.json": string(one), "network.json": `{"networks": []}`} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if out, text, code := python(t, nil, "verify.py", dir); code != 0 || !strings.Contains(out, "release bafyrei") {
		t.Errorf("expected a whole order, found exit code %d: %s%s", code, out, text)
	}
	if _, text, code := python(t, nil, "verify.py"); code != 1 || !strings.Contains(text, "expected a whole order, found none") {
		t.Errorf("no files: expected exit code 1, found %d: %s", code, text)
	}
}

func TestMalformedFilesAreRefused(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "empty directory"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("nowhere", filepath.Join(dir, "missing.json")); err != nil {
		t.Fatal(err)
	}
	tags := `{"orders": [{"name": "n", "names": {}, "documents": {"a": ["` + strings.Repeat("d82a", 50_000) + `"]}}]}`
	for name, text := range map[string]string{
		"empty": "", "half": `{"orders": [`, "no orders": `{"orders": []}`, "list": `[]`, "null": "null", "text": `{"orders": "no"}`,
		"an empty order": `{"orders": [{}]}`, "other types": `{"orders": [{"name": "n", "names": {}, "order": 1, "acceptances": 2}]}`,
		"controls": `{"orders": [{"name": "\\u001b[2J", "what": "\\u001b[2J"}]}`, "deep": strings.Repeat("[", 100_000), "binary": "\xff\xfe", "nested tags": tags,
	} {
		if err := os.WriteFile(filepath.Join(dir, name+".json"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	found := verifyAll(t, dir)
	if len(found) != 14 {
		t.Errorf("expected 14 results, found %d", len(found))
	}
	for name, f := range found {
		if !f.refused("") || strings.Contains(f.Text, "\x1b") {
			t.Errorf("%s: expected a refusal, found exit code %d: %s", name, f.Code, f.Text)
		}
	}
}

func TestAnOrderIsVerifiedAsFarAsItIsShown(t *testing.T) {
	t.Parallel()
	o := orders(t)[0]
	documents := map[string]any{}
	for who, ring := range o["keyrings"].(part) {
		b, err := hex.DecodeString(ring.(string))
		if err != nil {
			t.Fatal(err)
		}
		// The one document stands before its sealing seed, after what the page lists.
		start := 15 + 64 + 1 + int(b[79]) + 32 + 1 + 4
		documents[who] = []string{hex.EncodeToString(b[start : len(b)-32])}
	}
	o["documents"] = documents
	for _, name := range []string{"keyrings", "redemption", "releases", "shares", "ciphertext", "sealedReleases"} {
		delete(o, name)
	}
	path := filepath.Join(t.TempDir(), "order.json")
	writeOrders(t, path, o)
	out, text, code := python(t, nil, "verify.py", path)
	if code != 0 || strings.Count(out, "acceptance bafyrei") != 3 || strings.Contains(out, "release") {
		t.Fatalf("expected an order with three acceptances, found exit code %d: %s%s", code, out, text)
	}
}

// flip changes a bit of a part's block, counted from its end if negative, and
// puts the new CID beside it.
func flip(t *testing.T, p part, i int) {
	t.Helper()
	b := field(t, p, "block")
	b[(i+len(b))%len(b)] ^= 1
	set(p, b)
}

// replace changes the first bytes old of b, which must be there.
func replace(t *testing.T, b, old, new []byte) []byte {
	t.Helper()
	if !bytes.Contains(b, old) {
		t.Fatalf("expected the bytes %x", old)
	}
	return bytes.Replace(b, old, new, 1)
}

// signAgain changes an envelope, and signs it with the key of its signer.
func signAgain(t *testing.T, o part, who string, p part, change func(block, plain []byte) (_, _ []byte)) {
	t.Helper()
	ring := field(t, o["keyrings"].(part), who)
	key, err := sign.V2.ParsePrivateKey(secret.Copy(ring[15:79]))
	if err != nil {
		t.Fatal(err)
	}
	before := field(t, p, "plain")
	block, plain := change(field(t, p, "block"), before)
	block = replace(t, block, dag.Sum(before).Bytes(), dag.Sum(plain).Bytes())
	// The body stands first, and is as much longer as the plaintext.
	start, end, err := dag.Field(block, "body")
	if err != nil || block[start] != 0x59 {
		t.Fatalf("expected a body of two bytes of length, found %x: %v", block[start], err)
	}
	body := append(block[start+3:end:end], make([]byte, len(plain)-len(before))...)
	head := binary.BigEndian.AppendUint16(append(block[:start:start], 0x59), uint16(len(body)))
	block = slices.Concat(head, body, block[end:])
	message, err := dag.WithEmptied(block, "signatures")
	if err != nil {
		t.Fatal(err)
	}
	copy(block[len(block)-sign.SignatureSize:], key.Sign(sign.Envelope, message))
	p["plain"] = hex.EncodeToString(plain)
	set(p, block)
}

// name is the name of a party of an order.
func name(t *testing.T, o part, who string) []byte {
	t.Helper()
	c, err := dag.Parse(o["names"].(part)[who].([]any)[0].(string))
	if err != nil {
		t.Fatal(err)
	}
	return c.Bytes()
}

const (
	edwards = -64                 // the last half of the signature, with which a block ends
	mldsa   = -sign.SignatureSize // the first
)

// TestDamagedOrdersAreRefused: secret is the vector's order of a secret, key
// that of a key, which most cases damage since it is the shorter one.
func TestDamagedOrdersAreRefused(t *testing.T) {
	t.Parallel()
	inPlain := func(from, to string) func(_, _ []byte) (_, _ []byte) {
		return func(block, plain []byte) (_, _ []byte) {
			return block, replace(t, plain, []byte(from), []byte(to))
		}
	}
	inBlock := func(from, to string) func(_, _ []byte) (_, _ []byte) {
		return func(block, plain []byte) (_, _ []byte) {
			return replace(t, block, []byte(from), []byte(to)), plain
		}
	}
	cases := map[string]struct {
		damage func(secret, key part)
		want   string
	}{
		"a bit of a block": {func(_, k part) {
			b := field(t, at(k, "acceptances", 0), "block")
			b[100] ^= 1
			at(k, "acceptances", 0)["block"] = hex.EncodeToString(b)
		}, "a block of CID"},
		"a bit of the body":     {func(_, k part) { flip(t, at(k, "acceptances", 0), 20) }, "acceptance"},
		"a bit of a sealed key": {func(_, k part) { flip(t, k["redemption"].(part), 2000) }, "redemption"},
		"a bit of the salt": {func(_, k part) {
			k["redemption"].(part)["plain"] = "825821" + k["redemption"].(part)["plain"].(string)[6:]
		}, "redemption"},
		"another plain":               {func(s, _ part) { at(s, "acceptances", 0)["plain"] = at(s, "acceptances", 1)["plain"] }, "plain: expected"},
		"a plain of another release":  {func(s, k part) { at(k, "releases", 0)["plain"] = at(s, "releases", 0)["plain"] }, "plain: expected"},
		"bytes after a block":         {func(_, k part) { set(k["order"].(part), append(field(t, k["order"].(part), "block"), 0xf6)) }, "canonical"},
		"a block that ends too early": {func(_, k part) { b := field(t, k["order"].(part), "block"); set(k["order"].(part), b[:len(b)-1]) }, "more bytes"},
		"an empty block":              {func(_, k part) { set(k["order"].(part), nil) }, "more bytes"},
		"halves in the other order": {func(_, k part) {
			b := field(t, k["order"].(part), "block")
			halves := b[len(b)-sign.SignatureSize:]
			copy(halves, append(bytes.Clone(halves[len(halves)-64:]), halves[:len(halves)-64]...))
			set(k["order"].(part), b)
		}, "signature 0"},
		"a half of another envelope of the signer": {func(_, k part) {
			b, other := field(t, k["redemption"].(part), "block"), field(t, k["order"].(part), "block")
			copy(b[len(b)+mldsa:len(b)+edwards], other[len(other)+mldsa:])
			set(k["redemption"].(part), b)
		}, "signature 0"},
		"an acceptance of another order": {func(s, k part) { s["acceptances"].([]any)[0] = k["acceptances"].([]any)[0] }, "acceptance"},
		"a release of another order":     {func(s, k part) { s["releases"].([]any)[0] = k["releases"].([]any)[0] }, "release"},
		"a redemption of another order":  {func(s, k part) { s["redemption"] = k["redemption"] }, "redemption"},
		"an acceptance as a release":     {func(_, k part) { k["releases"] = k["acceptances"] }, "kind: expected release"},
		"an acceptance twice":            {func(s, _ part) { s["acceptances"].([]any)[1] = s["acceptances"].([]any)[0] }, "one of each fiduciary"},
		"an acceptance that is missing":  {func(s, _ part) { s["acceptances"] = s["acceptances"].([]any)[1:] }, "places that accepted"},
		"releases without a redemption":  {func(_, k part) { delete(k, "redemption") }, "a place that was asked"},
		"a share of another":             {func(s, _ part) { s["shares"].([]any)[0] = s["shares"].([]any)[1] }, "the block of"},
		"a bit of a share":               {func(s, _ part) { flip(t, at(s, "shares", 2), -1) }, "the block of"},
		"a bit of the ciphertext":        {func(s, _ part) { flip(t, s["ciphertext"].(part), -1) }, "the block of"},
		"a bit of a sealed release":      {func(_, k part) { flip(t, at(k, "sealedReleases", 0), -1) }, "the block of"},
		"a deposit that is not linked":   {func(s, k part) { k["deposits"] = []any{at(s, "shares", 0)} }, "deposit block 0"},
		"another chain for a party":      {func(_, k part) { k["keyrings"].(part)["principal"] = k["keyrings"].(part)["beneficiary"] }, "that is shown"},
		"a chain that is missing":        {func(_, k part) { delete(k["keyrings"].(part), "node 0") }, "that is shown"},
		"a bit of a document": {func(_, k part) {
			b := field(t, k["keyrings"].(part), "custody 0")
			b[len(b)-32-sign.SignatureSize-1000] ^= 1
			k["keyrings"].(part)["custody 0"] = hex.EncodeToString(b)
		}, "signature 0"},
		"a fork": {func(_, k part) {
			chain := func(i int) any { return documentVectors(t)[i]["blocks"] }
			k["documents"] = part{"one": chain(0), "another": chain(2)}
		}, "one chain of a name"},
		"other names": {func(_, k part) { k["names"].(part)["node 0"] = k["names"].(part)["principal"] }, "a chain of"},

		// The rest is signed: by those whom the order names, who lie.
		"signed: another place": {func(s, _ part) {
			signAgain(t, s, "custody 0", at(s, "acceptances", 0), inPlain("eindex\x00", "eindex\x01"))
		}, "a signer of"},
		"signed: a place that is none": {func(_, k part) {
			signAgain(t, k, "custody 0", at(k, "acceptances", 0), inPlain("eindex\x00", "eindex\x01"))
		}, "a signer of"},
		"signed: other terms": {func(_, k part) {
			terms := "eterms\x58\x24\x01\x71\x12\x20"
			signAgain(t, k, "custody 0", at(k, "acceptances", 0), func(block, plain []byte) (_, _ []byte) {
				i := bytes.Index(plain, []byte(terms)) + len(terms)
				plain = bytes.Clone(plain)
				plain[i] ^= 1
				return block, plain
			})
		}, "terms: expected"},
		"signed: another commitment": {func(s, _ part) {
			commitment := "jcommitment\x58\x30"
			signAgain(t, s, "custody 0", at(s, "acceptances", 0), func(block, plain []byte) (_, _ []byte) {
				plain = bytes.Clone(plain)
				plain[bytes.Index(plain, []byte(commitment))+len(commitment)] ^= 1
				return block, plain
			})
		}, "commitment: expected"},
		"signed: a receipt of another policy": {func(_, k part) {
			signAgain(t, k, "custody 0", at(k, "acceptances", 0), inPlain("mhost_enforced\xf4", "mhost_enforced\xf5"))
		}, "host_enforced: expected False"},
		"signed: another version": {func(_, k part) {
			signAgain(t, k, "custody 0", at(k, "acceptances", 0), inPlain("gversion\x01", "gversion\x02"))
		}, "version: expected"},
		"signed: an unknown critical name": {func(_, k part) {
			signAgain(t, k, "custody 0", at(k, "acceptances", 0), inBlock("hcritical\xa0", "hcritical\xa1aa\x00"))
		}, "critical: expected"},
		"signed: a member at its default": {func(_, k part) {
			signAgain(t, k, "custody 0", at(k, "acceptances", 0), func(block, plain []byte) (_, _ []byte) {
				plain = replace(t, plain, []byte("greceipt\xa5"), []byte("greceipt\xa6"))
				return block, replace(t, plain, []byte("mhost_enforced"), []byte("gown_key\xf4mhost_enforced"))
			})
		}, "own_key: expected no field at its default"},
		"signed: the default type of a key": {func(_, k part) {
			signAgain(t, k, "custody 0", at(k, "releases", 0), func(block, plain []byte) (_, _ []byte) {
				plain = replace(t, plain, []byte("\xabeextra"), []byte("\xaceextra"))
				return block, replace(t, plain, []byte("hreceiver"), []byte("hkey_typeisecp256k1hreceiver"))
			})
		}, "key_type: expected"},
		"signed: places in another order": {func(s, _ part) {
			signAgain(t, s, "beneficiary", s["redemption"].(part), inPlain("easked\x83\x00\x01", "easked\x83\x01\x00"))
		}, "rising"},
		"signed: another receiver than the terms name": {func(_, k part) {
			signAgain(t, k, "principal", k["redemption"].(part), inPlain(string(name(t, k, "beneficiary")), string(name(t, k, "principal"))))
		}, "a receiver of"},
		"signed: another receiver than the redemption names": {func(_, k part) {
			signAgain(t, k, "custody 0", at(k, "releases", 0), inPlain(string(name(t, k, "beneficiary")), string(name(t, k, "principal"))))
		}, "receiver: expected"},
		"signed: another acceptance linked": {func(s, _ part) {
			from, to := field(t, at(s, "acceptances", 0), "block"), field(t, at(s, "acceptances", 1), "block")
			signAgain(t, s, "custody 0", at(s, "releases", 0), inBlock(string(dag.Sum(from).Bytes()), string(dag.Sum(to).Bytes())))
		}, "previous: expected"},
		"signed: another's node as recipient": {func(s, _ part) {
			node, other := string(name(t, s, "node 0")), string(name(t, s, "node 1"))
			signAgain(t, s, "custody 0", at(s, "releases", 0), func(block, plain []byte) (_, _ []byte) {
				return bytes.ReplaceAll(block, []byte(node), []byte(other)), plain
			})
		}, "recipients"},
		"signed: a release by the node": {func(_, k part) {
			custody, node := string(name(t, k, "custody 0")), string(name(t, k, "node 0"))
			signAgain(t, k, "node 0", at(k, "releases", 0), func(block, plain []byte) (_, _ []byte) {
				return bytes.ReplaceAll(block, []byte(custody), []byte(node)), plain
			})
		}, "a signer of"},
		"signed: another threshold": {func(s, _ part) {
			signAgain(t, s, "principal", s["order"].(part), inPlain("ithreshold\x02", "ithreshold\x03"))
		}, "parts of a secret"},
	}
	for _, kind := range []string{"order", "redemption"} {
		for half, i := range map[string]int{"Ed25519": edwards, "ML-DSA": mldsa} {
			cases["a bit of the "+half+" half of the "+kind] = struct {
				damage func(secret, key part)
				want   string
			}{func(_, k part) { flip(t, k[kind].(part), i) }, "signature 0"}
		}
	}
	dir := t.TempDir()
	for about, c := range cases {
		o := orders(t)
		c.damage(o[0], o[1])
		damaged := slices.DeleteFunc(o, func(o part) bool {
			return slices.ContainsFunc(orders(t), func(was part) bool { return reflect.DeepEqual(o, was) })
		})
		if len(damaged) != 1 {
			t.Fatalf("%s: expected one damaged order, found %d", about, len(damaged))
		}
		writeOrders(t, filepath.Join(dir, about+".json"), damaged...)
	}
	found := verifyAll(t, dir)
	for about, c := range cases {
		if f := found[about]; !f.refused(c.want) {
			t.Errorf("%s: expected a refusal with %q, found exit code %d: %s", about, c.want, f.Code, f.Text)
		}
	}
}
