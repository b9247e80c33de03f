package plugintest

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"github.com/milagro-dta/dta/crypto/keytype"
	"github.com/milagro-dta/dta/crypto/mpin"
	"github.com/milagro-dta/dta/protocol/fault"
	"github.com/milagro-dta/dta/sdk/contract"
	"github.com/milagro-dta/dta/sdk/plugintest/internal/scene"
)

func describes(t *testing.T, c Config) {
	r := Launch(t, c)
	d, err := r.Plugin.Describe(t.Context(), &contract.DescribeRequest{})
	if err != nil {
		t.Fatal(err)
	}
	if d.GetType() != c.pluginType() || d.GetConfigured() || d.GetEnrolled() {
		t.Errorf("expected a plugin of type %q, not configured; got %v", c.pluginType(), d)
	}
	if !slices.Contains(d.GetVersions(), contract.Version1) || !slices.Contains(d.GetSuites(), "dta-v2") {
		t.Errorf("expected version 1 and suite dta-v2; got %v and %v", d.GetVersions(), d.GetSuites())
	}
	listsWhatItNeeds(t, d)
	if err := r.Ping(t.Context()); err != nil {
		t.Errorf("expected it to be in health; got %v", err)
	}
}

// listsWhatItNeeds holds abilities and services together. A plugin need not have all.
func listsWhatItNeeds(t *testing.T, d *contract.DescribeResponse) {
	t.Helper()
	if len(d.GetAbilities()) == 0 {
		t.Error("the plugin lists no ability: expected one of secret, key, network or more")
	}
	needs := map[string][]string{"secret": {"Custody"}, "key": {"Custody"}, "network": {"Custody", "Issuing"}}
	services := []string{"Plugin"}
	for _, a := range d.GetAbilities() {
		need, ok := needs[a]
		if !ok {
			t.Errorf("expected abilities among secret, key and network; got %q", a)
		}
		services = append(services, need...)
	}
	if types := d.GetKeyTypes(); len(types) > 0 && !slices.Contains(d.GetAbilities(), "key") {
		t.Errorf("expected no key types without the ability key; got %q", types)
	}
	for i, name := range d.GetKeyTypes() {
		if _, err := keytype.ByName(name); err != nil {
			t.Error(err)
		}
		if slices.Contains(d.GetKeyTypes()[:i], name) {
			t.Errorf("key type %q is listed twice", name)
		}
	}
	for _, s := range services {
		if !slices.Contains(d.GetServices(), "dta.custody.v1."+s) {
			t.Errorf("abilities %v need service dta.custody.v1.%s, which is not among the services listed: %v", d.GetAbilities(), s, d.GetServices())
		}
	}
}

func worksOnlyConfigured(t *testing.T, c Config) {
	r := Launch(t, c)
	if c.Lists(NodeKeys) {
		_, err := r.NodeIdentity.Make(t.Context(), &contract.MakeRequest{})
		wantKind(t, err, fault.Unavailable)
	}
	_, err := r.Plugin.Enrol(t.Context(), &contract.EnrolRequest{Reference: "x"})
	wantKind(t, err, fault.Unavailable)
	s, err := r.Plugin.Status(t.Context(), &contract.StatusRequest{})
	if err != nil || s.GetReady() {
		t.Errorf("expected a status that is not ready; got %v, %v", s, err)
	}

	r, _ = Configured(t, c, nil, nil)
	s, err = r.Plugin.Status(t.Context(), &contract.StatusRequest{})
	if err != nil || !s.GetReady() {
		t.Errorf("expected to be ready once configured; got %v, %v", s, err)
	}
}

