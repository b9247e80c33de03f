package softhsmdemo

import (
	"bufio"
	"context"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// childEnv names the directory in which this test binary, started again, uses a token until it is killed.
const childEnv = "SOFTHSM_DEMO_CHILD"

// child enrols if that was not done, and prints deposits for as long as it lives.
func child(dir string) {
	k, err := open(dir)
	if err != nil {
		fmt.Println("error", err)
		os.Exit(1)
	}
	if err := enrol(k); err != nil {
		fmt.Println("error", err)
		os.Exit(1)
	}
	fmt.Println("enrolled")
	for {
		d, err := k.Safeguard(context.Background(), []byte("secret"), share)
		if err != nil {
			fmt.Println("error", err)
			os.Exit(1)
		}
		fmt.Printf("kept %x\n", d)
	}
}

// TestKillAtAnyMoment kills processes that make and use one token, before the realm is enrolled and after. Whatever was
// printed as kept must open.
func TestKillAtAnyMoment(t *testing.T) {
	rounds := 12
	if testing.Short() {
		rounds = 3
	}
	early, late := 0, 0
	for range rounds {
		dir := filepath.Join(t.TempDir(), "hsm")
		var kept []string
		for attempt := range 6 {
			cmd, lines := start(t, dir)
			enrolled := false
			if attempt >= 4 {
				enrolled = (<-lines) == "enrolled"
			}
			time.Sleep(time.Duration(rand.IntN(100)) * time.Millisecond)
			said := kill(cmd, lines)
			for _, line := range said {
				if rest, ok := strings.CutPrefix(line, "kept "); ok && len(kept) < 50 {
					kept = append(kept, rest)
				}
				if strings.HasPrefix(line, "error") {
					t.Fatal(line)
				}
				enrolled = enrolled || line == "enrolled"
			}
			if enrolled {
				late++
			} else {
				early++
			}
		}
		k := mustOpen(t, dir)
		if err := enrol(k); err != nil {
			t.Fatal(err)
		}
		for _, line := range kept {
			d, err := hex.DecodeString(line)
			if err != nil {
				t.Fatal(err)
			}
			if got, err := k.Restore(t.Context(), d, share); err != nil || string(got) != "secret" {
				t.Fatalf("expected the secret back, got %v", err)
			}
		}
		mustClose(t, k)
	}
	t.Logf("%d kills before the enrolment was done, %d after", early, late)
	if early == 0 || late == 0 {
		t.Errorf("expected kills on both sides of the enrolment, got %d and %d", early, late)
	}
}

func start(t *testing.T, dir string) (*exec.Cmd, <-chan string) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childEnv+"="+dir)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := make(chan string, 1<<16)
	go func() {
		defer close(lines)
		for r := bufio.NewReader(out); ; {
			line, err := r.ReadString('\n')
			if err != nil {
				return // a line cut by the kill was told to nobody
			}
			lines <- strings.TrimSuffix(line, "\n")
		}
	}()
	t.Cleanup(func() { kill(cmd, lines) })
	return cmd, lines
}

func kill(cmd *exec.Cmd, lines <-chan string) (said []string) {
	_ = cmd.Process.Kill()
	for line := range lines {
		said = append(said, line)
	}
	_ = cmd.Wait()
	return said
}
