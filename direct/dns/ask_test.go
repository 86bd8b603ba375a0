package dns_test

import (
	"context"
	"errors"
	"net"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	mdns "github.com/miekg/dns"

	"github.com/qdmail/qdmail/direct/dns"
)

// TestServers: which servers are asked, and how, when they don't answer well.
func TestServers(t *testing.T) {
	good := always("a.test. 60 MX 0 good.test.")
	for name, c := range map[string]struct {
		first  script
		status dns.Status
		host   string
		err    error
		asked  string // the first
		second string // the second, which is good
	}{
		"fine":        {always("a.test. 60 MX 0 b.test."), dns.OK, "0 b.test.", nil, "MX a.test. udp", ""},
		"SERVFAIL":    {code(mdns.RcodeServerFailure), dns.OK, "0 good.test.", nil, "MX a.test. udp, MX a.test. udp cd", "MX a.test. udp"},
		"REFUSED":     {code(mdns.RcodeRefused), dns.OK, "0 good.test.", nil, "MX a.test. udp", "MX a.test. udp"},
		"no EDNS":     {onlyPlain(good), dns.OK, "0 good.test.", nil, "MX a.test. udp, MX a.test. udp plain", ""},
		"FORMERR":     {code(mdns.RcodeFormatError), dns.OK, "0 good.test.", nil, "MX a.test. udp, MX a.test. udp plain", "MX a.test. udp"},
		"BADVERS":     {badVersion, dns.OK, "0 good.test.", nil, "MX a.test. udp, MX a.test. udp plain", "MX a.test. udp"},
		"no question": {strip(good), dns.OK, "0 good.test.", nil, "MX a.test. udp", "MX a.test. udp"},
		"bogus, says EDE": {func(q *mdns.Msg, _ string) *mdns.Msg {
			return extended(q, mdns.ExtendedErrorCodeSignatureExpired)
		}, dns.Bogus, "", dns.ErrBogus, "MX a.test. udp", ""},
		"stale, says EDE": {func(q *mdns.Msg, _ string) *mdns.Msg {
			return extended(q, mdns.ExtendedErrorCodeNetworkError)
		}, dns.OK, "0 good.test.", nil, "MX a.test. udp, MX a.test. udp cd", "MX a.test. udp"},
		"bogus, without a word": {func(q *mdns.Msg, network string) *mdns.Msg {
			if q.CheckingDisabled {
				return good(q, network)
			}
			return rcode(q, mdns.RcodeServerFailure)
		}, dns.Bogus, "", dns.ErrBogus, "MX a.test. udp, MX a.test. udp cd", ""},
	} {
		t.Run(name, func(t *testing.T) {
			first, second := serve(t, c.first), serve(t, good)
			cl := client(first, second)
			cl.Timeout = 200 * time.Millisecond
			a := cl.MX(t.Context(), "a.test")
			if list(a.Records) != c.host || a.Status != c.status || !errors.Is(a.Err, c.err) {
				t.Errorf("got %v, %v, %v", a.Records, a.Status, a.Err)
			}
			if q := first.questions(); q != c.asked {
				t.Errorf("the first was asked %s", q)
			}
			if q := second.questions(); q != c.second {
				t.Errorf("the second was asked %s", q)
			}
		})
	}
}

func code(rc int) script {
	return func(q *mdns.Msg, _ string) *mdns.Msg { return rcode(q, rc) }
}

func onlyPlain(s script) script {
	return func(q *mdns.Msg, network string) *mdns.Msg {
		if q.IsEdns0() != nil {
			m := rcode(q, mdns.RcodeFormatError)
			m.Question = nil
			return m
		}
		return s(q, network)
	}
}

func badVersion(q *mdns.Msg, _ string) *mdns.Msg {
	m := rcode(q, mdns.RcodeSuccess)
	m.SetEdns0(1232, false)
	m.Rcode = mdns.RcodeBadVers
	return m
}

// strip takes the question out of an answer, which then is none.
func strip(s script) script {
	return func(q *mdns.Msg, network string) *mdns.Msg {
		m := s(q, network)
		m.Question = nil
		return m
	}
}

func extended(q *mdns.Msg, info uint16) *mdns.Msg {
	m := rcode(q, mdns.RcodeServerFailure)
	m.SetEdns0(1232, true)
	m.IsEdns0().Option = []mdns.EDNS0{&mdns.EDNS0_EDE{InfoCode: info}}
	return m
}

// TestForgeries: datagrams that answer something else are passed over.
func TestForgeries(t *testing.T) {
	udp, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer udp.Close()
	go func() {
		buf := make([]byte, 4096)
		n, from, err := udp.ReadFrom(buf)
		if err != nil {
			return
		}
		q := new(mdns.Msg)
		if q.Unpack(buf[:n]) != nil {
			return
		}
		for _, forge := range []func(*mdns.Msg){
			func(m *mdns.Msg) { m.Id++ },
			func(m *mdns.Msg) { m.Response = false },
			func(m *mdns.Msg) { m.Question[0].Name = "b.test." },
			func(m *mdns.Msg) { m.Question[0].Qtype = mdns.TypeA },
			func(m *mdns.Msg) { m.Question[0].Qclass = mdns.ClassCHAOS },
			func(m *mdns.Msg) { m.Question = nil },
			func(m *mdns.Msg) { m.Question = append(m.Question, m.Question[0]) },
			func(m *mdns.Msg) { // the right one, in other letters
				m.Answer = reply(q, "A.TEST. 60 MX 0 right.test.").Answer
				m.Question[0].Name = "A.tEST."
			},
		} {
			m := reply(q, "a.test. 60 MX 0 forged.test.")
			forge(m)
			octets, _ := m.Pack()
			udp.WriteTo(octets[:7], from)
			udp.WriteTo(octets, from)
		}
	}()
	c := &dns.Client{Servers: []string{udp.LocalAddr().String()}}
	if a := c.MX(t.Context(), "a.test"); list(a.Records) != "0 right.test." {
		t.Errorf("got %v, %v", a.Records, a.Err)
	}
}

