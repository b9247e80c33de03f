package main

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
)

// Exit codes of dta that say no.
const (
	denied   = 3
	notFound = 4
)

// attempt is something that must not work. try returns the reason why it did
// not; an error means that it did, or that it failed for want of something else.
type attempt struct {
	who, what string
	try       func(ctx context.Context) (reason string, err error)
}

// refuse has everyone try who has no business with the secret.
func refuse(ctx context.Context, p *printer, s *stage, o shownOrder) error {
	p.chapter("Who does not get it")
	if err := s.addStranger(ctx); err != nil {
		return err
	}
	share, err := s.thief(p)
	if err != nil {
		return err
	}
	f, err := newForger(ctx, s, o)
	if err != nil {
		return err
	}
	ref := o.OrderReference
	for _, a := range []attempt{
		{stranger, "has a secret of its own kept by the fiduciary", s.refused([]int{denied},
			"order", "create", "--secret-file", s.file, "--to", "fiduciary/"+vault, "--url", s.url[stranger])},
		{stranger, "redeems the order, whose reference it overheard", s.refused([]int{denied, notFound},
			"order", "redeem", ref, "--url", s.url[stranger])},
		{stranger, "signs a redemption with software of its own", f.redemption},
		{stranger, "asks the fiduciary for the sealed share, by its CID", f.block(share)},
		{"principal", "has the secret released to itself, against the order's terms", s.refused([]int{denied},
			"order", "redeem", ref, "--beneficiary", s.name["principal"], "--url", s.url["principal"])},
	} {
		reason, err := a.try(ctx)
		if err != nil {
			return fmt.Errorf("the %s %s: %w", a.who, a.what, err)
		}
		p.line("%s  the %s %s", p.bad("✗"), a.who, a.what)
		p.wrapped(3, "refused: "+s.plain(reason))
	}
	return nil
}

// refused runs a dta command that must end with one of the codes.
func (s *stage) refused(codes []int, args ...string) func(context.Context) (string, error) {
	return func(ctx context.Context) (string, error) {
		r, err := s.ran(ctx, args...)
		if err != nil {
			return "", err
		}
		if !slices.Contains(codes, r.code) {
			return "", fmt.Errorf("%s: expected to be refused with exit code %v, found %d: %s", r.command, codes, r.code, r.said)
		}
		return last(r.said), nil
	}
}

// last is the end of an error's text, which says why; what comes before says
// where.
func last(text string) string {
	if i := strings.LastIndex(text, "/v1/"); i >= 0 {
		if _, why, ok := strings.Cut(text[i:], ": "); ok {
			return why
		}
	}
	return text
}

// strangerConfig is a fourth node, which knows the fiduciary and is known to
// nobody.
const strangerConfig = `
node {
  name     = "stranger"
  data_dir = "./dta-data/stranger"
  seal     = "vault"
}

listener "local" {
  address = "127.0.0.1:0"
  serves  = ["principals", "nodes"]
}

plugin "softhsm-demo" "vault" {
  command    = "dta-plugin-softhsm-demo"
  self_enrol = true

  config {
    directory = "./dta-softhsm/stranger"
  }
}

peer "fiduciary" {
  identity = env("DTA_FIDUCIARY")
  custody  = [env("DTA_FIDUCIARY_CUSTODY")]
  url      = env("DEMO_FIDUCIARY_URL")
}
`

func (s *stage) addStranger(ctx context.Context) error {
	if err := os.WriteFile(s.path(stranger+".hcl"), []byte(strangerConfig), 0o600); err != nil {
		return err
	}
	s.env = append(s.env, "DEMO_FIDUCIARY_URL="+s.url["fiduciary"])
	return s.start(ctx, stranger, "--create")
}
