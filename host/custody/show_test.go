package custody

import (
	"context"
	"testing"
	"time"

	"google.golang.org/grpc"

	"github.com/milagro-dta/dta/protocol/fault"
	"github.com/milagro-dta/dta/protocol/identity"
	"github.com/milagro-dta/dta/protocol/identity/identitytest"
	"github.com/milagro-dta/dta/sdk/contract"
)

// showings are the chains that a plugin is shown.
type showings struct {
	contract.CustodyClient
	chains [][][]byte
}

func (s *showings) Show(_ context.Context, req *contract.ShowRequest, _ ...grpc.CallOption) (*contract.ShowResponse, error) {
	s.chains = append(s.chains, req.GetChain())
	return &contract.ShowResponse{}, nil
}

func TestAPluginIsShownWhatItLacks(t *testing.T) {
	var parties []*identity.Identity
	for _, name := range []string{"one", "two", "three"} {
		parties = append(parties, identitytest.Rotated(t, identity.Node, name, time.Now(), 2).Identity())
	}
	two := parties[1].Document.String()
	for name, test := range map[string]struct {
		lacks  []string
		rounds int // in which it lacks them
		shown  int
		want   fault.Kind
	}{
		"nothing":                              {nil, 0, 0, ""},
		"one":                                  {[]string{two}, 1, 1, ""},
		"one that it says twice":               {[]string{two, two}, 1, 1, ""},
		"one that it forgets once":             {[]string{two}, 2, 2, ""},
		"one for ever":                         {[]string{two}, 100, shownRounds, fault.Unavailable},
		"one that the call does not name":      {[]string{parties[0].Name.String()}, 1, 0, fault.Internal},
		"something that is no document at all": {[]string{"x"}, 1, 0, fault.Internal},
	} {
		t.Run(name, func(t *testing.T) {
			s, calls := new(showings), 0
			_, err := showing(t.Context(), &contract.Client{Custody: s}, parties, func() (struct{}, error) {
				if calls++; calls <= test.rounds {
					return struct{}{}, fault.Lacking(test.lacks, "not shown")
				}
				return struct{}{}, nil
			})
			if fault.Of(err) != test.want || fault.Missing(err) != nil || len(s.chains) != test.shown {
				t.Errorf("expected %q after %d chains; found %v after %d", test.want, test.shown, err, len(s.chains))
			}
			for _, chain := range s.chains {
				if len(chain) != 2 {
					t.Errorf("expected a whole chain; found %d documents", len(chain))
				}
			}
		})
	}
}
