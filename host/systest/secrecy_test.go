//go:build linux

package systest_test

import (
	"bytes"
	"crypto/rand"
	"database/sql"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/hashicorp/go-hclog"

	"github.com/milagro-dta/dta/config"
	"github.com/milagro-dta/dta/crypto/seal"
	"github.com/milagro-dta/dta/crypto/secret"
	"github.com/milagro-dta/dta/host"
	"github.com/milagro-dta/dta/host/systest/rig"
	"github.com/milagro-dta/dta/protocol/dag"
	"github.com/milagro-dta/dta/protocol/identity"
	"github.com/milagro-dta/dta/protocol/order"
)

// How many orders of each sort there are.
const (
	throughNodes = 25 // placed at the principal, redeemed at the beneficiary
	throughGuest = 25 // placed by the test itself, which so knows their shares
	orderedKeys  = 4
)

// canary makes a secret that nothing else looks like.
func canary() []byte {
	b := make([]byte, 24)
	rand.Read(b)
	return fmt.Appendf(nil, "canary-%x", b)
}

// TestNoSecretIsWhereItMustNotBe holds three nodes, each a process of its own
// with a plugin of its own, to P7 and P8(a). After orders and redemptions
//
//   - the memory of the fiduciary's host and all its files hold none of the
//     secrets, of their shares, of the keys made, nor the HSM's PIN;
//   - no file, log at trace level or error text of any process holds one of
//     these, a content key or a private key, but for softhsm-demo's PIN file.
func TestNoSecretIsWhereItMustNotBe(t *testing.T) {
	planted := canary()
	c := rig.Three(t, rig.Options{Log: "trace", Env: []string{"PLANTED=" + string(planted)}})
	f := c.Fiduciary
	g := newGuest(t, f)
	var kept, all needles
	both := func(what string, secret []byte) {
		t.Helper()
		kept.add(t, what, secret)
		all.add(t, what, secret)
	}

	var refused bytes.Buffer // error bodies
	var references []string
	for i := range throughNodes {
		secret := canary()
		both(fmt.Sprintf("the secret of order %d", i), secret)
		placed, err := c.Principal.Client().Place(t.Context(), rig.Order{Secret: secret, Beneficiary: "beneficiary"})
		if err != nil {
			t.Fatal(err)
		}
		references = append(references, placed.OrderReference)
	}
	var visits []*visit
	for i := range throughGuest + orderedKeys {
		var what []byte
		if i < throughGuest {
			what = canary()
			both(fmt.Sprintf("the secret of the guest's order %d", i), what)
		}
		v := g.place(t, what, order.PublishChain)
		visits = append(visits, v)
	}
	refused.Write(provoke(t, c))

	// The garbage of the orders is still about.
	clean(t, &kept, f, "the orders")

	for i, ref := range references {
		if _, err := c.Beneficiary.Client().Await(t.Context(), ref, "accepted"); err != nil {
			t.Fatal(err)
		}
		got, err := c.Beneficiary.Client().Redeem(t.Context(), ref)
		if err != nil {
			t.Fatal(err)
		}
		if found := kept.in(got.Secret); len(found) != 1 || !strings.HasPrefix(found[0], fmt.Sprintf("the secret of order %d,", i)) {
			t.Fatalf("order %d: another secret came back: it is %v", i, found)
		}
	}
	for i, v := range visits {
		g.redeem(t, v)
		both(fmt.Sprintf("what the guest's order %d released", i), v.share)
		if i < throughGuest {
			both(fmt.Sprintf("the first half of share %d", i), v.share[:32])
			both(fmt.Sprintf("the second half of share %d", i), v.share[32:])
		}
		for j, key := range v.contentKeys {
			all.add(t, fmt.Sprintf("content key %d of the guest's order %d", j, i), key)
		}
	}
	pins := pinsOf(t, f)
	for i, pin := range pins {
		both(fmt.Sprintf("PIN %d", i), pin)
	}
	clean(t, &kept, f, "the redemptions")

	// What the scanner would have found, had it been there.
	if found, _ := scanner(t, planted).memory(t, f.PID()); len(found) == 0 {
		t.Fatal("a canary that was planted in the host's environment was not found in its memory")
	}
	inHeap := canary()
	answer := heapCanary(t, f, inHeap)
	defer answer.Close()
	if found, _ := scanner(t, inHeap).memory(t, f.PID()); len(found) == 0 {
		t.Fatal("a canary that was planted in a header of a call under way was not found in the host's memory")
	}

	for _, n := range c.Nodes() {
		for _, p := range append(n.Descendants(), rig.Process{PID: n.PID(), Name: "dta"}) {
			if got := coreLimit(t, p.PID); got != "0" {
				t.Errorf("%s of %s: expected no core dump; its limit is %s", p, n.Name, got)
			}
		}
	}
	answer.Close()
	for _, n := range c.Nodes() {
		if n != f {
			for i, pin := range pinsOf(t, n) {
				all.add(t, fmt.Sprintf("PIN %d of %s", i, n.Name), pin)
			}
		}
		// A killed host leaves the database's journal as it was.
		n.Kill()
		n.NoOrphans()
	}
	everywhere(t, c, &all, refused.Bytes())
	for _, n := range c.Nodes() {
		for what, key := range privateKeys(t, n) {
			all.add(t, fmt.Sprintf("%s of %s", what, n.Name), key)
		}
	}
	everywhere(t, c, &all, refused.Bytes())
}

