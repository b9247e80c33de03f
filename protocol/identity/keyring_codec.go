package identity

import (
	"bytes"
	"crypto/ed25519"
	"encoding/binary"

	"github.com/milagro-dta/dta/crypto/seal"
	"github.com/milagro-dta/dta/crypto/secret"
	"github.com/milagro-dta/dta/crypto/sign"
	"github.com/milagro-dta/dta/protocol/fault"
)

// A keyring at rest is, in one piece of memory that can be cleared:
//
//	magic        "dta/keyring/v2\n"
//	signing      64 bytes, the seed
//	log          1 byte, 0 or 32, and as many bytes: the seed
//	state key    32 bytes
//	documents    1 byte, 1…64
//	for each document, first to newest:
//	  length     uint32, big-endian
//	  document   DAG-CBOR
//	  sealing    32 bytes, the seed
//
// It never leaves its owner, so it is not DAG-CBOR: an encoder's buffers would
// keep copies of the keys.
const magic = "dta/keyring/v2\n"

// Marshal encodes the keyring, public chain included. The caller clears it.
func (k *Keyring) Marshal() *secret.Bytes {
	size := len(magic) + sign.SeedSize + 1 + ed25519.SeedSize + StateKeySize + 1
	for _, l := range k.identity.links {
		size += 4 + len(l.block) + seal.SeedSize
	}
	// The capacity is enough: append must not move the bytes and leave the old
	// ones behind.
	b := append(make([]byte, 0, size), magic...)
	b = appendSecret(b, k.signing.Bytes())
	b = append(b, byte(k.log.Len()))
	b = append(b, k.log.Open()...)
	b = append(b, k.state.Open()...)
	b = append(b, byte(len(k.identity.links)))
	for n, l := range k.identity.links {
		b = binary.BigEndian.AppendUint32(b, uint32(len(l.block)))
		b = append(b, l.block...)
		b = appendSecret(b, k.halves[n].sealing.Seed())
	}
	return secret.New(b)
}

func appendSecret(b []byte, s *secret.Bytes) []byte {
	defer s.Clear()
	return append(b, s.Open()...)
}

// ParseKeyring reads what Marshal wrote, verifies the chain, and checks that
// every secret key is the one whose public half the document has. b stays the
// caller's. A chain that contains a recovery needs ParseKeyringWith.
func ParseKeyring(b *secret.Bytes) (*Keyring, error) { return ParseKeyringWith(b, nil) }

// ParseKeyringWith is ParseKeyring with a resolver for the signers of recoveries.
func ParseKeyringWith(b *secret.Bytes, who Resolver) (*Keyring, error) {
	k := new(Keyring)
	if err := k.parse(&reader{b: b.Open()}, who); err != nil {
		k.Clear()
		return nil, fault.New(fault.Invalid, "keyring: %w", err)
	}
	return k, nil
}

func (k *Keyring) parse(r *reader, who Resolver) error {
	if string(r.take(len(magic))) != magic {
		return fault.New(fault.Invalid, "expected it to begin with %q, found something else", magic)
	}
	signing := secret.Copy(r.take(sign.SeedSize))
	defer signing.Clear()
	if n := r.byte(); n == ed25519.SeedSize {
		k.log = secret.Copy(r.take(ed25519.SeedSize))
	} else if n != 0 {
		return fault.New(fault.Invalid, "expected a log key of 0 or %d bytes, found %d", ed25519.SeedSize, n)
	}
	k.state = secret.Copy(r.take(StateKeySize))
	n := r.byte()
	if r.short || n == 0 || n > MaxDocuments {
		return fault.New(fault.Invalid, "expected 1 to %d documents, found %d", MaxDocuments, n)
	}
	blocks := make([][]byte, n)
	for i := range blocks {
		var err error
		if blocks[i], err = k.parseDocument(r); err != nil {
			return err
		}
	}
	if len(r.b) != 0 {
		return fault.New(fault.Invalid, "expected the end, found %d more bytes", len(r.b))
	}
	var err error
	if k.signing, err = k.halves[n-1].suite.Signing.ParsePrivateKey(signing); err != nil {
		return err
	}
	if k.identity, err = VerifyWith(blocks, who); err != nil {
		return err
	}
	var public []byte
	if k.log.Len() > 0 {
		public = logPublic(k.log)
	}
	if !bytes.Equal(public, k.identity.Doc.Log) {
		return fault.New(fault.Invalid, "expected the log key of document %s, found another", k.identity.Document)
	}
	if !k.signing.Public().Equal(k.identity.SigningKey()) {
		return fault.New(fault.Invalid, "expected the signing key of document %s, found another", k.identity.Document)
	}
	return nil
}

// parseDocument reads one document with its keys, and returns its block.
func (k *Keyring) parseDocument(r *reader) ([]byte, error) {
	size := r.uint32()
	if size > MaxDocument {
		return nil, fault.New(fault.Invalid, "expected a document of at most %d bytes, found %d", MaxDocument, size)
	}
	block := r.take(int(size))
	if r.short {
		return nil, fault.New(fault.Invalid, "expected a document of %d bytes, found the end", size)
	}
	doc, err := ParseDocument(block)
	if err != nil {
		return nil, err
	}
	suite, err := seal.ByName(doc.Suite)
	if err != nil {
		return nil, err
	}
	seed := secret.Copy(r.take(seal.SeedSize))
	defer seed.Clear()
	sealing, err := suite.ParsePrivateKey(seed)
	if err != nil {
		return nil, err
	}
	k.halves = append(k.halves, half{suite: suite, sealing: sealing})
	if string(sealing.Public()) != string(doc.Sealing) {
		return nil, fault.New(fault.Invalid, "document %d: expected the sealing key it names, found another", doc.Sequence)
	}
	return block, nil
}

// reader takes bytes off the front. After taking more than there is, short is
// true and everything it returns is empty or zero.
type reader struct {
	b     []byte
	short bool
}

func (r *reader) take(n int) []byte {
	if n > len(r.b) {
		r.b, r.short = nil, true
		return nil
	}
	taken := r.b[:n:n]
	r.b = r.b[n:]
	return taken
}

func (r *reader) byte() byte {
	if b := r.take(1); b != nil {
		return b[0]
	}
	return 0
}

func (r *reader) uint32() uint32 {
	if b := r.take(4); b != nil {
		return binary.BigEndian.Uint32(b)
	}
	return 0
}
