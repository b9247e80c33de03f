package pkcs11

import (
	"bufio"
	"bytes"
	"context"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/milagro-dta/dta/crypto/secret"
	"github.com/milagro-dta/dta/plugins/pkcs11/internal/softtoken"
	"github.com/milagro-dta/dta/plugins/pkcs11/token"
	"github.com/milagro-dta/dta/protocol/dag"
	"github.com/milagro-dta/dta/protocol/fault"
	"github.com/milagro-dta/dta/sdk"
)

// guestEnv has the test binary be a process that opens a realm, and enrols when a line comes on its standard input.
const guestEnv = "TEST_GUEST"

// guest prints "ready"; then, once told to, its key and its root, or why it has none. It claims the realm first where it
// is a node.
func guest() int {
	o := token.Options{Module: softtoken.Module(), Label: os.Getenv("TEST_LABEL"), PIN: secret.New([]byte(os.Getenv("TEST_PIN")))}
	ctx := context.Background()
	in := bufio.NewScanner(os.Stdin)
	for in.Scan() {
		realm, node, _ := strings.Cut(in.Text(), " ")
		k, err := Open(ctx, Settings{Token: o, Realm: realm, Rung: "gcm"}, &quiet{})
		if err != nil {
			fmt.Println("failed", err)
			return 1
		}
		fmt.Println("ready")
		in.Scan()
		fmt.Println(k.meet(ctx, node))
		if err := k.Close(); err != nil {
			fmt.Println("failed", err)
			return 1
		}
	}
	return 0
}

// meet does what a host has a plugin do in a new realm.
func (k *Keeper) meet(ctx context.Context, node string) string {
	if node != "" {
		claim := sdk.Tenure{Node: dag.Sum([]byte(node)), Instance: "vault", Mark: secret.Random(16).Open(), Host: node}
		if _, err := k.Claim(ctx, claim, nil); err != nil {
			return "refused " + string(fault.Of(err)) + " " + err.Error()
		}
	}
	mine, err := k.Safeguard(ctx, []byte("key"), root)
	if err == nil {
		err = k.KeepRoot(ctx, mine)
	}
	if err != nil && fault.Of(err) != fault.Conflict {
		return "failed " + err.Error()
	}
	verdict := "lost"
	if err == nil {
		verdict = "won"
	}
	return fmt.Sprintf("%s %x %x", verdict, k.currentKey(), mine)
}

// process is a guest that runs.
type process struct {
	in  io.Writer
	out *bufio.Scanner
}

func startGuest(t *testing.T, o token.Options) *process {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), guestEnv+"=1", "TEST_LABEL="+o.Label, "TEST_PIN="+string(o.PIN.Open()))
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		in.Close()
		if err := cmd.Wait(); err != nil {
			t.Error(err)
		}
	})
	return &process{in, bufio.NewScanner(out)}
}

func (p *process) tell(line string) { fmt.Fprintln(p.in, line) }

func (p *process) says(t *testing.T) string {
	t.Helper()
	if !p.out.Scan() {
		t.Fatal("the process ended")
	}
	return p.out.Text()
}

// TestProcessesThatMeetInANewRealmAgree: real processes on one token, at once, twenty times. There is one key and one
// root afterwards, all use that key, and what any of them sealed opens.
func TestProcessesThatMeetInANewRealmAgree(t *testing.T) {
	o := softtoken.New(t)
	guests := []*process{startGuest(t, o), startGuest(t, o), startGuest(t, o)}
	for try := range 20 {
		realm := fmt.Sprintf("realm-%d", try)
		answers := meetIn(t, guests, realm, func(int) string { return "" })
		k := open(t, Settings{Token: o, Realm: realm, Rung: "gcm"})
		won := 0
		for _, a := range answers {
			f := strings.Fields(a)
			if len(f) != 3 {
				t.Fatalf("expected a key and a root, got %s", a)
			}
			if f[0] == "won" {
				won++
			}
			d, err := hex.DecodeString(f[2])
			if err != nil {
				t.Fatal(err)
			}
			mustRestore(t, k, d, root, []byte("key"))
			if want := fmt.Sprintf("%x", k.currentKey()); f[1] != want {
				t.Errorf("expected all to use key %s, got %s", want, a)
			}
		}
		if won != 1 {
			t.Errorf("expected one to have its root kept, got %d: %v", won, answers)
		}
		oneKey(t, k)
	}
}

