// Package config reads the operator's HCL file into a typed [Config].
//
// [Load] reports every problem of the file in one pass, each at the operator's
// own line; [Write] and [WriteJSON] print them. [LoadIdentity] evaluates only
// what a node needs to know its own name, so that two nodes can learn each
// other's before either file is complete. [Pin] writes a plugin's sha256 into
// the file and leaves every other byte as it was.
//
// # Values
//
// A value is text, true or false, or a list or map of text. env("NAME") stands
// for an environment variable and file("path") for a file's text without its
// last line break; their arguments are constants. Other expressions are refused.
// Relative paths are relative to the working directory of the program.
//
// # A plugin's own block
//
// The `config` block of a plugin is never evaluated here. It travels as
// [Block], its bytes with the place where they start, so that the plugin can
// report a mistake at the operator's line, and so that what file("hsm.pin")
// says is read by the plugin alone.
//
// # Secrets in diagnostics
//
// A diagnostic never repeats what a function returned: it shows the call. Of
// its source line everything right of the first equals sign is struck out,
// except where the value itself is the matter and its option holds no secret;
// see [ShowSource].
package config
