package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"strings"
	"time"
)

// tell is the story from beginning to end.
func tell(ctx context.Context, p *printer, s *stage) error {
	p.line("")
	p.line("%s", p.strong("A secret is kept by an HSM plugin, and given back"))
	if err := introduce(ctx, p, s); err != nil {
		return err
	}
	if err := startNodes(ctx, p, s); err != nil {
		return err
	}
	placed, err := place(ctx, p, s)
	if err != nil {
		return err
	}
	if err := redeem(ctx, p, s, placed.OrderReference); err != nil {
		return err
	}
	o, err := s.released(ctx, placed.OrderReference)
	if err != nil {
		return err
	}
	if err := printChain(p, s, o); err != nil {
		return err
	}
	if err := refuse(ctx, p, s, o); err != nil {
		return err
	}
	return verifyLogs(ctx, p, s, roles)
}

// introduce has every node make its identity, and the vault its own. Each learns
// the others' names through its environment.
func introduce(ctx context.Context, p *printer, s *stage) error {
	p.chapter("Who is whom")
	for _, name := range roles {
		out, err := s.run(ctx, "init", "--config", name+".hcl")
		if err != nil {
			return err
		}
		s.name[name] = strings.TrimSpace(string(out))
		s.env = append(s.env, "DTA_"+strings.ToUpper(name)+"="+s.name[name])
	}
	out, err := s.run(ctx, "plugin", "enrol", vault, "--config", "fiduciary.hcl")
	if err != nil {
		return err
	}
	s.name[vault] = strings.TrimSpace(string(out))
	s.env = append(s.env, "DTA_FIDUCIARY_CUSTODY="+s.name[vault])
	for _, who := range []struct{ name, is string }{
		{"principal", "has a secret"},
		{"fiduciary", "keeps it, and has no key to it"},
		{vault, "the fiduciary's HSM plugin, which has"},
		{"beneficiary", "is to get it back"},
	} {
		p.line("%-11s  %s  %s", who.name, short(s.name[who.name]), p.faint(who.is))
	}
	return nil
}

func startNodes(ctx context.Context, p *printer, s *stage) error {
	start := time.Now()
	for _, name := range roles {
		if err := s.start(ctx, name); err != nil {
			return err
		}
	}
	took := time.Since(start)
	p.chapter("What happens")
	var at []string
	for _, name := range roles {
		at = append(at, strings.TrimPrefix(s.url[name], "http://"))
	}
	p.line("%s  the nodes are ready on %s (%s)", p.good("✓"), strings.Join(at, ", "), show(took))
	return nil
}

// placedOrder is what `dta order create --json` answers.
type placedOrder struct {
	OrderReference string `json:"orderReference"`
	State          string `json:"state"`
}

func place(ctx context.Context, p *printer, s *stage) (placedOrder, error) {
	start := time.Now()
	var got placedOrder
	err := s.ask(ctx, &got, "order", "create", "--secret-file", s.file, "--to", "fiduciary/"+vault,
		"--beneficiary", "beneficiary", "--url", s.url["principal"])
	if err != nil {
		return got, err
	}
	if got.State != "accepted" {
		return got, fmt.Errorf("the order is %s; expected it to be accepted", got.State)
	}
	p.line("%s  the principal's secret, %s, is in the vault's keeping (%s)", p.good("✓"), size(len(s.secret)), show(time.Since(start)))
	p.line("   %s", p.faint("reference "+got.OrderReference))
	return got, nil
}

// redeem gets the secret back at the beneficiary, once it has heard of the order.
func redeem(ctx context.Context, p *printer, s *stage, ref string) error {
	if _, err := s.until(ctx, ref, "beneficiary", "accepted"); err != nil {
		return err
	}
	start, out := time.Now(), s.path("redeemed")
	if _, err := s.run(ctx, "order", "redeem", ref, "--url", s.url["beneficiary"], "--out", out); err != nil {
		return err
	}
	took := time.Since(start)
	got, err := os.ReadFile(out)
	if err != nil {
		return err
	}
	if !bytes.Equal(got, s.secret) {
		return fmt.Errorf("the beneficiary got %d bytes that are not the %d of the secret", len(got), len(s.secret))
	}
	p.line("%s  the beneficiary has it back, the same byte for byte (%s)", p.good("✓"), show(took))
	return nil
}

func size(n int) string {
	if n < 10<<10 {
		return fmt.Sprintf("%d bytes", n)
	}
	return fmt.Sprintf("%.1f KiB", float64(n)/1024)
}
