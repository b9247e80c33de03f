package verify_test

import (
	"compress/gzip"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// readVectors verifies the entries of the file that it is given: blocks, chains
// or envelopes. It prints the refusals, by the name of the entry.
const readVectors = `
import json, sys
from hashlib import sha256
from dagcbor import Refused, cid, decode, encode
from verify import agree, block_of, envelope, meet
refused = {}
for v in json.load(open(sys.argv[1])):
    try:
        if "blocks" in v:
            people = meet({"chain": v["blocks"]} | {str(i): blocks for i, blocks in enumerate(v["signers"])})
            name, chain = next(iter(people.items()))
            agree(v, name=str(name), documents=list(map(str, chain)))
        elif "signer" in v:
            people = meet({"signer": v["signer"], "recipient": v["recipient"]} if v["recipient"] else {"signer": v["signer"]})
            link, header, body = envelope(v, people, decode(bytes.fromhex(v["block"]))["header"]["kind"])
            agree(v, headerHash=sha256(encode(header)).hexdigest(), plainCID=str(cid(bytes.fromhex(v["plain"]))), text=body["text"])
            assert not v["recipient"] or header["recipients"][v["index"]]["name"] in people
        else:
            decode(block_of(v))
    except Refused as e:
        refused[v["about"]] = str(e)
json.dump(refused, sys.stdout)
`

// TestVectors: what the vectors call valid holds, and the rest is refused.
func TestVectors(t *testing.T) {
	t.Parallel()
	for name, count := range map[string]int{"blocks.json": 17, "documents.json": 12, "envelopes.json": 7} {
		text, err := os.ReadFile(vectors + name)
		if err != nil {
			t.Fatal(err)
		}
		var entries []struct {
			About string
			Valid bool
		}
		if err := json.Unmarshal(text, &entries); err != nil {
			t.Fatal(err)
		}
		if len(entries) < count {
			t.Errorf("%s: expected %d entries, found %d", name, count, len(entries))
		}
		out, errors, code := python(t, nil, "-c", readVectors, vectors+name)
		refused := map[string]string{}
		if err := json.Unmarshal([]byte(out), &refused); err != nil || code != 0 {
			t.Fatalf("%s: exit code %d, %v: %s", name, code, err, errors)
		}
		for _, e := range entries {
			if why, is := refused[e.About]; is == e.Valid {
				t.Errorf("%s: %s: expected valid %t, found %q", name, e.About, e.Valid, why)
			}
		}
	}
}

// signature is a test of signatures; Context is null for ML-DSA's internal
// function, and Composite says that it is one of both halves.
type signature struct {
	Name                                string
	Public, Message, Signature, Context *string
	Composite, Valid                    bool
}

const readSignatures = `
import json, sys
import mldsa, verify
wrong = []
for v in json.load(sys.stdin):
    public, message, signature = (bytes.fromhex(v[name]) for name in ("Public", "Message", "Signature"))
    context = None if v["Context"] is None else bytes.fromhex(v["Context"])
    if v["Composite"]:
        holds = verify.composite(public, context, message, signature)
    else:
        holds = mldsa.verify(public, message, signature, context)
    if holds != v["Valid"]:
        wrong.append(f"{v['Name']}: expected {v['Valid']}, found {holds}")
json.dump(wrong, sys.stdout)
`

// TestSignatures: NIST's ACVP file, which is of the internal function, the
// Wycheproof file, which has contexts, and the vector of the composite.
func TestSignatures(t *testing.T) {
	t.Parallel()
	tests := append(append(acvp(t), wycheproof(t)...), compositeDraft(t)...)
	stdin, err := json.Marshal(tests)
	if err != nil {
		t.Fatal(err)
	}
	out, text, code := python(t, stdin, "-c", readSignatures)
	var wrong []string
	if err := json.Unmarshal([]byte(out), &wrong); err != nil || code != 0 {
		t.Fatalf("exit code %d, %v: %s", code, err, text)
	}
	for _, w := range wrong {
		t.Error(w)
	}
}

// ofModule reads a compressed JSON file of the test data of circl, which go.mod pins.
func ofModule(t *testing.T, path string, v any) {
	t.Helper()
	dir, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/cloudflare/circl").Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	f, err := os.Open(filepath.Join(strings.TrimSpace(string(dir)), "sign", filepath.FromSlash(path)))
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
	if err := json.Unmarshal(text, v); err != nil {
		t.Fatal(err)
	}
}

func acvp(t *testing.T) (tests []signature) {
	var prompt struct {
		TestGroups []struct {
			ParameterSet string
			PK           string
			Tests        []struct {
				TcID               int
				Message, Signature string
			}
		}
	}
	var expected struct {
		TestGroups []struct {
			Tests []struct {
				TcID       int
				TestPassed bool
			}
		}
	}
	ofModule(t, "mldsa/testdata/ML-DSA-sigVer-FIPS204/prompt.json.gz", &prompt)
	ofModule(t, "mldsa/testdata/ML-DSA-sigVer-FIPS204/expectedResults.json.gz", &expected)
	for i, g := range prompt.TestGroups {
		for j, c := range g.Tests {
			if e := expected.TestGroups[i].Tests[j]; g.ParameterSet == "ML-DSA-65" {
				if e.TcID != c.TcID {
					t.Fatalf("expected the result of test %d, found that of %d", c.TcID, e.TcID)
				}
				tests = append(tests, signature{Name: "ACVP", Public: &g.PK, Message: &c.Message, Signature: &c.Signature, Valid: e.TestPassed})
			}
		}
	}
	if len(tests) != 15 {
		t.Fatalf("expected 15 tests of ACVP, found %d", len(tests))
	}
	return tests
}

func wycheproof(t *testing.T) (tests []signature) {
	var file struct {
		NumberOfTests int
		TestGroups    []struct {
			PublicKey string
			Tests     []struct{ Comment, Msg, Ctx, Sig, Result string }
		}
	}
	ofModule(t, "schemes/testdata/wycheproof/mldsa_65_verify_test.json.gz", &file)
	for _, g := range file.TestGroups {
		for _, c := range g.Tests {
			tests = append(tests, signature{Name: c.Comment, Public: &g.PublicKey, Message: &c.Msg, Signature: &c.Sig, Context: &c.Ctx, Valid: c.Result == "valid"})
		}
	}
	if len(tests) != file.NumberOfTests || len(tests) < 80 {
		t.Fatalf("expected %d tests of Wycheproof, found %d", file.NumberOfTests, len(tests))
	}
	return tests
}

// compositeDraft is the vector of the draft, with and without its context, and
// the same with a half of the other signature, short, and long.
func compositeDraft(t *testing.T) (tests []signature) {
	text, err := os.ReadFile("../../crypto/sign/testdata/composite.json")
	if err != nil {
		t.Fatal(err)
	}
	var v struct {
		M, Ctx string
		Tests  []struct{ PK, S, SWithContext string }
	}
	if err := json.Unmarshal(text, &v); err != nil {
		t.Fatal(err)
	}
	digits := func(s string) *string {
		b, err := base64.StdEncoding.DecodeString(s)
		if err != nil {
			t.Fatal(err)
		}
		s = hex.EncodeToString(b)
		return &s
	}
	none, context, public, message := "", digits(v.Ctx), digits(v.Tests[0].PK), digits(v.M)
	s, withContext := digits(v.Tests[0].S), digits(v.Tests[0].SWithContext)
	halves := (*s)[:2*3309] + (*withContext)[2*3309:]
	swapped := (*s)[2*3309:] + (*s)[:2*3309]
	short, long, half := (*s)[2:], *s+"00", (*s)[:2*3309]
	for _, c := range []struct {
		name               string
		context, signature *string
		valid              bool
	}{
		{"composite", &none, s, true}, {"composite with its context", context, withContext, true},
		{"composite of another context", context, s, false}, {"composite of no context", &none, withContext, false},
		{"composite of two halves", &none, &halves, false}, {"composite in the other order", &none, &swapped, false},
		{"short composite", &none, &short, false}, {"long composite", &none, &long, false},
		{"ML-DSA half alone", &none, &half, false}, {"empty composite", &none, &none, false},
	} {
		tests = append(tests, signature{Name: c.name, Public: public, Message: message, Signature: c.signature, Context: c.context, Composite: true, Valid: c.valid})
	}
	return tests
}
