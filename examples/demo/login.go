package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"time"
)

const (
	login   = "login.example.com"
	network = "people"
	alice   = "alice@example.com"
	bob     = "bob@example.com"

	cosigner = "north" // signs beside the registrar for server secrets
)

// pins are what people have in their heads; the files of the stage never have them.
var pins = map[string]string{alice: "4821", bob: "7305"}

// tellLogin is the second act: from a network's order to people who log in.
func tellLogin(ctx context.Context, p *printer, s *stage) error {
	p.line("")
	p.line("%s", p.strong("Three D-TAs start a network, and people log in to it"))
	if err := gather(ctx, p, s); err != nil {
		return err
	}
	if err := found(ctx, p, s); err != nil {
		return err
	}
	if err := enrol(ctx, p, s); err != nil {
		return err
	}
	if err := logIn(ctx, p, s); err != nil {
		return err
	}
	if err := revoke(ctx, p, s); err != nil {
		return err
	}
	if err := steal(ctx, p, s); err != nil {
		return err
	}
	return verifyLogs(ctx, p, s, federation)
}

// gather has every node make its identity, and every D-TA's plugin its own, and
// starts them.
func gather(ctx context.Context, p *printer, s *stage) error {
	start := time.Now()
	p.chapter("Who is whom")
	for _, name := range federation {
		out, err := s.run(ctx, "init", "--config", name+".hcl")
		if err != nil {
			return err
		}
		s.name[name] = strings.TrimSpace(string(out))
		s.env = append(s.env, "DTA_"+variable(name)+"="+s.name[name])
	}
	for _, name := range members {
		out, err := s.run(ctx, "plugin", "enrol", vault, "--config", name+".hcl")
		if err != nil {
			return err
		}
		s.name["vault of "+name] = strings.TrimSpace(string(out))
		s.env = append(s.env, "DTA_"+variable(name)+"_CUSTODY="+s.name["vault of "+name])
	}
	p.line("%-11s  %s  %s", registrar, short(s.name[registrar]), p.faint("says who is enrolled"))
	for _, name := range members {
		p.line("%-11s  %s  %s", name, short(s.name[name]), p.faint("has a third of a secret that exists nowhere"))
	}
	for _, name := range federation {
		if err := s.start(ctx, name); err != nil {
			return err
		}
	}
	p.chapter("What happens")
	p.line("%s  four nodes are ready, each with an HSM plugin of its own (%s)", p.good("✓"), show(time.Since(start)))
	return nil
}

// variable is a node's name as the configurations' environment has it.
func variable(name string) string {
	return strings.ToUpper(name)
}

// found has the registrar order the network.
func found(ctx context.Context, p *printer, s *stage) error {
	start := time.Now()
	var got struct {
		Reference string `json:"reference"`
		State     string `json:"state"`
		Revocable bool   `json:"revocable"`
		Members   []struct {
			Commitment string `json:"commitment"`
		} `json:"members"`
	}
	args := []string{"network", "create", network, "--authority", "server-secret=2:self," + cosigner, "--url", s.url[registrar]}
	for _, name := range members {
		args = append(args, "--fiduciary", name+"/"+vault)
	}
	if err := s.ask(ctx, &got, args...); err != nil {
		return err
	}
	if got.State != "accepted" || !got.Revocable || len(got.Members) != len(members) {
		return fmt.Errorf("the network is %s with %d members; expected it accepted by %d", got.State, len(got.Members), len(members))
	}
	p.line("%s  the registrar has ordered a network, and each plugin has made its share (%s)", p.good("✓"), show(time.Since(start)))
	for i, m := range got.Members {
		p.line("   %s", p.faint(fmt.Sprintf("%s committed to it as %s…", members[i], m.Commitment[:24])))
	}
	return nil
}

