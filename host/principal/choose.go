package principal

import (
	"bytes"
	"context"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/milagro-dta/dta/crypto/keytype"
	"github.com/milagro-dta/dta/crypto/secret"
	"github.com/milagro-dta/dta/host/directory"
	"github.com/milagro-dta/dta/host/flight"
	"github.com/milagro-dta/dta/host/records"
	"github.com/milagro-dta/dta/protocol/dag"
	"github.com/milagro-dta/dta/protocol/fault"
	"github.com/milagro-dta/dta/protocol/identity"
	"github.com/milagro-dta/dta/protocol/order"
)

// Keeper says who is to keep a share.
type Keeper struct {
	Fiduciary string // peer alias or identity, "self", or "" where there is but one
	Custody   string // instance or custody identity; "" where the fiduciary offers but one
}

// ParseKeeper reads "peer" or "peer/custody".
func ParseKeeper(text string) Keeper {
	alias, custody, _ := strings.Cut(text, "/")
	return Keeper{alias, custody}
}

// choose finds the keepers' offers, asking all nodes at once. Each is another node:
// two shares on one are no better kept than one.
func (s *Service) choose(ctx context.Context, keepers []Keeper, now time.Time) ([]directory.Offered, error) {
	if len(keepers) == 1 {
		one, err := s.offered(ctx, keepers[0], now)
		return []directory.Offered{one}, err
	}
	if len(keepers) < 1 || len(keepers) > order.MaxFiduciaries {
		return nil, fault.New(fault.Invalid, "fiduciaries: expected 1 to %d; found %d", order.MaxFiduciaries, len(keepers))
	}
	chosen := make([]directory.Offered, len(keepers))
	group, ctx := errgroup.WithContext(ctx)
	for i, k := range keepers {
		group.Go(func() error {
			err := flight.Contain(func() (err error) {
				chosen[i], err = s.offered(ctx, k, now)
				return err
			})
			if err != nil {
				return fault.New(fault.Of(err), "fiduciaries[%d]: %w", i, err)
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	for i, a := range chosen {
		for j, b := range chosen[:i] {
			if a.Node.Name == b.Node.Name {
				return nil, fault.New(fault.Invalid, "fiduciaries: expected another node each; %q and %q are one", keepers[j].Fiduciary, keepers[i].Fiduciary)
			}
		}
	}
	return chosen, nil
}

// offered finds the offer that a keeper means.
func (s *Service) offered(ctx context.Context, k Keeper, now time.Time) (none directory.Offered, err error) {
	alias := k.Fiduciary
	if alias == "" {
		alias = s.fallback
	}
	if alias == "" {
		return none, fault.New(fault.Invalid, "fiduciary: expected the name of a peer that keeps secrets; this node knows none or several")
	}
	p, err := s.records.Directory.Peer(alias)
	if err != nil {
		return none, err
	}
	offers, err := s.records.Directory.Offers(ctx, p, now)
	if err != nil {
		return none, err
	}
	var names []string
	var found []directory.Offered
	for _, o := range offers {
		names = append(names, o.Instance)
		if k.Custody == "" || o.Instance == k.Custody || o.Custody.Name.String() == k.Custody {
			found = append(found, o)
		}
	}
	switch {
	case len(found) == 0:
		return none, fault.New(fault.NotFound, "custody %q: peer %q offers %q under a pinned custody identity", k.Custody, p.Alias, names)
	case len(found) > 1:
		return none, fault.New(fault.Invalid, "custody: peer %q offers %q; expected the name of one", p.Alias, names)
	}
	return found[0], nil
}

// within refuses a secret beyond what an offer takes, and more fiduciaries than it
// stands beside.
func within(chosen []directory.Offered, what *secret.Bytes) error {
	for _, o := range chosen {
		if what != nil && uint64(what.Len()) > o.Body.Limits.Secret {
			return fault.New(fault.Invalid, "secret: %q takes at most %d bytes; found %d", o.Instance, o.Body.Limits.Secret, what.Len())
		}
		if uint64(len(chosen)) > o.Body.Limits.Fiduciaries {
			return fault.New(fault.Invalid, "fiduciaries: %q is one of at most %d; found %d", o.Instance, o.Body.Limits.Fiduciaries, len(chosen))
		}
	}
	return nil
}

// makes refuses a key of a type that an offer does not name.
func makes(chosen []directory.Offered, t keytype.Type) error {
	for _, o := range chosen {
		if !o.Body.MakesKey(t) {
			return fault.New(fault.Unsupported, "keyType: %q makes no %s keys", o.Instance, t.Name())
		}
	}
	return nil
}

// keepsAlone refuses custody that cannot keep an order under a key of its own.
func keepsAlone(chosen []directory.Offered) error {
	for _, o := range chosen {
		if !slices.Contains(o.Body.Abilities, order.AbilityOwnKey) {
			return fault.New(fault.Unsupported, "ownKey: %q keeps no order under a key of its own", o.Instance)
		}
	}
	return nil
}

// pin remembers the custody identity that is relied upon at first use, because the
// peer's block says so, and refuses any other of that node: under what name a host
// offers it is the host's choice.
func pin(w *records.Writer, o directory.Offered, ref string) error {
	name := "first-use/" + o.Node.Name.String()
	was, err := w.Meta(name)
	if err != nil && fault.Of(err) != fault.NotFound {
		return err
	}
	if was == nil {
		if err := w.SetMeta(name, o.Custody.Name.Bytes()); err != nil {
			return err
		}
		return w.Audit("custody.first-use", o.Custody.Name, ref, o.Offer, o.Instance)
	}
	if !bytes.Equal(was, o.Custody.Name.Bytes()) {
		return fault.New(fault.Denied, "custody %q of node %s: it shows custody identity %s, not the one accepted at first use; if it is right, pin it in the peer block", o.Instance, o.Node.Name, o.Custody.Name)
	}
	return nil
}

// receiver finds the identity of who is to get the secret back.
func (s *Service) receiver(ctx context.Context, name dag.CID) (*identity.Identity, error) {
	self := s.records.Self()
	if !name.Defined() || name == self.Name {
		return self, nil
	}
	p, ok := s.records.Directory.PeerOf(name)
	if !ok {
		return nil, fault.New(fault.NotFound, "%s: expected this node or one of its peers", name)
	}
	return s.records.Directory.NodeIdentity(ctx, p)
}
