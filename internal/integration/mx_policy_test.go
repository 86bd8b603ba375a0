//go:build integration

package integration_test

import (
	"net"
	"slices"
	"strings"
	"testing"

	"github.com/qdmail/qdmail/delivery"
	"github.com/qdmail/qdmail/direct/dane"
	"github.com/qdmail/qdmail/direct/dns"
	"github.com/qdmail/qdmail/internal/integration/realserver"
)

// mxDANE: a host that DNSSEC knows has to be the one that its TLSA records mean.
var mxDANE = scenarios{
	"server's key":            func(t *testing.T, s *scene) { s.authenticated(t, "ee.mx.test") },
	"authority's certificate": func(t *testing.T, s *scene) { s.authenticated(t, "ta-cert.mx.test") },
	"authority's key":         func(t *testing.T, s *scene) { s.authenticated(t, "ta-key.mx.test") },
	"second host": func(t *testing.T, s *scene) {
		s.host(1, s.ports["good"])
		s.host(2, s.exim.MX)
		p := s.deliver(t, "taro@dest.test", verdict{
			outcome: delivery.Accepted, host: "mx2", reply: 250,
			path: []string{"mx1: deferred at TLS because a policy forbids it → next host", "mx2 authenticated: accepted"},
			reports: []string{
				"tlsa mx1.dest.test mx1: validation-failure, enforced",
				"tlsa mx2.dest.test mx2",
			},
			stored: map[string]int{"exim": 1},
		})
		p.wantAt(t, s.exim.Maildirs, "taro@dest.test")
		if got := p.received(t, s.exim.Maildirs, "taro@dest.test"); !strings.Contains(got, "with esmtps") {
			t.Errorf("Exim received %q", got)
		}
	},
	"no host": func(t *testing.T, s *scene) {
		first, second := tapped(t, s.sink(t, 1, "").Port, 0), tapped(t, s.ports["good"], 0)
		s.host(1, first.Port) // which has no TLS
		s.host(2, second.Port)
		s.deliver(t, "taro@mismatch.mx.test", verdict{
			outcome: delivery.Deferred, host: "mx2", phase: delivery.PhaseTLS, is: dane.ErrNoMatch, policy: "dane",
			path: []string{"mx1: deferred at STARTTLS because a policy forbids it → next host", "mx2: deferred at TLS because a policy forbids it"},
			reports: []string{
				"tlsa mx1.mismatch.mx.test mx1: starttls-not-supported, enforced",
				"tlsa mx2.mismatch.mx.test mx2: validation-failure, enforced",
			},
			stored: map[string]int{},
		})
		wantNoMAIL(t, first, second)
	},
	"no usable record": func(t *testing.T, s *scene) {
		s.host(1, s.ports["stranger"])
		p := s.deliver(t, "taro@unusable.mx.test", verdict{
			outcome: delivery.Accepted, host: "mx1", reply: 250,
			path:   []string{"mx1 encrypted: accepted"},
			stored: map[string]int{"stranger": 1},
		})
		s.wantProtocol(t, p, "ESMTPS")
	},
	"no usable record, no TLS": func(t *testing.T, s *scene) {
		tap := tapped(t, s.sink(t, 1, "").Port, 0)
		s.host(1, tap.Port)
		s.deliver(t, "taro@unusable.mx.test", verdict{
			outcome: delivery.Deferred, host: "mx1", phase: delivery.PhaseSTARTTLS, is: delivery.ErrTLSRequired, policy: "dane",
			path:   []string{"mx1: deferred at STARTTLS because a policy forbids it"},
			stored: map[string]int{},
		})
		wantNoMAIL(t, tap)
	},
	"hanging up": func(t *testing.T, s *scene) {
		s.host(1, meddler{fromClient: func(client net.Conn, line string) bool {
			if line == "STARTTLS\r\n" {
				client.Close()
			}
			return true
		}}.before(t, s.ports["good"]))
		s.deliver(t, "taro@ee.mx.test", verdict{
			outcome: delivery.Deferred, host: "mx1", phase: delivery.PhaseSTARTTLS, is: delivery.ErrTLSRequired, policy: "dane",
			path:   []string{"mx1: deferred at STARTTLS because a policy forbids it"},
			stored: map[string]int{},
		})
	},
	"forged record": func(t *testing.T, s *scene) {
		s.host(1, s.ports["good"])
		s.sink(t, 2, "")
		s.deliver(t, "taro@forged.mx.test", verdict{
			outcome: delivery.Accepted, host: "mx2", reply: 250,
			path:   []string{"mx1: deferred at resolve because a policy forbids it → next host", "mx2 clear: accepted"},
			stored: map[string]int{"mx2": 1},
		})
		if s.connected(1) != 0 {
			t.Error("the host was connected to")
		}
	},
	"forged record of the only host": func(t *testing.T, s *scene) {
		s.host(1, s.ports["good"])
		s.deliver(t, "taro@allforged.mx.test", verdict{
			outcome: delivery.Deferred, host: "mx1", phase: delivery.PhaseResolve, is: dns.ErrBogus, policy: "dane",
			path:    []string{"mx1: deferred at resolve because a policy forbids it"},
			reports: []string{"tlsa mx1.allforged.mx.test mx1: dnssec-invalid, enforced"},
			stored:  map[string]int{},
		})
		s.untouched(t)
	},
	// TLSA records say nothing if DNSSEC knows nothing of the host, or doesn't know
	// that it is the domain's.
	"host without DNSSEC":   func(t *testing.T, s *scene) { s.unknown(t, "tlsa.plain.test") },
	"domain without DNSSEC": func(t *testing.T, s *scene) { s.unknown(t, "astray.plain.test") },
}

