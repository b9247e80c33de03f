package contract

import (
	"time"

	"github.com/milagro-dta/dta/protocol/identity"
)

const (
	// MaxMessage bounds a gRPC message in either direction, in bytes.
	MaxMessage = 8 << 20
	// MaxConfig bounds the source of a configuration block, in bytes.
	MaxConfig = 256 << 10
	// MaxEnvelope bounds the block of an envelope and, by itself, its plaintext, in bytes.
	MaxEnvelope = 1 << 20
	// MaxDeposit bounds a deposit, in bytes.
	MaxDeposit = 512 << 10
	// MaxNamed bounds the documents named in a call: 40 parties of an order and 32 custody identities. A network has at
	// most 32 parties, 16 custody identities and 16 delegates.
	MaxNamed = 72
	// MaxDocuments bounds the documents of one chain, MaxDocument each of them, in bytes.
	MaxDocuments = identity.MaxDocuments
	MaxDocument  = identity.MaxDocument
	// MaxCheckpoint bounds an audit checkpoint, in bytes.
	MaxCheckpoint = 4 << 10
	// TenureMark is the size of the mark in a claim, MaxHostName bounds the host's name in it, in bytes, and MaxTenure
	// its number.
	TenureMark  = 16
	MaxHostName = 255
	MaxTenure   = 1 << 53
	// MaxDiagnostics bounds the diagnostics of one answer.
	MaxDiagnostics = 256

	// DefaultDeadline ends a call whose caller set no deadline.
	DefaultDeadline = 30 * time.Second
	// ControlDeadline ends a call of go-plugin itself (health, shutdown) that came without a deadline.
	ControlDeadline = 2 * time.Second
)

// EnvLogLevel is the environment variable that sets how much a plugin logs: trace, debug, info (the default), warn,
// error. The host sets it to its own level, unless the plugin's block does.
const EnvLogLevel = "DTA_LOG_LEVEL"
