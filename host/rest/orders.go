package rest

import (
	"encoding/hex"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/milagro-dta/dta/crypto/keytype"
	"github.com/milagro-dta/dta/crypto/secret"
	"github.com/milagro-dta/dta/host/beneficiary"
	"github.com/milagro-dta/dta/host/fiduciary"
	"github.com/milagro-dta/dta/host/principal"
	"github.com/milagro-dta/dta/protocol/dag"
	"github.com/milagro-dta/dta/protocol/envelope"
	"github.com/milagro-dta/dta/protocol/fault"
	"github.com/milagro-dta/dta/protocol/order"
)

// OrderRequest is the body of POST /v1/order.
type OrderRequest struct {
	BeneficiaryIDDocumentCID string            `json:"beneficiaryIDDocumentCID"` // "" is the principal itself
	Extension                map[string]string `json:"extension"`
	Secret                   Material          `json:"secret,omitzero"`   // base64; absent: the fiduciary makes a key
	Fiduciary                string            `json:"fiduciary"`         // peer name or identity
	Custody                  string            `json:"custody"`           // instance
	KeyType                  string            `json:"keyType,omitempty"` // of the key to make; "" is secp256k1
	Publish                  string            `json:"publish"`           // none, chain or all
	OwnKey                   bool              `json:"ownKey,omitempty"`  // keep it under a key made for it alone
}

// OrderAnswer is the answer to POST /v1/order.
type OrderAnswer struct {
	OrderReference string            `json:"orderReference"`
	Commitment     string            `json:"commitment,omitempty"`
	CreatedAt      int64             `json:"createdAt"` // unix seconds
	Extension      map[string]string `json:"extension,omitempty"`
	Kind           string            `json:"kind"`              // secret or key
	KeyType        string            `json:"keyType,omitempty"` // of a key
	State          string            `json:"state"`
	OrderCID       string            `json:"orderCID"`
}

func (s *Services) placeOrder(c echo.Context) error {
	var req OrderRequest
	text, err := readKept(c, &req)
	defer secret.Clear(text)
	in := principal.Request{
		Keepers: []principal.Keeper{{Fiduciary: req.Fiduciary, Custody: req.Custody}}, Publish: order.Publish(req.Publish),
		Secret: req.Secret.Bytes(), OwnKey: req.OwnKey,
	}
	defer in.Secret.Clear()
	if err != nil {
		return err
	}
	if len(req.Extension) > 0 {
		return fault.New(fault.Unsupported, "extension: no custody plugin of this node reads one")
	}
	if req.Publish != "" && !slices.Contains([]order.Publish{order.PublishNone, order.PublishChain, order.PublishAll}, in.Publish) {
		return fault.New(fault.Invalid, "publish: expected none, chain or all; found %q", req.Publish)
	}
	if n := in.Secret.Len(); in.Secret != nil && (n == 0 || n > order.MaxSecret) {
		return fault.New(fault.Invalid, "secret: expected 1 to %d bytes; found %d", order.MaxSecret, n)
	}
	if in.KeyType, err = keyType(req.KeyType, in.Secret); err != nil {
		return err
	}
	if in.Beneficiary, err = s.party(c.Request().Context(), "beneficiaryIDDocumentCID", req.BeneficiaryIDDocumentCID); err != nil {
		return err
	}
	if in.Once, err = s.once(c, text); err != nil {
		return err
	}
	placed, err := s.Principal.Place(c.Request().Context(), in)
	if err != nil {
		return err
	}
	status := http.StatusOK
	if placed.State == order.Ordered {
		status = http.StatusAccepted
	}
	return c.JSON(status, OrderAnswer{
		OrderReference: placed.Reference, Commitment: commitment(placed.KeyType, placed.Commitment),
		CreatedAt: placed.Created.Unix(), Kind: string(placed.What), KeyType: placed.KeyType, State: string(placed.State), OrderCID: placed.OrderCID.String(),
	})
}

// keyType finds the type of the key that is asked for, nil where none is named.
func keyType(name string, given *secret.Bytes) (keytype.Type, error) {
	if name == "" {
		return nil, nil
	}
	if given != nil {
		return nil, fault.New(fault.Invalid, "keyType: expected none beside a secret, found %.40q", name)
	}
	t, err := keytype.ByName(name)
	if err != nil {
		return nil, fault.New(fault.Unsupported, "keyType: %w", err)
	}
	return t, nil
}

// commitment in hex: a key's as people are shown those of its type.
func commitment(keyType string, c []byte) string {
	if t, err := keytype.ByName(keyType); err == nil {
		c = t.Shown(c)
	}
	return hex.EncodeToString(c)
}

// OrderList is the answer to GET /v1/order.
type OrderList struct {
	OrderReference []string    `json:"orderReference"`
	Orders         []OrderLine `json:"orders"`
	Total          int         `json:"total"`
}

