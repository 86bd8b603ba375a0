//go:build integration

package integration_test

import (
	"errors"
	"maps"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/qdmail/qdmail/delivery"
	"github.com/qdmail/qdmail/direct"
	"github.com/qdmail/qdmail/direct/dns"
	"github.com/qdmail/qdmail/internal/integration/realserver"
	"github.com/qdmail/qdmail/smtp"
)

// mxOrder: hosts are tried by preference, and those of the same one share the
// load.
var mxOrder = scenarios{
	"preference": func(t *testing.T, s *scene) {
		for n := 1; n <= 3; n++ {
			s.sink(t, n, "")
		}
		s.deliver(t, "taro@order.mx.test", verdict{
			outcome: delivery.Accepted, host: "mx2", reply: 250,
			path:   []string{"mx2 clear: accepted"},
			stored: map[string]int{"mx2": 1},
		})
	},
	"equal": func(t *testing.T, s *scene) {
		orders := []int{0, 0, 0, 1, 1, 0, 1, 1, 2, 0, 2, 1} // all that three hosts can have
		s.transport.Rand = func(n int) int {
			k := orders[0]
			orders = orders[1:]
			return k
		}
		for n := 1; n <= 3; n++ {
			s.sink(t, n, "")
		}
		stored := map[string]int{}
		for len(orders) > 0 {
			p := newPost("hello\r\n")
			s.send(t, p, "taro@equal.mx.test")
			for name, n := range s.stored(t, p.id) {
				stored[name] += n
			}
		}
		if want := map[string]int{"mx1": 2, "mx2": 2, "mx3": 2}; !maps.Equal(stored, want) {
			t.Errorf("%v, want %v", stored, want)
		}
	},
}

// mxDown: what can't be reached costs no mail.
var mxDown = scenarios{
	"refused": func(t *testing.T, s *scene) {
		s.host(1, dead(t))
		s.sink(t, 2, "")
		s.deliver(t, "taro@two.mx.test", bySecond)
		again := bySecond // it isn't tried again so soon
		again.path = []string{"mx1: deferred at dial because the path failed → next host", "mx2 again clear: accepted"}
		s.deliver(t, "taro@two.mx.test", again)
		if err := s.attempts[0].Err; !errors.Is(err, direct.ErrDown) || len(s.dialled) != 0 {
			t.Errorf("connected to %q: %v", s.dialled, err)
		}
	},
	"black hole": func(t *testing.T, s *scene) {
		s.transport.Timeouts.Dial = 4 * time.Second
		s.host(1, blackHole(t))
		s.sink(t, 2, "")
		s.deliver(t, "taro@two.mx.test", bySecond)
		if err := s.attempts[0].Err; !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("error %v, want %v", err, os.ErrDeadlineExceeded)
		}
	},
	"silent": func(t *testing.T, s *scene) {
		s.transport.Timeouts.Greeting = 4 * time.Second
		s.host(1, silent(t))
		s.sink(t, 2, "")
		want := bySecond
		want.path = []string{"mx1: deferred at greeting because the path failed → next host", "mx2 clear: accepted"}
		s.deliver(t, "taro@two.mx.test", want)
	},
	"IPv6 down": func(t *testing.T, s *scene) {
		s.at["[2001:db8::1]:25"] = dead(t)
		s.sink(t, 1, "")
		s.deliver(t, "taro@dual.mx.test", verdict{
			outcome: delivery.Accepted, host: "mx1", reply: 250,
			path:   []string{"mx1: deferred at dial because the path failed → next address", "mx1 clear: accepted"},
			stored: map[string]int{"mx1": 1},
		})
	},
}

// bySecond is for a mail that mx2 gets, because there is no way to mx1.
var bySecond = verdict{
	outcome: delivery.Accepted, host: "mx2", reply: 250,
	path:   []string{"mx1: deferred at dial because the path failed → next host", "mx2 clear: accepted"},
	stored: map[string]int{"mx2": 1},
}

// mxDNS: what the DNS says goes, and what it can't say is no verdict.
var mxDNS = scenarios{
	"null MX": func(t *testing.T, s *scene) {
		s.refused(t, "taro@null.mx.test", direct.ErrNullMX, delivery.EnhancedCode{5, 1, 10})
	},
	"NXDOMAIN": func(t *testing.T, s *scene) {
		s.refused(t, "taro@nowhere.mx.test", direct.ErrNoDomain, delivery.EnhancedCode{5, 1, 2})
	},
	"neither MX nor address": func(t *testing.T, s *scene) {
		s.refused(t, "taro@text.mx.test", direct.ErrNoDomain, delivery.EnhancedCode{5, 1, 2})
	},
	"implicit MX": func(t *testing.T, s *scene) {
		s.sink(t, 1, "")
		s.deliver(t, "taro@implicit.mx.test", verdict{
			outcome: delivery.Accepted, host: "implicit", reply: 250,
			path:   []string{"implicit clear: accepted"},
			stored: map[string]int{"mx1": 1},
		})
	},
	"forged": func(t *testing.T, s *scene) {
		s.deliver(t, "taro@bogus.mx.test", verdict{
			outcome: delivery.Deferred, host: "nobody", phase: delivery.PhaseResolve, is: dns.ErrBogus, policy: "dnssec",
			path:   []string{"nobody: deferred at resolve because a policy forbids it"},
			stored: map[string]int{},
		})
		s.untouched(t)
	},
	"SERVFAIL": func(t *testing.T, s *scene) { s.unresolved(t, dns.ErrServer) },
	"no answer": func(t *testing.T, s *scene) {
		conn, err := net.ListenPacket("udp4", "127.0.0.1:0")
		must(t, err)
		t.Cleanup(func() { conn.Close() })
		s.dns.Servers, s.dns.Timeout = []string{conn.LocalAddr().String()}, 200*time.Millisecond
		s.unresolved(t, dns.ErrTimeout)
	},
}

