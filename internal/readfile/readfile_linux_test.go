package readfile_test

import (
	"errors"
	"testing"

	"github.com/milagro-dta/dta/internal/readfile"
)

func TestAFileMayBeLongerThanItSays(t *testing.T) {
	const says0 = "/proc/stat"
	if text, err := readfile.Regular(says0, 8); !errors.Is(err, readfile.TooLarge(8)) {
		t.Errorf("found %q, %v", text, err)
	}
}
