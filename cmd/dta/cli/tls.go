package cli

import (
	"crypto/tls"
	"crypto/x509"
	"net/http"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/milagro-dta/dta/internal/readfile"
)

// callTime bounds a call of a principal. The node answers an order within 75 s.
const callTime = 90 * time.Second

// tlsFiles are PEM files with which a principal and a node beyond loopback know
// each other.
type tlsFiles struct{ ca, cert, key string }

// flags adds them to a command. "key" is what an order may be for, so that the
// certificate's is cert-key.
func (t *tlsFiles) flags(c *cobra.Command) {
	for _, f := range []struct {
		to                  *string
		name, variable, use string
	}{
		{&t.ca, "ca", "DTA_CA", "PEM `FILE` of the authority that the node's certificate is from; the system's by default"},
		{&t.cert, "cert", "DTA_CERT", "PEM `FILE` of the certificate to show to the node"},
		{&t.key, "cert-key", "DTA_KEY", "PEM `FILE` of that certificate's private key"},
	} {
		c.PersistentFlags().StringVar(f.to, f.name, os.Getenv(f.variable), f.use+" (or $"+f.variable+")")
		_ = c.MarkPersistentFlagFilename(f.name, "pem", "crt", "key")
	}
}

// client makes the HTTP client of a call. It follows no redirect: a secret goes
// where the user said, or nowhere.
func (t *tlsFiles) client() (*http.Client, error) {
	config := &tls.Config{MinVersion: tls.VersionTLS13}
	if t.ca != "" {
		pem, err := readfile.Bounded(t.ca, 1<<20)
		if err != nil {
			return nil, usagef("--ca: %w", err)
		}
		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM(pem) {
			return nil, usagef("--ca: %s: expected a PEM certificate", t.ca)
		}
	}
	if (t.cert == "") != (t.key == "") {
		return nil, usagef("expected both --cert and --cert-key; found one of them")
	}
	if t.cert != "" {
		pair, err := tls.LoadX509KeyPair(t.cert, t.key)
		if err != nil {
			return nil, usagef("--cert, --cert-key: %w", err)
		}
		config.Certificates = []tls.Certificate{pair}
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.TLSClientConfig = config
	return &http.Client{
		Timeout: callTime, Transport: transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}, nil
}
