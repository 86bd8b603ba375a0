package mtasts_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"github.com/qdmail/qdmail/direct/dns"
	"github.com/qdmail/qdmail/direct/mtasts"
)

const policyText = "version: STSv1\nmode: enforce\nmx: mx.a.test\nmax_age: 864000\n"

// policyHost is an HTTPS server for the policies of all domains, with a
// certificate for mta-sts.a.test.
type policyHost struct {
	*httptest.Server
	roots   *x509.CertPool
	handler atomic.Pointer[http.HandlerFunc]
	asked   atomic.Int32
}

func newPolicyHost(t *testing.T) *policyHost {
	t.Helper()
	h := &policyHost{roots: x509.NewCertPool()}
	h.serve(policyText)
	h.Server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h.asked.Add(1)
		(*h.handler.Load())(w, r)
	}))
	h.Config.ErrorLog = log.New(discard{}, "", 0)
	cert := certificate(t, "mta-sts.a.test")
	h.roots.AddCert(cert.Leaf)
	h.TLS = &tls.Config{Certificates: []tls.Certificate{cert}}
	return h
}

func (h *policyHost) start(t *testing.T) *policyHost {
	h.StartTLS()
	t.Cleanup(h.Close)
	return h
}

// handle is what the server does from now on.
func (h *policyHost) handle(f http.HandlerFunc) { h.handler.Store(&f) }

func (h *policyHost) serve(policy string) {
	h.handle(func(w http.ResponseWriter, r *http.Request) {
		if r.Host != "mta-sts.a.test" || r.URL.Path != "/.well-known/mta-sts.txt" || r.Method != "GET" {
			http.NotFound(w, r)
			return
		}
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		w.Write([]byte(policy))
	})
}

func (h *policyHost) fail() {
	h.handle(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) })
}

// client connects to the server whatever host is asked for.
func (h *policyHost) client(config *tls.Config) *http.Client {
	if config == nil {
		config = &tls.Config{RootCAs: h.roots}
	}
	return &http.Client{Transport: &http.Transport{
		TLSClientConfig:   config,
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, network, h.Listener.Addr().String())
		},
	}}
}

// published has a record with this ID for a.test.
func published(id string) dns.Map {
	return dns.Map{"_mta-sts.a.test": {TXT: []string{"v=STSv1; id=" + id}}}
}

// clock is a time that goes on when it is told to.
type clock struct{ now time.Time }

func (c *clock) Now() time.Time          { return c.now }
func (c *clock) advance(d time.Duration) { c.now = c.now.Add(d) }

func newClock() *clock { return &clock{time.Unix(1_800_000_000, 0)} }

func newClient(h *policyHost, resolver dns.Resolver, c *clock) *mtasts.Client {
	return &mtasts.Client{Resolver: resolver, HTTP: h.client(nil), Now: c.Now}
}

// certificate is self-signed and valid now.
func certificate(t *testing.T, name string) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1),
		Subject:      pkix.Name{CommonName: name},
		DNSNames:     []string{name},
		NotBefore:    time.Now().Add(-time.Hour),
		NotAfter:     time.Now().Add(time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}
}

type discard struct{}

func (discard) Write(p []byte) (int, error) { return len(p), nil }
