package guard

import (
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/milagro-dta/dta/protocol/fault"
	"github.com/milagro-dta/dta/sdk/contract"
)

// largest is a request at every bound, none of which it passes.
func largest() *contract.RestoreRequest {
	shown := func() *contract.Shown {
		return &contract.Shown{Envelope: make([]byte, contract.MaxEnvelope), Plain: make([]byte, contract.MaxEnvelope)}
	}
	return &contract.RestoreRequest{
		OperationId: strings.Repeat("0", 64), Order: shown(), Acceptance: shown(), Redemption: shown(),
		Documents: make([][]byte, contract.MaxNamed),
		Deposit:   make([]byte, contract.MaxDeposit), Checkpoint: make([]byte, contract.MaxCheckpoint),
	}
}

func boundBoth(req *contract.RestoreRequest) (restore, safeguard error) {
	return boundRelease(req, "redemption", req.GetRedemption()), boundSafeguard(&contract.SafeguardRequest{
		OperationId: req.OperationId, Order: req.Order, Share: req.Deposit, Documents: req.Documents, Checkpoint: req.Checkpoint,
	})
}

// TestARequestIsBoundedBeforeItIsRead: what passes a bound is refused by a word about
// that bound, not by what reads it later.
func TestARequestIsBoundedBeforeItIsRead(t *testing.T) {
	if restore, safeguard := boundBoth(largest()); restore != nil || safeguard != nil {
		t.Fatalf("at every bound: %v, %v", restore, safeguard)
	}
	for _, test := range []struct {
		change    func(r *contract.RestoreRequest)
		restore   string
		safeguard string // "" where it has no such part
	}{
		{func(r *contract.RestoreRequest) { r.Order = nil }, "the order is not shown", "the order is not shown"},
		{func(r *contract.RestoreRequest) { r.Order.Envelope = nil }, "the order is not shown", "the order is not shown"},
		{func(r *contract.RestoreRequest) { r.Order.Plain = nil }, "the order is not shown", "the order is not shown"},
		{func(r *contract.RestoreRequest) { longer(&r.Order.Envelope) }, "expected the order in at most", "expected the order in at most"},
		{func(r *contract.RestoreRequest) { longer(&r.Order.Plain) }, "expected the order in at most", "expected the order in at most"},
		{func(r *contract.RestoreRequest) { r.Acceptance.Envelope = nil }, "the acceptance is not shown", ""},
		{func(r *contract.RestoreRequest) { longer(&r.Acceptance.Plain) }, "expected the acceptance in at most", ""},
		{func(r *contract.RestoreRequest) { r.Redemption.Plain = nil }, "the redemption is not shown", ""},
		{func(r *contract.RestoreRequest) { longer(&r.Redemption.Envelope) }, "expected the redemption in at most", ""},
		{func(r *contract.RestoreRequest) { r.Deposit = nil }, "expected a deposit of 1 to", ""},
		{func(r *contract.RestoreRequest) { longer(&r.Deposit) }, "expected a deposit of 1 to", "expected a share block of at most"},
		{func(r *contract.RestoreRequest) { r.OperationId = "" }, "expected an operation id of 64", "expected an operation id of 64"},
		{func(r *contract.RestoreRequest) { r.OperationId += "0" }, "expected an operation id of 64", "expected an operation id of 64"},
		{func(r *contract.RestoreRequest) { r.Documents = append(r.Documents, nil) }, "documents named", "documents named"},
		{func(r *contract.RestoreRequest) { longer(&r.Checkpoint) }, "expected a checkpoint of at most", "expected a checkpoint of at most"},
	} {
		r := largest()
		test.change(r)
		restore, safeguard := boundBoth(r)
		for _, c := range []struct {
			found error
			want  string
		}{{restore, test.restore}, {safeguard, test.safeguard}} {
			if c.want == "" && c.found != nil || c.want != "" && (fault.Of(c.found) != fault.Invalid || !strings.Contains(c.found.Error(), c.want)) {
				t.Errorf("expected %q; found %v", c.want, c.found)
			}
		}
	}
}

func longer(b *[]byte) { *b = append(*b, 0) }

func TestAChainIsBoundedBeforeItIsRead(t *testing.T) {
	largest := func() *contract.ShowRequest {
		r := &contract.ShowRequest{Chain: make([][]byte, contract.MaxDocuments)}
		for i := range r.Chain {
			r.Chain[i] = make([]byte, contract.MaxDocument)
		}
		return r
	}
	if r := largest(); boundShow(r) != nil || proto.Size(r) > contract.MaxMessage {
		t.Errorf("at every bound: %v, %d bytes", boundShow(r), proto.Size(r))
	}
	for want, change := range map[string]func(r *contract.ShowRequest){
		"a chain of 1 to 64 documents, found 65": func(r *contract.ShowRequest) { r.Chain = append(r.Chain, nil) },
		"a chain of 1 to 64 documents, found 0":  func(r *contract.ShowRequest) { r.Chain = nil },
		"document 7: expected 1 to":              func(r *contract.ShowRequest) { longer(&r.Chain[7]) },
		"document 8: expected 1 to":              func(r *contract.ShowRequest) { r.Chain[8] = nil },
	} {
		r := largest()
		change(r)
		if err := boundShow(r); fault.Of(err) != fault.Invalid || !strings.Contains(err.Error(), want) {
			t.Errorf("expected %q; found %v", want, err)
		}
	}
}