// TestOneOfTheNodesThatMeetInANewRealmHasIt: the others are told who.
func TestOneOfTheNodesThatMeetInANewRealmHasIt(t *testing.T) {
	o := softtoken.New(t)
	guests := []*process{startGuest(t, o), startGuest(t, o), startGuest(t, o)}
	name := func(i int) string { return fmt.Sprintf("node-%d", i) }
	for try := range 10 {
		realm := fmt.Sprintf("realm-%d", try)
		answers := meetIn(t, guests, realm, name)
		winner := -1
		for i, a := range answers {
			if strings.HasPrefix(a, "won ") {
				winner = i
			}
		}
		if winner < 0 {
			t.Fatalf("nobody has the realm: %v", answers)
		}
		for i, a := range answers {
			if i != winner && (!strings.HasPrefix(a, "refused conflict") || !strings.Contains(a, dag.Sum([]byte(name(winner))).String())) {
				t.Errorf("expected a refusal that names %s, got %s", name(winner), a)
			}
		}
		oneKey(t, open(t, Settings{Token: o, Realm: realm, Rung: "gcm"}))
	}
}

// TestOneOfTheCopiesThatClaimAtOnceReplacesTheClaim that all have seen: the others would not know what it acknowledges.
func TestOneOfTheCopiesThatClaimAtOnceReplacesTheClaim(t *testing.T) {
	o := softtoken.New(t)
	guests := []*process{startGuest(t, o), startGuest(t, o), startGuest(t, o)}
	for try := range 10 {
		answers := meetIn(t, guests, fmt.Sprintf("realm-%d", try), func(int) string { return "node" })
		won := 0
		for _, a := range answers {
			if strings.HasPrefix(a, "won ") {
				won++
			} else if !strings.HasPrefix(a, "refused busy") {
				t.Errorf("expected another claim to be seen, got %s", a)
			}
		}
		if won != 1 {
			t.Errorf("expected one claim, got %d: %v", won, answers)
		}
	}
}

// meetIn has guests open a realm and, all at once, enrol in it.
func meetIn(t *testing.T, guests []*process, realm string, name func(int) string) (answers []string) {
	t.Helper()
	for i, g := range guests {
		g.tell(realm + " " + name(i))
	}
	for _, g := range guests {
		if line := g.says(t); line != "ready" {
			t.Fatal(line)
		}
	}
	for _, g := range guests {
		g.tell("go")
	}
	for _, g := range guests {
		answers = append(answers, g.says(t))
	}
	return answers
}

func oneKey(t *testing.T, k *Keeper) {
	t.Helper()
	inToken(t, k, func(s *token.Session) error {
		found, err := takeInventory(s, k.realm)
		if err != nil {
			return err
		}
		if n := len(found.keys["gcm"]); n != 1 || found.root == nil {
			t.Errorf("realm %s: expected one key and a root, got %d keys and %d bytes", k.realm, n, len(found.root))
		}
		left, err := s.Find(token.Query{Class: token.Data, Label: ballotLabel(rootLabel(k.realm))})
		if len(left) > 0 {
			t.Errorf("realm %s: expected no ballots to be left, got %d", k.realm, len(left))
		}
		return err
	})
}

func TestAVoteOutlivesItsVoters(t *testing.T) {
	k := open(t, settings(t, ""))
	const record = "dta/test/acme"
	cast := func(b ballot) {
		t.Helper()
		inToken(t, k, func(s *token.Session) error {
			b.Version = ballotVersion
			e, err := dag.Encode(b)
			if err == nil {
				_, err = s.StoreData(ballotLabel(record), e)
			}
			return err
		})
	}
	voter := func(b byte) []byte { return bytes.Repeat([]byte{b}, voterSize) }
	// One died after its promise; one after it had accepted, so that its value may be decided; one accepted earlier.
	cast(ballot{Voter: voter(1), Promised: 9, Value: []byte{}})
	cast(ballot{Voter: voter(2), Promised: 5, Accepted: 5, Value: []byte("decided")})
	cast(ballot{Voter: voter(3), Promised: 4, Accepted: 4, Value: []byte("earlier")})
	for _, proposal := range []string{"mine", "other"} {
		inToken(t, k, func(s *token.Session) error {
			got, err := decide(s, record, []byte(proposal))
			if string(got) != "decided" {
				t.Errorf("expected the accepted value, got %q", got)
			}
			return err
		})
	}
}