// authenticated wants the TLSA record of the domain's host to be met.
func (s *scene) authenticated(t *testing.T, domain string) {
	t.Helper()
	s.host(1, s.ports["good"])
	p := s.deliver(t, "taro@"+domain, verdict{
		outcome: delivery.Accepted, host: "mx1", reply: 250,
		path:    []string{"mx1 authenticated: accepted"},
		reports: []string{"tlsa mx1." + domain + " mx1"},
		stored:  map[string]int{"good": 1},
	})
	s.wantProtocol(t, p, "ESMTPS")
}

// unknown wants a TLSA record that isn't met not to matter.
func (s *scene) unknown(t *testing.T, domain string) {
	t.Helper()
	s.host(1, s.ports["good"])
	s.deliver(t, "taro@"+domain, verdict{
		outcome: delivery.Accepted, host: "mx1", reply: 250,
		path:    []string{"mx1 encrypted: accepted"},
		reports: []string{"no-policy-found " + domain + " mx1"},
		stored:  map[string]int{"good": 1},
	})
}

// wantNoMAIL wants servers to have been spoken to, but not to have been told of a
// mail in clear.
func wantNoMAIL(t *testing.T, taps ...*realserver.Tap) {
	t.Helper()
	for _, tap := range taps {
		all := tap.Conversations()
		if len(all) == 0 {
			t.Error("there was no connection")
		}
		for _, turns := range all {
			if slices.ContainsFunc(turns, func(turn realserver.Turn) bool { return strings.Contains(turn.Client, "MAIL FROM") }) {
				t.Errorf("said in clear:\n%s", minutes(turns))
			}
		}
	}
}

// mxSTS: a host has to be one that the policy names, with a certificate that is
// valid for it.
var mxSTS = scenarios{
	"valid": func(t *testing.T, s *scene) {
		s.host(1, s.ports["good"])
		p := s.deliver(t, "taro@enforce.plain.test", verdict{
			outcome: delivery.Accepted, host: "mx1", reply: 250,
			path:    []string{"mx1 authenticated: accepted"},
			reports: []string{"sts enforce.plain.test mx1"},
			stored:  map[string]int{"good": 1},
		})
		s.wantProtocol(t, p, "ESMTPS")
	},
	"certificate for others": func(t *testing.T, s *scene) {
		tap := tapped(t, s.ports["stranger"], 0)
		s.host(1, tap.Port)
		s.deliver(t, "taro@enforce.plain.test", verdict{
			outcome: delivery.Deferred, host: "mx1", phase: delivery.PhaseTLS, is: delivery.ErrTLSRequired, policy: "mta-sts",
			path:    []string{"mx1: deferred at TLS because a policy forbids it"},
			reports: []string{"sts enforce.plain.test mx1: certificate-host-mismatch, enforced"},
			stored:  map[string]int{},
		})
		wantNoMAIL(t, tap)
	},
	"no TLS": func(t *testing.T, s *scene) {
		tap := tapped(t, s.ports["clear"], 0)
		s.host(1, tap.Port)
		s.deliver(t, "taro@enforce.plain.test", verdict{
			outcome: delivery.Deferred, host: "mx1", phase: delivery.PhaseSTARTTLS, is: delivery.ErrTLSRequired, policy: "mta-sts",
			path:    []string{"mx1: deferred at STARTTLS because a policy forbids it"},
			reports: []string{"sts enforce.plain.test mx1: starttls-not-supported, enforced"},
			stored:  map[string]int{},
		})
		wantNoMAIL(t, tap)
	},
	"not in the policy": func(t *testing.T, s *scene) {
		s.sink(t, 1, "")
		s.host(2, s.ports["good"])
		s.deliver(t, "taro@partly.plain.test", verdict{
			outcome: delivery.Accepted, host: "mx2", reply: 250,
			path:    []string{"mx1: deferred at resolve because a policy forbids it → next host", "mx2 authenticated: accepted"},
			reports: []string{"sts partly.plain.test mx1: validation-failure, enforced", "sts partly.plain.test mx2"},
			stored:  map[string]int{"good": 1},
		})
		if s.connected(1) != 0 {
			t.Error("the host was connected to")
		}
	},
	"testing": func(t *testing.T, s *scene) {
		s.host(1, s.ports["stranger"])
		s.deliver(t, "taro@testing.plain.test", verdict{
			outcome: delivery.Accepted, host: "mx1", reply: 250,
			path:    []string{"mx1 encrypted: accepted"},
			reports: []string{"sts testing.plain.test mx1: certificate-host-mismatch"},
			stored:  map[string]int{"stranger": 1},
		})
	},
	"policy host down": func(t *testing.T, s *scene) {
		s.at["203.0.113.80:443"] = dead(t)
		s.withoutPolicy(t, "sts-policy-fetch-error")
	},
	"policy host nobody vouches for": func(t *testing.T, s *scene) {
		s.transport.MTASTS = nil // the default doesn't know the authority of the tests
		s.withoutPolicy(t, "sts-webpki-invalid")
	},
}

// withoutPolicy wants a policy that can't be had to be reported, and not to keep
// the mail from going out in clear.
func (s *scene) withoutPolicy(t *testing.T, result string) {
	t.Helper()
	s.sink(t, 1, "")
	s.deliver(t, "taro@enforce.plain.test", verdict{
		outcome: delivery.Accepted, host: "mx1", reply: 250,
		path:    []string{"mx1 clear: accepted"},
		reports: []string{"sts enforce.plain.test: " + result, "no-policy-found enforce.plain.test mx1: starttls-not-supported"},
		stored:  map[string]int{"mx1": 1},
	})
	if want := []string{"203.0.113.80:443", "203.0.113.1:25"}; !slices.Equal(s.dialled, want) {
		t.Errorf("connected to %q, want %q", s.dialled, want)
	}
}
