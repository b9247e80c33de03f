package cli

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// certificate makes a self-signed certificate, its own authority, and writes
// both halves as PEM.
func certificate(t *testing.T, name string) (cert, key string, pair tls.Certificate) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	cert, key = filepath.Join(dir, name+".pem"), filepath.Join(dir, name+".key")
	for path, block := range map[string]*pem.Block{
		cert: {Type: "CERTIFICATE", Bytes: der}, key: {Type: "PRIVATE KEY", Bytes: secret},
	} {
		if err := os.WriteFile(path, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if pair, err = tls.LoadX509KeyPair(cert, key); err != nil {
		t.Fatal(err)
	}
	return cert, key, pair
}

// TestAPrincipalBeyondLoopbackShowsACertificate to a node that asks for one.
func TestAPrincipalBeyondLoopbackShowsACertificate(t *testing.T) {
	ca, _, node := certificate(t, "node")
	cert, key, principal := certificate(t, "principal")
	other, otherKey, _ := certificate(t, "other")
	clients := x509.NewCertPool()
	clients.AddCert(principal.Leaf)
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, `{}`) }))
	s.TLS = &tls.Config{Certificates: []tls.Certificate{node}, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: clients}
	s.Config.ErrorLog = log.New(io.Discard, "", 0) // of connections that are refused
	s.StartTLS()
	defer s.Close()
	for _, test := range []struct {
		name  string
		flags []string
		env   map[string]string
		code  int
	}{
		{"by flags", []string{"--ca", ca, "--cert", cert, "--cert-key", key}, nil, ExitOK},
		{"by variables", nil, map[string]string{"DTA_CA": ca, "DTA_CERT": cert, "DTA_KEY": key}, ExitOK},
		{"flags before variables", []string{"--ca", ca}, map[string]string{"DTA_CA": other, "DTA_CERT": cert, "DTA_KEY": key}, ExitOK},
		{"no certificate", []string{"--ca", ca}, nil, ExitDenied},
		{"a certificate of nobody's", []string{"--ca", ca, "--cert", other, "--cert-key", otherKey}, nil, ExitDenied},
		{"a node of another authority", []string{"--ca", other, "--cert", cert, "--cert-key", key}, nil, ExitDenied},
		{"a node of no authority", []string{"--cert", cert, "--cert-key", key}, nil, ExitDenied},
		{"a certificate without its key", []string{"--ca", ca, "--cert", cert}, nil, ExitUsage},
		{"a key without its certificate", []string{"--ca", ca, "--cert-key", key}, nil, ExitUsage},
		{"the key of another certificate", []string{"--ca", ca, "--cert", cert, "--cert-key", otherKey}, nil, ExitUsage},
		{"an authority that is not there", []string{"--ca", ca + "x"}, nil, ExitUsage},
		{"an authority that is none", []string{"--ca", key}, nil, ExitUsage},
	} {
		t.Run(test.name, func(t *testing.T) {
			for name, value := range test.env {
				t.Setenv(name, value)
			}
			code, _, errOut := dta(t, t.Context(), append([]string{"order", "list", "--url", s.URL}, test.flags...)...)
			if code != test.code {
				t.Errorf("expected %d; found %d, %q", test.code, code, errOut)
			}
		})
	}
}
