package sdk

import (
	"bytes"
	"context"
	"crypto/sha256"
	"io"
	"slices"
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"

	"github.com/milagro-dta/dta/crypto/keytype"
	"github.com/milagro-dta/dta/crypto/seal"
	"github.com/milagro-dta/dta/crypto/secret"
	"github.com/milagro-dta/dta/protocol/fault"
	"github.com/milagro-dta/dta/protocol/order"
	"github.com/milagro-dta/dta/sdk/contract"
	"github.com/milagro-dta/dta/sdk/internal/guard"
	"github.com/milagro-dta/dta/sdk/internal/lent"
)

// server answers the contract's calls for one plugin.
type server struct {
	contract.UnimplementedPluginServer
	contract.UnimplementedCustodyServer
	contract.UnimplementedIssuingServer
	contract.UnimplementedNodeIdentityServer
	contract.UnimplementedTenureServer

	plugin program
	mode   order.Mode
	logger hclog.Logger
	log    *scrubbedWriter // under logger; nil where the logger is the caller's
	lent   lent.Listener   // nil outside of tests

	configuring sync.Mutex // held through a configuration

	mu        sync.RWMutex
	instance  *instance // nil before Configure
	configure [sha256.Size]byte
	answer    *contract.ConfigureResponse
}

// instance is a configured plugin.
type instance struct {
	name      string // the operator's
	custodian Custodian
	guard     *guard.Guard
	keyTypes  []string // that may be ordered
	scrub     func(string) string
}

var services = []string{
	contract.Plugin_ServiceDesc.ServiceName,
	contract.Custody_ServiceDesc.ServiceName,
	contract.Issuing_ServiceDesc.ServiceName,
	contract.NodeIdentity_ServiceDesc.ServiceName,
}

func (s *server) register(r grpc.ServiceRegistrar) {
	contract.RegisterPluginServer(r, s)
	contract.RegisterCustodyServer(r, s)
	contract.RegisterIssuingServer(r, s)
	contract.RegisterNodeIdentityServer(r, s)
	contract.RegisterTenureServer(r, s)
}

func (s *server) Describe(context.Context, *contract.DescribeRequest) (*contract.DescribeResponse, error) {
	d := &contract.DescribeResponse{
		Type:      s.plugin.typ,
		Version:   s.plugin.version,
		Services:  services,
		Abilities: []string{string(order.Secret), string(order.Key), string(order.Network)},
		Versions:  []uint32{contract.Version1},
		Suites:    []string{seal.V2.Name},
		KeyTypes:  keytype.Names(),
	}
	if i, err := s.configured(); err == nil {
		d.KeyTypes = i.keyTypes
		d.Configured, d.Enrolled = true, i.guard.Chain() != nil
		if _, ok := i.custodian.(Destroyer); ok {
			d.Abilities = append(d.Abilities, order.AbilityOwnKey)
		}
		if _, ok := i.custodian.(TenureKeeper); ok {
			d.Services = append(slices.Clone(services), contract.Tenure_ServiceDesc.ServiceName)
		}
	}
	return d, nil
}

func (s *server) Status(ctx context.Context, _ *contract.StatusRequest) (*contract.StatusResponse, error) {
	i, err := s.configured()
	if err != nil {
		return &contract.StatusResponse{Text: "not configured"}, nil
	}
	status := Status{Ready: true}
	if r, ok := i.custodian.(StatusReporter); ok {
		status = r.Status(ctx)
	}
	return &contract.StatusResponse{
		Ready:        status.Ready,
		Text:         i.scrub(status.Text),
		Scheme:       schemeOf(i.custodian),
		CustodyChain: i.guard.Chain(),
	}, nil
}

func (s *server) Enrol(ctx context.Context, req *contract.EnrolRequest) (*contract.EnrolResponse, error) {
	i, err := s.configured()
	if err != nil {
		return nil, err
	}
	e, err := i.guard.Enrol(ctx, req.GetOperationId(), req.GetReference())
	if err != nil {
		return nil, err
	}
	return &contract.EnrolResponse{Root: e.Root, Next: e.Next, CustodyChain: i.guard.Chain()}, nil
}

func (s *server) Safeguard(ctx context.Context, req *contract.SafeguardRequest) (*contract.SafeguardResponse, error) {
	i, err := s.configured()
	if err != nil {
		return nil, err
	}
	return i.guard.Safeguard(ctx, req)
}

func (s *server) Restore(ctx context.Context, req *contract.RestoreRequest) (*contract.RestoreResponse, error) {
	i, err := s.configured()
	if err != nil {
		return nil, err
	}
	return i.guard.Restore(ctx, req)
}

func (s *server) Show(ctx context.Context, req *contract.ShowRequest) (*contract.ShowResponse, error) {
	i, err := s.configured()
	if err != nil {
		return nil, err
	}
	return i.guard.Show(ctx, req)
}

func (s *server) Issue(ctx context.Context, req *contract.IssueRequest) (*contract.IssueResponse, error) {
	i, err := s.configured()
	if err != nil {
		return nil, err
	}
	return i.guard.Issue(ctx, req)
}

func (s *server) Make(ctx context.Context, req *contract.MakeRequest) (*contract.MakeResponse, error) {
	i, err := s.configured()
	if err != nil {
		return nil, err
	}
	key, deposit, err := i.guard.MakeKey(ctx, req.GetOperationId())
	if err != nil {
		return nil, err
	}
	return &contract.MakeResponse{Key: answerWith(key), Deposit: deposit}, nil
}

func (s *server) Open(ctx context.Context, req *contract.OpenRequest) (*contract.OpenResponse, error) {
	i, err := s.configured()
	if err != nil {
		return nil, err
	}
	key, err := i.guard.OpenKey(ctx, req.GetOperationId(), req.GetDeposit())
	if err != nil {
		return nil, err
	}
	return &contract.OpenResponse{Key: answerWith(key)}, nil
}

// answerWith takes a key out of its wrapping for the answer that carries it; gRPC holds on to the bytes for as long
// as it sends, so nothing here can clear them in time.
func answerWith(key *secret.Bytes) []byte {
	defer key.Clear()
	return bytes.Clone(key.Open())
}

func (s *server) configured() (*instance, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.instance == nil {
		return nil, fault.New(fault.Unavailable, "the plugin is not configured")
	}
	return s.instance, nil
}

// close ends the custodian, once nothing uses it any more.
func (s *server) close() {
	s.mu.Lock()
	i := s.instance
	s.instance = nil
	s.mu.Unlock()
	if i != nil {
		i.guard.Close()
		closeCustodian(s.logger, i.custodian)
	}
}

// closeLimit bounds the wait for a custodian that does not come back from its Close.
const closeLimit = 3 * time.Second

func closeCustodian(logger hclog.Logger, c Custodian) {
	closer, ok := c.(io.Closer)
	if !ok {
		return
	}
	done := make(chan error, 1)
	go func() { done <- closer.Close() }()
	select {
	case err := <-done:
		if err != nil {
			logger.Error("closing the custodian", "error", err)
		}
	case <-time.After(closeLimit):
		logger.Error("the custodian did not close in time", "limit", closeLimit)
	}
}

// digest tells whether two configurations are the same.
func digest(req *contract.ConfigureRequest) ([sha256.Size]byte, error) {
	b, err := proto.MarshalOptions{Deterministic: true}.Marshal(req)
	return sha256.Sum256(b), err
}
