package plugintest

import (
	"context"
	"sync"

	"github.com/milagro-dta/dta/crypto/bls"
	"github.com/milagro-dta/dta/crypto/dleq"
	"github.com/milagro-dta/dta/crypto/secret"
	"github.com/milagro-dta/dta/protocol/fault"
	"github.com/milagro-dta/dta/sdk"
)

// hardware plays a device that makes networks' shares, computes with them and lets none out. It is what an Issuer over
// a real one looks like; like a real one it outlives the processes that use it.
type hardware struct {
	mu     sync.Mutex
	shares map[string]*bls.Scalar // guarded by mu; by handle
}

var _ sdk.Issuer = (*hardware)(nil)

func newHardware() *hardware { return &hardware{shares: map[string]*bls.Scalar{}} }

func (h *hardware) MakeShare(context.Context, sdk.Context) ([]byte, error) {
	handle := secret.Random(16).Open()
	h.mu.Lock()
	defer h.mu.Unlock()
	h.shares[string(handle)] = bls.RandomScalar()
	return handle, nil
}

func (h *hardware) share(handle []byte) (*bls.Scalar, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	s, ok := h.shares[string(handle)]
	if !ok {
		return nil, fault.New(fault.NotFound, "the device has no such share")
	}
	return s, nil
}

func (h *hardware) CommitShare(_ context.Context, handle, proofContext []byte, _ sdk.Context) (commitment, proof []byte, err error) {
	s, err := h.share(handle)
	if err != nil {
		return nil, nil, err
	}
	proof, err = dleq.ProvePossession(s, proofContext)
	return bls.G1Generator().Mul(s).Bytes(), proof, err
}

func (h *hardware) IssueG1(_ context.Context, handle []byte, bases [][]byte, proofContext []byte, _ sdk.Context) (points [][]byte, proof []byte, err error) {
	s, err := h.share(handle)
	if err != nil {
		return nil, nil, err
	}
	var as, ds []*bls.G1
	for _, b := range bases {
		a, err := bls.ParseG1(b)
		if err != nil {
			return nil, nil, err
		}
		as, ds = append(as, a), append(ds, a.Mul(s))
	}
	proof, err = dleq.Prove(s, bls.G1Generator().Mul(s), as, ds, proofContext)
	return bls.EncodeG1(ds), proof, err
}

func (h *hardware) IssueG2(_ context.Context, handle []byte, _ sdk.Context) ([]byte, error) {
	s, err := h.share(handle)
	if err != nil {
		return nil, err
	}
	return bls.G2Generator().Mul(s).Bytes(), nil
}
