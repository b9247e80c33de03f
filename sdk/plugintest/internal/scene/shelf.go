package scene

import (
	"context"
	"sync"

	"google.golang.org/grpc"

	"github.com/milagro-dta/dta/protocol/fault"
	"github.com/milagro-dta/dta/protocol/identity"
	"github.com/milagro-dta/dta/sdk/contract"
)

// shelf has the chains of all documents that requests of a scene have named.
type shelf struct {
	mu  sync.Mutex
	all map[string][][]byte
}

func newShelf() *shelf { return &shelf{all: make(map[string][][]byte)} }

func (s *shelf) put(id *identity.Identity) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.all[id.Document.String()] = id.Blocks()
}

func (s *shelf) get(document string) [][]byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.all[document]
}

// Showing makes a call as an honest host does: what the plugin says to lack it is shown, and called again.
func Showing[T any](ctx context.Context, s *Scene, show func(context.Context, *contract.ShowRequest) error, call func() (T, error)) (T, error) {
	for round := 0; ; round++ {
		answer, err := call()
		missing := fault.Missing(err)
		shown := 0
		for _, document := range missing {
			chain := s.shelf.get(document)
			if chain == nil {
				continue // nobody has it
			}
			if err := show(ctx, &contract.ShowRequest{Chain: chain}); err != nil {
				var none T
				return none, err
			}
			shown++
		}
		if shown == 0 || round == 4 {
			return answer, err
		}
	}
}

// Attend makes a client that shows the plugin what a call of this scene's lacks.
func (s *Scene) Attend(c *contract.Client) *contract.Client {
	attended := *c
	attended.Custody, attended.Issuing = custody{c.Custody, s}, issuing{c.Issuing, c.Custody, s}
	return &attended
}

type custody struct {
	contract.CustodyClient
	scene *Scene
}

func (c custody) Safeguard(ctx context.Context, req *contract.SafeguardRequest, opts ...grpc.CallOption) (*contract.SafeguardResponse, error) {
	return Showing(ctx, c.scene, shower(c.CustodyClient), func() (*contract.SafeguardResponse, error) {
		return c.CustodyClient.Safeguard(ctx, req, opts...)
	})
}

func (c custody) Restore(ctx context.Context, req *contract.RestoreRequest, opts ...grpc.CallOption) (*contract.RestoreResponse, error) {
	return Showing(ctx, c.scene, shower(c.CustodyClient), func() (*contract.RestoreResponse, error) {
		return c.CustodyClient.Restore(ctx, req, opts...)
	})
}

type issuing struct {
	contract.IssuingClient
	by    contract.CustodyClient
	scene *Scene
}

func (c issuing) Issue(ctx context.Context, req *contract.IssueRequest, opts ...grpc.CallOption) (*contract.IssueResponse, error) {
	return Showing(ctx, c.scene, shower(c.by), func() (*contract.IssueResponse, error) {
		return c.IssuingClient.Issue(ctx, req, opts...)
	})
}

func shower(c contract.CustodyClient) func(context.Context, *contract.ShowRequest) error {
	return func(ctx context.Context, req *contract.ShowRequest) error {
		_, err := c.Show(ctx, req)
		return err
	}
}
