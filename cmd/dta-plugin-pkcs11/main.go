// Command dta-plugin-pkcs11 is a custody plugin: keys in an HSM. A D-TA host runs it.
package main

import (
	"github.com/milagro-dta/dta/plugins/pkcs11"
	"github.com/milagro-dta/dta/sdk"
)

func main() { sdk.Serve(pkcs11.Plugin()) }
