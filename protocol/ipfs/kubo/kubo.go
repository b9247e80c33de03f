// Package kubo reads and writes blocks of a Kubo node, the IPFS implementation
// that most operators run, over its RPC interface.
//
// Beneath it is go-ipfs-api, of which only the request is used: its short-hands
// take no context, open a connection for every call and wait for ever for a
// block that nobody has. Here every call has a deadline and a size limit, and
// connections are kept.
//
// Blocks are put without a pin: pinning each costs a disk write per call and
// slows with their number, and what is published here is kept elsewhere. An
// operator whose node collects garbage pins what it shall keep.
package kubo

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"mime/multipart"
	"net"
	"net/http"
	"net/textproto"
	"time"

	api "github.com/ipfs/go-ipfs-api"

	"github.com/milagro-dta/dta/protocol/dag"
	"github.com/milagro-dta/dta/protocol/fault"
	"github.com/milagro-dta/dta/protocol/ipfs"
	"github.com/milagro-dta/dta/protocol/strict"
)

// Options of a Kubo; zero values stand for the defaults.
type Options struct {
	// Lookup is how long the node may look for a block in its network before it
	// counts as not found. Default 10 s.
	Lookup time.Duration
	// Call bounds every other call that has no earlier deadline. Default 15 s.
	Call time.Duration
	// Connections is how many calls may be under way at once. Default 16.
	Connections int
}

// Kubo is a Kubo node. It is safe for use by several goroutines.
type Kubo struct {
	shell *api.Shell
	Options
}

var _ ipfs.Blocks = (*Kubo)(nil)

// New takes the address of the node's RPC interface, such as
// http://127.0.0.1:5001. It makes no call.
func New(address string, o Options) (*Kubo, error) {
	u, err := strict.BaseURL(address)
	if err != nil {
		return nil, fault.New(fault.Invalid, "kubo api: %w", err)
	}
	if o.Lookup <= 0 {
		o.Lookup = 10 * time.Second
	}
	if o.Call <= 0 {
		o.Call = 15 * time.Second
	}
	if o.Connections <= 0 {
		o.Connections = 16
	}
	client := &http.Client{Transport: &bounded{next: &http.Transport{
		// No proxy: the interface is the node's own and never public.
		DialContext:         (&net.Dialer{Timeout: 5 * time.Second}).DialContext,
		TLSHandshakeTimeout: 5 * time.Second,
		MaxIdleConnsPerHost: o.Connections,
		MaxConnsPerHost:     o.Connections,
		IdleConnTimeout:     90 * time.Second,
	}}}
	return &Kubo{
		shell:   api.NewShellWithClient(u.String(), client),
		Options: o,
	}, nil
}

// Put implements [ipfs.Blocks].
func (k *Kubo) Put(ctx context.Context, block []byte) (dag.CID, error) {
	if err := ipfs.CheckPut(block); err != nil {
		return dag.CID{}, err
	}
	var body bytes.Buffer
	form := multipart.NewWriter(&body)
	part, err := form.CreatePart(textproto.MIMEHeader{
		"Content-Disposition": {`form-data; name="file"; filename="block"`},
		"Content-Type":        {"application/octet-stream"},
	})
	if err == nil {
		_, err = part.Write(block)
	}
	if err == nil {
		err = form.Close()
	}
	if err != nil {
		return dag.CID{}, fault.New(fault.Internal, "kubo: encode a block: %w", err)
	}
	answer, err := k.call(ctx, k.Call, k.shell.Request("block/put").
		Option("cid-codec", "dag-cbor").Option("mhtype", "sha2-256").Option("mhlen", -1).Option("pin", false).
		Header("Content-Type", form.FormDataContentType()).Body(&body))
	if err != nil {
		return dag.CID{}, err
	}
	var put struct{ Key string }
	if err := json.Unmarshal(answer, &put); err != nil {
		return dag.CID{}, fault.New(fault.Unavailable, "kubo: block/put: expected JSON: %w", err)
	}
	c := dag.Sum(block)
	if put.Key != c.String() {
		return dag.CID{}, fault.New(fault.Unavailable, "kubo: block/put: expected %s, found %.80q", c, put.Key)
	}
	return c, nil
}

// Get implements [ipfs.Getter]. A block that neither the node nor its network
// has is NotFound after the Lookup time.
func (k *Kubo) Get(ctx context.Context, c dag.CID) ([]byte, error) {
	if err := ipfs.CheckGet(c); err != nil {
		return nil, err
	}
	// The node gives up by itself; the longer time is for when it does not.
	block, err := k.call(ctx, k.Lookup+k.Call, k.shell.Request("block/get", c.String()).Option("timeout", k.Lookup.String()))
	if err != nil {
		return nil, err
	}
	if err := dag.Check(c, block); err != nil {
		return nil, fault.New(fault.Unavailable, "kubo: block/get: %w", err)
	}
	return block, nil
}

// call sends a request and returns its whole answer.
func (k *Kubo) call(ctx context.Context, most time.Duration, r *api.RequestBuilder) ([]byte, error) {
	bounded, cancel := context.WithTimeout(ctx, most)
	defer cancel()
	res, err := r.Send(bounded)
	if err != nil {
		return nil, failed(ctx, err)
	}
	defer res.Close()
	if res.Error != nil {
		return nil, fault.New(fault.Unavailable, "kubo: %s", fault.Foreign(res.Error.Error()))
	}
	answer, err := io.ReadAll(res.Output)
	if err != nil {
		return nil, failed(ctx, err)
	}
	return answer, nil
}
