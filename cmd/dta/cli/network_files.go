package cli

import (
	"context"
	"os"

	"github.com/milagro-dta/dta/cmd/dta/newfile"
	"github.com/milagro-dta/dta/host/rest"
	"github.com/milagro-dta/dta/internal/readfile"
	"github.com/milagro-dta/dta/protocol/fault"
	"github.com/milagro-dta/dta/protocol/issue"
	"github.com/milagro-dta/dta/protocol/order"
)

// newFile prepares the file that --out names.
func newFile(out string) (*newfile.Place, error) {
	if out == "" {
		return nil, usagef("expected --out FILE")
	}
	return newfile.New(out)
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

// readSmall reads a file that is no secret, of 1 byte to 2 MiB.
func readSmall(flag, path string) ([]byte, error) {
	text, err := readfile.Bounded(path, 2<<20)
	switch {
	case err != nil:
		return nil, usagef("%s: %w", flag, err)
	case len(text) == 0:
		return nil, usagef("%s %s: the file is empty", flag, path)
	}
	return text, nil
}

// readRequest reads what asks for an approval.
func readRequest(path string) ([]byte, *issue.Asked, error) {
	block, err := readSmall("--request", path)
	if err != nil {
		return nil, nil, err
	}
	r, err := issue.ParseAsked(block)
	if err != nil {
		return nil, nil, usagef("--request %s: expected a request, as the --request of the command that waits leaves it: %w", path, err)
	}
	return block, r, nil
}

// readMandate reads a delegation, and the network that it is of.
func readMandate(path string) ([]byte, *issue.Network, error) {
	block, err := readSmall("--delegation", path)
	if err != nil {
		return nil, nil, err
	}
	network, _, err := issue.ReadMandate(block)
	if err != nil {
		return nil, nil, usagef("--delegation %s: expected a delegation, as dta network delegate writes it: %w", path, err)
	}
	return block, network, nil
}

// meant finds the network that a command is about: as its node knows it, or, where
// the node does not, from the delegation to it.
func (a *app) meant(ctx context.Context, ref, delegation string) (*rest.NetworkAnswer, error) {
	n, err := a.findNetwork(ctx, ref)
	if delegation == "" || fault.Of(err) != fault.NotFound {
		return n, err
	}
	_, network, bad := readMandate(delegation)
	if bad != nil {
		return nil, bad
	}
	terms := network.Order.Terms()
	if ref != network.Terms.Name && ref != terms.ReferenceHex() {
		return nil, err
	}
	n = &rest.NetworkAnswer{
		Reference: terms.ReferenceHex(), OrderCID: network.Order.CID().String(), TermsCID: network.Order.TermsCID().String(),
		Name: network.Terms.Name, Suite: network.Terms.Suite, State: string(order.Accepted), Registrar: terms.Principal.String(),
		Permits: network.Terms.Permits, Revocable: network.Terms.Permits, MaxPermitDays: network.Terms.MaxDays,
	}
	for i, f := range terms.Fiduciaries {
		n.Members = append(n.Members, rest.NetworkMember{Index: i, Node: f.Node.Name.String(), Custody: f.Custody.Name.String(), State: string(order.Accepted)})
	}
	return n, nil
}