// TestNobody: what there is when no server is.
func TestNobody(t *testing.T) {
	udp, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	udp.Close()
	c := &dns.Client{Servers: []string{udp.LocalAddr().String()}}
	a := c.MX(t.Context(), "a.test")
	if a.Status != dns.Temporary || !errors.Is(a.Err, syscall.ECONNREFUSED) || !strings.Contains(a.Err.Error(), udp.LocalAddr().String()) {
		t.Errorf("got %v, %v", a.Status, a.Err)
	}
	c = &dns.Client{Servers: []string{"ns.test"}}
	if a := c.MX(t.Context(), "a.test"); a.Status != dns.Temporary || !errors.Is(a.Err, dns.ErrNoServers) || !errors.Is(c.Check(), dns.ErrNoServers) {
		t.Errorf("got %v, %v", a.Status, a.Err)
	}
}

// TestTimeouts: silence is waited for, server by server and twice, never longer
// than 30 seconds altogether, and is no end of the caller's context.
func TestTimeouts(t *testing.T) {
	for name, c := range map[string]struct {
		client  *dns.Client
		timeout time.Duration
		took    time.Duration
		err     error
	}{
		"two servers":    {&dns.Client{Servers: []string{"192.0.2.1", "192.0.2.2"}}, time.Hour, 20 * time.Second, dns.ErrTimeout},
		"many":           {&dns.Client{Servers: []string{"192.0.2.1", "192.0.2.2"}, Tries: 10}, time.Hour, 30 * time.Second, dns.ErrTimeout},
		"impatient":      {&dns.Client{Servers: []string{"192.0.2.1"}, Tries: 1, Timeout: time.Second}, time.Hour, time.Second, dns.ErrTimeout},
		"context's end":  {&dns.Client{Servers: []string{"192.0.2.1"}}, 3 * time.Second, 3 * time.Second, context.DeadlineExceeded},
		"refused second": {&dns.Client{Servers: []string{"192.0.2.1", "192.0.2.9"}}, time.Hour, 10 * time.Second, syscall.ECONNREFUSED},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c.client.Dial = func(_ context.Context, _, address string) (net.Conn, error) {
					if address == "192.0.2.9:53" {
						return nil, syscall.ECONNREFUSED
					}
					conn, silent := net.Pipe()
					go func() { // reads the question, never answers
						silent.Read(make([]byte, 4096))
					}()
					return conn, nil
				}
				ctx, cancel := context.WithTimeout(t.Context(), c.timeout)
				defer cancel()
				start := time.Now()
				a := c.client.MX(ctx, "a.test")
				if a.Status != dns.Temporary || !errors.Is(a.Err, c.err) {
					t.Errorf("got %v, %v", a.Status, a.Err)
				}
				if c.err != context.DeadlineExceeded && errors.Is(a.Err, context.DeadlineExceeded) {
					t.Errorf("%v looks like the caller's context", a.Err)
				}
				if took := time.Since(start); took != c.took {
					t.Errorf("took %v", took)
				}
			})
		})
	}
}

// TestTrust: the AD bit counts from the loopback interface, or where the caller
// says so.
func TestTrust(t *testing.T) {
	srv := serve(t, func(q *mdns.Msg, _ string) *mdns.Msg {
		m := reply(q)
		if q.Question[0].Name == "b.test." {
			m = reply(q, "b.test. 60 CNAME a.test.")
		} else if q.Question[0].Name == "a.test." {
			m = reply(q, "a.test. 60 MX 0 a.test.")
		}
		m.AuthenticatedData = q.Question[0].Name != "b.test."
		return m
	})
	elsewhere := func(ctx context.Context, network, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, network, srv.addr)
	}
	for _, c := range []struct {
		server string
		trust  bool
		name   string
		want   bool
	}{
		{srv.addr, false, "a.test", true},
		{srv.addr, false, "none.test", true},
		{srv.addr, false, "b.test", false}, // an alias that isn't signed
		{"192.0.2.1", false, "a.test", false},
		{"192.0.2.1", false, "none.test", false},
		{"192.0.2.1", true, "a.test", true},
		{"192.0.2.1", true, "b.test", false},
		{"127.9.9.9:5353", false, "a.test", true},
		{"::ffff:127.0.0.1", false, "a.test", true},
		{"[::1]:53", false, "a.test", true},
	} {
		cl := &dns.Client{Servers: []string{c.server}, TrustAD: c.trust, Dial: elsewhere}
		if a := cl.MX(t.Context(), c.name); a.Secure != c.want || a.Err != nil {
			t.Errorf("%s of %s, trusted %v: secure %v, %v", c.name, c.server, c.trust, a.Secure, a.Err)
		}
	}
}
