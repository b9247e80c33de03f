package plugintest_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/milagro-dta/dta/protocol/fault"
	"github.com/milagro-dta/dta/sdk"
	"github.com/milagro-dta/dta/sdk/contract"
	"github.com/milagro-dta/dta/sdk/pluginconf"
	"github.com/milagro-dta/dta/sdk/plugintest"
)

// witness is a test that may fail.
type witness struct {
	testing.TB
	failures []string
	cleanups []func()
}

func (w *witness) Helper()                   {}
func (w *witness) Error(a ...any)            { w.failures = append(w.failures, fmt.Sprint(a...)) }
func (w *witness) Errorf(f string, a ...any) { w.failures = append(w.failures, fmt.Sprintf(f, a...)) }
func (w *witness) Cleanup(f func())          { w.cleanups = append(w.cleanups, f) }
func (w *witness) end()                      { slices.Reverse(w.cleanups); each(w.cleanups) }
func each(fs []func()) {
	for _, f := range fs {
		f()
	}
}

// careless does not say that its passphrase is one, so that nothing keeps it from coming out.
type careless struct {
	Passphrase string `hcl:"passphrase"`
	Leak       string `hcl:"leak"`
}

type carelessKeeper struct {
	careless
	log func(string, ...any)
}

func (k carelessKeeper) Safeguard(context.Context, []byte, sdk.Context) ([]byte, error) {
	return nil, fault.New(fault.Denied, "refused: %s", k.at("an error"))
}

func (carelessKeeper) Restore(context.Context, []byte, sdk.Context) ([]byte, error) {
	return nil, errors.New("nothing is kept")
}

func (k carelessKeeper) Status(context.Context) sdk.Status {
	return sdk.Status{Ready: true, Text: "ready " + k.at("a status")}
}

func (k carelessKeeper) Close() error {
	k.log("closing", "key", k.at("the log, at the end"))
	return nil
}

// at gives the passphrase where it is to leak.
func (c careless) at(where string) string {
	if c.Leak == where {
		return c.Passphrase
	}
	return "well"
}

func carelessPlugin() sdk.Program {
	return sdk.Plugin[careless]{
		Type: "careless",
		Validate: func(c *careless) []pluginconf.Problem {
			return []pluginconf.Problem{{Warning: true, Summary: "Found", Detail: c.at("a diagnostic")}}
		},
		Open: func(_ context.Context, c *careless, env sdk.Environment) (sdk.Custodian, error) {
			return carelessKeeper{*c, env.Logger.Info}, nil
		},
	}
}

func TestASecretThatComesOutIsFoundWhereverItDoes(t *testing.T) {
	const secret = "correct horse battery staple"
	for leak, want := range map[string]string{
		"nowhere":             "",
		"a diagnostic":        "Plugin/Validate holds a secret",
		"an error":            "NodeIdentity/Make holds a secret",
		"a status":            "Plugin/Status holds a secret",
		"the log, at the end": "the log holds a secret",
	} {
		t.Run(leak, func(t *testing.T) {
			w := &witness{TB: t}
			c := plugintest.Config{
				Plugin: carelessPlugin(), Type: "careless", Secrets: []string{secret},
				Block: fmt.Sprintf("passphrase = %q\nleak = %q\n", secret, leak),
			}
			r := plugintest.Launch(w, c)
			req := c.ConfigureRequest(r, nil, nil)
			_, _ = r.Plugin.Validate(t.Context(), &contract.ValidateRequest{Block: req.Block, Instance: req.Instance})
			if leak != "a diagnostic" {
				if _, err := r.Plugin.Configure(t.Context(), req); err != nil {
					t.Fatal(err)
				}
			}
			_, _ = r.Plugin.Status(t.Context(), &contract.StatusRequest{})
			_, _ = r.NodeIdentity.Make(t.Context(), &contract.MakeRequest{})
			w.end()
			found := strings.Join(w.failures, "\n")
			if want == "" && found != "" || !strings.Contains(found, want) {
				t.Errorf("expected %q; got %q", want, found)
			}
		})
	}
}
