package config

import (
	"crypto/x509"
	"strings"
)

// path reads an option that names a file. Its line is not shown, since someone
// may have put the file's content in its place.
func (b *body) path(name string) (text, bool) {
	t, ok := b.hidden(name)
	if ok && strings.Contains(t.value, "-----BEGIN") {
		b.errorAt(t.rng, "Not a path", "The path of a PEM file is expected; the file's content was found.")
		return text{}, false
	}
	return t, ok
}

// maxPEM bounds a file of certificates, in bytes: the authorities that a system
// trusts are a quarter of it.
const maxPEM = 1 << 20

// pem reads a file that an option names.
func (l *loader) pem(t text) ([]byte, bool) {
	data, err := l.ReadFile(t.value, maxPEM)
	if err == nil {
		return data, true
	}
	if t.calls {
		l.errorAt(t.rng, "File not readable", "The file that %s names could not be read.", t.shown)
	} else {
		l.errorAt(t.rng, "File not readable", "The file could not be read: %v.", err)
	}
	return nil, false
}

// authorities checks a file of CA certificates.
func (l *loader) authorities(t text) {
	if data, ok := l.pem(t); ok && !x509.NewCertPool().AppendCertsFromPEM(data) {
		l.errorAt(t.rng, "No certificate", "The file holds no PEM certificate of an authority.")
	}
}
