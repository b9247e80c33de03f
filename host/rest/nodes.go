package rest

import (
	"context"
	"net/http"

	"github.com/labstack/echo/v4"

	"github.com/milagro-dta/dta/host/records"
	"github.com/milagro-dta/dta/protocol/dag"
	"github.com/milagro-dta/dta/protocol/fault"
	"github.com/milagro-dta/dta/protocol/ipfs"
	"github.com/milagro-dta/dta/protocol/peer"
)

func (s *Services) keeps() error {
	if s.Fiduciary == nil {
		return fault.New(fault.Denied, "this node is no fiduciary: it keeps secrets for nobody")
	}
	return nil
}

// fulfil answers what another node asks of the fiduciary, as many at a time as the
// gate lets in. What is asked goes on when the caller has gone, and so does its
// place: else callers who do not wait would have any number worked on. Nor is it
// known who calls: what is not in the call is looked for in this node alone.
func fulfil[Q, A any](s *Services, ask func(context.Context, Q) (A, error)) echo.HandlerFunc {
	return func(c echo.Context) error {
		if err := s.keeps(); err != nil {
			return err
		}
		var req Q
		if err := read(c, &req); err != nil {
			return err
		}
		leave, err := s.gate.enter(c.Request().Context())
		if err != nil {
			return err
		}
		defer leave()
		answer, err := ask(ipfs.Nowhere(context.WithoutCancel(c.Request().Context())), req)
		if err != nil {
			return err
		}
		return c.JSON(http.StatusOK, answer)
	}
}

func (s *Services) fulfillOrder(ctx context.Context, req peer.FulfillOrder) (peer.FulfilledOrder, error) {
	return s.Fiduciary.FulfillOrder(ctx, req)
}

func (s *Services) fulfillSecret(ctx context.Context, req peer.FulfillSecret) (peer.FulfilledSecret, error) {
	return s.Fiduciary.FulfillSecret(ctx, req)
}

func (s *Services) fulfillRequest(ctx context.Context, req peer.FulfillRequest) (peer.FulfilledRequest, error) {
	return s.Fiduciary.FulfillRequest(ctx, req)
}

func (s *Services) fulfillRevocation(ctx context.Context, req peer.FulfillRevocation) (struct{}, error) {
	return struct{}{}, s.Fiduciary.FulfillRevocation(ctx, req)
}

// notice takes in news for the roles that this node plays in the order.
func (s *Services) notice(c echo.Context) error {
	ctx := c.Request().Context()
	var req peer.Notice
	if err := read(c, &req); err != nil {
		return err
	}
	leave, err := s.gate.enter(ctx)
	if err != nil {
		return err
	}
	defer leave()
	news, err := s.Records.Verify(ipfs.Nowhere(ctx), req)
	if err != nil {
		return err
	}
	ref := records.Key(news.Order)
	placed := news.Order.Principal().Name == s.Records.Self().Name
	if placed {
		if err := s.Registrar.Notice(ctx, ref, news); err != nil {
			return err
		}
		if err := s.Principal.Notice(ctx, ref, news); err != nil {
			return err
		}
	} else if err := s.Beneficiary.Notice(ctx, ref, news); err != nil {
		return err
	}
	return c.JSON(http.StatusOK, struct{}{})
}

// consistency proves to whoever has a checkpoint of this node's audit log that the
// log has only grown until then. It tells nothing else.
func (s *Services) consistency(c echo.Context) error {
	ctx := c.Request().Context()
	var req peer.Consistency
	if err := read(c, &req); err != nil {
		return err
	}
	leave, err := s.gate.enter(ctx)
	if err != nil {
		return err
	}
	defer leave()
	proof, err := s.Records.Consistency(ctx, req)
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, proof)
}

func (s *Services) custody(c echo.Context) error {
	if s.Fiduciary == nil {
		return c.JSON(http.StatusOK, peer.Custody{Offers: []peer.Offer{}})
	}
	answer, err := s.Fiduciary.Custody(c.Request().Context())
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, answer)
}

func (s *Services) ownIdentity(c echo.Context) error {
	self := s.Records.Self()
	return s.identityOf(c, self.Name, self.Document)
}

// takeDocuments keeps chains of documents in memory for the calls that will name
// them. Whoever brings them pays with verification as all others do, and gets
// nothing onto the disk.
func (s *Services) takeDocuments(c echo.Context) error {
	var req peer.ShowDocuments
	if err := read(c, &req); err != nil {
		return err
	}
	leave, err := s.gate.enter(c.Request().Context())
	if err != nil {
		return err
	}
	defer leave()
	if err := s.Records.Directory.Keep(req.Blocks); err != nil {
		return err
	}
	return c.JSON(http.StatusOK, struct{}{})
}

// identity shows an identity that this node has met.
func (s *Services) identity(c echo.Context) error {
	name, err := dag.Parse(c.Param("name"))
	if err != nil {
		return fault.New(fault.Invalid, "identity: expected a CID; found %q", clip(c.Param("name")))
	}
	newest, err := s.Records.Newest(c.Request().Context(), name)
	if err != nil {
		return err
	}
	return s.identityOf(c, name, newest)
}

func (s *Services) identityOf(c echo.Context, name, document dag.CID) error {
	id, err := s.Records.Directory.Identity(c.Request().Context(), name, document, peer.Bag{})
	if err != nil {
		return err
	}
	out := peer.Identity{
		IDDocumentCID: id.Name.String(), Document: id.Document.String(),
		AuthenticationReference: id.Doc.Reference, Kind: string(id.Doc.Kind), Blocks: peer.NewBag(id.Blocks()...),
	}
	for _, d := range id.Documents() {
		out.Documents = append(out.Documents, d.String())
	}
	return c.JSON(http.StatusOK, out)
}