func reportsMistakes(t *testing.T, c Config) {
	if len(c.Mistakes) == 0 {
		t.Fatal("name some blocks with mistakes in Config.Mistakes")
	}
	for _, m := range c.Mistakes {
		t.Run(m.Name, func(t *testing.T) {
			c.Secrets = append(slices.Clip(c.Secrets), m.Secret)
			r := Launch(t, c)
			req := c.ConfigureRequest(r, nil, nil)
			req.Block = wire(m.Block)
			if _, err := r.Plugin.Validate(t.Context(), &contract.ValidateRequest{Block: req.Block, Instance: Instance}); err != nil {
				t.Errorf("expected diagnostics, not an error; got %v", err)
			}
			answer, err := r.Plugin.Configure(t.Context(), req)
			if err != nil {
				t.Fatalf("expected diagnostics, not an error; got %v", err)
			}
			diags := contract.ToHCL(answer.GetDiagnostics(), blockFile)
			if !diags.HasErrors() {
				t.Fatal("expected an error among the diagnostics")
			}
			found := false
			for _, d := range diags {
				if d.Subject != nil && d.Subject.Start.Line == blockLine+m.Line-1 && strings.Contains(d.Summary+" "+d.Detail, m.Text) {
					found = true
				}
			}
			if !found {
				t.Errorf("expected %q at line %d; got %v", m.Text, blockLine+m.Line-1, diags)
			}
			if d, err := r.Plugin.Describe(t.Context(), &contract.DescribeRequest{}); err != nil || d.GetConfigured() {
				t.Errorf("expected it to stay unconfigured; got %v, %v", d, err)
			}
		})
	}
	r := Launch(t, c)
	v, err := r.Plugin.Validate(t.Context(), &contract.ValidateRequest{Block: wire(c.Block), Instance: Instance})
	if err != nil || len(v.GetDiagnostics()) != 0 {
		t.Errorf("expected nothing wrong with the good block; got %v, %v", v, err)
	}
}

func refusesFalseBeliefs(t *testing.T, c Config) {
	for name, change := range map[string]func(*contract.ConfigureRequest){
		"another type":             func(r *contract.ConfigureRequest) { r.Type = "other" },
		"no instance":              func(r *contract.ConfigureRequest) { r.Instance = "" },
		"an endless instance name": func(r *contract.ConfigureRequest) { r.Instance = strings.Repeat("x", 65) },
		"another way of starting":  func(r *contract.ConfigureRequest) { r.Supervised = !r.Supervised },
		"a name that is none":      func(r *contract.ConfigureRequest) { r.Custody = []byte("who") },
	} {
		t.Run(name, func(t *testing.T) {
			r := Launch(t, c)
			req := c.ConfigureRequest(r, nil, nil)
			change(req)
			_, err := r.Plugin.Configure(t.Context(), req)
			wantKind(t, err, fault.Invalid)
		})
	}
}

func configuresOnce(t *testing.T, c Config) {
	r, first := Configured(t, c, nil, nil)
	again, err := r.Plugin.Configure(t.Context(), c.ConfigureRequest(r, nil, nil))
	if err != nil || again.GetScheme() != first.GetScheme() {
		t.Errorf("expected the first answer again; got %v, %v", again, err)
	}
	req := c.ConfigureRequest(r, nil, nil)
	req.Instance = "vault-b"
	_, err = r.Plugin.Configure(t.Context(), req)
	wantKind(t, err, fault.Conflict)
}

func enrolsOnce(t *testing.T, c Config) {
	e := Enrol(t, c)
	// The same words are of a host that did not get the answer.
	again, err := e.Plugin.Enrol(t.Context(), enrolment)
	if err != nil || !bytes.Equal(again.GetRoot(), e.Root) || !bytes.Equal(again.GetNext(), e.Next) || !equalChains(again.GetCustodyChain(), e.Fiduciary.Blocks()) {
		t.Errorf("expected the first answer again; got %v, %v", again, err)
	}
	_, err = e.Plugin.Enrol(t.Context(), &contract.EnrolRequest{Reference: "again"})
	wantKind(t, err, fault.Conflict)
	e.Restart(t)
	_, err = e.Plugin.Enrol(t.Context(), &contract.EnrolRequest{Reference: "again"})
	wantKind(t, err, fault.Conflict)
	s, err := e.Plugin.Status(t.Context(), &contract.StatusRequest{})
	if err != nil || !equalChains(s.GetCustodyChain(), e.Fiduciary.Blocks()) {
		t.Errorf("expected the status to show the custody identity; got %v", err)
	}
}

