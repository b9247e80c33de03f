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

// Hardware plays a device that makes networks' shares, computes with them and lets none out. An Issuer over a real one
// looks like it; like a real one it outlives the processes that use it. It is a fake for tests.
type Hardware struct {
	mu     sync.Mutex
	shares map[string]*bls.Scalar // guarded by mu; by handle
}

var _ sdk.Issuer = (*Hardware)(nil)

// NewHardware is a device without shares.
func NewHardware() *Hardware { return &Hardware{shares: map[string]*bls.Scalar{}} }

// MakeShare implements sdk.Issuer.
func (h *Hardware) MakeShare(context.Context, sdk.Context) ([]byte, error) {
	handle := secret.Random(16).Open()
	h.mu.Lock()
	defer h.mu.Unlock()
	h.shares[string(handle)] = bls.RandomScalar()
	return handle, nil
}

func (h *Hardware) share(handle []byte) (*bls.Scalar, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	s, ok := h.shares[string(handle)]
	if !ok {
		return nil, fault.New(fault.NotFound, "the device has no such share")
	}
	return s, nil
}

// CommitShare implements sdk.Issuer.
func (h *Hardware) CommitShare(_ context.Context, handle, proofContext []byte, _ sdk.Context) (commitment, proof []byte, err error) {
	s, err := h.share(handle)
	if err != nil {
		return nil, nil, err
	}
	proof, err = dleq.ProvePossession(s, proofContext)
	return bls.G1Generator().Mul(s).Bytes(), proof, err
}

// IssueG1 implements sdk.Issuer.
func (h *Hardware) IssueG1(_ context.Context, handle []byte, bases [][]byte, proofContext []byte, _ sdk.Context) (points [][]byte, proof []byte, err error) {
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

// IssueG2 implements sdk.Issuer.
func (h *Hardware) IssueG2(_ context.Context, handle []byte, _ sdk.Context) ([]byte, error) {
	s, err := h.share(handle)
	if err != nil {
		return nil, err
	}
	return bls.G2Generator().Mul(s).Bytes(), nil
}
