package rest

import (
	"context"
	"encoding/base64"
	"net/http"
	"unicode/utf8"

	"github.com/labstack/echo/v4"

	"github.com/milagro-dta/dta/config"
	"github.com/milagro-dta/dta/host/beneficiary"
	"github.com/milagro-dta/dta/host/courier"
	"github.com/milagro-dta/dta/host/custody"
	"github.com/milagro-dta/dta/host/fiduciary"
	"github.com/milagro-dta/dta/host/operator"
	"github.com/milagro-dta/dta/host/principal"
	"github.com/milagro-dta/dta/host/records"
	"github.com/milagro-dta/dta/host/redemption"
	"github.com/milagro-dta/dta/host/registrar"
	"github.com/milagro-dta/dta/host/scrub"
	"github.com/milagro-dta/dta/protocol/dag"
	"github.com/milagro-dta/dta/protocol/fault"
)

// Services are what the API calls.
type Services struct {
	Records     *records.Records
	Principal   *principal.Service
	Registrar   *registrar.Service
	Redeem      *redemption.Service // of the orders that this node placed
	Beneficiary *beneficiary.Service
	Fiduciary   *fiduciary.Service
	Custody     *custody.Set
	Courier     *courier.Courier
	Ledger      operator.Ledger
	Clock       operator.Clock
	Config      *config.Config
	Gateway     http.Handler
	Ready       func() error
	Describe    func() operator.Identity
	VerifyStore func(context.Context) (*scrub.Report, error)
	RenewPlugin func(ctx context.Context, name string) error

	gate   *gate   // of the calls of other nodes
	queues *queues // as everybody sees them
}

// party reads a member that names an identity: a CID, or the operator's alias
// of a peer; "" is undefined.
func (s *Services) party(_ context.Context, member, text string) (dag.CID, error) {
	if text == "" {
		return dag.CID{}, nil
	}
	if p, err := s.Records.Directory.Peer(text); err == nil {
		return p.Name, nil
	}
	c, err := dag.Parse(text)
	if err != nil {
		return dag.CID{}, fault.New(fault.Invalid, "%s: expected an identity's CID or the name of a peer; found %q", member, clip(text))
	}
	return c, nil
}

// clip cuts what an error repeats to about 80 bytes, between two characters.
func clip(text string) string {
	if len(text) <= 80 {
		return text
	}
	end := 80
	for end > 0 && !utf8.RuneStart(text[end]) {
		end--
	}
	return text[:end] + "…"
}

func appendBase64(dst, src []byte) []byte { return base64.StdEncoding.AppendEncode(dst, src) }

// once reads the Idempotency-Key of a request.
func (s *Services) once(c echo.Context, body []byte) (*records.Once, error) {
	key := c.Request().Header.Get("Idempotency-Key")
	if key == "" {
		return nil, nil
	}
	if len(key) > 255 {
		return nil, fault.New(fault.Invalid, "Idempotency-Key: expected at most 255 characters; found %d", len(key))
	}
	return s.Records.NewOnce(caller(c), c.Request().URL.Path, key, body), nil
}

// caller tells principals apart: by their client certificates, where they have
// them.
func caller(c echo.Context) string {
	if t := c.Request().TLS; t != nil && len(t.PeerCertificates) > 0 {
		return dag.Sum(t.PeerCertificates[0].Raw).String()
	}
	return "local"
}