// refused wants a domain to take no mail, by the word of the DNS alone.
func (s *scene) refused(t *testing.T, rcpt string, err error, code delivery.EnhancedCode) {
	t.Helper()
	s.deliver(t, rcpt, verdict{
		outcome: delivery.Rejected, host: "nobody", phase: delivery.PhasePrepare, is: err, code: code,
		path:   []string{"nobody: rejected at prepare because a verdict"},
		stored: map[string]int{},
	})
	s.untouched(t)
}

// unresolved wants the relay to get the mail, because nobody says where it goes.
func (s *scene) unresolved(t *testing.T, why error) {
	t.Helper()
	s.deliver(t, "taro@dead.test", verdict{
		outcome: delivery.Accepted, host: "relay", reply: 250,
		path:   []string{"nobody: deferred at resolve because the path failed → fallback", "relay: accepted"},
		stored: map[string]int{"relay": 1},
	})
	if err := s.attempts[0].Err; !errors.Is(err, why) {
		t.Errorf("error %v, want %v", err, why)
	}
	s.untouched(t)
}

// untouched wants no connection to have been made.
func (s *scene) untouched(t *testing.T) {
	t.Helper()
	if len(s.dialled) != 0 {
		t.Errorf("connected to %q", s.dialled)
	}
}

// mxRelay: when no host can be reached, the relay gets the mail. If it can't be
// used either, the mail has to wait.
var mxRelay = scenarios{
	"all hosts down": func(t *testing.T, s *scene) {
		s.host(1, dead(t))
		s.host(2, dead(t))
		p := s.deliver(t, "taro@two.mx.test", verdict{
			outcome: delivery.Accepted, host: "relay", reply: 250,
			path: []string{
				"mx1: deferred at dial because the path failed → next host",
				"mx2: deferred at dial because the path failed → fallback",
				"relay: accepted",
			},
			stored: map[string]int{"relay": 1},
		})
		p.wantAt(t, s.relay.Maildirs(), "taro@dest.test")
		if got := p.received(t, s.relay.Maildirs(), "taro@dest.test"); !strings.Contains(got, "with ESMTPSA") {
			t.Errorf("the relay received %q", got)
		}
	},
	"all hosts down, for three": func(t *testing.T, s *scene) {
		s.host(1, dead(t))
		p := newPost("hello\r\n")
		res := s.send(t, p, "taro@one.mx.test", "hanako@one.mx.test", "jiro@one.plain.test")
		for _, r := range res.Recipients {
			if r.Outcome != delivery.Accepted || s.label(r.Host) != "relay" {
				t.Errorf("%s: %v by %s: %v", r.Address, r.Outcome, r.Host, r.Err)
			}
		}
		if stored := s.stored(t, p.id); !maps.Equal(stored, map[string]int{"relay": 3}) {
			t.Errorf("%v have the mail", stored)
		}
		p.wantAt(t, s.relay.Maildirs(), everybody()...)
		messages := func() int { return strings.Count(s.relay.Log(), ": message-id=<"+p.id+">") }
		eventually(t, func() bool { return messages() > 0 }, "the relay doesn't log the message")
		if n := messages(); n != 1 {
			t.Errorf("the relay got %d messages for three recipients", n)
		}
	},
	"relay down too": func(t *testing.T, s *scene) {
		s.transport.Fallback = &smtp.Relay{Addr: local(dead(t)), LocalName: "client.test"}
		s.undeliverable(t, "relay", "relay: deferred at dial because the path failed")
	},
	"wrong password": func(t *testing.T, s *scene) {
		thief := realserver.User{Address: realserver.Sender.Address, Password: "wrong-secret"}
		s.transport.Fallback = relayTo(t, s.relay.Submission, loggedIn(t, thief, smtp.TLSStartTLS, s.relay.CAFile))
		s.undeliverable(t, "mx1", "relay: not sent at AUTH because a fault on our side")
		if err := s.attempts[1].Err; !errors.Is(err, delivery.ErrAuthFailed) || strings.Contains(err.Error(), thief.Password) {
			t.Errorf("the relay: %v", err)
		}
	},
}

// undeliverable wants a mail to wait, because neither the host nor the relay is of
// use.
func (s *scene) undeliverable(t *testing.T, last, relay string) {
	t.Helper()
	s.host(1, dead(t))
	s.deliver(t, "taro@one.mx.test", verdict{
		outcome: delivery.Deferred, host: last, phase: delivery.PhaseDial,
		path:   []string{"mx1: deferred at dial because the path failed → fallback", relay},
		stored: map[string]int{},
	})
}
