package sign

import (
	"encoding/json"
	"os"
	"testing"

	"github.com/milagro-dta/dta/crypto/secret"
)

// TestTheVectorOfTheDraft: the file is the entry of this algorithm in
// src/testvectors.json of the draft's repository, at the commit that it names.
func TestTheVectorOfTheDraft(t *testing.T) {
	file, err := os.ReadFile("testdata/composite.json")
	if err != nil {
		t.Fatal(err)
	}
	var v struct {
		M, Ctx []byte
		Tests  []struct {
			TcID                    string
			PK, SK, S, SWithContext []byte
		}
	}
	if err := json.Unmarshal(file, &v); err != nil {
		t.Fatal(err)
	}
	if len(v.Tests) != 1 || v.Tests[0].TcID != V2.Algorithm {
		t.Fatalf("expected the vector of %s", V2.Algorithm)
	}
	c := v.Tests[0]
	public, err := V2.ParsePublicKey(c.PK)
	if err != nil {
		t.Fatal(err)
	}
	if err := public.verify("", v.M, c.S); err != nil {
		t.Errorf("without a context: %v", err)
	}
	if err := public.verify(string(v.Ctx), v.M, c.SWithContext); err != nil {
		t.Errorf("with its context: %v", err)
	}
	if public.verify("", v.M, c.SWithContext) == nil || public.verify(string(v.Ctx), v.M, c.S) == nil {
		t.Error("expected a signature to verify under its own context only")
	}
	key, err := V2.ParsePrivateKey(secret.Copy(c.SK))
	if err != nil {
		t.Fatal(err)
	}
	if !key.Public().Equal(public) {
		t.Error("expected the secret key to be that of the public one")
	}
	if err := public.verify(string(v.Ctx), v.M, key.sign(string(v.Ctx), v.M)); err != nil {
		t.Error(err)
	}
}

func TestContextsAreWhatTheProtocolSays(t *testing.T) {
	if got := string(V2.representative(Envelope.context(), nil)[:len(prefix)+len(V2.label)+1+16]); got != "CompositeAlgorithmSignatures2025COMPSIG-MLDSA65-Ed25519-SHA512\x0fDTA-V2-ENVELOPE\xcf" {
		t.Errorf("found %q", got)
	}
}
