package rest

import (
	"crypto/rand"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/labstack/echo/v4"

	"github.com/milagro-dta/dta/host/flight"
	"github.com/milagro-dta/dta/protocol/fault"
)

// Middleware, in the order in which a request meets it.

// fitID is a request's number that a caller may choose: it stands in the log.
var fitID = regexp.MustCompile(`^[0-9A-Za-z._-]{1,64}$`)

// numbered gives each request a number, by which an answer is found in the log.
func numbered(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		id := c.Request().Header.Get(echo.HeaderXRequestID)
		if !fitID.MatchString(id) {
			id = rand.Text()
		}
		c.Response().Header().Set(echo.HeaderXRequestID, id)
		return next(c)
	}
}

// logged writes a line per request: never a body, a query or a header.
func logged(log hclog.Logger) echo.MiddlewareFunc {
	return func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			start := time.Now()
			err := next(c)
			if err != nil {
				c.Error(err)
			}
			log.Debug("request", "method", c.Request().Method, "path", c.Path(), "status", c.Response().Status,
				"took", time.Since(start).Round(time.Microsecond), "id", c.Response().Header().Get(echo.HeaderXRequestID))
			return nil
		}
	}
}

// plain sets the headers that every answer has.
func plain(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		h := c.Response().Header()
		h.Set("Cache-Control", "no-store")
		h.Set("X-Content-Type-Options", "nosniff")
		return next(c)
	}
}

// contained turns a panic into an internal error, which the log shows with the
// place.
func contained(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		return flight.Contain(func() error { return next(c) })
	}
}

// certified refuses callers without a certificate of a principal.
func certified(wanted bool) echo.MiddlewareFunc {
	return func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			if t := c.Request().TLS; wanted && (t == nil || len(t.VerifiedChains) == 0) {
				return fault.New(fault.Unauthenticated, "this listener serves principals who show a certificate; found none")
			}
			return next(c)
		}
	}
}

// sameSite refuses what a web page elsewhere makes a browser send to a listener
// on loopback: cross-origin writes, and names that were pointed at 127.0.0.1.
func sameSite(next echo.HandlerFunc) echo.HandlerFunc {
	guard := http.NewCrossOriginProtection()
	return func(c echo.Context) error {
		r := c.Request()
		if err := guard.Check(r); err != nil {
			return fault.New(fault.Denied, "cross-origin request refused")
		}
		if local, ok := r.Context().Value(http.LocalAddrContextKey).(*net.TCPAddr); ok && local.IP.IsLoopback() {
			host := (&url.URL{Host: r.Host}).Hostname()
			if ip := net.ParseIP(host); host != "localhost" && (ip == nil || !ip.IsLoopback()) {
				return fault.New(fault.Denied, "host %q: expected a loopback address or localhost", host)
			}
		}
		return next(c)
	}
}
