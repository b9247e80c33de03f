package rest

import (
	"context"
	"encoding/hex"
	"net/http"
	"slices"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/milagro-dta/dta/crypto/mpin"
	"github.com/milagro-dta/dta/host/principal"
	"github.com/milagro-dta/dta/host/records"
	"github.com/milagro-dta/dta/host/registrar"
	"github.com/milagro-dta/dta/protocol/dag"
	"github.com/milagro-dta/dta/protocol/fault"
	"github.com/milagro-dta/dta/protocol/order"
)

// NetworkRequest is the body of POST /v1/network.
type NetworkRequest struct {
	Name          string        `json:"name"`
	Suite         string        `json:"suite"`       // "" is dta-v1
	Fiduciaries   []string      `json:"fiduciaries"` // peer names or identities, "/instance" after one that offers several
	Permits       *bool         `json:"permits"`     // absent: true
	MaxPermitDays uint64        `json:"maxPermitDays"`
	Authority     []NetworkRule `json:"authority"`
	Publish       string        `json:"publish"`
}

// NetworkRule says whose signatures one kind of request needs.
type NetworkRule struct {
	Kind      string   `json:"kind"`
	Names     []string `json:"names"` // identities; in a request also names of peers, or "self"
	Threshold uint64   `json:"threshold"`
}

// NetworkAnswer describes a network. Charter is there once all D-TAs have accepted.
type NetworkAnswer struct {
	Reference     string          `json:"reference"`
	OrderCID      string          `json:"orderCID"`
	TermsCID      string          `json:"termsCID"`
	Name          string          `json:"name"`
	Suite         string          `json:"suite"`
	State         string          `json:"state"`
	Registrar     string          `json:"registrar"`
	Permits       bool            `json:"permits"`
	Revocable     bool            `json:"revocable"`
	Notice        string          `json:"notice,omitempty"`
	MaxPermitDays uint64          `json:"maxPermitDays,omitempty"`
	Authority     []NetworkRule   `json:"authority"`
	Members       []NetworkMember `json:"members"`
	CreatedAt     int64           `json:"createdAt"` // unix seconds
	Charter       []byte          `json:"charter,omitempty"`
}

// NetworkMember is one D-TA.
type NetworkMember struct {
	Index        int    `json:"index"`
	Peer         string `json:"peer,omitempty"` // as this node's operator calls it
	Node         string `json:"node"`
	Custody      string `json:"custody"`
	State        string `json:"state"`                // ordered or accepted
	Commitment   string `json:"commitment,omitempty"` // s_i·P, 48 bytes in hex
	Type         string `json:"type,omitempty"`       // of the plugin, as its receipt says
	Scheme       string `json:"scheme,omitempty"`
	Mode         string `json:"mode,omitempty"`
	HostEnforced bool   `json:"hostEnforced,omitempty"`
}

// cannotRevoke is what a network without permits says when it is made, and ever after.
const cannotRevoke = "This network has no permits: whoever was enrolled can log in for as long as the network lasts. Nobody can be revoked."

func (s *Services) createNetwork(c echo.Context) error {
	var req NetworkRequest
	text, err := readKept(c, &req)
	if err != nil {
		return err
	}
	ctx := c.Request().Context()
	in := principal.NetworkRequest{Publish: order.Publish(req.Publish)}
	for i, name := range req.Fiduciaries {
		k := principal.ParseKeeper(name)
		if k.Fiduciary == "" {
			return fault.New(fault.Invalid, "fiduciaries[%d]: expected the name of a peer, or self; found %q", i, clip(name))
		}
		in.Keepers = append(in.Keepers, k)
	}
	if in.Terms, err = s.networkTerms(ctx, req); err != nil {
		return err
	}
	if req.Publish != "" && !slices.Contains([]order.Publish{order.PublishNone, order.PublishChain, order.PublishAll}, in.Publish) {
		return fault.New(fault.Invalid, "publish: expected none, chain or all; found %q", clip(req.Publish))
	}
	if in.Once, err = s.once(c, text); err != nil {
		return err
	}
	placed, err := s.Principal.PlaceNetwork(ctx, in)
	if err != nil {
		return err
	}
	status := http.StatusOK
	if placed.State == order.Ordered {
		status = http.StatusAccepted
	}
	return s.answerNetwork(c, status, placed.OrderCID.String())
}

