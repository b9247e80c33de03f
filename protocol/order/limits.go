package order

import "time"

// What one order may hold. Readers refuse more, writers do not make it.
const (
	Version = 1 // of terms, bodies and detached blocks

	MaxSecret      = 256 << 10 // bytes of a safeguarded secret
	MaxFiduciaries = 32        // n of t-of-n
	MaxRedeemers   = 16
	MaxReceivers   = 16
	MaxRecipients  = 40      // parties of an order, each counted once
	MaxCheckpoint  = 4 << 10 // bytes of an audit checkpoint
	MaxLabel       = 64      // bytes of a plugin type or scheme in a receipt

	ReferenceSize = 32 // bytes of the random reference, shown as 64 hex digits
	NonceSize     = 32
)

// How long an envelope may be accepted for the first time.
const (
	OrderLife      = 24 * time.Hour
	RedemptionLife = 15 * time.Minute
	// An acceptance or a release answers something accepted already and may
	// reach a party that was offline for weeks.
	AnswerLife = 30 * 24 * time.Hour
)
