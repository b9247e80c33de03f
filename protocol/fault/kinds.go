package fault

import (
	"net/http"

	"google.golang.org/grpc/codes"
)

// table gives every kind its codes. No two kinds share a gRPC code, so that a
// kind survives a peer which drops the status details.
var table = map[Kind]struct {
	http  int
	grpc  codes.Code
	retry bool
}{
	Invalid:         {http.StatusBadRequest, codes.InvalidArgument, false},
	Unauthenticated: {http.StatusUnauthorized, codes.Unauthenticated, false},
	Denied:          {http.StatusForbidden, codes.PermissionDenied, false},
	NotFound:        {http.StatusNotFound, codes.NotFound, false},
	Gone:            {http.StatusGone, codes.DataLoss, false},
	Conflict:        {http.StatusConflict, codes.AlreadyExists, false},
	Unsupported:     {http.StatusNotImplemented, codes.Unimplemented, false},
	Busy:            {http.StatusTooManyRequests, codes.ResourceExhausted, true},
	Unavailable:     {http.StatusServiceUnavailable, codes.Unavailable, true},
	Deadline:        {http.StatusGatewayTimeout, codes.DeadlineExceeded, true},
	Internal:        {http.StatusInternalServerError, codes.Internal, false},
}

// foreign maps the gRPC codes which no kind of ours is sent as.
var foreign = map[codes.Code]Kind{
	codes.OutOfRange:         Invalid,
	codes.Aborted:            Conflict,
	codes.FailedPrecondition: Conflict,
	codes.Canceled:           Deadline,
}

// Kinds lists every kind.
func Kinds() []Kind {
	return []Kind{Invalid, Unauthenticated, Denied, NotFound, Gone, Conflict, Unsupported, Busy, Unavailable, Deadline, Internal}
}

// HTTP returns the HTTP status code of k; 500 for an unknown kind.
func (k Kind) HTTP() int { return table[k.known()].http }

// GRPC returns the gRPC code of k; Internal for an unknown kind.
func (k Kind) GRPC() codes.Code { return table[k.known()].grpc }

// Retryable reports whether the same request may succeed when it is repeated.
func (k Kind) Retryable() bool { return table[k.known()].retry }

// Final reports whether the same request will be refused for ever: the other end
// has understood it and said no. Internal errors are neither final nor known to
// pass.
func (k Kind) Final() bool {
	return k != "" && k.known() != Internal && !k.Retryable()
}

func (k Kind) known() Kind {
	if _, ok := table[k]; ok {
		return k
	}
	return Internal
}

// OfHTTP returns the kind that an HTTP status code stands for: "" for 2xx, the
// nearest kind for a code that is not in the table.
func OfHTTP(code int) Kind {
	if code >= 200 && code < 300 {
		return ""
	}
	for k, t := range table {
		if t.http == code {
			return k
		}
	}
	switch {
	case code == http.StatusRequestTimeout:
		return Deadline
	case code == http.StatusBadGateway:
		return Unavailable
	case code >= 400 && code < 500:
		return Invalid
	}
	return Internal
}

func ofGRPC(c codes.Code) Kind {
	for k, t := range table {
		if t.grpc == c {
			return k
		}
	}
	if k, ok := foreign[c]; ok {
		return k
	}
	return Internal
}
