package rest

import (
	"context"
	"net/http"

	"github.com/hashicorp/go-hclog"
	"github.com/labstack/echo/v4"

	"github.com/milagro-dta/dta/host/custody"
	"github.com/milagro-dta/dta/protocol/dag"
	"github.com/milagro-dta/dta/protocol/fault"
)

// Waiting is what a node shows of itself before it has its identity: its status,
// and to the operator its plugins. Every other call is fault.Unavailable.
type Waiting struct {
	Node        dag.CID
	Name        string
	Custody     *custody.Set
	RenewPlugin func(ctx context.Context, name string) error
	AuditSize   func() int64
	// Reason says what the node waits for; only the operator is told all.
	Reason func(operator bool) string
}

// NewWaiting makes a listener of a node that waits; Open has it serve.
func NewWaiting(w Waiting, faces Faces, log hclog.Logger) *Server {
	s := newServer(faces, log)
	s.show(w.routes(faces.Operator, log))
	return s
}

func (w Waiting) routes(operator bool, log hclog.Logger) http.Handler {
	e := newEcho(log)
	read := []string{http.MethodGet, http.MethodHead}
	e.Match(read, "/v1/status", w.status(false))
	if operator {
		room := newBudget(bodiesHeld)
		e.Match(read, "/operator/status", w.status(true))
		e.POST("/operator/plugin/restart", restart(w.RenewPlugin), limited(MaxPrincipalBody, room))
	}
	e.Any("/*", func(echo.Context) error {
		return fault.New(fault.Unavailable, "this node is not ready: %s", w.Reason(operator))
	})
	return e
}

func (w Waiting) status(operator bool) echo.HandlerFunc {
	return func(c echo.Context) error {
		out := newStatus(w.Node, w.Name, w.Custody, operator)
		out.Reason, out.AuditSize = w.Reason(operator), w.AuditSize()
		return c.JSON(http.StatusOK, out)
	}
}
