package gateway

import (
	"context"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/milagro-dta/dta/protocol/dag"
	"github.com/milagro-dta/dta/protocol/fault"
	"github.com/milagro-dta/dta/protocol/identity"
)

// Reader is where a handler's blocks come from. It must not look for them at
// other nodes: a gateway answers for its own store.
type Reader interface {
	// Block returns a block, and whether it is public. A block that is not is
	// returned only where the party, nil for anyone, is entitled to it; else
	// the error is NotFound or Denied.
	Block(ctx context.Context, c dag.CID, party *identity.Party) (block []byte, public bool, err error)
}

// Identities finds the identity a party proves to be: its chain up to the
// newest document that is known.
type Identities interface {
	Party(ctx context.Context, party identity.Party) (*identity.Identity, error)
}

// Handler serves GET and HEAD of /ipfs/{cid}.
type Handler struct {
	Node       dag.CID // name of this node, the audience of proofs
	Blocks     Reader
	Identities Identities       // nil: nobody is known, and only the public log is served
	Now        func() time.Time // nil: time.Now
	Failed     func(r *http.Request, err error)
}

var _ http.Handler = (*Handler)(nil)

// probe is the CID of the empty raw block, by which clients of the interface
// find out whether someone serves it.
const probe = "bafkqaaa"

// ServeHTTP implements [http.Handler].
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	header := w.Header()
	header.Set("X-Content-Type-Options", "nosniff")
	header.Set("Vary", "Accept, "+HeaderParty)
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		header.Set("Allow", "GET, HEAD")
		writeProblem(w, r, http.StatusMethodNotAllowed, fault.Invalid, "expected GET or HEAD, found "+strconv.Quote(r.Method))
		return
	}
	text, ok := strings.CutPrefix(r.URL.Path, PathPrefix)
	if !ok || strings.Contains(text, "/") {
		writeProblem(w, r, http.StatusBadRequest, fault.Invalid, "expected "+PathPrefix+"{cid}: paths below a block are not resolved here")
		return
	}
	if !wantsRaw(r) {
		writeProblem(w, r, http.StatusNotAcceptable, fault.Unsupported, "blocks are served as "+rawType+" only: ask with ?format=raw or an Accept header")
		return
	}
	if text == probe {
		serve(w, r, text, nil, true)
		return
	}
	c, err := dag.Parse(text)
	if err != nil {
		writeProblem(w, r, http.StatusBadRequest, fault.Invalid, err.Error())
		return
	}
	block, public, err := h.find(r, c)
	if err == nil {
		if check := dag.Check(c, block); check != nil {
			err = fault.New(fault.Internal, "the store returned another block: %w", check)
		}
	}
	if err != nil {
		if h.Failed != nil {
			h.Failed(r, err)
		}
		kind := fault.Of(err)
		writeProblem(w, r, kind.HTTP(), kind, fault.Public(err))
		return
	}
	serve(w, r, text, block, public)
}

// find asks as anyone first, so that a proof costs a signature check only where
// the answer depends on it: not for a public block, and not for one that is not
// here.
func (h *Handler) find(r *http.Request, c dag.CID) (block []byte, public bool, err error) {
	block, public, err = h.Blocks.Block(r.Context(), c, nil)
	kind := fault.Of(err)
	if err == nil || kind != fault.NotFound && kind != fault.Denied {
		return block, public, err
	}
	absent := fault.New(fault.NotFound, "block %s: not in the public log of this node", c)
	proofs := r.Header.Values(HeaderParty)
	if len(proofs) == 0 || h.Identities == nil {
		return nil, false, absent
	}
	if len(proofs) > 1 {
		return nil, false, fault.New(fault.Invalid, "expected one header %s, found %d", HeaderParty, len(proofs))
	}
	// What costs nothing is checked of every proof, so that one which cannot
	// serve gets the same answer whether the block is here or not.
	p, err := ParseProof(proofs[0])
	if err != nil {
		return nil, false, err
	}
	now := time.Now
	if h.Now != nil {
		now = h.Now
	}
	if err := p.About(h.Node, c, now()); err != nil {
		return nil, false, err
	}
	if kind == fault.NotFound {
		return nil, false, absent
	}
	who, err := h.Identities.Party(r.Context(), p.Party())
	if fault.Of(err) == fault.NotFound {
		return nil, false, fault.New(fault.Denied, "party proof: %s is not known here", p.Name)
	}
	if err != nil {
		return nil, false, err
	}
	if err := p.Verify(who); err != nil {
		return nil, false, err
	}
	party := p.Party()
	return h.Blocks.Block(r.Context(), c, &party)
}

// serve writes a block. What is not public must stay in no cache.
func serve(w http.ResponseWriter, r *http.Request, c string, block []byte, public bool) {
	header := w.Header()
	etag := `"` + c + `.raw"`
	header.Set("ETag", etag)
	if public {
		header.Set("Cache-Control", "public, max-age=29030400, immutable")
	} else {
		header.Set("Cache-Control", "private, no-store")
	}
	header.Set("X-Ipfs-Path", PathPrefix+c)
	header.Set("X-Ipfs-Roots", c)
	if matches(r.Header.Get("If-None-Match"), etag) {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	header.Set("Content-Type", rawType)
	header.Set("Content-Length", strconv.Itoa(len(block)))
	header.Set("Content-Disposition", `attachment; filename="`+c+`.bin"`)
	w.WriteHeader(http.StatusOK)
	if r.Method != http.MethodHead {
		w.Write(block)
	}
}

// wantsRaw reads ?format=, which has precedence, or the Accept header.
func wantsRaw(r *http.Request) bool {
	if format := r.URL.Query()["format"]; len(format) > 0 {
		return len(format) == 1 && format[0] == "raw"
	}
	for _, line := range r.Header.Values("Accept") {
		for _, accepted := range strings.Split(line, ",") {
			kind, _, _ := strings.Cut(accepted, ";")
			if strings.EqualFold(strings.TrimSpace(kind), rawType) {
				return true
			}
		}
	}
	return false
}

func matches(header, etag string) bool {
	for _, candidate := range strings.Split(header, ",") {
		candidate = strings.TrimPrefix(strings.TrimSpace(candidate), "W/")
		if candidate == etag || candidate == "*" {
			return true
		}
	}
	return false
}
