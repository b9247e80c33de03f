package softhsmdemo

import (
	"os"
	"strings"

	"github.com/milagro-dta/dta/plugins/pkcs11"
	"github.com/milagro-dta/dta/protocol/fault"
)

// places are where distributions put SoftHSM.
var places = []string{
	"/usr/lib/softhsm/libsofthsm2.so",                   // Debian, Ubuntu, Alpine
	"/usr/lib/x86_64-linux-gnu/softhsm/libsofthsm2.so",  // Debian, without the link
	"/usr/lib/aarch64-linux-gnu/softhsm/libsofthsm2.so", //
	"/usr/lib64/softhsm/libsofthsm2.so",                 // openSUSE
	"/usr/lib64/pkcs11/libsofthsm2.so",                  // Fedora, RHEL
	"/usr/lib64/libsofthsm2.so",                         //
	"/usr/lib/libsofthsm2.so",                           // Arch
	"/usr/local/lib/softhsm/libsofthsm2.so",             // built from source
}

// findModule returns the configured library, or the first known place that has one.
func findModule(configured string) (string, error) {
	if configured != "" {
		return configured, nil
	}
	for _, p := range places {
		if _, err := os.Stat(p); err != nil {
			continue
		}
		if problems := pkcs11.CheckModule(p); len(problems) > 0 {
			return "", fault.New(fault.Denied, "softhsm-demo: SoftHSM: %s", strings.TrimSuffix(problems[0].Detail, "."))
		}
		return p, nil
	}
	return "", fault.New(fault.Unsupported, "softhsm-demo: SoftHSM is not installed: as root, run: apt-get install softhsm2 (or set module; looked for %s)",
		strings.Join(places, ", "))
}