// TestTheScannerFindsEveryForm: what it does not find would count as absent.
func TestTheScannerFindsEveryForm(t *testing.T) {
	secret := canary()
	n := scanner(t, secret)
	for _, before := range []string{"", "x", "xy", "xyz", "a longer text"} {
		text := append([]byte(before), secret...)
		for what, hidden := range map[string][]byte{
			"raw":             text,
			"hex":             []byte(hex.EncodeToString(text)),
			"upper-case hex":  []byte(strings.ToUpper(hex.EncodeToString(text))),
			"base64":          []byte(base64.StdEncoding.EncodeToString(text)),
			"base64 and more": []byte(base64.StdEncoding.EncodeToString(append(slices.Clone(text), " and more"...))),
			"base64url":       []byte(base64.RawURLEncoding.EncodeToString(text)),
		} {
			if len(n.in(append(hidden, "the end"...))) == 0 {
				t.Errorf("after %q, %s was not found", before, what)
			}
		}
	}
	if found := n.in([]byte("canary-" + strings.Repeat("0", 48))); len(found) != 0 {
		t.Errorf("another secret was found: %v", found)
	}
}

// clean searches the memory of a fiduciary's host and its files.
func clean(t *testing.T, n *needles, f *rig.Node, after string) {
	t.Helper()
	found, size := n.memory(t, f.PID())
	for _, what := range found {
		t.Errorf("after %s, in the memory of the fiduciary's host: %s", after, what)
	}
	inFiles, read := n.files(t, f.Path("data"))
	for _, what := range inFiles {
		t.Errorf("after %s, in the files of the fiduciary's host: %s", after, what)
	}
	t.Logf("after %s: %d forms searched in %d MiB of memory and %d KiB of files", after, len(n.forms), size>>20, read>>10)
}

