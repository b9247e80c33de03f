package plugintest

import (
	"io"
	"log"
	"os"
	"slices"
	"sync"
)

// prints lets plugins that run in this process be heard when they print: while one runs, what goes to standard output
// and error goes to its log too. What is written to the descriptors themselves, as by C, is not heard.
var prints struct {
	sync.Mutex
	ears    []*locked
	restore func()
}

// overhear adds a log, until the function that it returns is called.
func overhear(ear *locked) (stop func(), err error) {
	prints.Lock()
	defer prints.Unlock()
	if len(prints.ears) == 0 {
		if err := divert(); err != nil {
			return nil, err
		}
	}
	prints.ears = append(prints.ears, ear)
	return sync.OnceFunc(func() {
		prints.Lock()
		last := len(prints.ears) == 1
		restore := prints.restore
		prints.Unlock()
		if last {
			restore() // what was printed so far is still for this log
		}
		prints.Lock()
		defer prints.Unlock()
		prints.ears = slices.DeleteFunc(prints.ears, func(l *locked) bool { return l == ear })
	}), nil
}

// divert puts a pipe in place of standard output and error. The caller holds prints.
func divert() error {
	out, errs, logged := os.Stdout, os.Stderr, log.Writer()
	var pumps sync.WaitGroup
	var pipes []*os.File
	for _, std := range []**os.File{&os.Stdout, &os.Stderr} {
		r, w, err := os.Pipe()
		if err != nil {
			return err
		}
		original := *std
		pipes = append(pipes, w)
		pumps.Go(func() {
			defer r.Close()
			_, _ = io.Copy(tee{original}, r)
		})
		*std = w
	}
	if logged == io.Writer(errs) {
		log.SetOutput(os.Stderr)
	}
	prints.restore = func() {
		os.Stdout, os.Stderr = out, errs
		log.SetOutput(logged)
		for _, w := range pipes {
			w.Close()
		}
		pumps.Wait()
	}
	return nil
}

type tee struct{ original io.Writer }

func (t tee) Write(b []byte) (int, error) {
	prints.Lock()
	ears := slices.Clone(prints.ears)
	prints.Unlock()
	for _, ear := range ears {
		_, _ = ear.Write(b)
	}
	return t.original.Write(b)
}