// enrol has a server and two people get their secrets, each from all three D-TAs.
func enrol(ctx context.Context, p *printer, s *stage) error {
	start := time.Now()
	if _, err := s.refused([]int{denied}, "network", "enrol-server", network, login, "--out", s.path("server"), "--url", s.url[registrar])(ctx); err != nil {
		return fmt.Errorf("a server secret with one signature: %w", err)
	}
	if _, err := s.run(ctx, "network", "enrol-server", network, login, "--out", s.path("server"), "--co-signer", s.url[cosigner], "--url", s.url[registrar]); err != nil {
		return err
	}
	p.line("%s  %s has its secret: three sealed parts, each checked, added up (%s)", p.good("✓"), login, show(time.Since(start)))
	p.line("   %s", p.faint("it takes two signatures: the registrar's and "+cosigner+"'s"))
	for _, who := range []string{alice, bob} {
		start := time.Now()
		if _, err := s.typing(ctx, pins[who], "network", "enrol-client", network, who, "--out", s.path(who+".token"),
			"--pin-stdin", "--url", s.url[registrar]); err != nil {
			return err
		}
		p.line("%s  %s is enrolled and has chosen a PIN, which nobody else knows (%s)", p.good("✓"), who, show(time.Since(start)))
	}
	if _, err := s.run(ctx, "network", "permit", network, alice, "--days", "2", "--out", s.path(alice+".permits"), "--url", s.url[registrar]); err != nil {
		return err
	}
	p.line("%s  %s has permits for today and tomorrow", p.good("✓"), alice)
	return s.launch(ctx, login, "mpin", "server", "--secret", s.path("server"), "--state", s.path("tries"),
		"--create", "--listen", "127.0.0.1:0", "--log-distance")
}

// typing runs a command at which somebody types a PIN.
func (s *stage) typing(ctx context.Context, pin string, args ...string) ([]byte, error) {
	s.stdin = pin + "\n"
	defer func() { s.stdin = "" }()
	return s.run(ctx, args...)
}

// attemptLogin is one login, as a person's own program does it.
func (s *stage) attemptLogin(ctx context.Context, who, token, pin string) (result, error) {
	args := []string{"mpin", "login", "--token", token, "--server", s.url[login], "--server-name", login, "--pin-stdin"}
	if permits := s.path(who + ".permits"); exists(permits) {
		args = append(args, "--permits", permits)
	}
	s.stdin = pin + "\n"
	defer func() { s.stdin = "" }()
	return s.ran(ctx, args...)
}

