package config

import (
	"crypto/tls"
	"net"
	"strconv"
	"strings"

	"github.com/hashicorp/hcl/v2"
)

// Names of the options that allow what is refused otherwise.
const (
	allowWithoutTLS    = "insecure_without_tls_beyond_loopback"
	allowWithoutClient = "insecure_without_client_certificates_beyond_loopback"
)

func (l *loader) listener(block *hcl.Block) {
	b := l.open(block, []want{{"address", true}, {"serves", true}, {allowWithoutTLS, false}, {allowWithoutClient, false}}, "tls")
	var out Listener
	name, ok := l.label(block, 0)
	out.Name = name
	if ok {
		for _, other := range l.config.Listeners {
			if other.Name == name {
				l.errorAt(block.LabelRanges[0], "Duplicate name", "There is already a listener %q.", name)
			}
		}
	}
	beyond := false
	if t, ok := b.text("address"); ok {
		out.Address = t.value
		beyond = l.address(t)
		for _, other := range l.config.Listeners {
			if other.Address == t.value && !strings.HasSuffix(t.value, ":0") {
				l.valueError(t.rng, "Duplicate address", "The listener %q has this address already.", other.Name)
			}
		}
	}
	if list, ok := b.texts("serves"); ok {
		if len(list) == 0 {
			l.valueError(b.content.Attributes["serves"].Expr.Range(), "Empty list", "A listener serves nodes, principals or both.")
		}
		for _, t := range list {
			if !l.among(t, string(Nodes), string(Principals)) {
				continue
			}
			if out.For(Audience(t.value)) {
				l.valueError(t.rng, "Duplicate value", "%s is in the list already.", t.shown)
				continue
			}
			out.Serves = append(out.Serves, Audience(t.value))
		}
	}
	if inner := b.inner("tls"); inner != nil {
		out.TLS = l.tls(inner, out.For(Principals) || len(out.Serves) == 0)
	}
	out.InsecureWithoutTLS = b.flag(allowWithoutTLS)
	out.InsecureWithoutClientCertificates = b.flag(allowWithoutClient)
	if beyond {
		l.guarded(&out, b)
	}
	l.config.Listeners = append(l.config.Listeners, out)
}

// guarded holds the rule for listeners beyond loopback.
func (l *loader) guarded(out *Listener, b *body) {
	address := b.content.Attributes["address"].Expr.Range()
	switch {
	case out.TLS == nil && out.InsecureWithoutTLS:
		l.warn(b.content.Attributes[allowWithoutTLS].Range, "Listener without TLS",
			"Whoever is on the way can read and change what this listener carries.")
	case out.TLS == nil && out.For(Principals):
		l.valueError(address, "Listener without TLS",
			"This address is reachable from beyond this machine. A listener that serves principals there needs a tls block with cert, key and client_ca. (%s = true would allow it without.)", allowWithoutTLS)
	case out.TLS == nil:
		l.valueError(address, "Listener without TLS",
			"This address is reachable from beyond this machine. A listener that serves nodes there needs a tls block with cert and key. (%s = true would allow it without.)", allowWithoutTLS)
	case out.TLS.ClientCA == "" && out.For(Principals) && out.InsecureWithoutClientCertificates:
		l.warn(b.content.Attributes[allowWithoutClient].Range, "Listener without client certificates",
			"Whoever reaches this listener acts as this node's principal.")
	case out.TLS.ClientCA == "" && out.For(Principals):
		l.valueError(address, "Listener without client certificates",
			"This address is reachable from beyond this machine. A listener that serves principals there asks them for certificates: name their authority in client_ca of its tls block. (%s = true would allow it without.)", allowWithoutClient)
	}
}

// address checks host:port and reports whether it is reachable from beyond this
// machine. A name other than localhost may be anything.
func (l *loader) address(t text) (beyond bool) {
	host, port, err := net.SplitHostPort(t.value)
	number, errPort := strconv.ParseUint(port, 10, 16)
	if err != nil || errPort != nil || strconv.FormatUint(number, 10) != port || strings.ContainsAny(host, " /\t\r\n") {
		l.valueError(t.rng, "Wrong address", `An address is host:port with a port up to 65535, such as "127.0.0.1:5556"; found %s.`, t.said())
		return false
	}
	return !loopback(host)
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

func (l *loader) tls(block *hcl.Block, principals bool) *TLS {
	b := l.open(block, []want{{"cert", true}, {"key", true}, {"client_ca", false}})
	var out TLS
	cert, okCert := b.path("cert")
	key, okKey := b.path("key")
	out.Cert, out.Key = cert.value, key.value
	if okCert && okKey {
		certPEM, ok1 := l.pem(cert)
		keyPEM, ok2 := l.pem(key)
		if ok1 && ok2 {
			if _, err := tls.X509KeyPair(certPEM, keyPEM); err != nil {
				l.errorAt(key.rng, "Certificate and key not usable", "They do not make a pair: %v.", err)
			}
			clear(keyPEM)
		}
	}
	if ca, ok := b.path("client_ca"); ok {
		out.ClientCA = ca.value
		if !principals {
			l.errorAt(ca.rng, "Nobody to ask for a certificate",
				"client_ca is for principals, and this listener serves nodes alone: they show no certificate, but sign what they say.")
		}
		l.authorities(ca)
	}
	return &out
}
