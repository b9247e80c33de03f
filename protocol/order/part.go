package order

import (
	"bytes"
	"slices"
	"time"

	"github.com/milagro-dta/dta/protocol/dag"
	"github.com/milagro-dta/dta/protocol/envelope"
	"github.com/milagro-dta/dta/protocol/fault"
	"github.com/milagro-dta/dta/protocol/identity"
)

// Part is what every verified part has in common. Only this package makes one
// that is not empty.
type Part struct {
	cid       dag.CID
	headerCID dag.CID
	block     []byte
	plain     []byte
	header    envelope.Header
	signer    *identity.Identity
	recorded  recorded // by the chain so far, this part included
}

// CID is the name of the part's envelope.
func (p *Part) CID() dag.CID { return p.cid }

// HeaderCID names the part whatever its signature: see envelope.HeaderCID.
func (p *Part) HeaderCID() dag.CID { return p.headerCID }

// Block is the envelope as it is stored and sent. It must not be changed.
func (p *Part) Block() []byte { return p.block }

// Plain is the plaintext, salt included, as a plugin is shown it. It must not
// be changed.
func (p *Part) Plain() []byte { return p.plain }

// Header is the signed header. Its lists must not be changed.
func (p *Part) Header() envelope.Header { return p.header }

// Fresh reports whether the part, never seen before, may be accepted at now.
func (p *Part) Fresh(now time.Time) error {
	if err := p.header.Fresh(now); err != nil {
		return fault.New(fault.Invalid, "%s %s: %w", p.header.Kind, p.cid, err)
	}
	return nil
}

// InForce refuses a part signed with a document that the chain shown has
// replaced: its key may be a thief's, who dated the part back. An old part still
// reads well, but nothing new is kept or released for it.
func (p *Part) InForce(who Parties) error {
	if !p.verified() {
		return fault.New(fault.Internal, "the part was not verified")
	}
	if err := CheckNewest(p.signer.Party(), who); err != nil {
		return fault.New(fault.Of(err), "%s: %w", p.header.Kind, err)
	}
	return nil
}

// Signer is the identity that signed, at the document it signed with.
func (p *Part) Signer() *identity.Identity { return p.signer }

// Recipients are those who can read the part, each at the document that it was
// encrypted to, on its signer's word. The list must not be changed.
func (p *Part) Recipients() []identity.Party { return p.header.Recipients }

func (p *Part) verified() bool { return p != nil && p.signer != nil }

// Source is where the plaintext of a part, or of what stands beside it, comes
// from.
type Source struct {
	plain   []byte
	keyring *identity.Keyring
	own     *envelope.Envelope
}

// FromPlain is a plaintext that is shown to one who is no recipient.
func FromPlain(plain []byte) Source { return Source{plain: plain} }

// FromKeyring decrypts with a recipient's keys.
func FromKeyring(k *identity.Keyring) Source { return Source{keyring: k} }

// FromSealed is an envelope that this process has just sealed: everything is
// checked again but its own signature.
func FromSealed(s *envelope.Sealed) Source { return Source{plain: s.Plain, own: s.Envelope} }

// parse reads the block. An envelope that this process has sealed counts as
// verified, so that nobody verifies its own signature.
func (s Source) parse(block []byte) (*envelope.Envelope, error) {
	if s.own != nil && bytes.Equal(s.own.Block(), block) {
		return s.own, nil
	}
	return envelope.Parse(block)
}

// check refuses a plaintext shown that the header does not name: a hash, so it
// comes before the signature.
func (s Source) check(e *envelope.Envelope) error {
	if s.keyring != nil {
		return nil
	}
	return e.CheckPlain(s.plain)
}

// read returns the plaintext of an envelope that is verified.
func (s Source) read(e *envelope.Envelope) ([]byte, error) {
	if s.keyring != nil {
		return e.Open(s.keyring)
	}
	return s.plain, e.CheckPlain(s.plain)
}

// readPart takes a part up to its body, cheapest checks first: structure, kind,
// the header's own rules, signature, and only then is anything decrypted.
func readPart(block []byte, kind envelope.Kind, who Parties, head func(*envelope.Header) error, from Source, body any) (*Part, error) {
	env, err := from.parse(block)
	if err != nil {
		return nil, err
	}
	h := &env.Header
	if h.Kind != kind {
		return nil, fault.New(fault.Invalid, "expected an envelope of kind %s, found %s", kind, h.Kind)
	}
	if err := head(h); err != nil {
		return nil, err
	}
	if err := from.check(env); err != nil {
		return nil, err
	}
	signer, err := Resolve(who, h.Signer.Name, h.Signer.Document)
	if err != nil {
		return nil, err
	}
	// With the whole chain the envelope also checks that the signer's document
	// was not replaced before it was signed.
	whole, err := newest(who, signer.Name, signer.Document)
	if err != nil {
		return nil, err
	}
	verify := env.Verify
	if m, ok := who.(Remembers); ok {
		verify = func(signer *identity.Identity) error { return m.Memory().Verify(env, signer) }
	}
	if err := verify(whole); err != nil {
		return nil, err
	}
	plain, err := from.read(env)
	if err != nil {
		return nil, err
	}
	if err := envelope.DecodePlain(plain, body); err != nil {
		return nil, err
	}
	return &Part{
		cid: env.CID(), headerCID: env.HeaderCID(), block: bytes.Clone(block), plain: bytes.Clone(plain), header: *h, signer: signer,
	}, nil
}

// admit checks the part's recipients and records their documents.
func (p *Part) admit(names []dag.CID, before recorded) error {
	if err := checkRecipients(p.header.Recipients, names); err != nil {
		return err
	}
	p.recorded = before.with(p.header.Recipients)
	return nil
}

// CheckPrevious wants exactly these links in a header.
func CheckPrevious(h *envelope.Header, want ...dag.CID) error {
	if !slices.Equal(h.Previous, want) {
		return fault.New(fault.Invalid, "expected %d links to earlier parts as the chain has them, found %d that differ", len(want), len(h.Previous))
	}
	return nil
}
