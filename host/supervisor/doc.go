// Package supervisor runs plugin programs and keeps them running, so that no plugin can crash the host, hang it past
// a deadline, exhaust it, or disturb another plugin.
//
// Use New, Start and Call for a plugin that serves, Once for a single question (validate). Sweep clears,
// at start, what a killed host left in the runtime directory.
//
// # Life of a plugin
//
//	stopped ─Start→ starting ─handshake→ configuring ─Prepare→ ready ─Stop, Restart→ draining → stopped, starting
//	                   ↑  └───────failure──────┘                 └─exit, three missed health checks→ starting, backoff
//	                   └─ backoff ←┘ └→ failed ─Restart→ starting
//
// One goroutine per Supervisor owns these states. A plugin that had been ready for half a minute is started again at
// once. Back-off (full jitter, 250 ms doubling up to 30 s) grows over starts that never became ready, and over those
// that did and ended sooner, but for the first three; one that somebody killed after it had answered calls waits no
// longer than after the first failure. Back-off goes on for as long as it takes: a back end that is away, or a program
// that crashes, needs nobody's hand once it is mended. After five such starts in a row calls no longer wait for the
// next. A start is failed at once, without repetition until Restart or Renew, when trying again could not help or could
// harm: the program's digest, mode or owner is wrong, it speaks no known version, or Prepare returned an error of kind
// invalid, denied, not_found, conflict or unsupported. A wrong PIN tried five times locks a token.
//
// Renew replaces a plugin that is ready without a moment in between: another process is started and prepared beside
// it, and takes its place once it has proved itself; the one before is drained and ended then. See trial.
//
// # What the host relies on
//
// go-plugin launches the program (environment, one-time certificates, handshake). Everything after that is done here,
// because its client has calls without deadline, a broker that grows without bound with what a plugin sends, a log
// parser that a plugin's line can panic, and leaves a connection behind when a plugin dies while it connects:
//
//   - the handshake line is checked before go-plugin sees it: gRPC on a Unix socket in the launch's own directory,
//     with a certificate;
//   - standard error and output are read with bounded lines, cleaned, rate-limited, and never reach go-plugin;
//   - the program runs in its own process group, killed as a whole; on Linux it dies with the host (Pdeathsig follows
//     the thread that started it, so one locked thread starts and awaits it);
//   - each launch has a private directory (0700), held by a lock and removed with the process.
//
// # What it does not do
//
// A descendant that leaves the process group (setsid) outlives the plugin, and any descendant outlives a host killed
// by SIGKILL.
//
// # The program
//
// A start opens the program once, hashes the open file and runs that very file: see binary. The program, every
// symbolic link on the way to it and every directory above belong to root or to the host's user, and nobody else may
// write them; a script is refused. What the program loads itself, its libraries and its files, is not covered.
package supervisor