// mustLogin is a login with the right PIN, which must succeed.
func (s *stage) mustLogin(ctx context.Context, who, token, pin string) error {
	r, err := s.attemptLogin(ctx, who, token, pin)
	if err == nil && r.code != 0 {
		err = fmt.Errorf("%s with the right PIN: exit code %d: %s", who, r.code, r.said)
	}
	return err
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

var aDistance = regexp.MustCompile(`distance[=:]\s*(-?\d+)`)

func logIn(ctx context.Context, p *printer, s *stage) error {
	start := time.Now()
	if err := s.mustLogin(ctx, alice, s.path(alice+".token"), pins[alice]); err != nil {
		return err
	}
	took := time.Since(start)
	p.line("%s  %s logs in; both sides have a new key and have shown it (%s)", p.good("✓"), alice, show(took))
	wrong := "4829"
	r, err := s.attemptLogin(ctx, alice, s.path(alice+".token"), wrong)
	if err != nil {
		return err
	}
	if r.code != denied {
		return fmt.Errorf("%s with a wrong PIN: expected exit code %d, found %d: %s", alice, denied, r.code, r.said)
	}
	p.line("%s  %s mistypes the last digit", p.bad("✗"), alice)
	p.wrapped(3, "refused: "+s.plain(last(r.said)))
	log, err := os.ReadFile(s.path(login + ".log"))
	if err != nil {
		return err
	}
	d := aDistance.FindSubmatch(log)
	if d == nil || string(d[1]) != "8" {
		return fmt.Errorf("the server's log: expected a distance of 8, found %q in\n%s", d, log)
	}
	p.wrapped(3, "the server's own log, asked to: wrong by "+string(d[1])+", so a typing error; it never tells the client")
	if err := s.mustLogin(ctx, alice, s.path(alice+".token"), pins[alice]); err != nil {
		return fmt.Errorf("after a wrong PIN: %w", err)
	}
	return nil
}

// revoke takes a person's permits away before there were any.
func revoke(ctx context.Context, p *printer, s *stage) error {
	p.chapter("Who does not get in")
	if _, err := s.run(ctx, "network", "revoke", network, bob, "--url", s.url[registrar]); err != nil {
		return err
	}
	reason, err := s.refused([]int{denied}, "network", "permit", network, bob, "--out", s.path(bob+".permits"), "--url", s.url[registrar])(ctx)
	if err != nil {
		return err
	}
	p.line("%s  %s was revoked, and asks for today's permit", p.bad("✗"), bob)
	p.wrapped(3, "refused: "+s.plain(reason))
	r, err := s.attemptLogin(ctx, bob, s.path(bob+".token"), pins[bob])
	if err != nil {
		return err
	}
	if r.code == 0 {
		return fmt.Errorf("%s logged in without a permit", bob)
	}
	p.line("%s  %s tries without, with token and PIN both right", p.bad("✗"), bob)
	p.wrapped(3, "refused: "+s.plain(last(r.said)))
	return nil
}

// steal has a thief use a copy of a person's token, which does not tell the PIN.
func steal(ctx context.Context, p *printer, s *stage) error {
	stolen := s.path("stolen")
	token, err := os.ReadFile(s.path(alice + ".token"))
	if err != nil {
		return err
	}
	var members map[string]any
	if err := json.Unmarshal(token, &members); err != nil {
		return fmt.Errorf("the token's file: %w", err)
	}
	for name, value := range members {
		if fmt.Sprint(value) == pins[alice] {
			return fmt.Errorf("the token's file has the PIN, as %q", name)
		}
	}
	if err := os.WriteFile(stolen, token, 0o600); err != nil {
		return err
	}
	p.line("%s  a thief has a copy of %s's token, without the PIN", p.bad("✗"), alice)
	p.wrapped(3, "the file fits every PIN equally well; all it is good for is guessing at the server")
	var said []string
	for _, guess := range []string{"0000", "1234", "1111"} {
		r, err := s.attemptLogin(ctx, alice, stolen, guess)
		if err != nil {
			return err
		}
		if r.code != denied {
			return fmt.Errorf("the thief's guess: expected exit code %d, found %d: %s", denied, r.code, r.said)
		}
		said = append(said, guess)
	}
	r, err := s.attemptLogin(ctx, alice, stolen, pins[alice])
	if err != nil {
		return err
	}
	if r.code == 0 {
		return fmt.Errorf("after %d wrong PINs the right one still logs in", len(said))
	}
	p.line("%s  the thief guesses %s; then even the right PIN is refused", p.bad("✗"), strings.Join(said, ", "))
	p.wrapped(3, "refused: "+s.plain(last(r.said)))
	if _, err := s.run(ctx, "mpin", "unlock", alice, "--state", s.path("tries")); err != nil {
		return err
	}
	if err := s.mustLogin(ctx, alice, s.path(alice+".token"), pins[alice]); err != nil {
		return fmt.Errorf("after the unlocking: %w", err)
	}
	p.line("%s  %s, whom the operator has unlocked, logs in", p.good("✓"), alice)
	return nil
}

// verifyLogs has nodes compute their audit logs anew.
func verifyLogs(ctx context.Context, p *printer, s *stage, names []string) error {
	p.chapter("Afterwards")
	var sizes []string
	for _, name := range slices.Clone(names) {
		var got struct {
			Size int64 `json:"size"`
		}
		if err := s.ask(ctx, &got, "audit", "verify", "--config", name+".hcl"); err != nil {
			return err
		}
		if got.Size == 0 {
			return fmt.Errorf("the audit log of %s is empty", name)
		}
		sizes = append(sizes, fmt.Sprintf("%s %d", name, got.Size))
	}
	p.line("%s  the audit logs hold, every hash computed anew (entries: %s)", p.good("✓"), strings.Join(sizes, ", "))
	return nil
}
