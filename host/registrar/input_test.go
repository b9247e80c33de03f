//go:build linux

package registrar_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/milagro-dta/dta/crypto/seal"
	"github.com/milagro-dta/dta/host/rest"
	"github.com/milagro-dta/dta/host/store"
	"github.com/milagro-dta/dta/protocol/fault"
	"github.com/milagro-dta/dta/protocol/order"
)

// standing is what refusals leave as it is, at a node.
type standing struct {
	Networks int
	Enrolled int
	Audit    int64
}

func (l *lab) standing() (s standing) {
	l.t.Helper()
	var list rest.NetworkList
	if err := l.registrar.client.Call(l.t.Context(), http.MethodGet, networks, "", nil, &list); err != nil {
		l.t.Fatal(err)
	}
	s.Networks, s.Enrolled = list.Total, len(l.registrar.enrolled(l.network.OrderCID))
	err := l.registrar.store.View(l.t.Context(), func(tx *store.Tx) (err error) {
		s.Audit, err = tx.AuditSize()
		return err
	})
	if err != nil {
		l.t.Fatal(err)
	}
	return s
}

func TestBadInputIsRefusedAndLeavesNothing(t *testing.T) {
	l := newLab(t, 2, body{"maxPermitDays": 7})
	l.receives(l.enrol("anna"))
	receiver := base64.StdEncoding.EncodeToString(must(seal.V2.NewPrivateKey())(t).Public())
	request := base64.StdEncoding.EncodeToString(l.ask(l.registrar, order.ServerSecret, body{"name": "door"}).Request.Plain)
	const (
		elsewhere = "/00000000000000000000000000000000000000000000000000000000000000ff"
		stranger  = "bafyreigks6arfsq3xxfpvqrrwonchxcnu6do76auprhhfomao6c273sixm"
		two       = `"fiduciaries":["dta-1","dta-2"]`
	)
	here := "/" + l.network.Reference
	many := `"` + strings.Repeat(`x","`, 1024) + `x"`
	for _, c := range []struct {
		name, path, body string
		kind             fault.Kind
	}{
		{"a network without a body", "", ``, fault.Invalid},
		{"a network that is null", "", `null`, fault.Invalid},
		{"a network with an unknown member", "", `{"name":"lab",` + two + `,"threshold":2}`, fault.Invalid},
		{"a network with a member twice", "", `{"name":"lab",` + two + `,"name":"lab"}`, fault.Invalid},
		{"a network without a name", "", `{` + two + `}`, fault.Invalid},
		{"a network whose name is too long", "", `{"name":"` + strings.Repeat("x", 65) + `",` + two + `}`, fault.Invalid},
		{"a network whose name cannot be printed", "", `{"name":"a\u0007",` + two + `}`, fault.Invalid},
		{"a network of nobody", "", `{"name":"lab"}`, fault.Invalid},
		{"a network of too many", "", `{"name":"lab","fiduciaries":["` + strings.Repeat(`dta-1","`, 16) + `dta-1"]}`, fault.Invalid},
		{"a network of a D-TA that nobody knows", "", `{"name":"lab","fiduciaries":["dta-1","nobody"]}`, fault.NotFound},
		{"a network of a node that is no D-TA", "", `{"name":"lab","fiduciaries":["dta-1","cosigner"]}`, fault.NotFound},
		{"a network of an instance that is not offered", "", `{"name":"lab","fiduciaries":["dta-1/cellar"]}`, fault.NotFound},
		{"a network of a D-TA without a name", "", `{"name":"lab","fiduciaries":[""]}`, fault.Invalid},
		{"a network of a D-TA twice", "", `{"name":"lab","fiduciaries":["dta-1","dta-2","dta-1/vault"]}`, fault.Invalid},
		{"a network in a suite that does not exist", "", `{"name":"lab",` + two + `,"suite":"dta-v0"}`, fault.Unsupported},
		{"a network with permits for too long", "", `{"name":"lab",` + two + `,"maxPermitDays":32}`, fault.Invalid},
		{"a network without permits, for some days", "", `{"name":"lab",` + two + `,"permits":false,"maxPermitDays":1}`, fault.Invalid},
		{"a network with a publication that does not exist", "", `{"name":"lab",` + two + `,"publish":"everything"}`, fault.Invalid},
		{"an authority over a kind that does not exist", "", `{"name":"lab",` + two + `,"authority":[{"kind":"master-secret","names":["self"]}]}`, fault.Invalid},
		{"an authority twice", "", `{"name":"lab",` + two + `,"authority":[{"kind":"time-permit","names":["self"]},{"kind":"time-permit","names":["self"]}]}`, fault.Invalid},
		{"an authority of nobody", "", `{"name":"lab",` + two + `,"authority":[{"kind":"time-permit","names":[]}]}`, fault.Invalid},
		{"an authority of an empty name", "", `{"name":"lab",` + two + `,"authority":[{"kind":"time-permit","names":[""]}]}`, fault.Invalid},
		{"an authority of whom nobody knows", "", `{"name":"lab",` + two + `,"authority":[{"kind":"time-permit","names":["` + stranger + `"]}]}`, fault.NotFound},
		{"an authority of more signatures than names", "", `{"name":"lab",` + two + `,"authority":[{"kind":"time-permit","names":["self"],"threshold":2}]}`, fault.Invalid},

		{"a secret in a network that is not here", elsewhere + "/client-secret", `{"name":"ben","receiver":"` + receiver + `"}`, fault.NotFound},
		{"a secret in a malformed network", "/lab/client-secret", `{"name":"ben","receiver":"` + receiver + `"}`, fault.Invalid},
		{"a secret for nobody", here + "/client-secret", `{"receiver":"` + receiver + `"}`, fault.Invalid},
		{"secrets for too many", here + "/client-secret", `{"names":[` + many + `],"receiver":"` + receiver + `"}`, fault.Invalid},
		{"a secret for a name twice", here + "/client-secret", `{"names":["ben","ben"],"receiver":"` + receiver + `"}`, fault.Invalid},
		{"a secret for a name that is too long", here + "/client-secret", `{"name":"` + strings.Repeat("x", 4096) + `","receiver":"` + receiver + `"}`, fault.Invalid},
		{"a secret without a receiver", here + "/client-secret", `{"name":"ben"}`, fault.Invalid},
		{"a secret for a receiver that is no key", here + "/client-secret", `{"name":"ben","receiver":"AAAA"}`, fault.Invalid},
		{"a secret for a receiver of zeros", here + "/client-secret", `{"name":"ben","receiver":"` + base64.StdEncoding.EncodeToString(make([]byte, 1216)) + `"}`, fault.Invalid},
		{"a secret for a receiver that is no base64", here + "/client-secret", `{"name":"ben","receiver":"*"}`, fault.Invalid},
		{"a secret with days", here + "/client-secret", `{"name":"ben","days":1,"receiver":"` + receiver + `"}`, fault.Invalid},
		{"a secret with an unknown member", here + "/client-secret", `{"name":"ben","pin":1234,"receiver":"` + receiver + `"}`, fault.Invalid},
		{"a secret for a negative enrolment", here + "/client-secret", `{"name":"ben","enrolment":-1,"receiver":"` + receiver + `"}`, fault.Invalid},
		{"a secret for a name that is enrolled", here + "/client-secret", `{"name":"anna","receiver":"` + receiver + `"}`, fault.Conflict},
		{"a server's secret anew", here + "/server-secret", `{"name":"door","anew":true,"receiver":"` + receiver + `"}`, fault.Invalid},
		{"a server's secret with an enrolment", here + "/server-secret", `{"name":"door","enrolment":1,"receiver":"` + receiver + `"}`, fault.Invalid},
		{"a secret for two servers", here + "/server-secret", `{"names":["door","window"],"receiver":"` + receiver + `"}`, fault.Invalid},
		{"permits anew", here + "/time-permit", `{"name":"anna","anew":true,"receiver":"` + receiver + `"}`, fault.Invalid},
		{"permits from a day that does not exist", here + "/time-permit", `{"name":"anna","first":"2027-02-30","receiver":"` + receiver + `"}`, fault.Invalid},
		{"permits from a day before 1970", here + "/time-permit", `{"name":"anna","first":"1969-12-31","receiver":"` + receiver + `"}`, fault.Invalid},
		{"permits for the past", here + "/time-permit", `{"name":"anna","first":"2027-01-01","receiver":"` + receiver + `"}`, fault.Denied},
		{"permits too far ahead", here + "/time-permit", `{"name":"anna","first":"2027-02-01","receiver":"` + receiver + `"}`, fault.Denied},
		{"permits for too many days", here + "/time-permit", `{"name":"anna","days":8,"receiver":"` + receiver + `"}`, fault.Invalid},
		{"permits for a number of days beyond all", here + "/time-permit", `{"name":"anna","days":18446744073709551615,"receiver":"` + receiver + `"}`, fault.Invalid},
		{"permits of nobody", here + "/time-permit", `{"name":"ben","receiver":"` + receiver + `"}`, fault.NotFound},
		{"permits at a path of their own", here + "/permits", `{"name":"anna"}`, fault.NotFound},
		{"a request that is none", here + "/client-secret", `{"request":"AAAA"}`, fault.Invalid},
		{"a request that is an envelope's plaintext", here + "/client-secret", `{"request":"` + request + `"}`, fault.Invalid},
		{"a mandate that is none", here + "/client-secret", `{"name":"ben","delegation":"AAAA","receiver":"` + receiver + `"}`, fault.Invalid},

		{"an approval of nothing", here + "/approval", `{}`, fault.Invalid},
		{"an approval of what is no request", here + "/approval", `{"request":"AAAA"}`, fault.Invalid},
		{"an approval in a network that is not here", elsewhere + "/approval", `{"request":"` + request + `"}`, fault.NotFound},
		{"a delegation to nobody", here + "/delegation", `{"kinds":["client-secret"],"seconds":60}`, fault.Invalid},
		{"a delegation to whom nobody knows", here + "/delegation", `{"to":"helpdesk","kinds":["client-secret"],"seconds":60}`, fault.Invalid},
		{"a delegation to the node itself", here + "/delegation", `{"to":"self","kinds":["client-secret"],"seconds":60}`, fault.Invalid},
		{"a delegation of nothing", here + "/delegation", `{"to":"delegate","seconds":60}`, fault.Invalid},
		{"a delegation of a kind that does not exist", here + "/delegation", `{"to":"delegate","kinds":["all"],"seconds":60}`, fault.Invalid},
		{"a delegation of a kind twice", here + "/delegation", `{"to":"delegate","kinds":["client-secret","client-secret"],"seconds":60}`, fault.Invalid},
		{"a delegation for no time", here + "/delegation", `{"to":"delegate","kinds":["client-secret"]}`, fault.Invalid},
		{"a delegation for too long", here + "/delegation", `{"to":"delegate","kinds":["client-secret"],"seconds":604801}`, fault.Invalid},
		{"a delegation of days without permits", here + "/delegation", `{"to":"delegate","kinds":["client-secret"],"maxDays":1,"seconds":60}`, fault.Invalid},
		{"a delegation with a prefix that is too long", here + "/delegation", `{"to":"delegate","kinds":["client-secret"],"prefix":"` + strings.Repeat("x", 257) + `","seconds":60}`, fault.Invalid},
		{"a revocation of nobody", here + "/revocation", `{}`, fault.Invalid},
		{"a revocation of a name that is not enrolled", here + "/revocation", `{"name":"ben"}`, fault.NotFound},
		{"a revocation in a network that is not here", elsewhere + "/revocation", `{"name":"anna"}`, fault.NotFound},
		{"a revocation of a name that is too long", here + "/revocation", `{"name":"` + strings.Repeat("x", 4096) + `","enrolment":1}`, fault.Invalid},
		{"a report of no request", here + "/report", `{"index":0}`, fault.Invalid},
		{"a report of no D-TA", here + "/report", `{"requestCID":"` + stranger + `","index":2}`, fault.Invalid},
		{"a report of a D-TA before the first", here + "/report", `{"requestCID":"` + stranger + `","index":-1}`, fault.Invalid},
	} {
		t.Run(c.name, func(t *testing.T) {
			before := l.standing()
			_, err := l.registrar.client.Raw(t.Context(), http.MethodPost, networks+c.path, "", []byte(c.body))
			refused(t, err, c.kind)
			if d := cmp.Diff(before, l.standing()); d != "" {
				t.Errorf("the refusal left something (-before +after):\n%s", d)
			}
		})
	}
	for path, kind := range map[string]fault.Kind{
		elsewhere: fault.NotFound, "/lab": fault.Invalid, "?page=-1": fault.Invalid, "?perPage=501": fault.Invalid, "?sortBy=price": fault.Invalid,
	} {
		_, err := l.registrar.client.Raw(t.Context(), http.MethodGet, networks+path, "", nil)
		t.Run("GET "+path, func(t *testing.T) { refused(t, err, kind) })
	}
}

