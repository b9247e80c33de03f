package config

import "github.com/hashicorp/hcl/v2"

// check looks at what no block can see by itself.
func (l *loader) check() {
	f := l.config.Fiduciary
	if f == nil || len(f.Principals) == 0 {
		return
	}
	for _, listener := range l.config.Listeners {
		if listener.For(Nodes) {
			return
		}
	}
	if len(l.config.Listeners) > 0 {
		l.report(hcl.DiagWarning, l.config.fiduciaryRange, "Fiduciary out of reach",
			`Other principals' nodes cannot call this one: no listener serves "nodes".`)
	}
}
