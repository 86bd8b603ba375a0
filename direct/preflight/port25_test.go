package preflight_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/qdmail/qdmail/direct"
	"github.com/qdmail/qdmail/direct/dns"
	"github.com/qdmail/qdmail/direct/preflight"
	"github.com/qdmail/qdmail/internal/testsmtp"
)

// What hosts do with a connection; anything else is a script.
const (
	nothing  = "nothing"
	refuses  = "refuses"
	noRoute  = "no route"
	noSource = "no source"
)

const (
	greets = `S: 220 mx.test ESMTP
		C: EHLO mail.example.jp
		S: 250-mx.test
		S: 250 STARTTLS
		C: QUIT
		S: 221 bye`
	rejects = `S: 554 5.7.1 not you
		C: QUIT`
	rejectsEHLO = `S: 220 mx.test
		C: EHLO mail.example.jp
		S: 550 5.7.1 your name is wrong
		C: HELO mail.example.jp
		S: 550 5.7.1 your name is wrong
		C: QUIT`
	mute   = `-- wait 1h`
	noSMTP = `S: SSH-2.0-OpenSSH
		-- close`
)

// coast is the rest of the Internet: what is at an address, and what went wrong
// there.
type coast struct {
	hosts  map[string]string
	mu     sync.Mutex
	faults []error
	dialed []string
	wg     sync.WaitGroup
}

func (s *coast) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	s.mu.Lock()
	s.dialed = append(s.dialed, network+" "+addr)
	s.mu.Unlock()
	opError := func(err error) error { return &net.OpError{Op: "dial", Net: network, Err: err} }
	switch what := s.hosts[addr]; what {
	case "":
		return nil, fmt.Errorf("%s isn't there", addr)
	case nothing:
		<-ctx.Done()
		return nil, opError(context.DeadlineExceeded)
	case refuses:
		return nil, opError(syscall.ECONNREFUSED)
	case noRoute:
		return nil, opError(syscall.ENETUNREACH)
	case noSource:
		return nil, opError(syscall.EADDRNOTAVAIL)
	default:
		client, server := net.Pipe()
		s.wg.Go(func() {
			if got, err := testsmtp.Play(server, what); err != nil && what != mute {
				s.mu.Lock()
				s.faults = append(s.faults, fmt.Errorf("%w:\n%s", err, got))
				s.mu.Unlock()
			}
		})
		return client, nil
	}
}

// The hosts a.test to e.test have addresses that end with 1 to 5.
func coastZone() dns.Map {
	zone := dns.Map{}
	for i := range 5 {
		zone[string(rune('a'+i))+".test"] = dns.Host{Addrs: []netip.Addr{netip.AddrFrom4([4]byte{198, 51, 100, byte(i + 1)})}}
	}
	zone["six.test"] = dns.Host{Addrs: []netip.Addr{netip.MustParseAddr("2001:db8:1::1")}}
	zone["both.test"] = dns.Host{Addrs: []netip.Addr{netip.MustParseAddr("198.51.100.1"), netip.MustParseAddr("2001:db8:1::1")}}
	zone["inside.test"] = dns.Host{Addrs: []netip.Addr{netip.MustParseAddr("10.0.0.1")}}
	zone["mx.test"] = dns.Host{MX: []dns.MX{{Host: "b.test", Preference: 20}, {Host: "a.test", Preference: 10}}}
	zone["implicit.test"] = dns.Host{Addrs: []netip.Addr{netip.MustParseAddr("198.51.100.1")}}
	zone["null.test"] = dns.Host{MX: []dns.MX{{Host: "."}}}
	zone["lan.test"] = dns.Host{MX: []dns.MX{{Host: "inside.test"}}}
	zone["down.test"] = fail(dns.Temporary)
	return zone
}

