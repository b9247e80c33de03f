package order

import (
	"slices"

	"github.com/milagro-dta/dta/crypto/bls"
	"github.com/milagro-dta/dta/crypto/dleq"
	"github.com/milagro-dta/dta/crypto/mpin"
	"github.com/milagro-dta/dta/protocol/dag"
	"github.com/milagro-dta/dta/protocol/fault"
)

// A network is an order of which the fiduciaries are the D-TAs of one ZKP-MFA
// realm, and the principal its registrar. Each D-TA's plugin makes a share s_i
// of a master secret s that exists nowhere, and accepts with the commitment
// s_i·P in G1. What is then issued, package issue tells; nothing is released.

// NetworkVersion is that of NetworkTerms.
const NetworkVersion = 1

// Bounds of a network's terms. What proves a network to strangers must fit one
// block: its order and acceptances, in each of which every party has 1.3 kB, with
// as much room again for the parties' documents, which become more.
const (
	MaxMembers    = 16  // D-TAs
	MaxSealings   = 400 // parties × (D-TAs + 1)
	MaxAuthority  = 16  // names in one rule
	MaxPermitDays = 31  // days for which one request may ask permits: they cannot be recalled

	SubjectKeySize = 32
)

// criticalNetwork is the name under which NetworkTerms stand in terms.critical:
// whoever does not know networks refuses the order.
const criticalNetwork = "network"

// IssueKind is what a D-TA may be asked to issue; a closed list.
type IssueKind string

const (
	ClientSecret IssueKind = "client-secret" // s_i·H₁(identity), in G1
	ServerSecret IssueKind = "server-secret" // s_i·Q, in G2
	TimePermit   IssueKind = "time-permit"   // s_i·H_T(day, identity), in G1
)

// IssueKinds lists them in the order in which the rules of an authority stand.
func IssueKinds() []IssueKind { return []IssueKind{ClientSecret, ServerSecret, TimePermit} }

// Sharing is how s is made of the shares; a closed list.
type Sharing string

// Additive: s is the sum of all shares, and every D-TA is needed.
const Additive Sharing = "additive"

// Rule says whose signatures a kind of request needs: Threshold of Names.
type Rule struct {
	Kind      IssueKind `cbor:"kind"`
	Names     []dag.CID `cbor:"names"` // sorted by their bytes, unique, at most MaxAuthority
	Threshold uint64    `cbor:"threshold"`
}

// NetworkTerms are what an order says of its network.
type NetworkTerms struct {
	Version   uint64  `cbor:"version"`
	Name      string  `cbor:"name"`  // for people: 1 to MaxLabel printable characters
	Suite     string  `cbor:"suite"` // of package mpin
	Sharing   Sharing `cbor:"sharing"`
	Permits   bool    `cbor:"permits"`   // logins need the day's permit; without, nobody can be revoked
	MaxDays   uint64  `cbor:"max_days"`  // of permits in one request: 1 to MaxPermitDays; 0 without permits
	Authority []Rule  `cbor:"authority"` // one for each of IssueKinds, in their order
	// SubjectKey is drawn for each network. Its parties have it, and the readers of
	// its charter: nobody else can tell to which names its keyed hashes belong.
	SubjectKey []byte     `cbor:"subject_key"`
	Critical   dag.Values `cbor:"critical"`
	Extra      dag.Values `cbor:"extra"`
}

// Rule is the authority's rule for a kind of request.
func (n *NetworkTerms) Rule(k IssueKind) (Rule, bool) {
	for _, r := range n.Authority {
		if r.Kind == k {
			return r, true
		}
	}
	return Rule{}, false
}

// Authorities are all names of all rules, sorted and unique.
func (n *NetworkTerms) Authorities() []dag.CID {
	var all []dag.CID
	for _, r := range n.Authority {
		all = append(all, r.Names...)
	}
	return uniqueNames(all)
}

// Network returns the network's terms; false where something else was ordered.
func (o *VerifiedOrder) Network() (*NetworkTerms, bool) {
	if o == nil || o.network == nil {
		return nil, false
	}
	n := *o.network
	return &n, true
}

// check refuses network terms that nobody should act on.
func (n *NetworkTerms) check() error {
	if n.Version != NetworkVersion {
		return fault.New(fault.Unsupported, "network: expected version %d, found %d", NetworkVersion, n.Version)
	}
	if err := refuseUnknown("network", n.Critical); err != nil {
		return err
	}
	if n.Name == "" || !IsLabel(n.Name) {
		return fault.New(fault.Invalid, "network: expected a name of 1 to %d printable characters, found %.40q", MaxLabel, n.Name)
	}
	if _, err := mpin.ByName(n.Suite); err != nil {
		return fault.New(fault.Unsupported, "network: %w", err)
	}
	if n.Sharing != Additive {
		return fault.New(fault.Unsupported, "network: cannot share %.40q, only %q", n.Sharing, Additive)
	}
	switch {
	case n.Permits && (n.MaxDays < 1 || n.MaxDays > MaxPermitDays):
		return fault.New(fault.Invalid, "network: expected permits for 1 to %d days, found %d", MaxPermitDays, n.MaxDays)
	case !n.Permits && n.MaxDays != 0:
		return fault.New(fault.Invalid, "network: expected no days of permits in a network without, found %d", n.MaxDays)
	}
	if len(n.SubjectKey) != SubjectKeySize {
		return fault.New(fault.Invalid, "network: expected a subject key of %d bytes, found %d", SubjectKeySize, len(n.SubjectKey))
	}
	return n.checkAuthority()
}

