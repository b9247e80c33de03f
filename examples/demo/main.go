// Command demo shows, in two acts, a secret being kept by an HSM plugin and given
// back, and a network in which people log in with a token and a PIN.
//
//	go run ./examples/demo --bin bin [--file FILE]
//
// It drives the programs in bin as a person would at a terminal. The first act has
// three nodes with the configurations of examples/three-nodes, one order, one
// redemption; the second a registrar and three D-TAs (examples/network), a server
// and two people. Each also shows what others get who have no business there. It
// ends with exit code 0 when all went as it should, refusals included, and leaves
// no process and no file behind.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"syscall"
	"time"
)

// The nodes are started on the first thread, which lives as long as the demo:
// on Linux they are told to end when the thread that started them does.
func init() { runtime.LockOSThread() }

func main() {
	bin := flag.String("bin", "bin", "`directory` of the built programs")
	configs := flag.String("configs", "examples/three-nodes", "`directory` of the nodes' configurations")
	networks := flag.String("networks", "examples/network", "`directory` of the configurations of a network's nodes")
	file := flag.String("file", "", "`file` whose content is the secret; a text by default")
	flag.Parse()
	if flag.NArg() > 0 {
		fmt.Fprintf(os.Stderr, "demo: expected flags only, found %q\n", flag.Arg(0))
		os.Exit(2)
	}
	// SIGPIPE too: whoever reads the story may have gone (make demo | head).
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGPIPE)
	defer stop()
	p := newPrinter(os.Stdout)
	err := play(whileParentLives(ctx), p, *bin, *configs, *networks, *file)
	if err == nil {
		err = p.w.Flush() // of the first write that failed
	}
	if err != nil {
		if ctx.Err() != nil && !errors.Is(err, errLeft) {
			err = errors.New("interrupted; everything was stopped and removed")
		}
		fmt.Fprintf(os.Stderr, "\ndemo: %v\n", err)
		os.Exit(1)
	}
}

// play sets the stage, tells the story, and clears the stage whatever happened.
func play(ctx context.Context, p *printer, bin, configs, networks, file string) (err error) {
	material, err := readSecret(file)
	if err != nil {
		return err
	}
	s, err := setStage(bin, configs, networks, material)
	if err != nil {
		return err
	}
	defer func() {
		took, left := s.clear()
		if err = errors.Join(err, left); err == nil {
			p.line("%s  every process was stopped (%s), every file removed", p.good("✓"), show(took))
			p.line("")
			p.names(s)
		}
	}()
	if err := tell(ctx, p, s); err != nil {
		return err
	}
	return tellLogin(ctx, p, s)
}

// whileParentLives ends its context when the process that ran the demo is gone:
// then nobody watches any more.
func whileParentLives(ctx context.Context) context.Context {
	ctx, cancel := context.WithCancel(ctx)
	parent := os.Getppid()
	go func() {
		for range time.Tick(time.Second) {
			if os.Getppid() != parent {
				cancel()
			}
		}
	}()
	return ctx
}