func TestPort25(t *testing.T) {
	at := func(n int) string { return fmt.Sprintf("198.51.100.%d:25", n) }
	const six1 = "[2001:db8:1::1]:25"
	for _, c := range []struct {
		name   string
		probes string // hosts, and domains after a slash
		hosts  map[string]string
		source direct.Source
		want   string
		took   time.Duration
	}{
		{"greets", "a.test", map[string]string{at(1): greets}, direct.Source{IPv4: four}, "IPv4: ok reachable", 0},
		{"another port", "a.test:2525", map[string]string{"198.51.100.1:2525": greets}, direct.Source{IPv4: four}, "IPv4: ok reachable", 0},
		{"an address", "198.51.100.1", map[string]string{at(1): greets}, direct.Source{IPv4: four}, "IPv4: ok reachable", 0},
		{"an address in brackets", "[2001:db8:1::1]:25", map[string]string{six1: greets}, direct.Source{IPv6: six}, "IPv6: ok reachable", 0},
		{"best MX", "/mx.test", map[string]string{at(1): greets}, direct.Source{IPv4: four}, "IPv4: ok reachable", 0},
		{"no MX", "/implicit.test", map[string]string{at(1): greets}, direct.Source{IPv4: four}, "IPv4: ok reachable", 0},
		{"one of three", "a.test b.test c.test", map[string]string{at(1): nothing, at(2): refuses, at(3): greets}, direct.Source{IPv4: four}, "IPv4: ok reachable", 20 * time.Second},
		{"all silent", "a.test b.test c.test", map[string]string{at(1): nothing, at(2): nothing, at(3): nothing}, direct.Source{IPv4: four}, "IPv4: failure blocked", 20 * time.Second},
		{"one, silent", "a.test", map[string]string{at(1): nothing}, direct.Source{IPv4: four}, "IPv4: warning silent", 20 * time.Second},
		{"refused", "a.test b.test", map[string]string{at(1): refuses, at(2): refuses}, direct.Source{IPv4: four}, "IPv4: failure refused", 0},
		{"refused and silent", "a.test b.test", map[string]string{at(1): refuses, at(2): nothing}, direct.Source{IPv4: four}, "IPv4: failure refused", 20 * time.Second},
		{"no route", "a.test", map[string]string{at(1): noRoute}, direct.Source{IPv4: four}, "IPv4: failure unreachable", 0},
		{"no such source", "a.test", map[string]string{at(1): noSource}, direct.Source{IPv4: four}, "IPv4: failure failed", 0},
		{"not welcome", "a.test", map[string]string{at(1): rejects}, direct.Source{IPv4: four}, "IPv4: warning unwelcome", 0},
		{"not welcome by name", "a.test", map[string]string{at(1): rejectsEHLO}, direct.Source{IPv4: four}, "IPv4: warning unwelcome", 0},
		{"mute", "a.test", map[string]string{at(1): mute}, direct.Source{IPv4: four}, "IPv4: warning unwelcome", 20 * time.Second},
		{"no SMTP", "a.test", map[string]string{at(1): noSMTP}, direct.Source{IPv4: four}, "IPv4: warning unwelcome", 0},
		{"both families", "both.test", map[string]string{at(1): greets, six1: nothing}, direct.Source{IPv4: four, IPv6: six}, "IPv4: ok reachable, IPv6: warning silent", 20 * time.Second},
		{"other family", "six.test", nil, direct.Source{IPv4: four}, "IPv4: not checked not-asked", 0},
		{"no family", "both.test", map[string]string{at(1): greets, six1: noRoute}, direct.Source{}, "IPv4: ok reachable, IPv6: warning unreachable", 0},
		{"down", "down.test", nil, direct.Source{IPv4: four}, "IPv4: not checked temporary", 0},
		{"no host", "none.test a_b..test /null.test /none.test /a..b", nil, direct.Source{IPv4: four}, "IPv4: not checked temporary", 0},
		{"bad port", "a.test:x", nil, direct.Source{IPv4: four}, "IPv4: not checked temporary", 0},
		{"inside, by MX", "/lan.test", nil, direct.Source{IPv4: four}, "IPv4: not checked not-asked", 0},
		{"inside, by name", "inside.test", map[string]string{"10.0.0.1:25": greets}, direct.Source{IPv4: four}, "IPv4: ok reachable", 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &coast{hosts: c.hosts}
				check := &preflight.Check{LocalName: "mail.example.jp", Source: c.source, Resolver: coastZone(), Dial: s.dial}
				for probe := range strings.FieldsSeq(c.probes) {
					if domain, ok := strings.CutPrefix(probe, "/"); ok {
						check.ProbeDomains = append(check.ProbeDomains, domain)
					} else {
						check.ProbeHosts = append(check.ProbeHosts, probe)
					}
				}
				start := time.Now()
				report := check.Run(t.Context())
				took := time.Since(start)
				inspect(t, report)
				var got []string
				for _, f := range report.Findings {
					if f.Check == preflight.CheckPort25 {
						got = append(got, strings.TrimPrefix(outcome(f), "port25 "))
					}
				}
				if strings.Join(got, ", ") != c.want || took != c.took {
					t.Errorf("got %s after %v, want %s after %v\n%s", strings.Join(got, ", "), took, c.want, c.took, report)
				}
				s.wg.Wait()
				if err := errors.Join(s.faults...); err != nil {
					t.Error(err)
				}
				if len(s.dialed) != len(c.hosts) {
					t.Errorf("connected to %q", s.dialed)
				}
			})
		})
	}
}

func TestPort25InTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &coast{hosts: map[string]string{"198.51.100.1:25": nothing, "198.51.100.2:25": nothing}}
		c := &preflight.Check{Source: direct.Source{IPv4: four}, Resolver: coastZone(), Dial: s.dial, ProbeHosts: []string{"a.test", "b.test"}}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		start := time.Now()
		report := c.Run(ctx)
		if took := time.Since(start); took != time.Second {
			t.Errorf("it took %v", took)
		}
		if got := outcomes(report); !strings.Contains(got, "port25 IPv4: not checked temporary") {
			t.Errorf("got\n%s", got)
		}
	})
}

// However many hosts are named, only some are bothered.
func TestManyProbes(t *testing.T) {
	s := &coast{}
	c := &preflight.Check{Source: direct.Source{IPv4: four}, Resolver: coastZone(), Dial: s.dial}
	for range 50 {
		c.ProbeHosts = append(c.ProbeHosts, "a.test")
	}
	c.Run(t.Context())
	if len(s.dialed) != 10 {
		t.Errorf("%d connections", len(s.dialed))
	}
}

// Over the loopback interface, with the dialer that there is by default.
func TestPort25Loopback(t *testing.T) {
	server := &testsmtp.Server{Name: "mx.test"}
	addr, err := server.Listen()
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	c := &preflight.Check{LocalName: "mail.example.jp", Source: direct.Source{IPv4: netip.MustParseAddr("127.0.0.1")}, Resolver: dns.Map{}, ProbeHosts: []string{addr}}
	report := c.Run(t.Context())
	if got := outcomes(report); !strings.Contains(got, "port25 IPv4: ok reachable") {
		t.Errorf("got\n%s", report)
	}
	if v := server.Violations(); len(v) > 0 {
		t.Errorf("the server complains: %q", v)
	}
}
