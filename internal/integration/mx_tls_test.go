//go:build integration

package integration_test

import (
	"io"
	"net"
	"strings"
	"testing"

	"github.com/qdmail/qdmail/delivery"
	"github.com/qdmail/qdmail/direct"
)

// mxSTARTTLS: nobody needs a good certificate, and a host whose TLS is broken gets
// the mail without, unless TLS is required. Then nobody gets it.
var mxSTARTTLS = scenarios{
	"certificate for others": func(t *testing.T, s *scene) {
		s.host(1, s.ports["stranger"])
		p := s.deliver(t, "taro@one.plain.test", verdict{
			outcome: delivery.Accepted, host: "mx1", reply: 250,
			path:    []string{"mx1 encrypted: accepted"},
			reports: []string{"no-policy-found one.plain.test mx1: certificate-host-mismatch"},
			stored:  map[string]int{"stranger": 1},
		})
		s.wantProtocol(t, p, "ESMTPS")
	},
	"garbage": func(t *testing.T, s *scene) {
		s.host(1, garbled(t, s.ports["good"]))
		s.transport.Limits.IdleTimeout = -1
		s.inClear(t, "good", "smaller hello", "without TLS")
		s.inClear(t, "good") // it is known by now
	},
	"garbage, required": func(t *testing.T, s *scene) {
		s.host(1, garbled(t, s.ports["good"]))
		s.notInClear(t, "smaller hello")
	},
	"injection": func(t *testing.T, s *scene) {
		s.host(1, injected(t, s.ports["good"]))
		s.inClear(t, "good", "without TLS")
	},
	"injection, required": func(t *testing.T, s *scene) {
		s.host(1, injected(t, s.ports["good"]))
		s.notInClear(t)
	},
	"outdated": func(t *testing.T, s *scene) {
		s.host(1, s.ports["old"])
		s.inClear(t, "old", "smaller hello", "without TLS")
	},
	"outdated, required": func(t *testing.T, s *scene) {
		s.host(1, s.ports["old"])
		s.notInClear(t, "smaller hello")
	},
	"outdated, never in clear": func(t *testing.T, s *scene) {
		s.transport.PlaintextFallback = direct.PlaintextNever
		s.host(1, s.ports["old"])
		s.deliver(t, "taro@one.plain.test", verdict{
			outcome: delivery.Accepted, host: "relay", reply: 250,
			path: []string{
				"mx1: deferred at TLS because the path failed → smaller hello",
				"mx1: deferred at TLS because the path failed → fallback",
				"relay: accepted",
			},
			stored: map[string]int{"relay": 1},
		})
	},
	"454": func(t *testing.T, s *scene) {
		s.host(1, s.ports["keyless"])
		s.inClear(t, "keyless")
	},
	"454, required": func(t *testing.T, s *scene) {
		s.host(1, s.ports["keyless"])
		s.transport.TLS = direct.TLSRequired
		s.deliver(t, "taro@one.plain.test", verdict{
			outcome: delivery.Deferred, host: "mx1", phase: delivery.PhaseSTARTTLS, is: delivery.ErrTLSRequired, policy: "tls", reply: 454,
			path:   []string{"mx1: deferred at STARTTLS because a policy forbids it"},
			stored: map[string]int{},
		})
	},
}

// inClear wants a mail to be delivered without TLS, after it was tried with.
func (s *scene) inClear(t *testing.T, by string, before ...string) {
	t.Helper()
	want := verdict{
		outcome: delivery.Accepted, host: "mx1", reply: 250,
		stored: map[string]int{by: 1},
	}
	for _, next := range before {
		want.path = append(want.path, "mx1: deferred at TLS because the path failed → "+next)
	}
	want.path = append(want.path, "mx1 clear: accepted")
	p := s.deliver(t, "taro@one.plain.test", want)
	s.wantProtocol(t, p, "ESMTP")
	if n := len(s.dialled); n != len(want.path) {
		t.Errorf("%d connections for %d attempts", n, len(want.path))
	}
}

// notInClear wants nobody to get a mail that needs TLS.
func (s *scene) notInClear(t *testing.T, before ...string) {
	t.Helper()
	s.transport.TLS = direct.TLSRequired
	want := verdict{outcome: delivery.Deferred, host: "mx1", phase: delivery.PhaseTLS, policy: "tls", stored: map[string]int{}}
	for _, next := range before {
		want.path = append(want.path, "mx1: deferred at TLS because the path failed → "+next)
	}
	want.path = append(want.path, "mx1: deferred at TLS because a policy forbids it")
	s.deliver(t, "taro@one.plain.test", want)
}

// garbled is a server that says something else where the handshake should be.
func garbled(t *testing.T, port int) int {
	return meddler{fromClient: func(client net.Conn, line string) bool {
		if line != "STARTTLS\r\n" {
			return true
		}
		io.WriteString(client, "220 2.0.0 Ready to start TLS\r\n")
		client.Read(make([]byte, 4<<10))
		io.WriteString(client, "500 What was that?\r\n")
		client.Close()
		return false
	}}.before(t, port)
}

// injected is a server with somebody before it who puts a reply in clear in front
// of the handshake.
func injected(t *testing.T, port int) int {
	return meddler{fromServer: func(client net.Conn, line string) bool {
		if !strings.HasPrefix(line, "220 2.0.0 Ready") {
			return true
		}
		io.WriteString(client, line+"250-injected\r\n")
		return false
	}}.before(t, port)
}

// wantProtocol looks up by which protocol Postfix got a mail.
func (s *scene) wantProtocol(t *testing.T, p post, want string) {
	t.Helper()
	if got := p.received(t, s.postfix.Maildirs(), "taro@dest.test"); !strings.Contains(got, " with "+want+" id ") {
		t.Errorf("received %q, want %s", got, want)
	}
}
