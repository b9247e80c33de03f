package fault_test

import (
	"errors"
	"fmt"
	"io"
	"testing"

	"github.com/milagro-dta/dta/protocol/fault"
)

func TestWhatAnErrorIsAboutIsSaidOnce(t *testing.T) {
	for in, want := range map[string]string{
		"":                                "order X: ",
		"it is gone":                      "order X: it is gone",
		"order: it is gone":               "order X: it is gone",
		"order X: it is gone":             "order X: it is gone",
		"order X is gone":                 "order X is gone",
		"order X2: it is gone":            "order X: order X2: it is gone",
		"orders: none":                    "order X: orders: none",
		"acceptance Y: order X: the same": "order X: acceptance Y: order X: the same",
	} {
		if got := fault.About("order X", errors.New(in)).Error(); got != want {
			t.Errorf("%q: expected %q; found %q", in, want, got)
		}
	}
	if err := fault.About("order X", nil); err != nil {
		t.Errorf("expected no error; found %v", err)
	}
}

func TestADeferredLineSaysWhatEveryErrorIsAbout(t *testing.T) {
	do := func(err error) (_ int, out error) {
		defer fault.Explain("order", &out)
		return 0, err
	}
	_, err := do(fault.New(fault.Denied, "read: %w", io.EOF))
	if fault.Of(err) != fault.Denied || !errors.Is(err, io.EOF) || err.Error() != "order: read: EOF" {
		t.Errorf("found %s, %v", fault.Of(err), err)
	}
	if _, err := do(nil); err != nil {
		t.Errorf("expected no error; found %v", err)
	}
}

func TestAnErrorKeepsItsKindAndCauseUnderWhatItIsAbout(t *testing.T) {
	err := fault.About("order X", fmt.Errorf("order: %w", fault.New(fault.Denied, "read: %w", io.EOF)))
	if fault.Of(err) != fault.Denied || !errors.Is(err, io.EOF) || fault.Public(err) != "order X: read: EOF" {
		t.Errorf("found %s, %v", fault.Of(err), err)
	}
}
