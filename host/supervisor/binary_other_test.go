//go:build unix && !linux

package supervisor_test

import (
	"testing"

	"github.com/milagro-dta/dta/host/supervisor"
)

// linuxOnly does nothing: other systems have other formats.
func linuxOnly(*testing.T, supervisor.Spec, string) {}
