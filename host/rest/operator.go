package rest

import (
	"context"
	"net/http"
	"strconv"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/milagro-dta/dta/host/operator"
	"github.com/milagro-dta/dta/protocol/dag"
	"github.com/milagro-dta/dta/protocol/fault"
)

// operate shows the operator's API, which only the owner of the data directory
// reaches.
func (s *Services) operate(g *echo.Group) {
	g.GET("/status", func(c echo.Context) error { return c.JSON(http.StatusOK, s.report(true)) })
	g.GET("/identity", func(c echo.Context) error { return c.JSON(http.StatusOK, s.Describe()) })
	g.POST("/plugin/enrol", s.enrol)
	g.POST("/plugin/restart", restart(s.RenewPlugin))
	g.POST("/plugin/take-over", s.takeOver)
	g.GET("/audit", s.auditList)
	g.GET("/audit/checkpoint", s.auditCheckpoint)
	g.POST("/audit/verify", s.auditVerify)
	g.GET("/audit/evidence", s.auditEvidence)
	g.POST("/store/verify", s.storeVerify)
	g.GET("/clock", func(c echo.Context) error { return c.JSON(http.StatusOK, s.Clock.Show()) })
	g.POST("/clock/reset", s.clockReset)
}

func (s *Services) enrol(c echo.Context) error {
	var req operator.Instance
	if err := read(c, &req); err != nil {
		return err
	}
	i, err := s.Custody.Instance(req.Name)
	if err != nil {
		return err
	}
	id, err := i.Enrol(c.Request().Context())
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, operator.Identity{
		Name: id.Name.String(), Document: id.Document.String(), Reference: id.Doc.Reference, Kind: string(id.Doc.Kind),
	})
}

func (s *Services) takeOver(c echo.Context) error {
	var req operator.Instance
	if err := read(c, &req); err != nil {
		return err
	}
	i, err := s.Custody.Instance(req.Name)
	if err != nil {
		return err
	}
	from, err := i.TakeOver(c.Request().Context())
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, operator.TakenOver{Name: req.Name, From: from})
}

// renewTime bounds the wait for a plugin that is restarted: the operator is to get an answer.
const renewTime = answerTime - 15*time.Second

func restart(renew func(context.Context, string) error) echo.HandlerFunc {
	return func(c echo.Context) error {
		var req operator.Instance
		if err := read(c, &req); err != nil {
			return err
		}
		ctx, cancel := context.WithTimeout(c.Request().Context(), renewTime)
		defer cancel()
		if err := renew(ctx, req.Name); err != nil {
			return err
		}
		return c.JSON(http.StatusOK, struct{}{})
	}
}

// MaxAuditPage bounds the entries of one page.
const MaxAuditPage = 1000

func (s *Services) auditList(c echo.Context) error {
	from, err := strconv.ParseInt(c.QueryParam("from"), 10, 64)
	if err != nil || from < 0 {
		return fault.New(fault.Invalid, "from: expected a number from 0; found %q", clip(c.QueryParam("from")))
	}
	n, err := number(c, "n", 1, MaxAuditPage, 100)
	if err != nil {
		return err
	}
	page, err := s.Ledger.List(c.Request().Context(), from, n)
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, page)
}

func (s *Services) auditCheckpoint(c echo.Context) error {
	note, err := s.Ledger.Checkpoint()
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, note)
}

func (s *Services) auditVerify(c echo.Context) error {
	var req operator.VerifyRequest
	if err := read(c, &req); err != nil {
		return err
	}
	got, err := s.Ledger.Verify(c.Request().Context(), req.Against)
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, got)
}

func (s *Services) auditEvidence(c echo.Context) error {
	peer, err := dag.Parse(c.QueryParam("peer"))
	if err != nil {
		return fault.New(fault.Invalid, "peer: expected an identity: %w", err)
	}
	got, err := s.Ledger.Evidence(c.Request().Context(), peer.String())
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, got)
}

// storeVerify takes as long as it takes: the listener's limit on an answer is not for
// it.
func (s *Services) storeVerify(c echo.Context) error {
	if err := http.NewResponseController(c.Response()).SetWriteDeadline(time.Time{}); err != nil {
		return err
	}
	report, err := s.VerifyStore(c.Request().Context())
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, report)
}

func (s *Services) clockReset(c echo.Context) error {
	shown, err := s.Clock.Reset(c.Request().Context())
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, shown)
}
