package rest

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"strconv"

	"github.com/labstack/echo/v4"

	"github.com/milagro-dta/dta/crypto/secret"
	"github.com/milagro-dta/dta/host/beneficiary"
	"github.com/milagro-dta/dta/host/principal"
	"github.com/milagro-dta/dta/host/records"
	"github.com/milagro-dta/dta/host/redemption"
	"github.com/milagro-dta/dta/protocol/dag"
	"github.com/milagro-dta/dta/protocol/fault"
	"github.com/milagro-dta/dta/protocol/order"
)

// SecretRequest is the body of POST /v1/order/secret.
type SecretRequest struct {
	OrderReference           string            `json:"orderReference"`
	BeneficiaryIDDocumentCID string            `json:"beneficiaryIDDocumentCID"`
	Extension                map[string]string `json:"extension"`
}

// SecretAnswer is the answer: a given secret in base64, an ordered key in hex, in
// the form that is named.
// A principal who redeems for another gets no secret, but the release's CID.
type SecretAnswer struct {
	Secret         string `json:"secret,omitempty"`
	Commitment     string `json:"commitment"`
	OrderReference string `json:"orderReference"`
	Kind           string `json:"kind"`
	KeyType        string `json:"keyType,omitempty"` // of a key
	Form           string `json:"form,omitempty"`    // of a key: scalar or expanded
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
	once, err := s.once(c, text)
	if err != nil {
		return err
	}
	// A key that came with another request is refused, whatever this one is about.
	if err := s.Records.Seen(ctx, once); fault.Of(err) == fault.Conflict {
		return err
	}
	row, err := s.Records.Find(ctx, req.OrderReference, principal.Role, beneficiary.Role)
	if err != nil {
		return err
	}
	service, receiver, err := s.redeemer(ctx, row, req)
	if err != nil {
		return err
	}
	got, err := service.Redeem(ctx, row.Key(), receiver, once)
	if err != nil {
		return err
	}
	defer got.Material.Clear()
	out := SecretAnswer{
		OrderReference: got.Reference, Kind: string(got.What), ReleaseCID: got.Release.String(),
	}
	if got.KeyType != nil {
		out.KeyType, out.Form = got.KeyType.Name(), string(got.KeyType.Form())
	}
	out.Commitment = commitment(out.KeyType, got.Commitment)
	return writeSecret(c, out, got)
}

// redeemer finds the role in which this node may redeem an order, and for whom.
func (s *Services) redeemer(ctx context.Context, row records.Row, req SecretRequest) (*redemption.Service, dag.CID, error) {
	named, err := s.party(ctx, "beneficiaryIDDocumentCID", req.BeneficiaryIDDocumentCID)
	if err != nil {
		return nil, dag.CID{}, err
	}
	if row.Role != principal.Role {
		return s.Beneficiary.Service, named, nil
	}
	if !named.Defined() {
		named = row.Receiver
	}
	return s.Redeem, named, nil
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
