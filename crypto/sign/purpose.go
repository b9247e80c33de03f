package sign

// Purpose says what kind of thing is signed. It is part of every signature:
// bytes that were signed for one purpose never verify for another. The list is
// closed: Purposes.
type Purpose string

const (
	Document   Purpose = "DOCUMENT"   // identity documents
	Envelope   Purpose = "ENVELOPE"   // envelopes of every kind
	Request    Purpose = "REQUEST"    // a party that proves itself in a call
	Approval   Purpose = "APPROVAL"   // requests of a network, signed by its authority
	Delegation Purpose = "DELEGATION" // authority handed on
)

// Purposes returns the closed list of purposes.
func Purposes() []Purpose { return []Purpose{Document, Envelope, Request, Approval, Delegation} }

// context is ctx of the package comment.
func (p Purpose) context() string { return "DTA-V2-" + string(p) }
