package fault_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/milagro-dta/dta/protocol/fault"
)

func TestWhatIsMissingCrossesEveryBoundary(t *testing.T) {
	want := []string{"bafyone", "bafytwo"}
	err := fmt.Errorf("order: %w", fault.Lacking(want, "not known here"))
	if fault.Of(err) != fault.NotFound || !slices.Equal(fault.Missing(err), want) {
		t.Errorf("here: found %s, %v", fault.Of(err), fault.Missing(err))
	}
	if got := fault.FromStatus(fault.ToStatus(err)); fault.Of(got) != fault.NotFound || !slices.Equal(fault.Missing(got), want) {
		t.Errorf("over gRPC: found %s, %v", fault.Of(got), fault.Missing(got))
	}
	text, bad := json.Marshal(map[string]any{"kind": "not_found", "detail": "order", "missing": want})
	if bad != nil {
		t.Fatal(bad)
	}
	if got := fault.FromProblem(404, fault.ProblemType, text); !slices.Equal(fault.Missing(got), want) {
		t.Errorf("over HTTP: found %v", fault.Missing(got))
	}
}

func TestWhatIsMissingIsTheOutermostErrors(t *testing.T) {
	inner := fault.Lacking([]string{"bafyone"}, "not known here")
	for name, err := range map[string]error{
		"another kind around it": fault.New(fault.Unavailable, "custody: %w", inner),
		"an ordinary error":      fault.New(fault.NotFound, "no order"),
		"no error":               nil,
	} {
		if got := fault.Missing(err); got != nil {
			t.Errorf("%s: found %v", name, got)
		}
	}
	if got := fault.Missing(fault.About("order bafy", inner)); len(got) != 1 {
		t.Errorf("under another text: found %v", got)
	}
}

func TestWhatIsMissingIsBounded(t *testing.T) {
	var many []string
	for i := range 1000 {
		many = append(many, fmt.Sprint("bafy", i))
	}
	many = append([]string{strings.Repeat("x", 4096), ""}, many...)
	if got := fault.Missing(fault.Lacking(many, "x")); len(got) != fault.MaxMissing || got[0] != "bafy0" {
		t.Errorf("found %d, the first of them %.40q", len(got), got[0])
	}
}
