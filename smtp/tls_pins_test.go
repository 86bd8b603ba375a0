package smtp_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"errors"
	"math/big"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/qdmail/qdmail/delivery"
	"github.com/qdmail/qdmail/internal/testsmtp"
	"github.com/qdmail/qdmail/smtp"
)

// somePin is that of nobody.
const somePin = "sha256/AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="

// authority signs certificates for mx.test and localhost.
type authority struct {
	t    *testing.T
	key  *ecdsa.PrivateKey
	cert *x509.Certificate
	pool *x509.CertPool
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	a := &authority{t: t, pool: x509.NewCertPool()}
	a.key, a.cert = a.issue(&x509.Certificate{
		Subject: pkix.Name{CommonName: "authority"}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	})
	a.pool.AddCert(a.cert)
	return a
}

// issue signs a certificate; the first one, which is its own, by itself.
func (a *authority) issue(template *x509.Certificate) (*ecdsa.PrivateKey, *x509.Certificate) {
	a.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		a.t.Fatal(err)
	}
	template.SerialNumber = big.NewInt(time.Now().UnixNano())
	if template.NotAfter.IsZero() {
		template.NotAfter = time.Now().Add(time.Hour)
	}
	parent, signer := a.cert, a.key
	if parent == nil {
		parent, signer = template, key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), signer)
	if err != nil {
		a.t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		a.t.Fatal(err)
	}
	return key, cert
}

// server makes a server's certificate, with others sent beside it.
func (a *authority) server(ends time.Time, beside ...*x509.Certificate) tls.Certificate {
	key, cert := a.issue(&x509.Certificate{Subject: pkix.Name{CommonName: "mx.test"}, DNSNames: []string{"mx.test", "localhost"}, NotAfter: ends})
	made := tls.Certificate{Certificate: [][]byte{cert.Raw}, PrivateKey: key, Leaf: cert}
	for _, b := range beside {
		made.Certificate = append(made.Certificate, b.Raw)
	}
	return made
}

func TestPins(t *testing.T) {
	ours, other := newAuthority(t), newAuthority(t)
	soon, past := time.Now().Add(time.Hour), time.Now().Add(-time.Hour)
	good := ours.server(soon, ours.cert)
	expired := ours.server(past)
	borrowed := other.server(soon, other.cert, good.Leaf, ours.cert) // shows what isn't its own
	pin := func(c *x509.Certificate) []string { return []string{somePin, smtp.PinOf(c)} }
	for _, tt := range []struct {
		name   string
		server tls.Certificate
		roots  *x509.CertPool
		pins   []string
		only   bool
		host   string
		want   error
	}{
		{"its own key", good, ours.pool, pin(good.Leaf), false, "mx.test", nil},
		{"the authority's key", good, ours.pool, pin(ours.cert), false, "mx.test", nil},
		{"another key", good, ours.pool, pin(other.cert), false, "mx.test", smtp.ErrPinMismatch},
		{"on loopback", good, ours.pool, pin(good.Leaf), false, "localhost", nil},
		{"another key, on loopback", good, ours.pool, pin(other.cert), false, "localhost", smtp.ErrPinMismatch},
		{"not trusted", good, other.pool, pin(good.Leaf), false, "mx.test", delivery.ErrTLSFailed},
		{"not trusted, on loopback", good, other.pool, pin(good.Leaf), false, "localhost", delivery.ErrTLSFailed},
		{"expired", expired, ours.pool, pin(expired.Leaf), false, "mx.test", delivery.ErrTLSFailed},
		{"another name", good, ours.pool, pin(good.Leaf), false, "other.test", delivery.ErrTLSFailed},
		{"a key that is only shown", borrowed, other.pool, pin(good.Leaf), false, "mx.test", smtp.ErrPinMismatch},
		{"pins only", good, other.pool, pin(good.Leaf), true, "mx.test", nil},
		{"pins only, another name", good, other.pool, pin(good.Leaf), true, "192.0.2.1", nil},
		{"pins only, expired", expired, other.pool, pin(expired.Leaf), true, "mx.test", nil},
		{"pins only, another key", good, ours.pool, pin(other.cert), true, "mx.test", smtp.ErrPinMismatch},
		{"pins only, the authority's", good, ours.pool, pin(ours.cert), true, "mx.test", smtp.ErrPinMismatch},
		{"pins only, a key that is only shown", borrowed, other.pool, pin(good.Leaf), true, "mx.test", smtp.ErrPinMismatch},
	} {
		for _, mode := range []smtp.TLSMode{smtp.TLSDefault, smtp.TLSImplicit} {
			srv := &testsmtp.Server{TLS: &tls.Config{Certificates: []tls.Certificate{tt.server}}, ImplicitTLS: mode == smtp.TLSImplicit}
			cfg := smtp.Config{Addr: tt.host + ":465", TLS: mode, TLSConfig: &tls.Config{RootCAs: tt.roots}, Pins: tt.pins, InsecurePinsOnly: tt.only}
			err := enter(t, srv.Dial, cfg)
			if !errors.Is(err, tt.want) || tt.want != nil && (!errors.Is(err, delivery.ErrTLSFailed) || strings.Contains(srv.Transcript(), "-- TLS\nC:")) {
				t.Errorf("%s, %v: %v\n%s", tt.name, mode, err, srv.Transcript())
			}
			if errors.Is(err, smtp.ErrPinMismatch) && !strings.Contains(err.Error(), smtp.PinOf(srv.TLS.Certificates[0].Leaf)) {
				t.Errorf("%s: the error doesn't tell the server's pin: %v", tt.name, err)
			}
			srv.Close()
		}
	}
}