func (n *NetworkTerms) checkAuthority() error {
	kinds := IssueKinds()
	if len(n.Authority) != len(kinds) {
		return fault.New(fault.Invalid, "network: expected %d rules of authority, found %d", len(kinds), len(n.Authority))
	}
	for i, r := range n.Authority {
		if r.Kind != kinds[i] {
			return fault.New(fault.Invalid, "network: expected rule %d to be for %q, found %.40q", i, kinds[i], r.Kind)
		}
		if err := checkSorted(string(r.Kind)+" names", r.Names, MaxAuthority); err != nil {
			return err
		}
		if r.Threshold < 1 || r.Threshold > uint64(len(r.Names)) {
			return fault.New(fault.Invalid, "network: %s: expected a threshold of 1 to %d, found %d", r.Kind, len(r.Names), r.Threshold)
		}
	}
	return nil
}

// network reads the network's terms; nil where something else is ordered.
func (t *Terms) network() (*NetworkTerms, error) {
	raw, found := t.Critical[criticalNetwork]
	if found != (t.What == Network) {
		return nil, fault.New(fault.Invalid, "terms: expected critical %q where, and only where, a network is ordered", criticalNetwork)
	}
	if !found {
		return nil, nil
	}
	n := new(NetworkTerms)
	if err := raw.Decode(n); err != nil {
		return nil, fault.New(fault.Invalid, "network: %w", err)
	}
	if err := n.check(); err != nil {
		return nil, err
	}
	return n, nil
}

// checkNetwork holds the rest of the terms to those of their network.
func (t *Terms) checkNetwork(n *NetworkTerms) error {
	if t.N > MaxMembers {
		return fault.New(fault.Invalid, "terms: expected a network of at most %d fiduciaries, found %d", MaxMembers, t.N)
	}
	if sealings := uint64(len(t.Parties())) * (t.N + 1); sealings > MaxSealings {
		return fault.New(fault.Invalid, "terms: expected a network of at most %d parties times D-TAs and one, found %d: its charter would not fit one block", MaxSealings, sealings)
	}
	if t.T != t.N {
		return fault.New(fault.Invalid, "terms: an additive network needs all of %d fiduciaries, found a threshold of %d", t.N, t.T)
	}
	if len(t.Commitments) != 0 || t.Size != 0 || t.OwnKey {
		return fault.New(fault.Invalid, "terms: a network has neither commitments nor a size beforehand, nor a key of its own, found %d, %d and %t", len(t.Commitments), t.Size, t.OwnKey)
	}
	want := uniqueNames(append(n.Authorities(), t.Principal))
	if !slices.Equal(t.Redeemers, want) {
		return fault.New(fault.Invalid, "terms: expected the network's registrar and authority as those who may ask, found other names")
	}
	if !slices.Equal(t.Receivers, []dag.CID{t.Principal}) {
		return fault.New(fault.Invalid, "terms: expected the network's registrar as the only receiver")
	}
	// That somebody was revoked is something to remember, which no plugin can.
	enforcement := ""
	if n.Permits {
		enforcement = HostEnforced
	}
	if t.Policy.Enforcement != enforcement {
		return fault.New(fault.Invalid, "terms: expected enforcement %q, found %.40q", enforcement, t.Policy.Enforcement)
	}
	return nil
}

// ProveShare commits a custody identity to the share that it made for a
// network: s_i·P in G1 (48 bytes), and a proof that it knows s_i, for this order
// and this custody identity only (64 bytes; context "dta/order/network/v1" ‖
// CID(terms) ‖ custody name). There is no commitment in G2: s·Q is a secret.
func ProveShare(o *VerifiedOrder, custody dag.CID, share *bls.Scalar) (Commitment, error) {
	proof, err := dleq.ProvePossession(share, ShareContext(o, custody))
	if err != nil {
		return Commitment{}, err
	}
	return Commitment{Value: bls.G1Generator().Mul(share).Bytes(), Proof: proof}, nil
}

// ShareContext is what the proof of a network's share is bound to.
func ShareContext(o *VerifiedOrder, custody dag.CID) []byte {
	return bind(tagNetwork, o.termsCID, custody)
}

func checkShareCommitment(o *VerifiedOrder, custody dag.CID, c Commitment) error {
	point, err := bls.ParseG1(c.Value)
	if err != nil {
		return fault.New(fault.Invalid, "commitment: %w", err)
	}
	if err := dleq.VerifyPossession(point, ShareContext(o, custody), c.Proof); err != nil {
		return fault.New(fault.Invalid, "commitment: proof of possession: %w", err)
	}
	return nil
}

// NetworkID is by what a network's identities are told from another's: CID(terms).
// People and programs name a network by the CID of its order, which has terms and
// more in it: that is another CID.
func (o *VerifiedOrder) NetworkID() []byte { return o.termsCID.Bytes() }
