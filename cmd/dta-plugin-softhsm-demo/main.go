// Command dta-plugin-softhsm-demo is a custody plugin that makes its own SoftHSM token, for demonstration. A D-TA host
// runs it.
package main

import (
	softhsmdemo "github.com/milagro-dta/dta/plugins/softhsm-demo"
	"github.com/milagro-dta/dta/sdk"
)

func main() { sdk.Serve(softhsmdemo.Plugin()) }
