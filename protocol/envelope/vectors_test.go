package envelope_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/milagro-dta/dta/crypto/seal"
	"github.com/milagro-dta/dta/crypto/secret"
	"github.com/milagro-dta/dta/crypto/sign"
	"github.com/milagro-dta/dta/protocol/dag"
	"github.com/milagro-dta/dta/protocol/envelope"
	"github.com/milagro-dta/dta/protocol/fault"
	"github.com/milagro-dta/dta/protocol/identity"
	"github.com/milagro-dta/dta/protocol/vectortest"
)

type chainVector struct {
	About     string           `json:"about"`
	Valid     bool             `json:"valid"`
	Name      dag.CID          `json:"name"`
	Documents []dag.CID        `json:"documents"`
	Blocks    []vectortest.Hex `json:"blocks"`
	// Signers are the chains that a recovery needs.
	Signers [][]vectortest.Hex `json:"signers"`
}

type envelopeVector struct {
	About      string           `json:"about"`
	Valid      bool             `json:"valid"`
	CID        dag.CID          `json:"cid"`
	Block      vectortest.Hex   `json:"block"`
	Signer     []vectortest.Hex `json:"signer"`     // chain
	SigningKey vectortest.Hex   `json:"signingKey"` // the signer's, secret
	Recipient  []vectortest.Hex `json:"recipient"`  // chain; empty for an offer
	Index      int              `json:"index"`      // of the recipient
	SealSeed   vectortest.Hex   `json:"sealSeed"`   // the recipient's, secret
	HeaderHash vectortest.Hex   `json:"headerHash"`
	PlainCID   dag.CID          `json:"plainCID"`
	Plain      vectortest.Hex   `json:"plain"`
	Text       string           `json:"text"` // the body is the map {text}
}

type blockVector struct {
	About string         `json:"about"`
	Valid bool           `json:"valid"`
	Block vectortest.Hex `json:"block"`
	CID   dag.CID        `json:"cid"`
}

type body struct {
	Text string `cbor:"text"`
}