// A server that has no TLS, or loses it, doesn't escape the pins.
func TestPinsNeedTLS(t *testing.T) {
	srv := &testsmtp.Server{}
	defer srv.Close()
	if err := enter(t, srv.Dial, smtp.Config{Pins: []string{somePin}}); !errors.Is(err, delivery.ErrTLSRequired) {
		t.Error(err)
	}
}

// A VerifyConnection of the caller's own counts too.
func TestPinsAndOwnVerification(t *testing.T) {
	srv := &testsmtp.Server{TLS: serverTLS()}
	defer srv.Close()
	cert, _ := certificate()
	cfg := smtp.Config{Addr: "mx.test:587", TLSConfig: clientTLS(), Pins: []string{smtp.PinOf(cert.Leaf)}}
	why := errors.New("not this one")
	for _, own := range []error{nil, why} {
		called := false
		cfg.TLSConfig.VerifyConnection = func(tls.ConnectionState) error { called = true; return own }
		if err := enter(t, srv.Dial, cfg); !errors.Is(err, own) || !called {
			t.Errorf("%v, called %v", err, called)
		}
	}
}

// A session that is resumed is held against the pins as well.
func TestPinsOnResumption(t *testing.T) {
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		srv := &testsmtp.Server{TLS: serverTLS()}
		cert, _ := certificate()
		cfg := smtp.Config{Addr: "mx.test:587", TLSConfig: clientTLS(), Pins: []string{smtp.PinOf(cert.Leaf)}}
		cfg.TLSConfig.ClientSessionCache = tls.NewLRUClientSessionCache(1)
		cfg.TLSConfig.MaxVersion = version
		var resumed []bool
		cfg.TLSConfig.VerifyConnection = func(state tls.ConnectionState) error {
			resumed = append(resumed, state.DidResume)
			return nil
		}
		for range 2 {
			if err := enter(t, srv.Dial, cfg); err != nil {
				t.Error(err)
			}
		}
		cfg.Pins = []string{somePin}
		if err := enter(t, srv.Dial, cfg); !errors.Is(err, smtp.ErrPinMismatch) {
			t.Error(err)
		}
		srv.Close()
		if !slices.Equal(resumed, []bool{false, true, true}) {
			t.Errorf("%s: resumed %v", tls.VersionName(version), resumed)
		}
	}
}

func TestPinOf(t *testing.T) {
	cert, _ := certificate()
	digest := sha256.Sum256(cert.Leaf.RawSubjectPublicKeyInfo)
	if got, want := smtp.PinOf(cert.Leaf), "sha256/"+base64.StdEncoding.EncodeToString(digest[:]); got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

// FuzzPins: a pin is the text of 32 octets, and nothing else.
func FuzzPins(f *testing.F) {
	for _, seed := range []string{somePin, "sha256/", "sha256//AAAA", strings.TrimSuffix(somePin, "="), somePin[7:], "sha1/AAAA", somePin + "\n", "sha256/\n" + somePin[7:]} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, pin string) {
		digest, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(pin, "sha256/"))
		want := err == nil && len(digest) == 32 && "sha256/"+base64.StdEncoding.EncodeToString(digest) == pin
		err = (&smtp.Relay{Addr: "mx.test", Pins: []string{pin}}).Check()
		e, typed := errors.AsType[*smtp.FieldError](err)
		if (err == nil) != want || err != nil && (!typed || e.Field != "Pins") {
			t.Errorf("%q: %v", pin, err)
		}
	})
}
