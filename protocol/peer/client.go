package peer

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
	"net/url"
	"time"

	"github.com/milagro-dta/dta/protocol/dag"
	"github.com/milagro-dta/dta/protocol/fault"
	"github.com/milagro-dta/dta/protocol/strict"
)

// Client calls the nodes' API of one node.
type Client struct {
	base string
	http *http.Client
}

var _ Fiduciary = (*Client)(nil)

// NewClient calls the node at base, an absolute http or https URL without a
// path. The HTTP client says how connections are made and trusted; nil stands
// for one with this package's time limits.
func NewClient(base string, h *http.Client) (*Client, error) {
	u, err := strict.BaseURL(base)
	if err != nil {
		return nil, fault.New(fault.Invalid, "peer url: %w", err)
	}
	if h == nil {
		h = &http.Client{Transport: Transport()}
	}
	used := *h
	// A redirect is no answer of the node that the caller named.
	used.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &Client{base: u.String(), http: &used}, nil
}

// Transport is an HTTP transport with bounded connections and time limits, to
// which the caller adds its TLS configuration.
func Transport() *http.Transport {
	return &http.Transport{
		DialContext:           (&net.Dialer{Timeout: 5 * time.Second}).DialContext,
		TLSHandshakeTimeout:   5 * time.Second,
		ResponseHeaderTimeout: 60 * time.Second,
		IdleConnTimeout:       90 * time.Second,
		MaxIdleConnsPerHost:   64,
		MaxConnsPerHost:       256,
		ForceAttemptHTTP2:     true,
	}
}

// URL is where the node is.
func (c *Client) URL() string { return c.base }

// FulfillOrder implements [Fiduciary].
func (c *Client) FulfillOrder(ctx context.Context, req FulfillOrder) (out FulfilledOrder, err error) {
	return out, c.call(ctx, http.MethodPost, PathFulfillOrder, req, &out)
}

// FulfillSecret implements [Fiduciary].
func (c *Client) FulfillSecret(ctx context.Context, req FulfillSecret) (out FulfilledSecret, err error) {
	return out, c.call(ctx, http.MethodPost, PathFulfillSecret, req, &out)
}

// FulfillRequest implements [Fiduciary].
func (c *Client) FulfillRequest(ctx context.Context, req FulfillRequest) (out FulfilledRequest, err error) {
	return out, c.call(ctx, http.MethodPost, PathFulfillRequest, req, &out)
}

// FulfillRevocation implements [Fiduciary].
func (c *Client) FulfillRevocation(ctx context.Context, req FulfillRevocation) error {
	return c.call(ctx, http.MethodPost, PathFulfillRevocation, req, nil)
}

// Custody implements [Fiduciary].
func (c *Client) Custody(ctx context.Context) (out Custody, err error) {
	return out, c.call(ctx, http.MethodGet, PathCustody, nil, &out)
}

// Notice tells the node about envelopes that it is a recipient of.
func (c *Client) Notice(ctx context.Context, n Notice) error {
	return c.call(ctx, http.MethodPost, PathNotice, n, nil)
}

// Consistency asks the node to prove that its audit log has only grown.
func (c *Client) Consistency(ctx context.Context, q Consistency) (out ConsistencyProof, err error) {
	return out, c.call(ctx, http.MethodPost, PathConsistency, q, &out)
}

// Identity asks the node for its own chain of documents.
func (c *Client) Identity(ctx context.Context) (out Identity, err error) {
	return out, c.call(ctx, http.MethodGet, PathIdentity, nil, &out)
}

// Document asks the node for the chain of documents of a name that it knows.
func (c *Client) Document(ctx context.Context, name dag.CID) (out Identity, err error) {
	return out, c.call(ctx, http.MethodGet, PathIdentity+"/"+name.String(), nil, &out)
}

// Show brings the node whole chains of documents: as many calls of them as their
// size needs.
func (c *Client) Show(ctx context.Context, chains ...[][]byte) error {
	for _, bag := range bundles(chains) {
		if err := c.call(ctx, http.MethodPost, PathIdentity, ShowDocuments{bag}, nil); err != nil {
			return err
		}
	}
	return nil
}

// bundles packs chains into bags that fit a call each. One chain always does.
func bundles(chains [][][]byte) (bags []Bag) {
	size := MaxBody
	for _, chain := range chains {
		more := 0
		for _, block := range chain {
			more += base64.StdEncoding.EncodedLen(len(block)) + len(`"",`)
		}
		if n := len(bags); n == 0 || size+more > MaxBody-1024 || bags[n-1].Len()+len(chain) > MaxBlocks {
			bags, size = append(bags, Bag{}), 0
		}
		bags[len(bags)-1].Add(chain...)
		size += more
	}
	return bags
}

// call makes one request. A kind that blames the request comes from the node
// itself, which said so in problem details; whatever else goes wrong on the way,
// in a proxy or in the node, is Unavailable and may be tried again.
func (c *Client) call(ctx context.Context, method, path string, in, out any) (err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("%s %s%s: %w", method, c.base, path, err)
		}
	}()
	var body io.Reader
	if in != nil {
		text, err := json.Marshal(in)
		if err != nil {
			return fault.New(fault.Internal, "encode the call: %w", err)
		}
		body = bytes.NewReader(text)
	}
	req, err := http.NewRequestWithContext(ctx, method, c.base+path, body)
	if err != nil {
		return fault.New(fault.Invalid, "make the request: %w", err)
	}
	req.Header.Set("Accept", "application/json")
	if in != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	res, err := c.http.Do(req)
	if err != nil {
		if errors.Is(err, context.DeadlineExceeded) || errors.Is(ctx.Err(), context.DeadlineExceeded) {
			return fault.New(fault.Deadline, "no answer in time: %w", context.DeadlineExceeded)
		}
		if call, ok := errors.AsType[*url.Error](err); ok {
			err = call.Err // without the method and the address, which call names
		}
		return fault.New(fault.Unavailable, "%w", err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(io.LimitReader(res.Body, MaxBody+1))
	if err != nil {
		return fault.New(fault.Unavailable, "read the answer: %w", err)
	}
	if len(text) > MaxBody {
		return fault.New(fault.Unavailable, "answer: expected at most %d bytes", MaxBody)
	}
	if res.StatusCode/100 != 2 {
		err := fault.FromProblem(res.StatusCode, res.Header.Get("Content-Type"), text)
		if fault.Of(err) == fault.Internal {
			return fault.New(fault.Unavailable, "%w", err)
		}
		return err
	}
	if out == nil {
		out = new(struct{}) // an acknowledgement is JSON too, unlike a proxy's page
	}
	if err := json.Unmarshal(text, out); err != nil {
		return fault.New(fault.Unavailable, "answer: expected JSON: %s", fault.Foreign(err.Error()))
	}
	return nil
}
