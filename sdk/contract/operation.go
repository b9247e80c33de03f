package contract

import (
	"crypto/sha256"
	"encoding/hex"

	"github.com/milagro-dta/dta/protocol/dag"
)

// OperationID names one act of one plugin instance on one order: hex of
// SHA-256("dta/operation/v1" ‖ CID ‖ instance ‖ 0x00 ‖ purpose). cause is the CID of the header of the order for
// Safeguard, of the redemption for Restore and of the request for Issue, which is the same whatever the envelope's
// signature; purpose is "share", "key" or "network-share". Repeats of a call carry the same id and are joined while one
// is in flight.
func OperationID(cause dag.CID, instance, purpose string) string {
	h := sha256.New()
	h.Write([]byte("dta/operation/v1"))
	h.Write(cause.Bytes())
	h.Write([]byte(instance))
	h.Write([]byte{0})
	h.Write([]byte(purpose))
	return hex.EncodeToString(h.Sum(nil))
}
