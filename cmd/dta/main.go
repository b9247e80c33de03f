// Command dta is a Decentralized Trust Authority: the daemon, and the commands
// of its operators and principals.
package main

import (
	"os"

	"github.com/milagro-dta/dta/cmd/dta/cli"
)

func main() { os.Exit(cli.Main(os.Args[1:], os.Stdin, os.Stdout, os.Stderr)) }