func TestDocumentVectors(t *testing.T) {
	for _, v := range read(t, "documents.json", makeChains) {
		t.Run(v.About, func(t *testing.T) {
			id, err := identity.VerifyWith(plainBytes(v.Blocks), resolver(t, v.Signers))
			if !v.Valid {
				if fault.Of(err) != fault.Invalid {
					t.Fatalf("expected an invalid, found %v", err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if id.Name != v.Name {
				t.Errorf("name: expected %s, found %s", v.Name, id.Name)
			}
			if diff := cmp.Diff(v.Documents, id.Documents(), cmp.Comparer(func(a, b dag.CID) bool { return a == b })); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestEnvelopeVectors(t *testing.T) {
	for _, v := range read(t, "envelopes.json", makeEnvelopes) {
		t.Run(v.About, func(t *testing.T) {
			signer, err := identity.Verify(plainBytes(v.Signer))
			if err != nil {
				t.Fatal(err)
			}
			e, err := envelope.Parse(v.Block)
			if err == nil {
				err = e.Verify(signer)
			}
			if !v.Valid {
				if fault.Of(err) != fault.Invalid {
					t.Fatalf("expected an invalid, found %v", err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if h := headerHash(t, v.Block); e.CID() != v.CID || !bytes.Equal(h[:], v.HeaderHash) || !bytes.Equal(e.Header.Plain, v.PlainCID.Bytes()) {
				t.Errorf("expected CIDs %s and %s, header hash %x; found %s, %x, %x", v.CID, v.PlainCID, v.HeaderHash, e.CID(), e.Header.Plain, h)
			}
			if err := e.CheckPlain(v.Plain); err != nil {
				t.Error(err)
			}
			if got := openByHand(t, v, e); !bytes.Equal(got, v.Plain) {
				t.Errorf("expected plaintext %x, found %x", v.Plain, got)
			}
			signByHand(t, v)
			var b body
			if err := envelope.DecodePlain(v.Plain, &b); err != nil || b.Text != v.Text {
				t.Errorf("expected %q, found %q, %v", v.Text, b.Text, err)
			}
		})
	}
}

// openByHand opens with the seed alone, as the format's description says.
func openByHand(t *testing.T, v envelopeVector, e *envelope.Envelope) []byte {
	t.Helper()
	if len(v.Recipient) == 0 {
		return e.Body
	}
	name := dag.Sum(v.Recipient[0])
	if e.Header.Recipients[v.Index].Name != name {
		t.Fatalf("expected recipient %s at %d, found %s", name, v.Index, e.Header.Recipients[v.Index].Name)
	}
	k, err := seal.V2.ParsePrivateKey(secret.Copy(v.SealSeed))
	if err != nil {
		t.Fatal(err)
	}
	info := append([]byte("dta/envelope/key/v1"), v.HeaderHash...)
	aad := binary.BigEndian.AppendUint32(name.Bytes(), uint32(v.Index))
	key, err := seal.V2.OpenWith(k, info, aad, e.Keys[v.Index].Sealed)
	if err != nil {
		t.Fatal(err)
	}
	plain, err := seal.V2.Decrypt(key, v.HeaderHash, e.Body)
	if err != nil {
		t.Fatal(err)
	}
	return plain.Open()
}

// signByHand signs the block with an empty list of signatures. The Ed25519 half of
// the one in the block must come out; the ML-DSA half is another each time.
func signByHand(t *testing.T, v envelopeVector) {
	t.Helper()
	var e struct {
		Header     envelope.Header      `cbor:"header"`
		Keys       []envelope.Key       `cbor:"keys"`
		Body       []byte               `cbor:"body"`
		Signatures []envelope.Signature `cbor:"signatures"`
	}
	if err := dag.Decode(v.Block, &e); err != nil {
		t.Fatal(err)
	}
	want := e.Signatures[0].Signature
	e.Signatures = nil
	msg, err := dag.Encode(e)
	if err != nil {
		t.Fatal(err)
	}
	k, err := sign.V2.ParsePrivateKey(secret.Copy(v.SigningKey))
	if err != nil {
		t.Fatal(err)
	}
	if err := k.Public().Verify(sign.Envelope, msg, want); err != nil {
		t.Error(err)
	}
	const half = sign.SignatureSize - 64
	if got := k.Sign(sign.Envelope, msg); !bytes.Equal(got[half:], want[half:]) {
		t.Errorf("expected an Ed25519 half %x, found %x", want[half:], got[half:])
	}
}

func TestBlockVectors(t *testing.T) {
	for _, v := range read(t, "blocks.json", makeBlocks) {
		t.Run(v.About, func(t *testing.T) {
			var raw dag.Raw
			err := dag.Decode(v.Block, &raw)
			if v.Valid && err != nil {
				t.Error(err)
			}
			if !v.Valid && fault.Of(err) != fault.Invalid {
				t.Errorf("expected an invalid, found %v", err)
			}
			if v.Valid && dag.Sum(v.Block) != v.CID {
				t.Errorf("expected %s, found %s", v.CID, dag.Sum(v.Block))
			}
		})
	}
}

func resolver(t *testing.T, chains [][]vectortest.Hex) identity.Resolver {
	byName := map[dag.CID]*identity.Identity{}
	for _, c := range chains {
		id, err := identity.Verify(plainBytes(c))
		ok(t, err)
		byName[id.Name] = id
	}
	return func(name, document dag.CID) (*identity.Identity, error) {
		if id := byName[name]; id != nil {
			return id.At(document)
		}
		return nil, fault.New(fault.NotFound, "no %s", name)
	}
}

func hexes(bs [][]byte) (hs []vectortest.Hex) {
	for _, b := range bs {
		hs = append(hs, b)
	}
	return hs
}

func plainBytes(hs []vectortest.Hex) (bs [][]byte) {
	for _, h := range hs {
		bs = append(bs, h)
	}
	return bs
}

func read[V any](t *testing.T, file string, fresh func(*testing.T) []V) []V {
	t.Helper()
	vs := vectortest.Read(t, file, fresh)
	if len(vs) == 0 {
		t.Fatalf("%s: expected vectors, found none", file)
	}
	for _, golden := range vectortest.Golden[[]V](t, file) {
		vs = append(vs, golden...)
	}
	return vs
}

func ok(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// headerHash is SHA-256 of the header as it stands in a block.
func headerHash(t *testing.T, block []byte) [sha256.Size]byte {
	t.Helper()
	start, end, err := dag.Field(block, "header")
	if err != nil {
		t.Fatal(err)
	}
	return sha256.Sum256(block[start:end])
}
