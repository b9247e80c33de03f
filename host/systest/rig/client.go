//go:build linux

package rig

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"
)

// Client calls a node's API over HTTP.
type Client struct {
	url  string
	http *http.Client
}

// NewClient calls the node at url.
func NewClient(url string) *Client {
	return &Client{url: url, http: &http.Client{
		Timeout: 2 * time.Minute,
		Transport: &http.Transport{
			DialContext:         (&net.Dialer{Timeout: 5 * time.Second}).DialContext,
			MaxIdleConnsPerHost: 64,
		},
	}}
}

// Forget closes idle connections.
func (c *Client) Forget() { c.http.CloseIdleConnections() }

// Problem is an answer other than 2xx.
type Problem struct {
	Status     int    `json:"status"` // as the body says it
	Kind       string `json:"kind"`
	Title      string `json:"title"`
	Detail     string `json:"detail"`
	HTTP       int    `json:"-"` // as the status line says it
	Type       string `json:"-"` // content type
	RetryAfter string `json:"-"`
}

func (p *Problem) Error() string { return fmt.Sprintf("%d %s: %s", p.HTTP, p.Kind, p.Detail) }

// Refusal finds the node's refusal in an error; nil where the call had no
// answer at all.
func Refusal(err error) *Problem {
	var p *Problem
	errors.As(err, &p)
	return p
}

// Order is the body of POST /v1/order.
type Order struct {
	Secret      []byte // nil: a key is ordered
	Beneficiary string
	Fiduciary   string
	Custody     string
	Publish     string
	Once        string // Idempotency-Key
}

// Placed is its answer.
type Placed struct {
	OrderReference string `json:"orderReference"`
	Commitment     string `json:"commitment"`
	Kind           string `json:"kind"`
	State          string `json:"state"`
	OrderCID       string `json:"orderCID"`
}

// Place places an order. Errors are a *Problem, or that there was no answer.
func (c *Client) Place(ctx context.Context, o Order) (out Placed, err error) {
	body := map[string]any{}
	if o.Secret != nil {
		body["secret"] = o.Secret
	}
	for name, value := range map[string]string{
		"beneficiaryIDDocumentCID": o.Beneficiary, "fiduciary": o.Fiduciary, "custody": o.Custody, "publish": o.Publish,
	} {
		if value != "" {
			body[name] = value
		}
	}
	return out, c.Call(ctx, http.MethodPost, "/v1/order", o.Once, body, &out)
}

// Redeemed is the answer to POST /v1/order/secret, with the secret decoded.
type Redeemed struct {
	OrderReference string `json:"orderReference"`
	Commitment     string `json:"commitment"`
	Kind           string `json:"kind"`
	ReleaseCID     string `json:"releaseCID"`
	Text           string `json:"secret"`
	Secret         []byte `json:"-"` // of an order of kind "secret"
}

// Redeem asks for what an order keeps.
func (c *Client) Redeem(ctx context.Context, reference string) (out Redeemed, err error) {
	if err := c.Call(ctx, http.MethodPost, "/v1/order/secret", "", map[string]any{"orderReference": reference}, &out); err != nil {
		return out, err
	}
	if out.Kind == "secret" {
		out.Secret, err = base64.StdEncoding.DecodeString(out.Text)
	}
	return out, err
}

// Shown is an order with its chain.
type Shown struct {
	OrderReference string `json:"orderReference"`
	OrderCID       string `json:"orderCID"`
	State          string `json:"state"`
	Reason         string `json:"reason"`
	Role           string `json:"role"`
	Chain          []struct {
		Kind     string   `json:"kind"`
		CID      string   `json:"cid"`
		Previous []string `json:"previous"`
	} `json:"chain"`
}

// CIDs lists the envelopes of one kind in the chain.
func (s Shown) CIDs(kind string) (found []string) {
	for _, e := range s.Chain {
		if e.Kind == kind {
			found = append(found, e.CID)
		}
	}
	return found
}

// Show reads an order.
func (c *Client) Show(ctx context.Context, reference string) (out Shown, err error) {
	return out, c.Call(ctx, http.MethodGet, "/v1/order/"+reference, "", nil, &out)
}

// Await reads an order until it is in one of the states.
func (c *Client) Await(ctx context.Context, reference string, states ...string) (out Shown, err error) {
	for {
		out, err = c.Show(ctx, reference)
		if p := Refusal(err); err == nil || (p != nil && p.HTTP != http.StatusServiceUnavailable) {
			for _, s := range states {
				if out.State == s {
					return out, nil
				}
			}
		}
		select {
		case <-ctx.Done():
			return out, fmt.Errorf("order %s: expected to become %s; it is %q (%w)", reference, strings.Join(states, " or "), out.State, err)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// Line is one order of a list.
type Line struct {
	OrderReference string `json:"orderReference"`
	Role           string `json:"role"`
	State          string `json:"state"`
}

// List reads all orders.
func (c *Client) List(ctx context.Context) (all []Line, err error) {
	for page := 0; ; page++ {
		var out struct {
			Orders []Line `json:"orders"`
			Total  int    `json:"total"`
		}
		path := fmt.Sprintf("/v1/order?page=%d&perPage=500&sortBy=dateCreatedAsc", page)
		if err := c.Call(ctx, http.MethodGet, path, "", nil, &out); err != nil {
			return nil, err
		}
		all = append(all, out.Orders...)
		if len(out.Orders) == 0 || len(all) == out.Total {
			if len(all) != out.Total {
				return nil, fmt.Errorf("list: expected %d orders in all; found %d", out.Total, len(all))
			}
			return all, nil
		}
	}
}

// Status is what the node says of itself.
type Status struct {
	Ready     bool     `json:"ready"`
	Reason    string   `json:"reason"`
	AuditSize int64    `json:"auditSize"`
	Custody   []Plugin `json:"custody"`
	Queues    []Queue  `json:"queues"`
}

// Plugin is one custody instance in a status.
type Plugin struct {
	Name     string `json:"name"`
	State    string `json:"state"`
	Pinned   bool   `json:"pinned"`
	Identity string `json:"identity"`
	Starts   int    `json:"starts"`
	PID      int    `json:"pid"` // for the operator alone
}

// Status asks how the node is.
func (c *Client) Status(ctx context.Context) (out Status, err error) {
	return out, c.Call(ctx, http.MethodGet, "/v1/status", "", nil, &out)
}

// Call sends in as JSON, nil as nothing, and reads out.
func (c *Client) Call(ctx context.Context, method, path, once string, in, out any) error {
	var body []byte
	if in != nil {
		var err error
		if body, err = json.Marshal(in); err != nil {
			return err
		}
	}
	answer, err := c.Raw(ctx, method, path, once, body)
	if err != nil {
		return err
	}
	return json.Unmarshal(answer, out)
}

// Raw sends a body and gives the answer's, byte for byte.
func (c *Client) Raw(ctx context.Context, method, path, once string, body []byte) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, method, c.url+path, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if once != "" {
		req.Header.Set("Idempotency-Key", once)
	}
	res, err := c.http.Do(req)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		return nil, err
	}
	if res.StatusCode/100 != 2 {
		p := &Problem{HTTP: res.StatusCode, Type: res.Header.Get("Content-Type"), RetryAfter: res.Header.Get("Retry-After")}
		_ = json.Unmarshal(text, p)
		return nil, p
	}
	return text, nil
}
