package rest

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/milagro-dta/dta/crypto/secp"
	"github.com/milagro-dta/dta/crypto/secret"
	"github.com/milagro-dta/dta/host/beneficiary"
	"github.com/milagro-dta/dta/host/fiduciary"
	"github.com/milagro-dta/dta/host/principal"
	"github.com/milagro-dta/dta/host/records"
	"github.com/milagro-dta/dta/host/redemption"
	"github.com/milagro-dta/dta/protocol/dag"
	"github.com/milagro-dta/dta/protocol/envelope"
	"github.com/milagro-dta/dta/protocol/fault"
	"github.com/milagro-dta/dta/protocol/order"
)

// OrderRequest is the body of POST /v1/order.
type OrderRequest struct {
	BeneficiaryIDDocumentCID string            `json:"beneficiaryIDDocumentCID"` // "" is the principal itself
	Extension                map[string]string `json:"extension"`
	Secret                   Material          `json:"secret,omitempty"` // base64; absent: the fiduciary makes a key
	Fiduciary                string            `json:"fiduciary"`        // peer name or identity
	Custody                  string            `json:"custody"`          // instance
	Publish                  string            `json:"publish"`          // none, chain or all
}

// OrderAnswer is the answer to POST /v1/order.
type OrderAnswer struct {
	OrderReference string            `json:"orderReference"`
	Commitment     string            `json:"commitment,omitempty"`
	CreatedAt      int64             `json:"createdAt"` // unix seconds
	Extension      map[string]string `json:"extension,omitempty"`
	Kind           string            `json:"kind"` // secret or key
	State          string            `json:"state"`
	OrderCID       string            `json:"orderCID"`
}

func (s *Services) placeOrder(c echo.Context) error {
	var req OrderRequest
	text, err := readKept(c, &req)
	defer secret.Clear(text)
	defer secret.Clear(req.Secret)
	if err != nil {
		return err
	}
	in := principal.Request{Keepers: []principal.Keeper{{Fiduciary: req.Fiduciary, Custody: req.Custody}}, Publish: order.Publish(req.Publish)}
	if len(req.Extension) > 0 {
		return fault.New(fault.Unsupported, "extension: no custody plugin of this node reads one")
	}
	if req.Publish != "" && !slices.Contains([]order.Publish{order.PublishNone, order.PublishChain, order.PublishAll}, in.Publish) {
		return fault.New(fault.Invalid, "publish: expected none, chain or all; found %q", req.Publish)
	}
	if req.Secret != nil {
		if len(req.Secret) == 0 || len(req.Secret) > order.MaxSecret {
			return fault.New(fault.Invalid, "secret: expected 1 to %d bytes; found %d", order.MaxSecret, len(req.Secret))
		}
		in.Secret = secret.Copy(req.Secret)
		defer in.Secret.Clear()
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
		OrderReference: placed.Reference, Commitment: commitment(placed.What, placed.Commitment),
		CreatedAt: placed.Created.Unix(), Kind: string(placed.What), State: string(placed.State), OrderCID: placed.OrderCID.String(),
	})
}

// commitment in hex: a key's as the uncompressed point, as the original had it.
func commitment(what order.What, c []byte) string {
	if what == order.Key {
		if full, err := secp.Uncompressed(c); err == nil {
			c = full
		}
	}
	return hex.EncodeToString(c)
}

// SecretRequest is the body of POST /v1/order/secret.
type SecretRequest struct {
	OrderReference           string            `json:"orderReference"`
	BeneficiaryIDDocumentCID string            `json:"beneficiaryIDDocumentCID"`
	Extension                map[string]string `json:"extension"`
}

// SecretAnswer is the answer: a given secret in base64, an ordered key in hex.
// A principal who redeems for another gets no secret, but the release's CID.
type SecretAnswer struct {
	Secret         string `json:"secret,omitempty"`
	Commitment     string `json:"commitment"`
	OrderReference string `json:"orderReference"`
	Kind           string `json:"kind"`
	ReleaseCID     string `json:"releaseCID"`
}

func (s *Services) redeem(c echo.Context) error {
	ctx := c.Request().Context()
	var req SecretRequest
	text, err := readKept(c, &req)
	defer secret.Clear(text)
	if err != nil {
		return err
	}
	if err := reference(req.OrderReference); err != nil {
		return err
	}
	service, receiver, err := s.redeemer(ctx, req)
	if err != nil {
		return err
	}
	once, err := s.once(c, text)
	if err != nil {
		return err
	}
	got, err := service.Redeem(ctx, req.OrderReference, receiver, once)
	if err != nil {
		return err
	}
	defer got.Material.Clear()
	out := SecretAnswer{
		Commitment: commitment(got.What, got.Commitment), OrderReference: got.Reference,
		Kind: string(got.What), ReleaseCID: got.Release.String(),
	}
	return writeSecret(c, out, got)
}

// writeSecret puts the secret into the answer last, in a buffer that is cleared
// once it is sent.
func writeSecret(c echo.Context, out SecretAnswer, got redemption.Secret) error {
	text, err := json.Marshal(out)
	if err != nil {
		return err
	}
	if got.Material != nil {
		body := make([]byte, 0, len(text)+16+2*got.Material.Len())
		body = append(body, `{"secret":"`...)
		if got.What == order.Key {
			body = hex.AppendEncode(body, got.Material.Open())
		} else {
			body = appendBase64(body, got.Material.Open())
		}
		body = append(body, `",`...)
		text = append(body, text[1:]...)
		defer secret.Clear(text)
	}
	c.Response().Header().Set(echo.HeaderContentType, "application/json")
	c.Response().Header().Set(echo.HeaderContentLength, strconv.Itoa(len(text)))
	c.Response().WriteHeader(http.StatusOK)
	_, err = c.Response().Write(text)
	return err
}

