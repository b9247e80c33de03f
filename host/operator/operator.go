// Package operator is how an operator's commands talk to the node that runs:
// over a socket in its data directory that only its owner can open.
package operator

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"time"

	"github.com/milagro-dta/dta/protocol/fault"
)

// Socket is the socket's name in the data directory.
const Socket = "operator.sock"

// Paths of the operator's API.
const (
	PathStatus     = "/operator/status"
	PathIdentity   = "/operator/identity"
	PathEnrol      = "/operator/plugin/enrol"
	PathRestart    = "/operator/plugin/restart"
	PathTakeOver   = "/operator/plugin/take-over"
	PathAudit      = "/operator/audit"
	PathCheckpoint = "/operator/audit/checkpoint"
	PathVerify     = "/operator/audit/verify"
	PathEvidence   = "/operator/audit/evidence"
	PathStore      = "/operator/store/verify"
	PathClock      = "/operator/clock"
	PathClockReset = "/operator/clock/reset"
)

// Identity is a node's or a custody identity's name and newest document.
type Identity struct {
	Name      string `json:"name"`
	Document  string `json:"document"`
	Reference string `json:"reference"`
	Kind      string `json:"kind"`
}

// Instance names a plugin instance in a request.
type Instance struct {
	Name string `json:"name"`
}

// TakenOver says in which plugin's realm the node goes on, and which start of
// another copy was the newest in it.
type TakenOver struct {
	Name string `json:"name"`
	From string `json:"from"`
}

// AuditPage is a page of the audit log.
type AuditPage struct {
	Size    int64        `json:"size"`
	Entries []AuditEntry `json:"entries"`
}

// AuditEntry is one entry of the audit log.
type AuditEntry struct {
	Index  int64  `json:"index"`
	Time   int64  `json:"time"` // unix milliseconds
	Kind   string `json:"kind"`
	Actor  string `json:"actor,omitempty"`
	Order  string `json:"order,omitempty"`
	Object string `json:"object,omitempty"`
	Detail string `json:"detail,omitempty"`
}

// VerifyRequest asks for the whole log to be computed again, against an earlier
// checkpoint where one is given.
type VerifyRequest struct {
	Against string `json:"against"`
}

// Verified is what `audit verify` found.
type Verified struct {
	Size    int64  `json:"size"`
	Root    string `json:"root"`
	Against bool   `json:"against"` // an earlier checkpoint was compared
	Warning string `json:"warning,omitempty"`
}

// Checkpoint is a signed note.
type Checkpoint struct {
	Note string `json:"note"`
}

// Evidence is two checkpoints of a peer's audit log, both signed by it, that cannot
// both be true.
type Evidence struct {
	Peer   string `json:"peer"`
	Reason string `json:"reason"`
	Kept   string `json:"kept"`  // as seen before
	Shown  string `json:"shown"` // as seen later
}

// ClockShown is a node's clock beside the newest time it has recorded, both in
// unix milliseconds.
type ClockShown struct {
	Shows    int64  `json:"shows"`
	Recorded int64  `json:"recorded"` // 0: nothing yet
	Trusted  bool   `json:"trusted"`
	Problem  string `json:"problem,omitempty"` // why it is not trusted
}

// Client calls a running node.
type Client struct {
	http *http.Client
}

// NewClient calls the node whose socket is at path.
func NewClient(path string) *Client {
	return &Client{http: &http.Client{
		Timeout: 2 * time.Minute,
		Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return (&net.Dialer{Timeout: 2 * time.Second}).DialContext(ctx, "unix", path)
		}},
	}}
}

// Patient calls the same node and waits for an answer as long as its caller does.
func (c *Client) Patient() *Client {
	patient := *c.http
	patient.Timeout = 0
	return &Client{http: &patient}
}

// Running tells whether a node answers, be it ready or not.
func (c *Client) Running(ctx context.Context) bool {
	return c.Call(ctx, http.MethodGet, PathStatus, nil, nil) == nil
}

// Identity asks for the node's own identity.
func (c *Client) Identity(ctx context.Context) (out Identity, err error) {
	return out, c.Call(ctx, http.MethodGet, PathIdentity, nil, &out)
}

// Call sends in and reads out, either of which may be nil.
func (c *Client) Call(ctx context.Context, method, path string, in, out any) error {
	var body io.Reader
	if in != nil {
		text, err := json.Marshal(in)
		if err != nil {
			return err
		}
		body = bytes.NewReader(text)
	}
	req, err := http.NewRequestWithContext(ctx, method, "http://localhost"+path, body)
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	res, err := c.http.Do(req)
	if err != nil {
		if call, ok := errors.AsType[*url.Error](err); ok {
			err = call.Err // the address is made up: there is but a socket
		}
		return fault.New(fault.Unavailable, "the node does not answer: %w", err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(io.LimitReader(res.Body, 64<<20))
	if err != nil {
		return fault.New(fault.Unavailable, "the node's answer: %w", err)
	}
	if res.StatusCode/100 != 2 {
		return fault.FromProblem(res.StatusCode, res.Header.Get("Content-Type"), text)
	}
	if out == nil {
		return nil
	}
	if err := json.Unmarshal(text, out); err != nil {
		return fault.New(fault.Unavailable, "the node's answer: expected JSON: %s", fault.Foreign(err.Error()))
	}
	return nil
}
