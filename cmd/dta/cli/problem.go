package cli

import (
	"strings"

	"github.com/milagro-dta/dta/protocol/fault"
)

// flagOf is the flag from which a member of a request to the principals' API is
// taken.
var flagOf = map[string]string{
	"authority":                "--authority",
	"beneficiaryIDDocumentCID": "--beneficiary",
	"custody":                  "--to",
	"days":                     "--days",
	"enrolment":                "--enrolment",
	"fiduciaries":              "--fiduciary",
	"fiduciary":                "--to",
	"first":                    "--first",
	"kinds":                    "--kind",
	"publish":                  "--publish",
	"seconds":                  "--for",
	"suite":                    "--suite",
	"to":                       "--to",
}

// inFlags tells what the node has against a member, as in "kinds[1]: expected…", in
// the words of the command.
func inFlags(err error) error {
	member, wrong, is := strings.Cut(err.Error(), ": ")
	member, _, _ = strings.Cut(member, "[")
	if flag, known := flagOf[member]; is && known {
		return fault.New(fault.Of(err), "%s: %s", flag, wrong)
	}
	return err
}
