package supervisor

import (
	"bufio"
	"errors"
	"io"
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"
)

const (
	keptLines = 20
	// A plugin's lines reach the host's log at linesPerSecond after a burst; the others are counted.
	linesBurst, linesPerSecond = 1000, 200
	// What is read, logged or not, costs time: beyond a burst it is read at bytesPerSecond per stream, and a
	// plugin that writes faster waits.
	bytesBurst, bytesPerSecond = 2 << 20, 8 << 20
)

// intake takes what one process writes to standard error and output.
type intake struct {
	log  hclog.Logger
	done <-chan struct{} // closed with the process: from then on nothing is held back

	mu       sync.Mutex // guards what follows
	kept     []string   // ring of the last lines; next is the oldest once it is full
	next     int
	panicked string // the first line of a panic
	allowed  bucket
	dropped  int
}

func newIntake(log hclog.Logger, done <-chan struct{}) *intake {
	return &intake{log: log, done: done, allowed: bucket{size: linesBurst, rate: linesPerSecond, level: linesBurst}}
}

// read takes lines until r ends. stream names it where it is not standard error.
func (in *intake) read(r io.Reader, stream string) {
	slow := &throttled{r: r, done: in.done, allowed: bucket{size: bytesBurst, rate: bytesPerSecond, level: bytesBurst}}
	eachLine(bufio.NewReaderSize(slow, maxLine), func(line []byte) { in.take(line, stream, time.Now()) })
	in.mu.Lock()
	dropped := in.dropped
	in.dropped = 0
	in.mu.Unlock()
	in.reportDropped(dropped)
}

func (in *intake) take(line []byte, stream string, now time.Time) {
	e := parseLine(line)
	if e.message == "" && len(e.pairs) == 0 {
		return
	}
	if stream != "" {
		e.pairs = append(e.pairs, "stream", stream)
	}
	in.mu.Lock()
	if text := e.String(); len(in.kept) < keptLines {
		in.kept = append(in.kept, text)
	} else {
		in.kept[in.next] = text
		in.next = (in.next + 1) % keptLines
	}
	if in.panicked == "" && isPanic(e.message) {
		in.panicked = clip(e.message, maxKept)
	}
	allowed, dropped := in.allowed.take(1, now) == 0, 0
	if allowed {
		dropped, in.dropped = in.dropped, 0
	} else {
		in.allowed.level++ // a dropped line costs nothing
		in.dropped++
	}
	in.mu.Unlock()

	in.reportDropped(dropped)
	if allowed {
		in.log.Log(e.level, e.message, e.pairs...)
	}
}

func (in *intake) reportDropped(n int) {
	if n > 0 {
		in.log.Warn("the plugin logs too fast: lines were dropped", "lines", n)
	}
}

// last returns the last lines, oldest first.
func (in *intake) last() []string {
	if in == nil {
		return nil
	}
	in.mu.Lock()
	defer in.mu.Unlock()
	return append(append([]string{}, in.kept[in.next:]...), in.kept[:in.next]...)
}

// lastLine is the last line as it reads on after a reason; empty where there is none.
func (in *intake) lastLine() string {
	lines := in.last()
	if len(lines) == 0 {
		return ""
	}
	return "; its last line: " + lines[len(lines)-1]
}

func (in *intake) panicLine() string {
	in.mu.Lock()
	defer in.mu.Unlock()
	return in.panicked
}

// eachLine calls f for each line, cut to the size of r's buffer, until r ends.
func eachLine(r *bufio.Reader, f func([]byte)) {
	for {
		line, err := r.ReadSlice('\n')
		if len(line) > 0 {
			f(line)
		}
		for errors.Is(err, bufio.ErrBufferFull) {
			_, err = r.ReadSlice('\n')
		}
		if err != nil {
			return
		}
	}
}

// throttled holds back a reader that is too fast.
type throttled struct {
	r       io.Reader
	done    <-chan struct{}
	allowed bucket
}

func (t *throttled) Read(b []byte) (int, error) {
	n, err := t.r.Read(b)
	if wait := t.allowed.take(float64(n), time.Now()); wait > 0 {
		timer := time.NewTimer(wait)
		defer timer.Stop()
		select {
		case <-t.done:
		case <-timer.C:
		}
	}
	return n, err
}

// bucket is a token bucket: size tokens at most, rate more per second.
type bucket struct {
	size, rate, level float64
	at                time.Time
}

// take spends n tokens, on credit if need be, and returns how long to wait until the credit is paid.
func (b *bucket) take(n float64, now time.Time) time.Duration {
	if !b.at.IsZero() {
		b.level = min(b.size, b.level+b.rate*now.Sub(b.at).Seconds())
	}
	b.at = now
	b.level -= n
	if b.level >= 0 {
		return 0
	}
	return time.Duration(-b.level / b.rate * float64(time.Second))
}
