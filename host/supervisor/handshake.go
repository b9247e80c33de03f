package supervisor

import (
	"crypto/x509"
	"encoding/base64"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/milagro-dta/dta/protocol/fault"
)

// maxHandshake bounds the line in bytes; a certificate of go-plugin takes about 900.
const maxHandshake = 8 << 10

// checkHandshake accepts the one line by which a plugin says where it serves:
//
//	1|<version>|unix|<socket>|grpc|<certificate, raw-std base64 of DER>[|<multiplexing>]
//
// The socket must lie in dir. An error of kind unsupported means that another start cannot help.
func checkHandshake(line, dir string, versions []int) error {
	parts := strings.Split(strings.TrimSpace(line), "|")
	if len(parts) < 4 {
		return fault.New(fault.Unavailable, "expected a handshake as the first line of standard output, found %q: a plugin prints nothing before it serves", clip(clean(line), 120))
	}
	if parts[0] != "1" {
		return fault.New(fault.Unsupported, "expected handshake version 1, found %q", clip(clean(parts[0]), 20))
	}
	if v, err := strconv.Atoi(parts[1]); err != nil || !slices.Contains(versions, v) {
		return fault.New(fault.Unsupported, "expected a protocol version of %v, found %q", versions, clip(clean(parts[1]), 20))
	}
	if parts[2] != "unix" {
		return fault.New(fault.Unsupported, "expected a Unix socket, found network %q", clip(clean(parts[2]), 20))
	}
	if filepath.Dir(parts[3]) != dir || filepath.Clean(parts[3]) != parts[3] || strings.ContainsRune(parts[3], 0) {
		return fault.New(fault.Unsupported, "expected a socket in %s, found %q", dir, clip(clean(parts[3]), 120))
	}
	if len(parts) < 6 || parts[4] != "grpc" {
		return fault.New(fault.Unsupported, "expected gRPC and a certificate in the handshake")
	}
	der, err := base64.RawStdEncoding.DecodeString(parts[5])
	if err == nil {
		_, err = x509.ParseCertificate(der)
	}
	if err != nil {
		return fault.New(fault.Unsupported, "expected a certificate in the handshake: %w", err)
	}
	return nil
}
