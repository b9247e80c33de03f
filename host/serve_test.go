package host

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/milagro-dta/dta/config"
	"github.com/milagro-dta/dta/host/courier"
	"github.com/milagro-dta/dta/host/rest"
	"github.com/milagro-dta/dta/host/store"
)

// certificate makes a certificate that is its own authority, in two PEM files.
func certificate(t *testing.T) (cert, key string, pair tls.Certificate) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
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
	cert, key = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	for path, block := range map[string]*pem.Block{cert: {Type: "CERTIFICATE", Bytes: der}, key: {Type: "PRIVATE KEY", Bytes: secret}} {
		if err := os.WriteFile(path, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if pair, err = tls.LoadX509KeyPair(cert, key); err != nil {
		t.Fatal(err)
	}
	return cert, key, pair
}

// TestPrincipalsShowACertificateAndNodesNone, also where one listener serves both.
func TestPrincipalsShowACertificateAndNodesNone(t *testing.T) {
	cert, key, node := certificate(t)
	authority, _, principal := certificate(t)
	_, _, stranger := certificate(t)
	const asPrincipal, asNode = "/v1/order?page=x", "/v1/identity/x" // both are answered 400 where they are heard
	const unheard = 0                                                // the connection is refused
	for _, test := range []struct {
		name  string
		faces rest.Faces
		ca    string
		shown []tls.Certificate
		want  map[string]int
	}{
		{"a principal, of a listener for both", rest.Faces{Principals: true, Nodes: true}, authority, []tls.Certificate{principal}, map[string]int{asPrincipal: 400, asNode: 400}},
		{"a node, of a listener for both", rest.Faces{Principals: true, Nodes: true}, authority, nil, map[string]int{asPrincipal: 401, asNode: 400}},
		{"a stranger, of a listener for both", rest.Faces{Principals: true, Nodes: true}, authority, []tls.Certificate{stranger}, map[string]int{asPrincipal: unheard, asNode: unheard}},
		{"a principal, of one for principals", rest.Faces{Principals: true}, authority, []tls.Certificate{principal}, map[string]int{asPrincipal: 400}},
		{"nobody, of one for principals", rest.Faces{Principals: true}, authority, nil, map[string]int{asPrincipal: unheard, asNode: unheard}},
		{"a stranger, of one for principals", rest.Faces{Principals: true}, authority, []tls.Certificate{stranger}, map[string]int{asPrincipal: unheard}},
		{"a node, of one for nodes", rest.Faces{Nodes: true}, "", nil, map[string]int{asPrincipal: 404, asNode: 400}},
	} {
		t.Run(test.name, func(t *testing.T) {
			faces := facesOf(config.Listener{Serves: audiences(test.faces), TLS: &config.TLS{Cert: cert, Key: key, ClientCA: test.ca}})
			conf, err := serverTLS(&config.TLS{Cert: cert, Key: key, ClientCA: test.ca}, faces.Nodes)
			if err != nil {
				t.Fatal(err)
			}
			s, err := store.Open(t.Context(), filepath.Join(t.TempDir(), "node.db"), store.Options{Create: true})
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			server := rest.New(rest.Services{Courier: courier.New(s, nil, courier.Options{})}, faces, hclog.NewNullLogger())
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			go server.Serve(l, conf)
			defer server.Shutdown(t.Context())

			roots := x509.NewCertPool()
			roots.AddCert(node.Leaf)
			client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots,
				// Whoever asks: a client may show what the server did not ask for.
				GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
					if len(test.shown) == 0 {
						return new(tls.Certificate), nil
					}
					return &test.shown[0], nil
				},
			}}}
			defer client.CloseIdleConnections()
			for path, status := range test.want {
				res, err := client.Get("https://" + l.Addr().String() + path)
				if err != nil {
					if status != unheard || !strings.Contains(err.Error(), "tls: ") {
						t.Errorf("%s: expected %d; found %v", path, status, err)
					}
					continue
				}
				text, _ := io.ReadAll(res.Body)
				res.Body.Close()
				if res.StatusCode != status {
					t.Errorf("%s: expected %d; found %d %s", path, status, res.StatusCode, text)
				}
			}
		})
	}
}

func audiences(f rest.Faces) (out []config.Audience) {
	if f.Principals {
		out = append(out, config.Principals)
	}
	if f.Nodes {
		out = append(out, config.Nodes)
	}
	return out
}