func claimOf(node, instance string, known uint64) sdk.Tenure {
	return sdk.Tenure{Node: dag.Sum([]byte(node)), Instance: instance, Number: known, Mark: secret.Random(16).Open(), Host: "host-1"}
}

func TestEachClaimHasAHigherNumber(t *testing.T) {
	s := settings(t, "")
	k := open(t, s)
	_, err := k.Holder(t.Context())
	refused(t, err, fault.NotFound, "nobody")
	var last sdk.Tenure
	for _, c := range []struct{ known, want uint64 }{{0, 1}, {0, 2}, {2, 3}, {9, 10}} {
		got, err := k.Claim(t.Context(), claimOf("a", "vault", c.known), last.Mark)
		if err != nil || got.Number != c.want {
			t.Fatalf("known %d: expected %d, got %d, %v", c.known, c.want, got.Number, err)
		}
		last = got
	}
	k, err = reopen(t, k, s)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := k.Holder(t.Context()); err != nil || got.Number != 10 || !bytes.Equal(got.Mark, last.Mark) {
		t.Errorf("expected the newest claim, got %+v, %v", got, err)
	}
	for _, other := range []sdk.Tenure{claimOf("b", "vault", 0), claimOf("a", "spare", 0)} {
		_, err := k.Claim(t.Context(), other, nil)
		refused(t, err, fault.Conflict, `belongs to plugin "vault" of node `+dag.Sum([]byte("a")).String()+", last started on host-1")
	}
	if text := k.Status(t.Context()).Text; !strings.Contains(text, "claim 10") {
		t.Errorf("expected the claim in the status, got %s", text)
	}
}

func TestATokenWithoutDataObjectsSaysThatACopyIsNotNoticed(t *testing.T) {
	k := open(t, settings(t, ""))
	const templateInconsistent = 0xd1
	softtoken.Fail(t, "C_CreateObject", templateInconsistent, 1000)
	_, err := k.Claim(t.Context(), claimOf("a", "vault", 0), nil)
	refused(t, err, fault.Unsupported, "keeps no data objects")
	if got := k.Status(t.Context()); !got.Ready || !strings.Contains(got.Text, "a copy of the node is not noticed") {
		t.Errorf("expected the status to say so, got %+v", got)
	}
	keep(t, k, sdk.Context{Purpose: sdk.PurposeNodeIdentity}, []byte("key"))
}

func TestATokenThatIsAwayIsNotReadyAndComesBack(t *testing.T) {
	s := settings(t, "")
	k := open(t, s)
	enrol(t, k)
	d := keep(t, k, share, []byte("key"))
	virgin := s
	virgin.Realm = "virgin"
	empty := open(t, virgin)
	back := softtoken.Away(t)
	for range 3 {
		for _, each := range []*Keeper{k, empty} {
			if got := each.Status(t.Context()); got.Ready || got.Text == "" {
				t.Errorf("expected not ready, with a reason; got %+v", got)
			}
		}
		if _, err := k.Restore(t.Context(), d, share); fault.Of(err) != fault.Unavailable {
			t.Errorf("expected unavailable, got %v", err)
		}
	}
	_, err := Open(t.Context(), s, &quiet{})
	refused(t, err, fault.Unavailable, "")
	back()
	for _, each := range []*Keeper{k, empty} {
		if err := each.awaitToken(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got := each.Status(t.Context()); !got.Ready {
			t.Errorf("expected ready, got %+v", got)
		}
	}
	mustRestore(t, k, d, share, []byte("key"))
}
