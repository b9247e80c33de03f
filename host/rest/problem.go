package rest

import (
	"errors"
	"fmt"
	"net/http"

	"github.com/hashicorp/go-hclog"
	"github.com/labstack/echo/v4"

	"github.com/milagro-dta/dta/protocol/fault"
)

// Problem is an RFC 9457 answer. Kind is the fault's kind; Error repeats the
// detail under the name that the original D-TA's clients look for. Missing lists the
// documents that a call names and that must be shown first.
type Problem struct {
	Type   string     `json:"type"`
	Title  string     `json:"title"`
	Status int        `json:"status"`
	Detail string     `json:"detail"`
	Kind   fault.Kind `json:"kind"`
	Error  string     `json:"error"`

	Missing []string `json:"missing,omitempty"`
}

// problems writes errors. The text of an internal one stays in the log.
func problems(log hclog.Logger) echo.HTTPErrorHandler {
	return func(err error, c echo.Context) {
		if c.Response().Committed {
			return
		}
		kind, status, detail := fault.Of(err), 0, fault.Public(err)
		var he *echo.HTTPError
		if errors.As(err, &he) {
			status = he.Code
			kind = fault.OfHTTP(status)
			detail = unanswered(c, status)
			if status == http.StatusRequestEntityTooLarge {
				kind = fault.Invalid
			}
		} else {
			status = kind.HTTP()
		}
		switch kind {
		case fault.Internal:
			log.Error("internal error", "path", c.Path(), "error", err, "id", c.Response().Header().Get(echo.HeaderXRequestID))
		case fault.Unavailable: // a full disk, a plugin that is down: the operator's to mend
			log.Warn("a call could not be served", "path", c.Path(), "error", err, "id", c.Response().Header().Get(echo.HeaderXRequestID))
		}
		if kind.Retryable() {
			c.Response().Header().Set("Retry-After", "1")
		}
		c.Response().Header().Set(echo.HeaderContentType, fault.ProblemType)
		p := Problem{Type: "about:blank", Title: http.StatusText(status), Status: status, Detail: detail, Kind: kind, Error: detail, Missing: fault.Missing(err)}
		if err := c.JSON(status, p); err != nil {
			log.Debug("cannot answer", "error", err)
		}
	}
}

// unanswered says what of a request this listener does not answer.
func unanswered(c echo.Context, status int) string {
	r := c.Request()
	path := clip(r.URL.Path)
	switch status {
	case http.StatusRequestEntityTooLarge:
		return "the request's body is larger than this listener takes"
	case http.StatusNotFound:
		return fmt.Sprintf("%q: this listener serves nothing there", path)
	case http.StatusMethodNotAllowed:
		return fmt.Sprintf("%q: expected one of %s; found %s", path, c.Response().Header().Get(echo.HeaderAllow), clip(r.Method))
	}
	return http.StatusText(status)
}