// redeemer finds the role in which this node may redeem an order, and for whom.
func (s *Services) redeemer(ctx context.Context, req SecretRequest) (*redemption.Service, dag.CID, error) {
	named, err := s.party(ctx, "beneficiaryIDDocumentCID", req.BeneficiaryIDDocumentCID)
	if err != nil {
		return nil, dag.CID{}, err
	}
	row, err := s.Records.Row(ctx, principal.Role, req.OrderReference)
	if err == nil {
		if !named.Defined() {
			named = row.Receiver
		}
		return s.Redeem, named, nil
	}
	if fault.Of(err) != fault.NotFound {
		return nil, dag.CID{}, err
	}
	return s.Beneficiary.Service, named, nil
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
	State          string `json:"state"`
	CreatedAt      int64  `json:"createdAt"` // unix seconds
}

// MaxPage bounds perPage.
const MaxPage = 500

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
			OrderReference: r.Reference, Role: r.Role, Kind: r.What, State: r.State,
			CreatedAt: time.UnixMilli(r.Created).Unix(),
		})
	}
	return c.JSON(http.StatusOK, out)
}

// page is what part of a list is asked for.
type page struct {
	offset, limit int
	descending    bool
}

// paging reads page, perPage and sortBy. A misspelt one is refused: a script that
// asks for the next page would get the first for ever.
func paging(c echo.Context, most int) (p page, err error) {
	query, err := url.ParseQuery(c.Request().URL.RawQuery)
	if err != nil {
		return p, fault.New(fault.Invalid, "query: expected page, perPage and sortBy: %w", err)
	}
	for name, values := range query {
		if name != "page" && name != "perPage" && name != "sortBy" {
			return p, fault.New(fault.Invalid, "query: expected page, perPage and sortBy; found %q", clip(name))
		}
		if len(values) > 1 {
			return p, fault.New(fault.Invalid, "%s: expected it once; found %d", name, len(values))
		}
	}
	at, err := number(c, "page", 0, 1<<20, 0)
	if err != nil {
		return p, err
	}
	if p.limit, err = number(c, "perPage", 1, most, 10); err != nil {
		return p, err
	}
	p.offset = at * p.limit
	p.descending, err = sorting(c.QueryParam("sortBy"))
	return p, err
}

func number(c echo.Context, name string, least, most, otherwise int) (int, error) {
	text := c.QueryParam(name)
	if text == "" {
		return otherwise, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < least || n > most {
		return 0, fault.New(fault.Invalid, "%s: expected a number from %d to %d; found %q", name, least, most, text)
	}
	return n, nil
}

// sorting reads sortBy; the original's scripts and its documentation spell the
// descending one differently.
func sorting(by string) (descending bool, err error) {
	switch by {
	case "", "dateCreatedDsc", "dateCreatedDesc":
		return true, nil
	case "dateCreatedAsc":
		return false, nil
	}
	return false, fault.New(fault.Invalid, "sortBy: expected dateCreatedAsc or dateCreatedDsc; found %q", by)
}

// ShownOrder is the answer to GET /v1/order/{reference}: the chain and its
// state, never a secret. Order is the same as text, where the original's
// clients look for it.
type ShownOrder struct {
	OrderCID       string     `json:"orderCID"`
	Order          string     `json:"order"`
	OrderReference string     `json:"orderReference"`
	Timestamp      int64      `json:"timestamp"`
	Kind           string     `json:"kind"`
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
	row, err := s.anyRow(ctx, ref)
	if err != nil {
		return err
	}
	out := ShownOrder{
		OrderCID: row.CID.String(), OrderReference: ref, Timestamp: time.UnixMilli(row.Created).Unix(), Kind: row.What, State: row.State,
		Reason: row.Reason, Role: row.Role, Publish: row.Publish, Commitment: commitment(order.What(row.What), row.Commitment),
		Chain: []ShownLog{},
	}
	links, err := s.Records.Envelopes(ctx, ref)
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

// anyRow finds an order in whatever role this node has it.
func (s *Services) anyRow(ctx context.Context, ref string) (row records.Row, err error) {
	for _, role := range []string{principal.Role, beneficiary.Role, fiduciary.Role} {
		if row, err = s.Records.Row(ctx, role, ref); fault.Of(err) != fault.NotFound {
			return row, err
		}
	}
	return row, fault.New(fault.NotFound, "order %s: this node knows none of that reference", ref)
}

// reference refuses what cannot be an order's reference.
func reference(ref string) error {
	if len(ref) != 2*order.ReferenceSize {
		return fault.New(fault.Invalid, "order reference: expected %d lower-case hex digits; found %d characters", 2*order.ReferenceSize, len(ref))
	}
	if i := strings.IndexFunc(ref, func(r rune) bool { return !strings.ContainsRune("0123456789abcdef", r) }); i >= 0 {
		return fault.New(fault.Invalid, "order reference: expected %d lower-case hex digits; found another character at position %d", 2*order.ReferenceSize, i+1)
	}
	return nil
}
