package gateway

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"

	"github.com/milagro-dta/dta/protocol/dag"
	"github.com/milagro-dta/dta/protocol/fault"
	"github.com/milagro-dta/dta/protocol/ipfs"
	"github.com/milagro-dta/dta/protocol/strict"
)

// maxProblem bounds, in bytes, how much of a refusal is read.
const maxProblem = 8 << 10

// Source is one place to read from.
type Source struct {
	URL  string       // http(s)://host[:port]
	Node dag.CID      // name of the node there; undefined: it is shown no proof
	HTTP *http.Client // nil: that of the Options
}

// Options of a Client; zero values stand for the defaults.
type Options struct {
	HTTP *http.Client
	// Timeout bounds each request. Default 10 s.
	Timeout time.Duration
	// Prove makes the proof with which a block is asked for; see [Prove].
	// nil: only public blocks are read.
	Prove func(audience, c dag.CID) (string, error)
}

// Client reads blocks from gateways, asking one after the other. It is safe for
// use by several goroutines.
type Client struct {
	sources []Source
	Options
}

var _ ipfs.Getter = (*Client)(nil)

// New makes a client that asks the sources in their order. It makes no call.
func New(sources []Source, o Options) (*Client, error) {
	if o.Timeout <= 0 {
		o.Timeout = 10 * time.Second
	}
	if o.HTTP == nil {
		o.HTTP = &http.Client{Transport: &http.Transport{
			DialContext:         (&net.Dialer{Timeout: 5 * time.Second}).DialContext,
			TLSHandshakeTimeout: 5 * time.Second,
			MaxIdleConnsPerHost: 16,
			MaxConnsPerHost:     64,
			IdleConnTimeout:     90 * time.Second,
			ForceAttemptHTTP2:   true,
		}}
	}
	c := &Client{Options: o}
	for _, s := range sources {
		u, err := strict.BaseURL(s.URL)
		if err != nil {
			return nil, fault.New(fault.Invalid, "gateway: %w", err)
		}
		s.URL = u.String()
		used := *o.HTTP
		if s.HTTP != nil {
			used = *s.HTTP
		}
		// A proof is for one node; nobody may be sent on with it.
		used.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
		s.HTTP = &used
		c.sources = append(c.sources, s)
	}
	return c, nil
}

// Get implements [ipfs.Getter]. A source that serves another block than was
// asked for counts as Unavailable, and the next is asked. So does one that is no
// node and does not have the block: only a node's NotFound counts as that.
func (c *Client) Get(ctx context.Context, cid dag.CID) ([]byte, error) {
	if err := ipfs.CheckGet(cid); err != nil {
		return nil, err
	}
	getters := make([]ipfs.Getter, len(c.sources))
	for i := range c.sources {
		getters[i] = from{c, &c.sources[i]}
	}
	return ipfs.First(getters...).Get(ctx, cid)
}

// from is a client that reads from one source.
type from struct {
	*Client
	*Source
}

func (f from) Get(ctx context.Context, c dag.CID) (block []byte, err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("gateway %s: %w", f.URL, err)
		}
	}()
	caller := ctx
	ctx, cancel := context.WithTimeout(ctx, f.Timeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, f.URL+PathPrefix+c.String()+"?format=raw", nil)
	if err != nil {
		return nil, fault.New(fault.Invalid, "make the request: %w", err)
	}
	req.Header.Set("Accept", rawType)
	if f.Prove != nil && f.Node.Defined() {
		proof, err := f.Prove(f.Node, c)
		if err != nil {
			return nil, err
		}
		req.Header.Set(HeaderParty, proof)
	}
	res, err := f.Source.HTTP.Do(req)
	if err != nil {
		return nil, ipfs.Failed(caller, "block "+c.String(), err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return nil, refused(c, res)
	}
	block, err = io.ReadAll(io.LimitReader(res.Body, dag.MaxBlock+1))
	if err != nil {
		return nil, ipfs.Failed(caller, "block "+c.String(), err)
	}
	if err := dag.Check(c, block); err != nil {
		return nil, fault.New(fault.Unavailable, "%w", err)
	}
	return block, nil
}

// refused turns an answer other than a block into an error. That a block is not
// there, or not for us, is a node's to say, with problem details; a proxy's 403
// or 404 says neither.
func refused(c dag.CID, res *http.Response) error {
	text, err := io.ReadAll(io.LimitReader(res.Body, maxProblem))
	if err != nil {
		text = nil
	}
	err = fault.FromProblem(res.StatusCode, res.Header.Get("Content-Type"), text)
	kind := fault.Of(err)
	if kind != fault.NotFound && kind != fault.Denied {
		kind = fault.Unavailable
	}
	return fault.New(kind, "block %s: %w", c, err)
}
