package plugintest

import (
	"bytes"
	"testing"

	"github.com/milagro-dta/dta/sdk/contract"
	"github.com/milagro-dta/dta/sdk/plugintest/internal/scene"
)

// Run checks that a plugin keeps the contract. Each case starts the plugin anew, in a realm of its own where
// Config.Fresh can make one; a plugin that keeps its root in the realm needs that. Of secrets, keys, networks and the
// node's identity it tries those that the plugin lists; it must list something, and what it lists it must do.
func Run(t *testing.T, c Config) {
	RunCases(t, c, []Case{
		{"it describes itself before it is configured", nil, describes},
		{"it works only after it is configured", nil, worksOnlyConfigured},
		{"mistakes in its block are reported at the operator's line", nil, reportsMistakes},
		{"it refuses to be taken for something else", nil, refusesFalseBeliefs},
		{"it is configured once", nil, configuresOnce},
		{"it is enrolled once", nil, enrolsOnce},
		{"it needs an identity to keep anything", nil, needsEnrolment},
		{"a start without the realm's root fails", nil, failsWithoutRoot},
		{"a start with another root fails", nil, failsWithAnotherRoot},
		{"a start in another realm fails", nil, failsInAnotherRealm},
		{"a secret is kept and given back", []Need{Secrets}, keepsSecret},
		{"a key of each type is made and given back", []Need{Keys}, makesKey},
		{"a share of several is kept and given back", []Need{Secrets}, keepsShareOfSeveral},
		{"no key of the custodian comes out", nil, showsNoKey},
		{"a call that is given up ends", []Need{Orders}, endsWithItsCaller},
		{"repeats leave nothing behind", nil, leavesNothing},
		{"what was kept survives the process", []Need{Orders}, survivesProcess},
		{"the principal may redeem for the beneficiary", []Need{Orders}, redeemsForAnother},
		{"a receiver with a new document gets the release sealed to it", []Need{Orders}, followsReceiver},
		{"repeats are answered", []Need{Orders}, answersRepeats},
		{"an order under another signature is the same order", []Need{Orders}, knowsOrderResigned},
		{"chains of documents may be long, and larger together than a message", []Need{Orders}, takesLongChains},
		{"what a network's D-TAs issue adds up", []Need{Networks}, issuesForNetwork},
		{"a delegate may ask in a network", []Need{Networks}, issuesForDelegate},
		{"a network's share survives the process", []Need{Networks}, networkSurvivesProcess},
		{"a cache of networks' shares changes no answer", []Need{Networks}, cachesShares},
		{"no network's share comes out", []Need{Networks}, showsNoShare},
		{"a request that expired is refused", []Need{Networks}, refusesExpired},
		{"a changed deposit is refused", []Need{NodeKeys}, refusesChangedDeposit},
		{"the node's own key comes back, and only that", []Need{NodeKeys}, keepsNodeKey},
		{"a hundred calls at once are answered", []Need{Orders}, answersManyAtOnce},
		{"a call that is given up leaves the plugin well", []Need{Orders}, survivesCancelledCalls},
		{"an oversized message is refused and the plugin lives", []Need{Orders}, refusesOversized},
		{"senseless requests are refused and the plugin lives", []Need{Orders}, refusesSenseless},
		{"senseless requests to issue are refused and the plugin lives", []Need{Networks}, refusesSenselessIssue},
		{"many requests to issue at once are answered", []Need{Networks}, issuesManyAtOnce},
		{"a request to issue that is given up leaves the plugin well", []Need{Networks}, survivesCancelledIssue},
		{"asked to end, it ends", nil, ends},
		{"asked to end, it finishes what was begun", []Need{Orders}, drains},
		{"asked to end by its host, it finishes what was begun", []Need{Networks}, drainsForHost},
	})
}

// Enrolled is a plugin at work, and the scene around it: a node, principals, beneficiaries and networks, who speak to the
// plugin as honest people do. A test of your own may rely on what this package and package contract declare, and on this:
//
//	k := e.Keep(t, e.Order(t, secret)) // a nil secret orders a key
//	got := e.Give(t, k.Redeem(t, k.Beneficiary))
//
//	f := e.Found(t, e.Network(t, mpin.V1))
//	secrets := e.Issue(t, f.Clients(t, "alice"))
//
// Everything else about the scene may change.
type Enrolled struct {
	*Running
	*scene.Scene
	Config Config
	Root   []byte // the custody-root deposit; empty where the realm keeps it
	Next   []byte // the deposit of the announced signing key
}

// enrolment is what every host here asks for.
var enrolment = &contract.EnrolRequest{Reference: "plugintest"}

// Enrol launches, configures and enrols a plugin, in a realm made by Config.Fresh.
func Enrol(t testing.TB, c Config) *Enrolled {
	t.Helper()
	c = c.searched(t)
	r, answer := Configured(t, c, nil, nil)
	if len(answer.GetCustodyChain()) != 0 {
		t.Fatal("expected a realm that was never enrolled; Config.Fresh must make one")
	}
	e, err := r.Plugin.Enrol(t.Context(), enrolment)
	if err != nil {
		t.Fatalf("enrolling: %v\n%s", err, r.told())
	}
	enrolled := &Enrolled{Scene: scene.New(t, Instance, r.Mode, e.GetCustodyChain()), Config: c, Root: e.GetRoot(), Next: e.GetNext()}
	enrolled.use(r)
	return enrolled
}

// use has calls show the plugin the documents that it lacks.
func (e *Enrolled) use(r *Running) {
	r.Client = e.Attend(r.Client)
	e.Running = r
}

// Restart kills the plugin and starts it in the same realm.
func (e *Enrolled) Restart(t testing.TB) {
	t.Helper()
	e.Kill()
	r, answer := Configured(t, e.Config, e.Root, scene.Name(e.Fiduciary.Name))
	if !equalChains(answer.GetCustodyChain(), e.Fiduciary.Blocks()) {
		t.Fatal("another custody identity came back")
	}
	e.use(r)
}

func equalChains(a, b [][]byte) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if !bytes.Equal(a[i], b[i]) {
			return false
		}
	}
	return true
}
