package testsmtp_test

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/qdmail/qdmail/internal/testsmtp"
)

func TestTLSInBubble(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cert, pool := testsmtp.Certificate()
		s := &testsmtp.Server{
			TLS: &tls.Config{Certificates: []tls.Certificate{cert}}, ImplicitTLS: true,
			On: at(testsmtp.End, 0, testsmtp.Fault{Delay: 10 * time.Minute}),
		}
		c := dial(t, s)
		secure := tls.Client(c.conn, &tls.Config{RootCAs: pool, ServerName: "mx.test"})
		c.conn = secure
		c.r.Reset(secure)
		start := time.Now()
		c.upTo(testsmtp.End)
		c.want("250")
		if time.Since(start) != 10*time.Minute {
			t.Errorf("took %v", time.Since(start))
		}
		c.talk("STARTTLS -> 503", "QUIT -> 221")
		c.end(nil)
		s.Close()
		if info := s.Connections()[0]; info.Turns != 7 || !strings.HasPrefix(s.Transcript(), "-- TLS\nS: 220") {
			t.Errorf("%d turns:\n%s", info.Turns, s.Transcript())
		}
	})
}

// A group of commands that takes several TLS records is one turn.
func TestTLSPipelining(t *testing.T) {
	cert, pool := testsmtp.Certificate()
	s := &testsmtp.Server{TLS: &tls.Config{Certificates: []tls.Certificate{cert}}, ImplicitTLS: true}
	c := dial(t, s)
	secure := tls.Client(c.conn, &tls.Config{RootCAs: pool, ServerName: "mx.test"})
	c.conn = secure
	c.r.Reset(secure)
	c.open()
	const n = 400
	c.send("MAIL FROM:<>\r\n" + strings.Repeat("RCPT TO:<a@b.test>\r\n", n) + "DATA\r\n")
	for range n + 1 {
		c.want("250")
	}
	c.want("354")
	c.send("x\r\n.\r\n")
	c.want("250")
	s.Close()
	if got := s.Connections()[0].Turns; got != 3 {
		t.Errorf("%d turns", got)
	}
}

func TestTLSFaults(t *testing.T) {
	cert, pool := testsmtp.Certificate()
	start := func(t *testing.T, p testsmtp.Phase, f testsmtp.Fault) (*tls.Conn, *testsmtp.Server) {
		s := &testsmtp.Server{TLS: &tls.Config{Certificates: []tls.Certificate{cert}}, On: at(p, 0, f)}
		c := dial(t, s).open()
		c.talk("STARTTLS -> 220")
		return tls.Client(c.conn, &tls.Config{RootCAs: pool, ServerName: "mx.test"}), s
	}
	for _, tt := range []struct {
		name  string
		fault testsmtp.Fault
		want  error
		ended testsmtp.Ending
	}{
		{"garbage", testsmtp.Fault{Raw: "HTTP/1.1 400 Bad Request\r\n\r\n"}, nil, testsmtp.EndedHandshake},
		{"close", testsmtp.Fault{Close: true}, nil, testsmtp.EndedByFault},
		{"reset", testsmtp.Fault{Reset: true}, syscall.ECONNRESET, testsmtp.EndedByReset},
	} {
		t.Run(tt.name, func(t *testing.T) {
			conn, s := start(t, testsmtp.Handshake, tt.fault)
			if err := conn.Handshake(); err == nil || tt.want != nil && !errors.Is(err, tt.want) {
				t.Errorf("handshake: %v", err)
			}
			conn.Close()
			s.Close()
			if got := s.Connections()[0]; got.Ended != tt.ended || got.TLS {
				t.Errorf("connection %+v", got)
			}
		})
	}
	t.Run("time", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			conn, _ := start(t, testsmtp.Handshake, testsmtp.Fault{Delay: time.Minute, Drip: time.Second})
			begin := time.Now()
			if err := conn.Handshake(); err != nil || time.Since(begin) < 2*time.Minute {
				t.Errorf("handshake: %v after %v", err, time.Since(begin))
			}
			conn.Close()
			conn, _ = start(t, testsmtp.Handshake, testsmtp.Fault{Silent: true})
			begin = time.Now()
			conn.SetDeadline(begin.Add(5 * time.Minute))
			if err := conn.Handshake(); !isTimeout(err) || time.Since(begin) != 5*time.Minute {
				t.Errorf("handshake: %v after %v", err, time.Since(begin))
			}
			conn.Close()
		})
	})
	t.Run("untrusted", func(t *testing.T) {
		conn, s := start(t, testsmtp.NOOP, testsmtp.Fault{})
		conn = tls.Client(conn.NetConn(), &tls.Config{RootCAs: x509.NewCertPool(), ServerName: "mx.test"})
		if _, ok := errors.AsType[*tls.CertificateVerificationError](conn.Handshake()); !ok {
			t.Error("the certificate was trusted")
		}
		conn.Close()
		s.Close()
		if got := s.Connections()[0]; got.Ended != testsmtp.EndedHandshake || !strings.HasSuffix(s.Transcript(), "-- TLS handshake failed\n") {
			t.Errorf("ended %q:\n%s", got.Ended, s.Transcript())
		}
	})
	t.Run("octets behind 220", func(t *testing.T) {
		s := &testsmtp.Server{
			TLS: &tls.Config{Certificates: []tls.Certificate{cert}},
			On:  at(testsmtp.STARTTLS, 0, testsmtp.Fault{Raw: "220 go\r\n250 injected\r\n", Continue: true}),
		}
		c := dial(t, s).open()
		c.talk("STARTTLS -> 220")
		c.want("250 injected")
		if err := tls.Client(c.conn, &tls.Config{RootCAs: pool, ServerName: "mx.test"}).Handshake(); err != nil {
			t.Errorf("handshake: %v", err)
		}
	})
	t.Run("refused", func(t *testing.T) {
		s := &testsmtp.Server{TLS: &tls.Config{}, On: at(testsmtp.STARTTLS, 0, testsmtp.Fault{Reply: "454 not now"})}
		dial(t, s).open().talk("STARTTLS -> 454", "MAIL FROM:<> -> 250")
	})
}

func TestCertificate(t *testing.T) {
	cert, pool := testsmtp.Certificate("mx.test", "*.b.test", "::1")
	for _, name := range []string{"mx.test", "a.b.test", "::1"} {
		if _, err := cert.Leaf.Verify(x509.VerifyOptions{Roots: pool, DNSName: name}); err != nil {
			t.Error(err)
		}
	}
	if _, err := cert.Leaf.Verify(x509.VerifyOptions{Roots: pool, DNSName: "c.test"}); err == nil {
		t.Error("valid for another name")
	}
}