func TestABodyThatIsTooLargeIsCutOff(t *testing.T) {
	l := newLab(t, 1, nil)
	here := networks + "/" + l.network.Reference
	for path, limit := range map[string]int{
		networks: rest.MaxPrincipalBody, here + "/revocation": rest.MaxPrincipalBody, here + "/delegation": rest.MaxPrincipalBody,
		here + "/client-secret": rest.MaxIssueBody, here + "/approval": rest.MaxIssueBody,
	} {
		_, err := l.registrar.client.Raw(t.Context(), http.MethodPost, path, "", bytes.Repeat([]byte(" "), limit+1))
		if status(err) != http.StatusRequestEntityTooLarge {
			t.Errorf("%s: expected 413 for more than %d bytes; found %v", path, limit, err)
		}
	}
}

func TestALargeBatchFits(t *testing.T) {
	l := newLab(t, 2, nil)
	var names []string
	size := 100
	if testing.Short() {
		size = 10
	}
	for i := range size {
		text, _ := json.Marshal(i)
		names = append(names, strings.Repeat("x", 40)+string(text)+"@example.com")
	}
	a := l.ask(l.registrar, order.ClientSecret, body{"names": names})
	if got := l.receives(a); len(got.Clients) != len(names) {
		t.Errorf("expected %d client secrets; found %d", len(names), len(got.Clients))
	}
	if again := l.ask(l.registrar, order.ClientSecret, body{"names": names, "anew": true}); again.err != nil || again.State != "issued" {
		t.Fatalf("anew: found %q, %v", again.State, again.err)
	}
	eventually(t, "the D-TAs know all revocations", func() bool {
		return l.dtas[0].audited("network.revoked") == len(names) && l.dtas[1].audited("network.revoked") == len(names)
	})
}
