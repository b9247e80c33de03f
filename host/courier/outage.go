package courier

import "sync"

// outages remembers what does not work at present, so that the log says when that
// begins and when it ends, and not at every attempt in between.
type outages struct {
	mu      sync.Mutex
	present map[outage]bool
}

// outage is a place that does not answer jobs of a kind, or, without a place, a
// kind whose jobs cannot be claimed.
type outage struct{ kind, place string }

// begin says whether this is news.
func (o *outages) begin(what outage) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.present[what] {
		return false
	}
	if o.present == nil {
		o.present = map[outage]bool{}
	}
	o.present[what] = true
	return true
}

// end says whether this is news.
func (o *outages) end(what outage) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	was := o.present[what]
	delete(o.present, what)
	return was
}

// tellFailure logs a failure that may pass: aloud the first of a place that does
// not answer, or of a job that goes nowhere in particular.
func (c *Courier) tellFailure(j Job, err error, silent bool) {
	switch {
	case silent && c.outages.begin(outage{j.Kind, j.Place}):
		c.options.Log.Warn("a place does not answer; what goes there waits", "kind", j.Kind, "place", j.Place, "error", err)
	case !silent && j.Attempts == 0:
		c.options.Log.Warn("job failed for now", "kind", j.Kind, "key", j.Key, "error", err)
	}
	c.options.Log.Debug("attempt failed", "kind", j.Kind, "key", j.Key, "attempts", j.Attempts+1, "error", err)
}

func (c *Courier) tellSuccess(j Job) {
	switch {
	case j.Place != "" && c.outages.end(outage{j.Kind, j.Place}):
		c.options.Log.Info("the place answers again", "kind", j.Kind, "place", j.Place)
	case j.Place == "" && j.Attempts > 0:
		c.options.Log.Info("job done after all", "kind", j.Kind, "key", j.Key, "attempts", j.Attempts+1)
	}
}
