// Package rest is a node's HTTP face: the principals' API, the nodes' API and
// the operator's, over echo. It turns JSON into calls of the services and their
// errors into RFC 9457 problem details; nothing is decided here.
//
// The /v1 paths and member names of the original D-TA stay, so that its clients
// work. What is new is further members and further resources of the same /v1.
package rest

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/labstack/echo/v4"

	"github.com/milagro-dta/dta/protocol/order"
	"github.com/milagro-dta/dta/protocol/peer"
)

// Limits of the listeners. A slow or idle client costs a connection for a
// bounded time, whatever it does.
const (
	MaxPrincipalBody = 1 << 20 // also the operator's; nodes have [peer.MaxBody]
	MaxIssueBody     = 3 << 20 // a request for many subjects, its approvals, a delegate's mandate
	MaxHeader        = 32 << 10
	headerTime       = 5 * time.Second
	bodyTime         = 15 * time.Second
	answerTime       = 75 * time.Second
	idleTime         = 60 * time.Second
)

// Faces says which APIs a listener shows.
type Faces struct {
	Principals, Nodes, Operator bool
	// Certified: principals show a certificate, which the listener verifies where
	// there is one.
	Certified bool
}

// Server is one listener. What it answers with may change while it listens.
type Server struct {
	http    *http.Server
	faces   Faces
	log     hclog.Logger
	handler atomic.Pointer[http.Handler]
}

// New makes a listener that serves.
func New(s Services, faces Faces, log hclog.Logger) *Server {
	server := newServer(faces, log)
	server.Open(s)
	return server
}

func newServer(faces Faces, log hclog.Logger) *Server {
	s := &Server{faces: faces, log: log}
	s.http = &http.Server{
		Handler:           http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { (*s.handler.Load()).ServeHTTP(w, r) }),
		ReadHeaderTimeout: headerTime,
		ReadTimeout:       bodyTime,
		WriteTimeout:      answerTime,
		IdleTimeout:       idleTime,
		MaxHeaderBytes:    MaxHeader,
		ErrorLog:          log.StandardLogger(&hclog.StandardLoggerOptions{ForceLevel: hclog.Debug}),
	}
	return s
}

// show answers further calls with h.
func (s *Server) show(h http.Handler) { s.handler.Store(&h) }

// Open serves further calls with the services.
func (s *Server) Open(services Services) { s.show(routes(services, s.faces, s.log)) }

// newEcho answers nothing yet, and errors as problems.
func newEcho(log hclog.Logger) *echo.Echo {
	e := echo.New()
	e.HideBanner, e.HidePort = true, true
	e.IPExtractor = echo.ExtractIPDirect()
	e.HTTPErrorHandler = problems(log)
	e.Logger.SetOutput(log.StandardWriter(&hclog.StandardLoggerOptions{}))
	e.Use(numbered, logged(log), plain, contained)
	return e
}

// routes is the handler of a listener.
func routes(s Services, faces Faces, log hclog.Logger) http.Handler {
	s.gate = newGate(nodesAtWork, nodesWaiting)
	s.queues = &queues{read: s.Courier.Status, now: time.Now}
	room := newBudget(bodiesHeld)
	e := newEcho(log)

	// Middleware is given to routes, not to the group: a group with middleware
	// answers a wrong method with 404.
	v1 := e.Group("/v1")
	read := []string{http.MethodGet, http.MethodHead}
	get := func(path string, h echo.HandlerFunc, m ...echo.MiddlewareFunc) {
		v1.Match(read, path, h, m...)
	}
	get("/status", s.status)
	if faces.Principals {
		known := certified(faces.Certified)
		guards := []echo.MiddlewareFunc{known, sameSite, limited(MaxPrincipalBody, room)}
		v1.POST("/order", s.placeOrder, guards...)
		get("/order", s.listOrders, guards...)
		get("/order/:reference", s.showOrder, guards...)
		v1.POST("/order/secret", s.redeem, guards...)
		wide := []echo.MiddlewareFunc{known, sameSite, limited(MaxIssueBody, room)}
		v1.POST("/network", s.createNetwork, guards...)
		get("/network", s.listNetworks, guards...)
		get("/network/:reference", s.showNetwork, guards...)
		for _, kind := range order.IssueKinds() {
			v1.POST("/network/:reference/"+string(kind), s.issue(kind), wide...)
		}
		v1.POST("/network/:reference/approval", s.approve, wide...)
		v1.POST("/network/:reference/delegation", s.delegate, guards...)
		v1.POST("/network/:reference/revocation", s.revoke, guards...)
		v1.POST("/network/:reference/forget", s.forget, wide...)
		v1.POST("/network/:reference/report", s.reportMember, guards...)
	}
	if faces.Nodes {
		limit := limited(peer.MaxBody, room)
		e.POST(peer.PathFulfillOrder, fulfil(&s, s.fulfillOrder), limit)
		e.POST(peer.PathFulfillSecret, fulfil(&s, s.fulfillSecret), limit)
		e.POST(peer.PathFulfillRequest, fulfil(&s, s.fulfillRequest), limit)
		e.POST(peer.PathFulfillRevocation, fulfil(&s, s.fulfillRevocation), limit)
		e.POST(peer.PathNotice, s.notice, limit)
		e.POST(peer.PathIdentity, s.takeDocuments, limit)
		e.POST(peer.PathConsistency, s.consistency, limited(MaxPrincipalBody, room))
	}
	e.Match(read, peer.PathCustody, s.custody)
	e.Match(read, peer.PathIdentity, s.ownIdentity)
	e.Match(read, peer.PathIdentity+"/:name", s.identity)
	e.Match(read, "/ipfs/*", echo.WrapHandler(s.Gateway))
	if faces.Operator {
		s.operate(e.Group("/operator", limited(MaxPrincipalBody, room)))
	}
	return e
}

// Serve answers on a listener until Shutdown.
func (s *Server) Serve(l net.Listener, t *tls.Config) error {
	if t != nil {
		l = tls.NewListener(l, t)
	}
	if err := s.http.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// Shutdown takes no more calls and waits for those under way until ctx ends.
func (s *Server) Shutdown(ctx context.Context) error {
	if err := s.http.Shutdown(ctx); err != nil {
		return s.http.Close()
	}
	return nil
}

// Handler is the listener's handler, for tests.
func (s *Server) Handler() http.Handler { return s.http.Handler }
