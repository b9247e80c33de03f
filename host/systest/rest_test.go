//go:build linux

package systest_test

import (
	"bufio"
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/milagro-dta/dta/crypto/keytype"
	"github.com/milagro-dta/dta/crypto/secp"
	"github.com/milagro-dta/dta/crypto/secret"
	"github.com/milagro-dta/dta/host/systest/rig"
	"github.com/milagro-dta/dta/protocol/dag"
	"github.com/milagro-dta/dta/protocol/identity"
	"github.com/milagro-dta/dta/protocol/ipfs/gateway"
	"github.com/milagro-dta/dta/protocol/order"
)

const (
	unknownRef  = "00000000000000000000000000000000000000000000000000000000000000ff"
	stranger    = "bafyreigks6arfsq3xxfpvqrrwonchxcnu6do76auprhhfomao6c273sixm"
	problemType = "application/problem+json"
)

// answer is an HTTP answer, read to its end.
type answer struct {
	status int
	header http.Header
	body   []byte
}

// ask makes a request; headers are pairs of name and value.
func ask(t *testing.T, n *rig.Node, method, path string, body io.Reader, headers ...string) answer {
	t.Helper()
	req, err := http.NewRequest(method, n.URL()+path, body)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i+1 < len(headers); i += 2 {
		if headers[i] == "Host" {
			req.Host = headers[i+1]
		}
		req.Header.Set(headers[i], headers[i+1])
	}
	res, err := (&http.Client{Timeout: 2 * time.Minute}).Do(req)
	if err != nil {
		t.Fatalf("%s %s: %v", method, path, err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatalf("%s %s: %v", method, path, err)
	}
	return answer{res.StatusCode, res.Header, text}
}

// refused checks that an answer is a problem as RFC 9457 has it, with the
// original's member error.
func refused(t *testing.T, a answer, status int, kind string) {
	t.Helper()
	var p struct {
		Type, Title, Detail, Kind, Error string
		Status                           int
	}
	if err := json.Unmarshal(a.body, &p); err != nil {
		t.Errorf("expected a problem; got %d %s: %v", a.status, a.body, err)
		return
	}
	if a.status != status || p.Status != status || p.Kind != kind {
		t.Errorf("expected %d %s; got %d %s", status, kind, a.status, a.body)
	}
	if got := a.header.Get("Content-Type"); got != problemType {
		t.Errorf("expected content type %s; got %q", problemType, got)
	}
	if p.Type == "" || p.Title == "" || p.Detail == "" || p.Error != p.Detail {
		t.Errorf("expected type, title, and a detail that error repeats; got %s", a.body)
	}
	if strings.Contains(p.Detail, "\n") || strings.Contains(p.Detail, ".go:") {
		t.Errorf("expected one line for a caller; got %q", p.Detail)
	}
}

// standing is what refusals must leave as it is.
type standing struct {
	Orders int
	Audit  int64
}

func standingOf(t *testing.T, n *rig.Node) (s standing) {
	t.Helper()
	lines, err := n.Client().List(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	status, err := n.Client().Status(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return standing{len(lines), status.AuditSize}
}

// TestBadInputIsRefusedAndLeavesNothing: the right status, kind and content
// type; the list of orders and the audit log stay as they are.
func TestBadInputIsRefusedAndLeavesNothing(t *testing.T) {
	n := rig.One(t, rig.Options{})
	placed, err := n.Client().Place(t.Context(), rig.Order{Secret: []byte("kept")})
	if err != nil {
		t.Fatal(err)
	}
	ref := placed.OrderReference
	text := base64.StdEncoding.EncodeToString
	large := make([]byte, order.MaxSecret+1)
	jsonBody := []string{"Content-Type", "application/json"}
	const get, post = http.MethodGet, http.MethodPost
	for _, c := range []struct {
		name, method, path, body string
		headers                  []string
		status                   int
		kind                     string
	}{
		{"an order without a body", post, "/v1/order", ``, jsonBody, 400, "invalid"},
		{"an order that breaks off", post, "/v1/order", `{"secret":"`, jsonBody, 400, "invalid"},
		{"an order that is a list", post, "/v1/order", `[]`, jsonBody, 400, "invalid"},
		{"an order that is a text", post, "/v1/order", `"order"`, jsonBody, 400, "invalid"},
		{"an order that is null", post, "/v1/order", `null`, jsonBody, 400, "invalid"},
		{"an order with bytes after it", post, "/v1/order", `{} {}`, jsonBody, 400, "invalid"},
		{"an order with an unknown member", post, "/v1/order", `{"secert":"eA=="}`, jsonBody, 400, "invalid"},
		{"a secret that is a number", post, "/v1/order", `{"secret":7}`, jsonBody, 400, "invalid"},
		{"a secret that is no base64", post, "/v1/order", `{"secret":"*"}`, jsonBody, 400, "invalid"},
		{"a secret of no bytes", post, "/v1/order", `{"secret":""}`, jsonBody, 400, "invalid"},
		{"a secret one byte too large", post, "/v1/order", `{"secret":"` + text(large) + `"}`, jsonBody, 400, "invalid"},
		{"an extension whose value is a number", post, "/v1/order", `{"extension":{"coin":0}}`, jsonBody, 400, "invalid"},
		{"an extension that no plugin reads", post, "/v1/order", `{"extension":{"coin":"0"}}`, jsonBody, 501, "unsupported"},
		{"a publication that does not exist", post, "/v1/order", `{"publish":"everything"}`, jsonBody, 400, "invalid"},
		{"a key type that nobody knows", post, "/v1/order", `{"keyType":"rsa"}`, jsonBody, 501, "unsupported"},
		{"a key type in other letters", post, "/v1/order", `{"keyType":"ED25519"}`, jsonBody, 501, "unsupported"},
		{"a key type that is a number", post, "/v1/order", `{"keyType":1}`, jsonBody, 400, "invalid"},
		{"a key type of a secret", post, "/v1/order", `{"keyType":"ed25519","secret":"eA=="}`, jsonBody, 400, "invalid"},
		{"a beneficiary that is no CID", post, "/v1/order", `{"beneficiaryIDDocumentCID":"nobody"}`, jsonBody, 400, "invalid"},
		{"a beneficiary of the original's kind", post, "/v1/order", `{"beneficiaryIDDocumentCID":"QmenYerXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXX"}`, jsonBody, 400, "invalid"},
		{"a beneficiary that nobody knows", post, "/v1/order", `{"beneficiaryIDDocumentCID":"` + stranger + `"}`, jsonBody, 404, "not_found"},
		{"a fiduciary that nobody knows", post, "/v1/order", `{"fiduciary":"nobody"}`, jsonBody, 404, "not_found"},
		{"an instance that is not offered", post, "/v1/order", `{"custody":"nothing"}`, jsonBody, 404, "not_found"},
		{"an Idempotency-Key that is too long", post, "/v1/order", `{}`, append([]string{"Idempotency-Key", strings.Repeat("k", 256)}, jsonBody...), 400, "invalid"},
		{"an order from a page elsewhere", post, "/v1/order", `{}`, append([]string{"Origin", "https://evil.example"}, jsonBody...), 403, "denied"},
		{"an order across sites", post, "/v1/order", `{}`, append([]string{"Sec-Fetch-Site", "cross-site"}, jsonBody...), 403, "denied"},
		{"an order without an origin's name", post, "/v1/order", `{}`, append([]string{"Origin", "null"}, jsonBody...), 403, "denied"},
		{"an order to a name that was pointed here", post, "/v1/order", `{}`, append([]string{"Host", "evil.example"}, jsonBody...), 403, "denied"},
		{"a list for a name that was pointed here", get, "/v1/order", ``, []string{"Host", "evil.example:5556"}, 403, "denied"},

		{"a redemption of nothing", post, "/v1/order/secret", `{}`, jsonBody, 400, "invalid"},
		{"a redemption of a malformed reference", post, "/v1/order/secret", `{"orderReference":"951ff518-e684-11f1-81e6-e4a7147523e1"}`, jsonBody, 400, "invalid"},
		{"a redemption of a reference in upper case", post, "/v1/order/secret", `{"orderReference":"` + strings.ToUpper(unknownRef) + `"}`, jsonBody, 400, "invalid"},
		{"a redemption of an unknown reference", post, "/v1/order/secret", `{"orderReference":"` + unknownRef + `"}`, jsonBody, 404, "not_found"},
		{"a redemption for a foreign beneficiary", post, "/v1/order/secret", `{"orderReference":"` + ref + `","beneficiaryIDDocumentCID":"` + stranger + `"}`, jsonBody, 403, "denied"},
		{"a redemption for a malformed beneficiary", post, "/v1/order/secret", `{"orderReference":"` + ref + `","beneficiaryIDDocumentCID":"x"}`, jsonBody, 400, "invalid"},
		{"a redemption that breaks off", post, "/v1/order/secret", `{"orderReference":`, jsonBody, 400, "invalid"},
		{"a redemption with bytes after it", post, "/v1/order/secret", `{"orderReference":"` + ref + `"}x`, jsonBody, 400, "invalid"},
		{"a redemption that is null", post, "/v1/order/secret", `null`, jsonBody, 400, "invalid"},
		{"a redemption across sites", post, "/v1/order/secret", `{"orderReference":"` + ref + `"}`, append([]string{"Sec-Fetch-Site", "same-site"}, jsonBody...), 403, "denied"},

		{"an unknown order", get, "/v1/order/" + unknownRef, ``, nil, 404, "not_found"},
		{"a malformed reference", get, "/v1/order/secret", ``, nil, 400, "invalid"},
		{"a reference that climbs", get, "/v1/order/..%2f..%2fetc%2fpasswd", ``, nil, 400, "invalid"},
		{"a page before the first", get, "/v1/order?page=-1&perPage=1", ``, nil, 400, "invalid"},
		{"a page of nothing", get, "/v1/order?page=0&perPage=0", ``, nil, 400, "invalid"},
		{"a page of everything", get, "/v1/order?page=0&perPage=501", ``, nil, 400, "invalid"},
		{"a page beyond all numbers", get, "/v1/order?page=99999999999999999999&perPage=1", ``, nil, 400, "invalid"},
		{"a page beyond the bound", get, "/v1/order?page=1048577&perPage=1", ``, nil, 400, "invalid"},
		{"a page that is no number", get, "/v1/order?page=first&perPage=1", ``, nil, 400, "invalid"},
		{"a sorting that does not exist", get, "/v1/order?page=0&perPage=1&sortBy=price", ``, nil, 400, "invalid"},

		{"a node's order without a body", post, "/v1/fulfill/order", ``, jsonBody, 400, "invalid"},
		{"a node's order without a CID", post, "/v1/fulfill/order", `{}`, jsonBody, 400, "invalid"},
		{"a node's order with a malformed CID", post, "/v1/fulfill/order", `{"orderPart1CID":"x"}`, jsonBody, 400, "invalid"},
		{"a node's order that did not come along", post, "/v1/fulfill/order", `{"orderPart1CID":"` + stranger + `"}`, jsonBody, 400, "invalid"},
		{"a node's order with an unknown member", post, "/v1/fulfill/order", `{"orderPart1CID":"` + stranger + `","trust":"me"}`, jsonBody, 400, "invalid"},
		{"a node's order with blocks that are no list", post, "/v1/fulfill/order", `{"blocks":{}}`, jsonBody, 400, "invalid"},
		{"a node's order with a block that is no base64", post, "/v1/fulfill/order", `{"blocks":["*"]}`, jsonBody, 400, "invalid"},
		{"a node's order with an empty block", post, "/v1/fulfill/order", `{"blocks":[""]}`, jsonBody, 400, "invalid"},
		{"a node's order with too many blocks", post, "/v1/fulfill/order", `{"blocks":[` + strings.Repeat(`"eA==",`, 512) + `"eA=="]}`, jsonBody, 400, "invalid"},
		{"a node's order that is another kind of block", post, "/v1/fulfill/order", `{"orderPart1CID":"` + dag.Sum([]byte{0xa0}).String() + `","blocks":["` + text([]byte{0xa0}) + `"]}`, jsonBody, 400, "invalid"},
		{"a node's redemption with a malformed CID", post, "/v1/fulfill/order/secret", `{"orderPart3CID":"x"}`, jsonBody, 400, "invalid"},
		{"a node's redemption that did not come along", post, "/v1/fulfill/order/secret", `{"orderPart3CID":"` + stranger + `"}`, jsonBody, 400, "invalid"},
		{"a notice of nothing", post, "/v1/notice", `{}`, jsonBody, 400, "invalid"},
		{"a notice of what nobody has", post, "/v1/notice", `{"envelopes":["` + stranger + `"]}`, jsonBody, 404, "not_found"},
		{"a notice of too much", post, "/v1/notice", `{"envelopes":["` + strings.Repeat(stranger+`","`, 40) + `"]}`, jsonBody, 400, "invalid"},
		{"an identity that nobody has met", get, "/v1/identity/" + stranger, ``, nil, 404, "not_found"},
		{"an identity that is no CID", get, "/v1/identity/me", ``, nil, 400, "invalid"},

		{"a path that does not exist", get, "/v1/nothing", ``, nil, 404, "not_found"},
		{"the operator's API on a listener of others", get, "/operator/audit?from=0", ``, nil, 404, "not_found"},
		{"a method that does not exist", http.MethodDelete, "/v1/order", ``, nil, 405, "invalid"},
	} {
		t.Run(c.name, func(t *testing.T) {
			before := standingOf(t, n)
			a := ask(t, n, c.method, c.path, strings.NewReader(c.body), c.headers...)
			refused(t, a, c.status, c.kind)
			if d := cmp.Diff(before, standingOf(t, n)); d != "" {
				t.Errorf("the refusal left something (-before +after):\n%s", d)
			}
		})
	}
	t.Run("what is refused changes nothing of what is kept", func(t *testing.T) {
		got, err := n.Client().Redeem(t.Context(), ref)
		if err != nil || string(got.Secret) != "kept" {
			t.Errorf("expected the secret; got %q, %v", got.Secret, err)
		}
	})
}

// TestABodyBeyondTheLimitIsCutOff: 1 MiB for principals, 8 MiB between nodes,
// whether its length is told or not.
func TestABodyBeyondTheLimitIsCutOff(t *testing.T) {
	n := rig.One(t, rig.Options{})
	before := standingOf(t, n)
	zeros := func(size int64) io.Reader {
		return io.MultiReader(strings.NewReader(`{"secret":"`), io.LimitReader(endless{}, size))
	}
	for _, c := range []struct {
		path string
		size int64
	}{{"/v1/order", 1 << 20}, {"/v1/order/secret", 1 << 20}, {"/v1/fulfill/order", 8 << 20}, {"/v1/fulfill/order/secret", 8 << 20}, {"/v1/notice", 8 << 20}} {
		for what, body := range map[string]io.Reader{
			"told":     bytes.NewReader(make([]byte, c.size+1)),
			"not told": zeros(c.size),
		} {
			t.Run(c.path+" with a length that is "+what, func(t *testing.T) {
				refused(t, ask(t, n, http.MethodPost, c.path, body, "Content-Type", "application/json"), 413, "invalid")
			})
		}
	}
	t.Run("a header", func(t *testing.T) {
		a := ask(t, n, http.MethodGet, "/v1/status", nil, "X-Long", strings.Repeat("x", 64<<10))
		if a.status != http.StatusRequestHeaderFieldsTooLarge {
			t.Errorf("expected 431; got %d", a.status)
		}
	})
	if d := cmp.Diff(before, standingOf(t, n)); d != "" {
		t.Errorf("something was left (-before +after):\n%s", d)
	}
}

type endless struct{}

func (endless) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = 'A'
	}
	return len(p), nil
}

// TestASlowClientIsEnded, while others are served as ever.
func TestASlowClientIsEnded(t *testing.T) {
	n := rig.One(t, rig.Options{})
	before := standingOf(t, n)
	body := `{"secret":"` + strings.Repeat("AAAA", 100) + `"}`
	head := "POST /v1/order HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
	var slow sync.WaitGroup
	for what, text := range map[string][2]string{
		"headers": {"", head + "X-Slow: " + strings.Repeat("x", 4000)},
		"a body":  {head + fmt.Sprintf("Content-Length: %d\r\n\r\n", len(body)), body},
		"nothing": {"", ""},
	} {
		for range 8 {
			slow.Go(func() {
				if err := dribble(n.Address, text[0], text[1]); err != nil {
					t.Errorf("a client that sends %s slowly: %v", what, err)
				}
			})
		}
	}
	ended := make(chan struct{})
	go func() { slow.Wait(); close(ended) }()
	served := 0
	for done := false; !done; {
		select {
		case <-ended:
			done = true
		default:
			if _, err := n.Client().Status(t.Context()); err != nil {
				t.Fatal(err)
			}
			served++
		}
	}
	if served < 2 {
		t.Errorf("expected healthy clients to be served meanwhile; %d calls were", served)
	}
	if d := cmp.Diff(before, standingOf(t, n)); d != "" {
		t.Errorf("something was left (-before +after):\n%s", d)
	}
}

// dribble sends the first text at once and the second a byte at a time, until
// the other side ends the connection.
func dribble(address, first, second string) error {
	c, err := net.Dial("tcp", address)
	if err != nil {
		return err
	}
	defer c.Close()
	go func() {
		if _, err := io.WriteString(c, first); err != nil {
			return
		}
		for i := range len(second) {
			if _, err := io.WriteString(c, second[i:i+1]); err != nil {
				return
			}
			time.Sleep(200 * time.Millisecond)
		}
	}()
	if err := c.SetReadDeadline(time.Now().Add(time.Minute)); err != nil {
		return err
	}
	text, err := io.ReadAll(c)
	if e, ok := err.(net.Error); ok && e.Timeout() {
		return fmt.Errorf("its connection was not ended within a minute: %w", err)
	}
	if len(text) > 0 {
		res, err := http.ReadResponse(bufio.NewReader(bytes.NewReader(text)), nil)
		if err != nil {
			return err
		}
		if res.StatusCode/100 != 4 {
			return fmt.Errorf("expected no success; got %s", res.Status)
		}
	}
	return nil
}

// TestSecretsOfEverySizeComeBack: from one byte to the published limit.
func TestSecretsOfEverySizeComeBack(t *testing.T) {
	n := rig.One(t, rig.Options{})
	for _, size := range []int{1, 2, 31, 32, 33, 4096, order.MaxSecret - 1, order.MaxSecret} {
		t.Run(fmt.Sprintf("%d bytes", size), func(t *testing.T) {
			secret := make([]byte, size)
			rand.Read(secret)
			placed, err := n.Client().Place(t.Context(), rig.Order{Secret: secret})
			if err != nil {
				t.Fatal(err)
			}
			got, err := n.Client().Redeem(t.Context(), placed.OrderReference)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(got.Secret, secret) {
				t.Error("another secret came back")
			}
			shown := ask(t, n, http.MethodGet, "/v1/order/"+placed.OrderReference, nil)
			if size >= 31 && len(scanner(t, secret[:31]).in(shown.body)) != 0 {
				t.Error("the secret is in what is shown of its order")
			}
		})
	}
}

func TestKeysOfEveryTypeComeBack(t *testing.T) {
	n := rig.One(t, rig.Options{})
	headers := []string{"Content-Type", "application/json"}
	call := func(t *testing.T, path, body string) (got map[string]any) {
		t.Helper()
		a := ask(t, n, http.MethodPost, path, strings.NewReader(body), headers...)
		if err := json.Unmarshal(a.body, &got); err != nil || a.status != 200 {
			t.Fatalf("%s: %d, %v: %s", path, a.status, err, a.body)
		}
		return got
	}
	for _, typ := range keytype.All {
		t.Run(typ.Name(), func(t *testing.T) {
			placed := call(t, "/v1/order", `{"keyType":"`+typ.Name()+`"}`)
			ref := fmt.Sprint(placed["orderReference"])
			got := call(t, "/v1/order/secret", `{"orderReference":"`+ref+`"}`)
			for _, answer := range []map[string]any{placed, got} {
				if answer["keyType"] != typ.Name() || answer["kind"] != "key" {
					t.Errorf("expected a %s key; got %v, %v", typ.Name(), answer["kind"], answer["keyType"])
				}
			}
			if got["form"] != string(typ.Form()) {
				t.Errorf("expected form %s; got %v", typ.Form(), got["form"])
			}
			b, err := hex.DecodeString(fmt.Sprint(got["secret"]))
			if err != nil {
				t.Fatal(err)
			}
			public, err := typ.Public(secret.New(b))
			if err != nil || hex.EncodeToString(typ.Shown(public)) != placed["commitment"] {
				t.Errorf("expected the private half of %v; got that of %x, %v", placed["commitment"], public, err)
			}
			shown := ask(t, n, http.MethodGet, "/v1/order/"+ref, nil)
			if !bytes.Contains(shown.body, []byte(`"keyType":"`+typ.Name()+`"`)) {
				t.Errorf("the order is shown without its key type: %s", shown.body)
			}
		})
	}
}

// TestPagesAndSorting over more orders than a page has.
func TestPagesAndSorting(t *testing.T) {
	n := rig.One(t, rig.Options{})
	var oldest []string
	for range 7 {
		placed, err := n.Client().Place(t.Context(), rig.Order{})
		if err != nil {
			t.Fatal(err)
		}
		oldest = append(oldest, placed.OrderReference)
		time.Sleep(2 * time.Millisecond) // orders of one millisecond are in no order
	}
	newest := make([]string, len(oldest))
	for i, ref := range oldest {
		newest[len(oldest)-1-i] = ref
	}
	for _, c := range []struct {
		query string
		want  []string
	}{
		{"", newest},
		{"?page=0&perPage=3&sortBy=dateCreatedDsc", newest[:3]},
		{"?page=1&perPage=3&sortBy=dateCreatedDesc", newest[3:6]},
		{"?page=2&perPage=3", newest[6:]},
		{"?page=3&perPage=3", []string{}},
		{"?page=1048576&perPage=500", []string{}},
		{"?page=0&perPage=3&sortBy=dateCreatedAsc", oldest[:3]},
		{"?page=1&perPage=6&sortBy=dateCreatedAsc", oldest[6:]},
		{"?perPage=1", newest[:1]},
	} {
		t.Run("GET /v1/order"+c.query, func(t *testing.T) {
			var got struct {
				OrderReference []string
				Total          int
			}
			a := ask(t, n, http.MethodGet, "/v1/order"+c.query, nil)
			if err := json.Unmarshal(a.body, &got); err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(c.want, got.OrderReference); d != "" || got.Total != len(oldest) {
				t.Errorf("of %d (-want +got):\n%s", got.Total, d)
			}
		})
	}
}

// TestARepeatGetsTheFirstAnswer, also after a restart; another request under
// the same key is refused.
func TestARepeatGetsTheFirstAnswer(t *testing.T) {
	n := rig.One(t, rig.Options{})
	post := func(path, key, body string) answer {
		t.Helper()
		return ask(t, n, http.MethodPost, path, strings.NewReader(body), "Content-Type", "application/json", "Idempotency-Key", key)
	}
	const body, other = `{"secret":"b25l"}`, `{"secret":"dHdv"}`
	member := func(a answer, name string) string {
		t.Helper()
		var got map[string]any
		if err := json.Unmarshal(a.body, &got); err != nil || a.status != http.StatusOK {
			t.Fatalf("expected a success; got %d %s", a.status, a.body)
		}
		return fmt.Sprint(got[name])
	}
	ref := member(post("/v1/order", "k", body), "orderReference")
	redemption := `{"orderReference":"` + ref + `"}`
	release := member(post("/v1/order/secret", "k", redemption), "releaseCID")
	before := standingOf(t, n)

	check := func(t *testing.T) {
		if got := member(post("/v1/order", "k", body), "orderReference"); got != ref {
			t.Errorf("expected the first order %s; got %s", ref, got)
		}
		again := post("/v1/order/secret", "k", redemption)
		if got := member(again, "releaseCID"); got != release {
			t.Errorf("expected the first release %s; got %s", release, got)
		}
		if got := member(again, "secret"); got != "b25l" {
			t.Errorf("expected the secret again; got %q", got)
		}
		refused(t, post("/v1/order", "k", other), 409, "conflict")
		refused(t, post("/v1/order", "k", body+" "), 409, "conflict")
		refused(t, post("/v1/order/secret", "k", `{"orderReference":"`+unknownRef+`"}`), 409, "conflict")
		if d := cmp.Diff(before.Orders, standingOf(t, n).Orders); d != "" {
			t.Errorf("orders (-before +after):\n%s", d)
		}
	}
	t.Run("at once", check)
	n.Stop()
	n.Restart()
	t.Run("after a restart", check)
	n.Kill()
	n.Restart()
	t.Run("after a crash", check)
	t.Run("another key is another order", func(t *testing.T) {
		if got := member(post("/v1/order", "l", body), "orderReference"); got == ref {
			t.Error("expected another order")
		}
	})
	t.Run("many at once are one", func(t *testing.T) {
		var mu sync.Mutex
		var all sync.WaitGroup
		seen := make(map[string]bool)
		for range 16 {
			all.Go(func() {
				a := post("/v1/order", "m", body)
				mu.Lock()
				defer mu.Unlock()
				seen[member(a, "orderReference")] = true
			})
		}
		all.Wait()
		if len(seen) != 1 {
			t.Errorf("expected one order; got %d", len(seen))
		}
	})
}

// TestClientsOfTheOriginalWork: the exchanges recorded from the original D-TA,
// with its members.
func TestClientsOfTheOriginalWork(t *testing.T) {
	n := rig.One(t, rig.Options{})
	call := func(method, path, body string) map[string]any {
		t.Helper()
		a := ask(t, n, method, path, strings.NewReader(body))
		if a.status != http.StatusOK || !strings.HasPrefix(a.header.Get("Content-Type"), "application/json") {
			t.Fatalf("%s %s: expected 200 and JSON; got %d %s %s", method, path, a.status, a.header.Get("Content-Type"), a.body)
		}
		var got map[string]any
		if err := json.Unmarshal(a.body, &got); err != nil {
			t.Fatal(err)
		}
		return got
	}
	status := call(http.MethodGet, "/v1/status", "")
	for name, want := range map[string]any{
		"application": "Milagro Distributed Trust", "apiVersion": "v1", "extensionVendor": "Milagro", "plugin": "milagro", "nodeType": "multi",
	} {
		if status[name] != want {
			t.Errorf("status: expected %s %q; got %q", name, want, status[name])
		}
	}
	if _, err := time.Parse(time.RFC3339Nano, fmt.Sprint(status["timeStamp"])); err != nil {
		t.Errorf("status: timeStamp: %v", err)
	}
	me := fmt.Sprint(status["nodeCID"])

	// The documents of the original spell members so, its scripts in lower camel.
	for _, request := range []string{`{"beneficiaryIDDocumentCID":"` + me + `"}`, `{"BeneficiaryIDDocumentCID":"` + me + `"}`, `{"beneficiaryIDDocumentCID":"","extension":{}}`} {
		placed := call(http.MethodPost, "/v1/order", request)
		ref := fmt.Sprint(placed["orderReference"])
		public, err := hex.DecodeString(fmt.Sprint(placed["commitment"]))
		if err != nil || len(public) != 65 || public[0] != 4 {
			t.Errorf("order: expected an uncompressed public key in hex; got %v", placed["commitment"])
		}
		if at, ok := placed["createdAt"].(float64); !ok || time.Since(time.Unix(int64(at), 0)).Abs() > time.Hour {
			t.Errorf("order: expected createdAt in unix seconds; got %v", placed["createdAt"])
		}

		redeemed := call(http.MethodPost, "/v1/order/secret", `{"orderReference":"`+ref+`","beneficiaryIDDocumentCID":"`+me+`"}`)
		if redeemed["commitment"] != placed["commitment"] || redeemed["orderReference"] != ref {
			t.Errorf("order/secret: expected commitment and reference of the order; got %v", redeemed)
		}
		private, err := hex.DecodeString(fmt.Sprint(redeemed["secret"]))
		if err != nil {
			t.Fatalf("order/secret: expected a key in hex: %v", err)
		}
		key, err := secp.ParsePrivateKey(secret.New(private))
		if err != nil {
			t.Fatal(err)
		}
		if full, err := secp.Uncompressed(key.Public()); err != nil || !bytes.Equal(full, public) {
			t.Errorf("order/secret: expected the private half of the commitment")
		}

		list := call(http.MethodGet, "/v1/order?page=0&perPage=2&sortBy=dateCreatedDsc", "")
		if refs := list["orderReference"].([]any); len(refs) > 2 || refs[0] != ref {
			t.Errorf("order list: expected at most two, the newest %s first; got %v", ref, refs)
		}
		shown := call(http.MethodGet, "/v1/order/"+ref, "")
		if shown["orderCID"] == "" {
			t.Error("order: expected orderCID")
		}
		var inner map[string]any
		if err := json.Unmarshal([]byte(fmt.Sprint(shown["order"])), &inner); err != nil {
			t.Errorf("order: expected JSON in the text of order: %v", err)
		}
		if a, _ := json.Marshal(shown); len(scanner(t, private).in(a)) != 0 {
			t.Error("order: expected no secret")
		}
	}
	for _, headers := range [][]string{{"Origin", n.URL()}, {"Sec-Fetch-Site", "same-origin"}, {"Host", "localhost"}} {
		if a := ask(t, n, http.MethodPost, "/v1/order", strings.NewReader(`{}`), headers...); a.status != http.StatusOK {
			t.Errorf("an order with %v: expected 200; got %d %s", headers, a.status, a.body)
		}
	}
}

// TestTheGatewayServesTheLogToAllAndSecretsToParties.
func TestTheGatewayServesTheLogToAllAndSecretsToParties(t *testing.T) {
	f := rig.Three(t, rig.Options{}).Fiduciary
	g := newGuest(t, f)
	me, node := g.keys.Identity(), g.node.Name
	v := g.place(t, canary(), order.PublishChain)
	g.redeem(t, v)
	detached := v.placed.Detached
	const raw = "application/vnd.ipld.raw"
	get := func(c dag.CID, headers ...string) answer {
		t.Helper()
		return ask(t, f, http.MethodGet, "/ipfs/"+c.String(), nil, append([]string{"Accept", raw}, headers...)...)
	}
	served := func(t *testing.T, a answer, c dag.CID, cache string) {
		t.Helper()
		if a.status != http.StatusOK || a.header.Get("Content-Type") != raw {
			t.Errorf("expected 200 and %s; got %d %s %s", raw, a.status, a.header.Get("Content-Type"), a.body)
		} else if dag.Sum(a.body) != c {
			t.Errorf("expected block %s", c)
		}
		if got := a.header.Get("Cache-Control"); !strings.HasPrefix(got, cache) {
			t.Errorf("expected Cache-Control %s; got %q", cache, got)
		}
	}
	proof := func(k *identity.Keyring, audience, c dag.CID, at time.Time) string {
		t.Helper()
		text, err := gateway.Prove(k, audience, c, at)
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	t.Run("envelopes and documents to anyone", func(t *testing.T) {
		for _, c := range []dag.CID{v.order.CID(), v.acceptance.CID(), v.redemption.CID(), v.release.CID(), me.Document, g.node.Document, g.custody.Document, g.offer} {
			served(t, get(c), c, "public")
			served(t, ask(t, f, http.MethodGet, "/ipfs/"+c.String()+"?format=raw", nil), c, "public")
		}
	})
	t.Run("in no other form", func(t *testing.T) {
		refused(t, ask(t, f, http.MethodGet, "/ipfs/"+v.order.CID().String(), nil), 406, "unsupported")
		refused(t, ask(t, f, http.MethodGet, "/ipfs/"+v.order.CID().String()+"?format=car", nil), 406, "unsupported")
		refused(t, ask(t, f, http.MethodGet, "/ipfs/nonsense?format=raw", nil), 400, "invalid")
	})
	secrets := []dag.CID{detached[0].CID, detached[1].CID, v.release.Share()}
	t.Run("detached blocks not to strangers", func(t *testing.T) {
		other, _, err := identity.Create(identity.Node, "stranger", time.Now())
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range secrets {
			refused(t, get(c), 404, "not_found")
			refused(t, get(c, gateway.HeaderParty, proof(other, node, c, time.Now())), 403, "denied")
		}
		if a, b := get(secrets[0]), get(dag.Sum([]byte("no such block"))); a.status != b.status {
			t.Errorf("a stranger can tell a detached block (%d) from one that is not there (%d)", a.status, b.status)
		}
	})
	t.Run("detached blocks to a party that proves who it is", func(t *testing.T) {
		for _, c := range secrets {
			served(t, get(c, gateway.HeaderParty, proof(g.keys, node, c, time.Now())), c, "private, no-store")
		}
	})
	t.Run("but not on a proof for another node, block or time", func(t *testing.T) {
		c := secrets[0]
		for what, p := range map[string]string{
			"node": proof(g.keys, me.Name, c, time.Now()), "block": proof(g.keys, node, secrets[1], time.Now()),
			"past": proof(g.keys, node, c, time.Now().Add(-time.Hour)), "future": proof(g.keys, node, c, time.Now().Add(time.Hour)),
		} {
			a := get(c, gateway.HeaderParty, p)
			if refused(t, a, 403, "denied"); t.Failed() {
				t.Errorf("for another %s", what)
			}
		}
		refused(t, get(c, gateway.HeaderParty, "AAAA"), 400, "invalid")
	})
	t.Run("nothing of an order that is published nowhere", func(t *testing.T) {
		hidden := g.place(t, canary(), order.PublishNone)
		for _, c := range []dag.CID{hidden.order.CID(), hidden.acceptance.CID(), hidden.placed.Detached[0].CID} {
			refused(t, get(c), 404, "not_found")
			served(t, get(c, gateway.HeaderParty, proof(g.keys, node, c, time.Now())), c, "private, no-store")
		}
	})
}
