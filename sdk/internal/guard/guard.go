// Package guard stands between the host and a plugin author's Custodian. The host is believed in nothing; the
// author need not know the protocol. Everything here follows from signed bytes that the host shows:
//
//	Enrol      makes the custody identity and has its secret half kept as a deposit of purpose custody-root
//	Load       opens that deposit again, and refuses a realm without its root or with another
//	Show       verifies a party's documents and remembers them
//	Safeguard  verifies an order, opens the share sealed to this identity, checks it against the commitments,
//	           has it kept, signs the acceptance
//	Restore    verifies order, acceptance and redemption, opens the deposit that the acceptance names, and seals
//	           what it held to the receiver
//	Issue      verifies order, acceptance and request of a network, computes with the share that the deposit holds,
//	           and seals the answer to the receiver
//	MakeKey, OpenKey  the host's own identity: the one purpose whose material the host gets to see
//
// A deposit's material is sealed here, under a fresh key and with its purpose, terms, custody identity and epoch as
// associated data. The custodian keeps that key alone, so that one who ignores what it is told cannot weaken the
// binding.
//
// Documents are shown apart from the calls that need them, and remembered. What is remembered is a fact about bytes: that
// the chain which ends in the document of this CID holds. It is no fact about a party. A call is judged by the documents
// that it names as the newest of its parties, exactly as if it had brought their chains, and by what its own envelopes
// record, behind which no document goes back. What other calls named or showed never counts, in neither direction: else
// a thief's fork, shown once, would spoil the calls of the true party, and an answer would depend on what a bounded
// memory has kept. So a host that names an older document than it showed before is believed as far as it would be by a
// plugin that was just started, and one that names two ends of a fork is refused.
//
// What it cannot do: know an absence, or what it did before. A redemption's age is the host's to judge; the same
// redemption shown twice gives two releases to the same receiver. A request it holds to its own process's clock too,
// for a permit cannot be recalled; but whom the authority has revoked, the host has to remember.
package guard

import (
	"context"
	"sync"
	"time"

	"github.com/milagro-dta/dta/protocol/dag"
	"github.com/milagro-dta/dta/protocol/envelope"
	"github.com/milagro-dta/dta/protocol/fault"
	"github.com/milagro-dta/dta/protocol/identity"
	"github.com/milagro-dta/dta/protocol/order"
	"github.com/milagro-dta/dta/sdk/contract"
)

// Purpose says what a deposit is for; a closed list.
type Purpose string

const (
	Share        Purpose = "share"         // a share of a given secret
	Key          Purpose = "key"           // an ordered key
	NetworkShare Purpose = "network-share" // a share of a network's master secret
	CustodyRoot  Purpose = "custody-root"  // secret half of the custody identity
	NodeIdentity Purpose = "node-identity" // key under which the host keeps its own identity
)

// About tells a custodian what it is asked for. Fields that a purpose has no use for are zero.
type About struct {
	Operation string
	Purpose   Purpose
	Terms     dag.CID
	Custody   dag.CID
	Epoch     uint64
	Principal dag.CID
	Receiver  dag.CID
	Instance  string
	OwnKey    bool
}

// Custodian is sdk.Custodian.
type Custodian interface {
	Safeguard(ctx context.Context, key []byte, about About) (deposit []byte, err error)
	Restore(ctx context.Context, deposit []byte, about About) (key []byte, err error)
}

// KeyMaker is sdk.KeyMaker.
type KeyMaker interface {
	MakeKey(ctx context.Context, keyType string, about About) (key []byte, err error)
}

// RootKeeper is sdk.RootKeeper.
type RootKeeper interface {
	Root(ctx context.Context) (deposit []byte, err error)
	KeepRoot(ctx context.Context, deposit []byte) error
}

// Settings are what a Guard is made of.
type Settings struct {
	Custodian Custodian
	Keys      KeyMaker      // nil: keys are made here, of every type
	KeyTypes  []string      // that Keys makes
	Roots     RootKeeper    // nil: the host stores the root deposit
	Issuer    Issuer        // nil: networks' shares are made, and computed with, here
	OwnKeys   bool          // the custodian is an sdk.Destroyer
	Cached    int           // networks' shares kept opened; 0: none
	Instance  string        // the operator's name
	Type      string        // of the plugin, for receipts
	Scheme    func() string // for receipts
	Mode      order.Mode    // for receipts
	Now       func() time.Time
}

// Guard serves one custodian.
type Guard struct {
	Settings
	shown    *identity.Cache // chains that were verified
	memory   *envelope.Memory
	accepted flights[*contract.SafeguardResponse]
	released flights[*contract.RestoreResponse]
	issued   flights[*contract.IssueResponse]
	shares   *shares

	enrolling sync.Mutex // held through an enrolment; guards the two
	enrolled  *Enrolled  // by this process; nil if it did not enrol
	enrolment enrolment

	mu   sync.RWMutex
	self *identity.Keyring // nil before enrolment
}

// cachedParts is how many parts of orders are remembered as verified.
const cachedParts = 8192

// cachedChains bounds the document chains remembered as verified, with 16 KiB for each; those that one call names are
// kept whatever their size.
const cachedChains = 4096

// New makes a Guard that is not enrolled; Load or Enrol follow, and Close at the end. An error says why it keeps no
// networks' shares opened although it should; the Guard works all the same.
func New(s Settings) (*Guard, error) {
	cached, err := newShares(s.Cached)
	return &Guard{
		Settings: s, shown: identity.NewCacheKeeping(cachedChains, contract.MaxNamed), memory: envelope.NewMemory(cachedParts), shares: cached,
	}, err
}

// Close clears what is kept opened.
func (g *Guard) Close() { g.shares.close() }

// Chain gives the custody identity's documents, first to newest; none before enrolment.
func (g *Guard) Chain() [][]byte {
	g.mu.RLock()
	defer g.mu.RUnlock()
	if g.self == nil {
		return nil
	}
	return g.self.Identity().Blocks()
}

// keyring is the custody identity's secret half.
func (g *Guard) keyring() (*identity.Keyring, error) {
	g.mu.RLock()
	defer g.mu.RUnlock()
	if g.self == nil {
		return nil, fault.New(fault.Unavailable, "this plugin instance has no custody identity: enrol it first")
	}
	return g.self, nil
}
