package kubo

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/milagro-dta/dta/protocol/dag"
	"github.com/milagro-dta/dta/protocol/fault"
	"github.com/milagro-dta/dta/protocol/ipfs"
)

// maxAnswer bounds an answer: a block, or a little JSON.
const maxAnswer = dag.MaxBlock

// bounded limits the size of answers and takes errors out before go-ipfs-api
// sees them, which reads them without a limit and writes to standard error.
type bounded struct{ next http.RoundTripper }

func (b *bounded) RoundTrip(r *http.Request) (*http.Response, error) {
	res, err := b.next.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	if res.StatusCode == http.StatusOK {
		res.Body = &limited{ReadCloser: res.Body, left: maxAnswer}
		return res, nil
	}
	defer res.Body.Close()
	text, _ := io.ReadAll(io.LimitReader(res.Body, 8<<10))
	var said struct{ Message string }
	if json.Unmarshal(text, &said) != nil || said.Message == "" {
		said.Message = string(text)
	}
	return nil, &refusal{status: res.StatusCode, text: fault.Foreign(said.Message)}
}

// limited is a body that fails, instead of ending, beyond its limit.
type limited struct {
	io.ReadCloser
	left int
}

func (l *limited) Read(p []byte) (int, error) {
	if len(p) > l.left+1 {
		p = p[:l.left+1]
	}
	n, err := l.ReadCloser.Read(p)
	if l.left -= n; l.left < 0 {
		return 0, fmt.Errorf("answer: expected at most %d bytes", maxAnswer)
	}
	return n, err
}

// refusal is an error that the node answered with.
type refusal struct {
	status int
	text   string
}

func (r *refusal) Error() string { return fmt.Sprintf("HTTP %d: %s", r.status, r.text) }

// absent tells a block that was looked for in vain from a node that does not
// work. Kubo has one status, 500, for both.
func (r *refusal) absent() bool {
	for _, says := range []string{"context deadline exceeded", "not found", "could not find"} {
		if strings.Contains(r.text, says) {
			return true
		}
	}
	return false
}

func failed(ctx context.Context, err error) error {
	var r *refusal
	if errors.As(err, &r) && ctx.Err() == nil {
		if r.status == http.StatusInternalServerError && r.absent() {
			return fault.New(fault.NotFound, "kubo: %w", r)
		}
		return fault.New(fault.Unavailable, "kubo: %w", r)
	}
	return ipfs.Failed(ctx, "kubo", err)
}