// networkTerms fills in what the request leaves to defaults: a registrar that signs
// alone, but for server secrets, which take two where there are two.
func (s *Services) networkTerms(ctx context.Context, req NetworkRequest) (t order.NetworkTerms, err error) {
	t = order.NetworkTerms{Name: req.Name, Suite: req.Suite, Permits: req.Permits == nil || *req.Permits, MaxDays: req.MaxPermitDays}
	if n := len(req.Fiduciaries); n < 1 || n > order.MaxMembers {
		return t, fault.New(fault.Invalid, "fiduciaries: expected 1 to %d; found %d", order.MaxMembers, n)
	}
	if t.Suite == "" {
		t.Suite = mpin.V1.Name
	}
	if _, err := mpin.ByName(t.Suite); err != nil {
		return t, fault.New(fault.Unsupported, "suite: expected %s or %s; found %q", mpin.V1.Name, mpin.AMCL.Name, clip(t.Suite))
	}
	if t.Permits && t.MaxDays == 0 {
		t.MaxDays = order.MaxPermitDays
	}
	self := s.Records.Self().Name
	rules := make(map[order.IssueKind]order.Rule)
	everybody := []dag.CID{self}
	for i, r := range req.Authority {
		kind := order.IssueKind(r.Kind)
		if _, twice := rules[kind]; twice || !slices.Contains(order.IssueKinds(), kind) {
			return t, fault.New(fault.Invalid, "authority[%d]: expected at most one rule for each of %q; found %q", i, order.IssueKinds(), clip(r.Kind))
		}
		rule := order.Rule{Kind: kind, Threshold: r.Threshold}
		for _, name := range r.Names {
			id, err := s.party(ctx, "authority", name)
			if err != nil {
				return t, err
			}
			if !id.Defined() {
				return t, fault.New(fault.Invalid, "authority[%d]: expected the name of a peer, an identity, or self; it is empty", i)
			}
			rule.Names = append(rule.Names, id)
		}
		rule.Names = sorted(rule.Names)
		everybody = append(everybody, rule.Names...)
		rules[kind] = rule
	}
	for _, kind := range order.IssueKinds() {
		rule, given := rules[kind]
		switch {
		case given && rule.Threshold == 0:
			rule.Threshold = uint64(len(rule.Names))
		case !given && kind == order.ServerSecret:
			rule = order.Rule{Kind: kind, Names: sorted(everybody)}
			rule.Threshold = uint64(min(2, len(rule.Names)))
		case !given:
			rule = order.Rule{Kind: kind, Names: []dag.CID{self}, Threshold: 1}
		}
		t.Authority = append(t.Authority, rule)
	}
	return t, nil
}

func sorted(names []dag.CID) []dag.CID {
	out := slices.Clone(names)
	slices.SortFunc(out, dag.CID.Compare)
	return slices.Compact(out)
}

func (s *Services) showNetwork(c echo.Context) error {
	if err := reference(c.Param("reference")); err != nil {
		return err
	}
	return s.answerNetwork(c, http.StatusOK, c.Param("reference"))
}

func (s *Services) answerNetwork(c echo.Context, status int, ref string) error {
	ctx := c.Request().Context()
	found, err := s.Registrar.Find(ctx, ref)
	if err != nil {
		return err
	}
	out, err := s.describeNetwork(ctx, found)
	if err != nil {
		return err
	}
	if out.State == string(order.Accepted) {
		n, err := s.Registrar.Network(ctx, found)
		if err != nil {
			return err
		}
		if out.Charter, err = n.Charter(); err != nil {
			return err
		}
	}
	return c.JSON(status, out)
}

func (s *Services) describeNetwork(ctx context.Context, f *registrar.Found) (*NetworkAnswer, error) {
	terms, n := f.Order.Terms(), networkOf(f)
	out := &NetworkAnswer{
		Reference: f.Reference, OrderCID: f.Order.CID().String(), TermsCID: f.Order.TermsCID().String(), Name: n.Name, Suite: n.Suite,
		State: string(order.Ordered), Registrar: terms.Principal.String(), Permits: n.Permits, Revocable: n.Permits, MaxPermitDays: n.MaxDays,
		Authority: []NetworkRule{}, Members: []NetworkMember{}, CreatedAt: time.UnixMilli(f.Created).Unix(),
	}
	if !n.Permits {
		out.Notice = cannotRevoke
	}
	for _, r := range n.Authority {
		rule := NetworkRule{Kind: string(r.Kind), Names: []string{}, Threshold: r.Threshold}
		for _, name := range r.Names {
			rule.Names = append(rule.Names, name.String())
		}
		out.Authority = append(out.Authority, rule)
	}
	for i, member := range terms.Fiduciaries {
		m := NetworkMember{Index: i, Node: member.Node.Name.String(), Custody: member.Custody.Name.String(), State: string(order.Ordered)}
		if p, ok := s.Records.Directory.PeerOf(member.Node.Name); ok {
			m.Peer = p.Alias
		}
		if a := f.Acceptances[i]; a != nil {
			receipt := a.Receipt()
			m.State, m.Commitment = string(order.Accepted), hex.EncodeToString(a.Commitment())
			m.Type, m.Scheme, m.Mode, m.HostEnforced = receipt.Type, receipt.Scheme, string(receipt.Mode), receipt.HostEnforced
		}
		out.Members = append(out.Members, m)
	}
	// A D-TA's refusal ends the order at the registrar.
	row, err := s.Records.Row(ctx, principal.Role, records.Key(f.Order))
	switch {
	case err == nil && row.State == string(order.Failed):
		out.State, out.Notice = row.State, row.Reason
	case err != nil && fault.Of(err) != fault.NotFound:
		return nil, err
	case f.Complete():
		out.State = string(order.Accepted)
	}
	return out, nil
}

func networkOf(f *registrar.Found) *order.NetworkTerms {
	n, ok := f.Order.Network()
	if !ok {
		return &order.NetworkTerms{}
	}
	return n
}

// NetworkList is the answer to GET /v1/network.
type NetworkList struct {
	Networks []*NetworkAnswer `json:"networks"`
	Total    int              `json:"total"`
}

func (s *Services) listNetworks(c echo.Context) error {
	p, err := paging(c, MaxPage)
	if err != nil {
		return err
	}
	ctx := c.Request().Context()
	found, total, err := s.Registrar.List(ctx, p.offset, p.limit, p.descending)
	if err != nil {
		return err
	}
	out := NetworkList{Networks: []*NetworkAnswer{}, Total: total}
	for _, f := range found {
		n, err := s.describeNetwork(ctx, f)
		if err != nil {
			return err
		}
		out.Networks = append(out.Networks, n)
	}
	return c.JSON(http.StatusOK, out)
}