// everywhere searches the files and logs of all nodes, their plugins' included,
// and the error bodies.
func everywhere(t *testing.T, c *rig.Company, n *needles, refused []byte) {
	t.Helper()
	for _, node := range c.Nodes() {
		found, read := n.files(t, node.Dir)
		exception := " in " + node.Path("token-vault", "token", "pins")
		excused := 0
		for _, what := range found {
			if strings.HasPrefix(what, "PIN ") && strings.HasSuffix(what, exception) {
				excused++
				continue
			}
			t.Errorf("%s", what)
		}
		// The exception shows that the files were searched, too.
		if excused == 0 {
			t.Errorf("%s: expected softhsm-demo's PINs in %s", node.Name, exception)
		}
		for _, who := range []string{"dta.http:", "dta.vault.plugin:"} {
			if !strings.Contains(node.Log(), "[DEBUG] "+who) {
				t.Errorf("%s: expected a log at trace level, with lines of %s", node.Name, who)
			}
		}
		if !strings.Contains(node.Log(), "for demonstration only") {
			t.Errorf("%s: expected the log to warn of the PIN file", node.Name)
		}
		t.Logf("%s: %d forms searched in %d KiB of files and logs", node.Name, len(n.forms), read>>10)
	}
	if len(refused) == 0 {
		t.Error("no call was refused")
	}
	for _, what := range n.in(refused) {
		t.Errorf("%s in an error body", what)
	}
}

func scanner(t *testing.T, secret []byte) *needles {
	n := new(needles)
	n.add(t, "planted", secret)
	return n
}

// provoke makes calls with secrets in them that are refused, and returns what
// was answered. The secrets must not be in it, nor in a log.
func provoke(t *testing.T, c *rig.Company) (bodies []byte) {
	t.Helper()
	secret := base64.StdEncoding.EncodeToString(canary())
	var mine needles
	digits := bytes.Repeat([]byte("7"), 3)
	for range 20 {
		digits = append(digits, canary()[len("canary-")]%10+'0')
	}
	mine.add(t, "a refused secret", []byte(secret))
	mine.add(t, "a refused number", digits)
	for _, body := range []string{
		`{"secret":"` + secret + `","beneficiaryIDDocumentCID":"nobody"}`,
		`{"secret":"` + secret + `","fiduciary":"nobody"}`,
		`{"secret":"` + secret + `","custody":"nobody"}`,
		`{"secret":"` + secret + `","publish":"everything"}`,
		`{"secret":"` + secret + `","extension":{"plainText":"` + secret + `"}}`,
		`{"secret":"` + secret + `*"}`,
		`{"secret":"` + secret,
		`{"secret":["` + secret + `"]}`,
		`{"secret":{"is":"` + secret + `"}}`,
		`{"secret":` + string(digits) + `}`,
		`{"secret":"` + secret + `"} "` + secret + `"`,
		`{"orderReference":"` + secret + `"}`,
		`"` + secret + `"`,
	} {
		for _, path := range []string{"/v1/order", "/v1/order/secret"} {
			res, err := http.Post(c.Principal.URL()+path, "application/json", strings.NewReader(body))
			if err != nil {
				t.Fatal(err)
			}
			text, err := io.ReadAll(res.Body)
			res.Body.Close()
			if err != nil {
				t.Fatal(err)
			}
			if res.StatusCode/100 == 2 {
				t.Errorf("POST %s was not refused: %s", path, text)
			}
			bodies = append(bodies, text...)
		}
	}
	for _, what := range append(mine.in(bodies), mine.in([]byte(c.Principal.Log()))...) {
		t.Errorf("%s was repeated: %s", what, bodies)
	}
	return bodies
}

// heapCanary has the host hold a canary while the answer is not closed: the
// first half of a body, of which the rest does not come.
func heapCanary(t *testing.T, n *rig.Node, canary []byte) io.Closer {
	t.Helper()
	r, w := io.Pipe()
	req, err := http.NewRequest(http.MethodPost, n.URL()+"/v1/notice", r)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("X-Planted", string(canary))
	go func() {
		if res, err := http.DefaultClient.Do(req); err == nil {
			res.Body.Close()
		}
	}()
	if _, err := fmt.Fprintf(w, `{"envelopes":["%s`, canary); err != nil {
		t.Fatal(err)
	}
	return w
}

