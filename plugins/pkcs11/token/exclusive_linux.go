package token

import (
	"crypto/sha256"
	"fmt"
	"net"
)

// lockName takes a name in Linux's abstract socket space, which needs no file, is the same for all users of the machine
// and goes with the process. It returns nil while another has it.
func lockName(name string) (unlock func()) {
	lock, err := net.ListenPacket("unixgram", fmt.Sprintf("@dta-pkcs11/%x", sha256.Sum256([]byte(name))))
	if err != nil {
		return nil
	}
	return func() { _ = lock.Close() }
}
