package cli

import (
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/hashicorp/go-hclog"
)

// hangups keeps a daemon running when its terminal closes, from here on.
type hangups chan os.Signal

func outlive() hangups {
	h := make(hangups, 1)
	signal.Notify(h, syscall.SIGHUP)
	return h
}

// log logs what came, until the end.
func (h hangups) log(log hclog.Logger) (end func()) {
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for range h {
			log.Info("SIGHUP ignored")
		}
	}()
	return func() {
		signal.Stop(h)
		close(h)
		<-ended
	}
}

// ready prints the line that says that a daemon serves. The daemon goes on where
// it cannot be written: nobody may be there to read it.
func (a *app) ready(log hclog.Logger, format string, args ...any) {
	if _, err := fmt.Fprintf(a.out.w, format, args...); err != nil {
		log.Warn("ready line not written", "error", err)
	}
}
