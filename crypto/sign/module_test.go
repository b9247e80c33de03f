package sign

import (
	"compress/gzip"
	"crypto/ed25519"
	"encoding/hex"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/cloudflare/circl/sign/mldsa/mldsa65"
)

// hexBytes reads hexadecimal digits.
type hexBytes []byte

func (h *hexBytes) UnmarshalText(text []byte) (err error) {
	*h, err = hex.DecodeString(string(text))
	return err
}

// ofModule reads a compressed JSON file of the pinned module's test data.
func ofModule(t *testing.T, path string, v any) {
	t.Helper()
	dir, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/cloudflare/circl").Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	f, err := os.Open(filepath.Join(strings.TrimSpace(string(dir)), filepath.FromSlash(path)))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.NewDecoder(z).Decode(v); err != nil {
		t.Fatal(err)
	}
}

// TestKeysOfACVP: NIST's keyGen file for ML-DSA-65. Its files for signing and
// verifying are of the internal functions of FIPS 204, without the context that
// every signature here has: the module's own tests run them.
func TestKeysOfACVP(t *testing.T) {
	var prompt struct {
		TestGroups []struct {
			ParameterSet string
			Tests        []struct {
				TcID int
				Seed hexBytes
			}
		}
	}
	var expected struct {
		TestGroups []struct {
			Tests []struct {
				TcID   int
				PK, SK hexBytes
			}
		}
	}
	const dir = "sign/mldsa/testdata/ML-DSA-keyGen-FIPS204/"
	ofModule(t, dir+"prompt.json.gz", &prompt)
	ofModule(t, dir+"expectedResults.json.gz", &expected)
	keys := make(map[int][2]hexBytes)
	for _, g := range expected.TestGroups {
		for _, c := range g.Tests {
			keys[c.TcID] = [2]hexBytes{c.PK, c.SK}
		}
	}
	tried := 0
	for _, g := range prompt.TestGroups {
		if g.ParameterSet != "ML-DSA-65" {
			continue
		}
		for _, c := range g.Tests {
			tried++
			public, key := mldsa65.NewKeyFromSeed((*[mldsaSeedSize]byte)(c.Seed))
			if want := keys[c.TcID]; !slices.Equal(public.Bytes(), want[0]) || !slices.Equal(key.Bytes(), want[1]) {
				t.Errorf("test %d: another key", c.TcID)
			}
		}
	}
	if tried != 25 {
		t.Errorf("expected 25 tests, found %d", tried)
	}
}

// TestWycheproof: the file for Ed25519, over the half that this package uses.
func TestWycheproof(t *testing.T) {
	var file struct {
		NumberOfTests int
		TestGroups    []struct {
			Key   struct{ PK hexBytes }
			Tests []struct {
				TcID     int
				Comment  string
				Msg, Sig hexBytes
				Result   string
			}
		}
	}
	ofModule(t, "sign/ed25519/testdata/wycheproof_Ed25519.json.gz", &file)
	tried := 0
	for _, g := range file.TestGroups {
		for _, c := range g.Tests {
			tried++
			if got := ed25519.Verify(ed25519.PublicKey(g.Key.PK), c.Msg, c.Sig); got != (c.Result == "valid") {
				t.Errorf("test %d, %s: expected %s, found %t", c.TcID, c.Comment, c.Result, got)
			}
		}
	}
	if tried != file.NumberOfTests || tried < 100 {
		t.Errorf("expected %d tests, found %d", file.NumberOfTests, tried)
	}
}