func needsEnrolment(t *testing.T, c Config) {
	working := Enrol(t, c)
	var calls []func(*Running) error
	if c.Lists(Orders) {
		o := working.Something(t)
		calls = append(calls, func(r *Running) error { _, err := r.Custody.Safeguard(t.Context(), o.Ask()); return err })
	}
	if c.Lists(Networks) {
		n := working.Network(t, mpin.V1)
		q := working.Found(t, n).Clients(t, "alice")
		calls = append(calls,
			func(r *Running) error { _, err := r.Custody.Safeguard(t.Context(), n.Ask()); return err },
			func(r *Running) error { _, err := r.Issuing.Issue(t.Context(), q.Ask()); return err })
	}
	working.Kill()

	r, _ := Configured(t, c.Prepared(t), nil, nil)
	for _, call := range calls {
		wantKind(t, call(r), fault.Unavailable)
	}
}

func failsWithoutRoot(t *testing.T, c Config) {
	e := Enrol(t, c)
	e.Kill()
	if len(e.Root) == 0 {
		// The realm keeps its root: a realm that is new has none.
		c = c.Prepared(t)
	}
	r := Launch(t, c)
	_, err := r.Plugin.Configure(t.Context(), c.ConfigureRequest(r, nil, scene.Name(e.Fiduciary.Name)))
	wantKind(t, err, fault.NotFound)
	if d, err := r.Plugin.Describe(t.Context(), &contract.DescribeRequest{}); err != nil || d.GetConfigured() {
		t.Errorf("expected it to stay unconfigured; got %v, %v", d, err)
	}
}

func failsWithAnotherRoot(t *testing.T, c Config) {
	first := Enrol(t, c)
	if len(first.Root) == 0 {
		// The realm keeps its root: the host can only believe in another.
		first.Kill()
		stranger := scene.Keyring(t, "custody", "stranger")
		r := Launch(t, c)
		_, err := r.Plugin.Configure(t.Context(), c.ConfigureRequest(r, nil, scene.Name(stranger.Identity().Name)))
		wantKind(t, err, fault.Conflict)
		return
	}
	// Without its root shown, the realm gets a second one.
	second := Enrol(t, c)
	first.Kill()
	second.Kill()
	r := Launch(t, c)
	_, err := r.Plugin.Configure(t.Context(), c.ConfigureRequest(r, second.Root, scene.Name(first.Fiduciary.Name)))
	wantKind(t, err, fault.Conflict)

	for name, root := range map[string][]byte{
		"changed":         flip(first.Root, len(first.Root)/2),
		"cut off":         first.Root[:len(first.Root)-1],
		"no root at all":  []byte("root"),
		"changed at last": flip(first.Root, len(first.Root)-1),
	} {
		t.Run(name, func(t *testing.T) {
			r := Launch(t, c)
			_, err := r.Plugin.Configure(t.Context(), c.ConfigureRequest(r, root, scene.Name(first.Fiduciary.Name)))
			wantRefusal(t, err)
		})
	}
}

func failsInAnotherRealm(t *testing.T, c Config) {
	if c.OtherBlock == "" {
		t.Log("Config.OtherBlock is not set: there is one realm only")
		return
	}
	e := Enrol(t, c)
	e.Kill()
	c.Block = c.OtherBlock
	r := Launch(t, c)
	_, err := r.Plugin.Configure(t.Context(), c.ConfigureRequest(r, e.Root, scene.Name(e.Fiduciary.Name)))
	if err == nil {
		t.Error("what was kept in the realm of Block opens in the realm of OtherBlock: the custodian encrypts under no key of the realm")
		return
	}
	wantRefusal(t, err)
}

func flip(b []byte, at int) []byte {
	c := bytes.Clone(b)
	c[at] ^= 1
	return c
}

func wantKind(t testing.TB, err error, want fault.Kind) {
	t.Helper()
	if err == nil {
		t.Errorf("expected a refusal of kind %s; got none", want)
	} else if got := fault.Of(err); got != want {
		t.Errorf("expected a refusal of kind %s; got %s: %v", want, got, err)
	}
}

// wantRefusal accepts any kind that says whose fault it is.
func wantRefusal(t testing.TB, err error) {
	t.Helper()
	switch fault.Of(err) {
	case "":
		t.Error("expected a refusal; got none")
	case fault.Internal, fault.Deadline, fault.Unavailable, fault.Busy:
		t.Errorf("expected a refusal that says what is wrong; got %s: %v", fault.Of(err), err)
	}
}