// pinsOf reads the PINs of a node's token.
func pinsOf(t *testing.T, n *rig.Node) (pins [][]byte) {
	t.Helper()
	text, err := os.ReadFile(n.Path("token-vault", "token", "pins"))
	if err != nil {
		t.Fatal(err)
	}
	for _, pin := range bytes.Fields(text) {
		pins = append(pins, pin)
	}
	if len(pins) != 2 {
		t.Fatalf("expected two PINs; found %d", len(pins))
	}
	return pins
}

func coreLimit(t *testing.T, pid int) string {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/limits", pid))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(line, "Max core file size"); ok {
			return strings.Fields(rest)[0]
		}
	}
	return "not told"
}

// privateKeys opens a stopped node's identity with its own plugin.
func privateKeys(t *testing.T, n *rig.Node) map[string][]byte {
	t.Helper()
	keys, sealKey, next := openNode(t, n)
	// magic, signing seed, length and log seed, state key, count, length, document, sealing seed
	text := keys.Marshal().Open()
	at := len("dta/keyring/v2\n")
	return map[string][]byte{
		"the key that seals the identity": sealKey,
		"the announced ML-DSA key":        next[:32],
		"the announced Ed25519 key":       next[32:],
		"the signing key's ML-DSA half":   slices.Clone(text[at : at+32]),
		"the signing key's Ed25519 half":  slices.Clone(text[at+32 : at+64]),
		"the log key":                     slices.Clone(text[at+65 : at+97]),
		"the state key":                   slices.Clone(text[at+97 : at+129]),
		"the sealing key":                 slices.Clone(text[len(text)-32:]),
	}
}

// openNode opens a stopped node's identity with its own plugin, and returns the
// key that it is sealed under, and its next signing key, beside it.
func openNode(t *testing.T, n *rig.Node) (keys *identity.Keyring, sealKey, next []byte) {
	t.Helper()
	node := openHost(t, n)
	defer node.Close()
	return openKeys(t, n, node)
}

// openHost opens a node inside the test: its store, and its plugin's process.
func openHost(t *testing.T, n *rig.Node) *host.Node {
	t.Helper()
	t.Chdir(n.Dir)
	cfg, diags := config.Load(n.Config, config.Options{})
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	node, err := host.Open(t.Context(), cfg, host.Options{Log: hclog.NewNullLogger(), Only: n.Instances})
	if err != nil {
		t.Fatal(err)
	}
	return node
}

func openKeys(t *testing.T, n *rig.Node, node *host.Node) (keys *identity.Keyring, sealKey, next []byte) {
	t.Helper()
	var kept struct {
		Seal        string `cbor:"seal"`
		Deposit     []byte `cbor:"deposit"`
		Keyring     []byte `cbor:"keyring"`
		NextDeposit []byte `cbor:"next_deposit"`
		Next        []byte `cbor:"next"`
	}
	var block []byte
	if err := openDatabase(t, n.Path("data", "node.db")).QueryRow(`select value from meta where name = 'identity'`).Scan(&block); err != nil {
		t.Fatal(err)
	}
	if err := dag.Decode(block, &kept); err != nil {
		t.Fatal(err)
	}
	vault, err := node.Custody().Instance("vault")
	if err != nil {
		t.Fatal(err)
	}
	open := func(deposit, sealed []byte, aad string) (key, plain *secret.Bytes) {
		t.Helper()
		key, err := vault.OpenKey(t.Context(), deposit)
		if err != nil {
			t.Fatal(err)
		}
		if plain, err = seal.V2.Decrypt(key, []byte(aad), sealed); err != nil {
			t.Fatal(err)
		}
		return key, plain
	}
	key, plain := open(kept.Deposit, kept.Keyring, "dta/node-identity/keyring/v1")
	if keys, err = identity.ParseKeyring(plain); err != nil {
		t.Fatal(err)
	}
	_, announced := open(kept.NextDeposit, kept.Next, "dta/node-identity/next/v1")
	return keys, key.Open(), announced.Open()
}

// openDatabase opens a node's database beside the node's own package.
func openDatabase(t *testing.T, path string) *sql.DB {
	t.Helper()
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}
