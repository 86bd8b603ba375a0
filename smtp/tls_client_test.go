package smtp_test

import (
	"crypto/tls"
	"errors"
	"testing"

	"github.com/qdmail/qdmail/delivery"
	"github.com/qdmail/qdmail/internal/testsmtp"
	"github.com/qdmail/qdmail/smtp"
)

// A server that wants a certificate of the client. In TLS 1.3 its refusal comes
// as an alert after the handshake.
func TestClientCertificate(t *testing.T) {
	mine, clients := testsmtp.Certificate("taro")
	strange, _ := testsmtp.Certificate("taro")
	for name, tt := range map[string]struct {
		certs []tls.Certificate
		want  error
	}{
		"right": {[]tls.Certificate{mine}, nil},
		"none":  {nil, delivery.ErrTLSFailed},
		"wrong": {[]tls.Certificate{strange}, delivery.ErrTLSFailed},
	} {
		for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
			for _, implicit := range []bool{false, true} {
				config := serverTLS()
				config.ClientAuth, config.ClientCAs, config.MaxVersion = tls.RequireAndVerifyClientCert, clients, version
				srv := &testsmtp.Server{TLS: config, ImplicitTLS: implicit}
				cfg := smtp.Config{Addr: "mx.test:465", TLSConfig: clientTLS()}
				if implicit {
					cfg.TLS = smtp.TLSImplicit
				}
				// A client keeps a certificate to itself that the server says it
				// doesn't accept, unless asked like this.
				cfg.TLSConfig.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
					if len(tt.certs) == 0 {
						return new(tls.Certificate), nil
					}
					return &tt.certs[0], nil
				}
				err := enter(t, srv.Dial, cfg)
				if !errors.Is(err, tt.want) || (err == nil) != (tt.want == nil) {
					t.Errorf("%s, %s, implicit %v: %v", name, tls.VersionName(version), implicit, err)
				}
				if e, ok := errors.AsType[*delivery.Error](err); ok && e.Phase != delivery.PhaseTLS {
					t.Errorf("%s, %s, implicit %v: %v", name, tls.VersionName(version), implicit, err)
				}
				srv.Close()
			}
		}
	}
}

// A session of a server that nobody verified is never resumed where a verified
// one is needed.
func TestSessionsAreNotMixed(t *testing.T) {
	srv := &testsmtp.Server{TLS: serverTLS()}
	defer srv.Close()
	unverified := smtp.Config{Addr: "localhost:25", TLSConfig: &tls.Config{ClientSessionCache: tls.NewLRUClientSessionCache(4)}}
	if err := enter(t, srv.Dial, unverified); err != nil {
		t.Fatal(err)
	}
	verified := unverified
	verified.TLS = smtp.TLSStartTLS
	if err := enter(t, srv.Dial, verified); !errors.Is(err, delivery.ErrTLSFailed) {
		t.Errorf("a certificate that nobody verified: %v", err)
	}
	if err := enter(t, srv.Dial, unverified); err != nil {
		t.Error(err)
	}
	c := srv.Connections()
	if len(c) != 3 || !c[2].State.DidResume {
		t.Error("the session isn't resumed where it may be")
	}
}

// The connections of a Relay resume each other's TLS sessions.
func TestRelayResumesSessions(t *testing.T) {
	srv := &testsmtp.Server{TLS: serverTLS()}
	r := remote(srv.Dial)
	r.TLSConfig, r.Pool.IdleTimeout = clientTLS(), -1
	for range 3 {
		if got := outcomes(converse(t, r, from("b@y.test"), hello)); got != "accepted" {
			t.Error(got)
		}
	}
	srv.Close()
	for i, c := range srv.Connections() {
		if c.State.DidResume != (i > 0) {
			t.Errorf("connection %d: resumed %v", i, c.State.DidResume)
		}
	}
	if r.TLSConfig.ClientSessionCache != nil {
		t.Error("the configuration was changed")
	}
}