// OrderLine is one order of a list.
type OrderLine struct {
	OrderReference string `json:"orderReference"`
	Role           string `json:"role"` // principal or beneficiary
	Kind           string `json:"kind"`
	KeyType        string `json:"keyType,omitempty"` // of a key
	State          string `json:"state"`
	CreatedAt      int64  `json:"createdAt"` // unix seconds
}

func (s *Services) listOrders(c echo.Context) error {
	p, err := paging(c, MaxPage)
	if err != nil {
		return err
	}
	rows, total, err := s.Records.List(c.Request().Context(), []string{principal.Role, beneficiary.Role}, p.offset, p.limit, p.descending)
	if err != nil {
		return err
	}
	out := OrderList{OrderReference: []string{}, Orders: []OrderLine{}, Total: total}
	for _, r := range rows {
		out.OrderReference = append(out.OrderReference, r.Reference)
		out.Orders = append(out.Orders, OrderLine{
			OrderReference: r.Reference, Role: r.Role, Kind: r.What, KeyType: r.KeyType, State: r.State,
			CreatedAt: time.UnixMilli(r.Created).Unix(),
		})
	}
	return c.JSON(http.StatusOK, out)
}

// ShownOrder is the answer to GET /v1/order/{reference}, which may be the order's CID: the chain and its
// state, never a secret. Order is the same as text, where the original's
// clients look for it.
type ShownOrder struct {
	OrderCID       string     `json:"orderCID"`
	Order          string     `json:"order"`
	OrderReference string     `json:"orderReference"`
	Timestamp      int64      `json:"timestamp"`
	Kind           string     `json:"kind"`
	KeyType        string     `json:"keyType,omitempty"` // of a key
	State          string     `json:"state"`
	Reason         string     `json:"reason,omitempty"`
	Role           string     `json:"role"`
	Commitment     string     `json:"commitment,omitempty"`
	Publish        string     `json:"publish"`
	Chain          []ShownLog `json:"chain"`
}

// ShownLog is one envelope of an order's chain.
type ShownLog struct {
	Kind       string   `json:"kind"`
	CID        string   `json:"cid"`
	Signer     string   `json:"signer"`
	Recipients []string `json:"recipients"`
	Previous   []string `json:"previous"`
	Time       int64    `json:"time"` // unix milliseconds, the signer's
	Expires    int64    `json:"expires"`
}

func (s *Services) showOrder(c echo.Context) error {
	ctx, ref := c.Request().Context(), c.Param("reference")
	if err := reference(ref); err != nil {
		return err
	}
	row, err := s.Records.Find(ctx, ref, principal.Role, beneficiary.Role, fiduciary.Role)
	if err != nil {
		return err
	}
	out := ShownOrder{
		OrderCID: row.CID.String(), OrderReference: row.Reference, Timestamp: time.UnixMilli(row.Created).Unix(), Kind: row.What, KeyType: row.KeyType, State: row.State,
		Reason: row.Reason, Role: row.Role, Publish: row.Publish, Commitment: commitment(row.KeyType, row.Commitment),
		Chain: []ShownLog{},
	}
	links, err := s.Records.Envelopes(ctx, row.Key())
	if err != nil {
		return err
	}
	for _, l := range links {
		block, err := s.Records.Get(ctx, l.CID)
		if err != nil {
			return err
		}
		e, err := envelope.Parse(block)
		if err != nil {
			return err
		}
		shown := ShownLog{
			Kind: l.Kind, CID: l.CID.String(), Signer: e.Header.Signer.Name.String(), Recipients: []string{}, Previous: []string{},
			Time: e.Header.Time, Expires: e.Header.Expires,
		}
		for _, r := range e.Header.Recipients {
			shown.Recipients = append(shown.Recipients, r.Name.String())
		}
		for _, p := range e.Header.Previous {
			shown.Previous = append(shown.Previous, p.String())
		}
		out.Chain = append(out.Chain, shown)
	}
	text, err := json.Marshal(out)
	if err != nil {
		return err
	}
	out.Order = string(text)
	return c.JSON(http.StatusOK, out)
}

// reference refuses what can name no order: neither a reference nor a CID.
func reference(ref string) error {
	if _, err := dag.Parse(ref); err == nil {
		return nil
	}
	if len(ref) != 2*order.ReferenceSize {
		return fault.New(fault.Invalid, "order reference: expected %d lower-case hex digits, or the order's CID; found %d characters", 2*order.ReferenceSize, len(ref))
	}
	if i := strings.IndexFunc(ref, func(r rune) bool { return !strings.ContainsRune("0123456789abcdef", r) }); i >= 0 {
		return fault.New(fault.Invalid, "order reference: expected %d lower-case hex digits, or the order's CID; found another character at position %d", 2*order.ReferenceSize, i+1)
	}
	return nil
}
