package principal

import (
	"bytes"
	"context"
	"time"

	"github.com/milagro-dta/dta/host/directory"
	"github.com/milagro-dta/dta/host/records"
	"github.com/milagro-dta/dta/protocol/dag"
	"github.com/milagro-dta/dta/protocol/fault"
	"github.com/milagro-dta/dta/protocol/identity"
)

// choose finds the offers that the request means.
func (s *Service) choose(ctx context.Context, req Request, now time.Time) ([]directory.Offered, error) {
	alias := req.Fiduciary
	if alias == "" {
		alias = s.fallback
	}
	if alias == "" {
		return nil, fault.New(fault.Invalid, "fiduciary: expected the name of a peer that keeps secrets; this node knows none or several")
	}
	p, err := s.records.Directory.Peer(alias)
	if err != nil {
		return nil, err
	}
	offers, err := s.records.Directory.Offers(ctx, p, now)
	if err != nil {
		return nil, err
	}
	var names []string
	var found []directory.Offered
	for _, o := range offers {
		names = append(names, o.Instance)
		if req.Custody == "" || o.Instance == req.Custody || o.Custody.Name.String() == req.Custody {
			found = append(found, o)
		}
	}
	switch {
	case len(found) == 0:
		return nil, fault.New(fault.NotFound, "custody %q: peer %q offers %q under a pinned custody identity", req.Custody, p.Alias, names)
	case len(found) > 1:
		return nil, fault.New(fault.Invalid, "custody: peer %q offers %q; expected the name of one", p.Alias, names)
	}
	if req.Secret != nil && uint64(req.Secret.Len()) > found[0].Body.Limits.Secret {
		return nil, fault.New(fault.Invalid, "secret: %q takes at most %d bytes; found %d", found[0].Instance, found[0].Body.Limits.Secret, req.Secret.Len())
	}
	return found, nil
}

// pin remembers a custody identity that is relied upon at first use, because
// the peer's block says so, and refuses another in its place.
func pin(w *records.Writer, alias string, o directory.Offered, ref string) error {
	name := "first-use/" + alias + "/" + o.Instance
	was, err := w.Meta(name)
	if err != nil && fault.Of(err) != fault.NotFound {
		return err
	}
	if was == nil {
		if err := w.SetMeta(name, o.Custody.Name.Bytes()); err != nil {
			return err
		}
		return w.Audit("custody.first-use", o.Custody.Name, ref, o.Offer, alias+"/"+o.Instance)
	}
	if !bytes.Equal(was, o.Custody.Name.Bytes()) {
		return fault.New(fault.Denied, "custody %q of peer %q: it shows custody identity %s, not the one accepted at first use", o.Instance, alias, o.Custody.Name)
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
