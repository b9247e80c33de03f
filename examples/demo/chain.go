package main

import (
	"context"
	"fmt"
	"strings"
	"time"
)

// shownOrder is what `dta order show --json` answers, as far as it is used here.
type shownOrder struct {
	OrderReference string `json:"orderReference"`
	State          string `json:"state"`
	Chain          []link `json:"chain"`
}

// link is one envelope of an order's chain.
type link struct {
	Kind       string   `json:"kind"`
	CID        string   `json:"cid"`
	Signer     string   `json:"signer"`
	Recipients []string `json:"recipients"`
	Previous   []string `json:"previous"`
}

func (o shownOrder) part(kind string) link {
	for _, l := range o.Chain {
		if l.Kind == kind {
			return l
		}
	}
	return link{}
}

// until waits until a node has heard that an order is in the state.
func (s *stage) until(ctx context.Context, ref, at, state string) (o shownOrder, err error) {
	for deadline := time.Now().Add(15 * time.Second); ; {
		if err = s.ask(ctx, &o, "order", "show", ref, "--url", s.url[at]); err == nil && o.State == state {
			return o, nil
		}
		if ctx.Err() != nil {
			return o, ctx.Err()
		}
		if time.Now().After(deadline) {
			return o, fmt.Errorf("%s did not hear that the order is %s: it has it as %q (%v)", at, state, o.State, err)
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// released is the whole chain, as the principal is told of it.
func (s *stage) released(ctx context.Context, ref string) (shownOrder, error) {
	return s.until(ctx, ref, "principal", "released")
}

// parts are those of an order: who must have signed each, and what it links first.
var parts = []struct{ kind, signer, follows, says string }{
	{"order", "principal", "", "keep this, for the beneficiary"},
	{"acceptance", vault, "order", "it is in my HSM"},
	{"redemption", "beneficiary", "acceptance", "give it to me"},
	{"release", vault, "redemption", "here it is, sealed to you"},
}

// printChain shows the envelopes of the order and checks that they are those
// that the story is about.
func printChain(p *printer, s *stage, o shownOrder) error {
	p.chapter("What is on record: four envelopes, each linked to the one before")
	if len(o.Chain) != len(parts) {
		return fmt.Errorf("expected a chain of %d envelopes, found %d", len(parts), len(o.Chain))
	}
	for _, want := range parts {
		l := o.part(want.kind)
		if s.who(l.Signer) != want.signer {
			return fmt.Errorf("expected %s to have signed the %s, found %s", want.signer, want.kind, s.who(l.Signer))
		}
		if want.follows != "" && (len(l.Previous) == 0 || l.Previous[0] != o.part(want.follows).CID) {
			return fmt.Errorf("expected the %s to link the %s, found %q", want.kind, want.follows, l.Previous)
		}
		var names []string
		for _, r := range l.Recipients {
			names = append(names, s.who(r))
		}
		p.line("%-10s  signed by %-11s  %s", want.kind, want.signer, p.faint("“"+want.says+"”"))
		p.line("            %s", p.faint(l.CID))
		if readers := strings.Join(names, ", "); readers != "principal, fiduciary, beneficiary" {
			return fmt.Errorf("expected principal, fiduciary and beneficiary to read the %s, found %s", want.kind, readers)
		}
	}
	p.line("each can be read by principal, fiduciary and beneficiary, and nobody else")
	return nil
}
