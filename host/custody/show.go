package custody

import (
	"context"

	"github.com/milagro-dta/dta/protocol/fault"
	"github.com/milagro-dta/dta/protocol/identity"
	"github.com/milagro-dta/dta/sdk/contract"
)

// shownRounds is how often a plugin may say within one call that it lacks documents.
// One that was just started lacks all of them once; another call's may push them out
// of its memory again.
const shownRounds = 4

// showing makes a call that names the documents of parties, and shows the plugin
// those that it lacks, each chain in a call of its own.
func showing[T any](ctx context.Context, c *contract.Client, parties []*identity.Identity, call func() (T, error)) (T, error) {
	for round := 0; ; round++ {
		answer, err := call()
		missing := fault.Missing(err)
		if len(missing) == 0 {
			return answer, err
		}
		var none T
		if round == shownRounds {
			return none, fault.New(fault.Unavailable, "the plugin does not keep the documents that it was shown: %w", err)
		}
		lacks := make(map[string]bool, len(missing))
		for _, document := range missing {
			lacks[document] = true
		}
		for _, id := range parties {
			if document := id.Document.String(); lacks[document] {
				delete(lacks, document)
				if _, err := c.Custody.Show(ctx, &contract.ShowRequest{Chain: id.Blocks()}); err != nil {
					return none, err
				}
			}
		}
		if len(lacks) > 0 {
			return none, fault.New(fault.Internal, "the plugin lacks %d documents that the call does not name", len(lacks))
		}
	}
}

func documents(parties []*identity.Identity) [][]byte {
	out := make([][]byte, 0, len(parties))
	for _, id := range parties {
		out = append(out, id.Document.Bytes())
	}
	return out
}
