package records

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"fmt"
	"time"

	"github.com/milagro-dta/dta/crypto/seal"
	"github.com/milagro-dta/dta/host/store"
	"github.com/milagro-dta/dta/protocol/fault"
)

// OnceLife is how long a request with an Idempotency-Key is remembered.
const OnceLife = 24 * time.Hour

// Once is a request that its caller marked as one and the same however often it
// is sent. Of its content only a keyed hash is kept, and of the key that its caller
// chose, in which a name may stand.
type Once struct {
	Caller, Path, Key string
	MAC               []byte
}

// Repeated says that a request was seen before, and what became of it.
type Repeated struct{ Answer string }

func (r *Repeated) Error() string { return fmt.Sprintf("the request was seen before, as %s", r.Answer) }

// Once remembers a request with the change that it causes. A repeat is a
// *[Repeated]; the same key with another content is fault.Conflict.
func (w *Writer) Once(o *Once, answer string) error {
	if o == nil {
		return nil
	}
	was, fresh, err := w.PutReplay(store.Replay{
		Caller: o.Caller, Path: o.Path, Key: o.Key, MAC: o.MAC, Status: 200, Answer: answer, Created: w.Now.UnixMilli(),
	})
	if err != nil || fresh {
		return err
	}
	return o.same(was)
}

func (o *Once) same(was store.Replay) error {
	if subtle.ConstantTimeCompare(o.MAC, was.MAC) != 1 {
		return fault.New(fault.Conflict, "Idempotency-Key: it came with another request before")
	}
	return &Repeated{Answer: was.Answer}
}

// Seen looks for an earlier request: nil when there is none, else what Once
// would have said.
func (r *Records) Seen(ctx context.Context, o *Once) error {
	if o == nil {
		return nil
	}
	return r.Store.View(ctx, func(tx *store.Tx) error {
		was, err := tx.Replay(o.Caller, o.Path, o.Key)
		if fault.Of(err) == fault.NotFound {
			return nil
		}
		if err != nil {
			return err
		}
		return o.same(was)
	})
}

// NewOnce marks a request. Key and body are kept as HMAC-SHA256 under a key derived
// from the node's own, so that the store does not tell which secret was sent.
func (r *Records) NewOnce(caller, path, key string, body []byte) *Once {
	state := r.Keys.StateKey()
	defer state.Clear()
	under := seal.V2.Derive(state, nil, "dta/idempotency/v1", 32)
	defer under.Clear()
	sum := func(of string, text []byte) []byte {
		mac := hmac.New(sha256.New, under.Open())
		mac.Write([]byte(of))
		mac.Write(text)
		return mac.Sum(nil)
	}
	return &Once{Caller: caller, Path: path, Key: hex.EncodeToString(sum("key", []byte(key))), MAC: sum("body", body)}
}
