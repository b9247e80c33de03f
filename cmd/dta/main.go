// Command dta is a Decentralized Trust Authority: the daemon, and the commands
// of its operators and principals.
package main

import (
	"os"

	"github.com/milagro-dta/dta/cmd/dta/cli"
	"github.com/milagro-dta/dta/internal/stdio"
)

func main() { os.Exit(cli.Main(os.Args[1:], os.Stdin, stdio.Stdout(), os.Stderr)) }
