package dns_test

import (
	"errors"
	"fmt"
	"net/netip"
	"reflect"
	"strings"
	"testing"

	mdns "github.com/miekg/dns"

	"github.com/qdmail/qdmail/direct/dns"
)

func TestMX(t *testing.T) {
	for name, c := range map[string]struct {
		script script
		want   string
		status dns.Status
		err    error
	}{
		"sorted":            {always("a.test. 60 MX 20 b.test.", "a.test. 60 MX 10 C.test."), "10 c.test., 20 b.test.", dns.OK, nil},
		"null":              {always("a.test. 60 MX 0 ."), "0 .", dns.OK, nil},
		"null twice":        {always("a.test. 60 MX 0 .", "a.test. 60 MX 5 ."), "5 .", dns.OK, nil},
		"null among others": {always("a.test. 60 MX 0 .", "a.test. 60 MX 5 b.test."), "5 b.test.", dns.OK, nil},
		"underscore":        {always("a.test. 60 MX 0 mx_1.b.test."), "0 mx_1.b.test.", dns.OK, nil},
		"one is an address": {always("a.test. 60 MX 0 192.0.2.1.", "a.test. 60 MX 5 b.test."), "5 b.test.", dns.OK, dns.ErrUnusable},
		"all unusable":      {always("a.test. 60 MX 0 192.0.2.1.", `a.test. 60 MX 5 b\.c.test.`, "a.test. 60 MX 5 ."), "", dns.Temporary, dns.ErrUnusable},
		"other type":        {always("a.test. 60 A 192.0.2.1"), "", dns.NoData, nil},
		"other name":        {always("b.test. 60 MX 0 b.test."), "", dns.NoData, nil},
		"other class":       {always("a.test. 60 CH MX 0 b.test."), "", dns.NoData, nil},
		"no data":           {always("test. 60 SOA ns.test. a.test. 1 2 3 4 5"), "", dns.NoData, nil},
		"no such name":      {func(q *mdns.Msg, _ string) *mdns.Msg { return rcode(q, mdns.RcodeNameError) }, "", dns.NXDomain, nil},
		"refused":           {func(q *mdns.Msg, _ string) *mdns.Msg { return rcode(q, mdns.RcodeRefused) }, "", dns.Temporary, dns.ErrServer},
		"alias":             {always("a.test. 60 CNAME b.test.", "b.test. 60 MX 0 c.test."), "b.test: 0 c.test.", dns.OK, nil},
	} {
		t.Run(name, func(t *testing.T) {
			srv := serve(t, c.script)
			a := client(srv).MX(t.Context(), "A.test.")
			got := list(a.Records)
			if a.Name != "a.test" {
				got = a.Name + ": " + got
			}
			if got != c.want || a.Status != c.status || !errors.Is(a.Err, c.err) {
				t.Errorf("got %q, %v, %v", got, a.Status, a.Err)
			}
			if _, typed := errors.AsType[*dns.Error](a.Err); a.Err != nil && !typed {
				t.Errorf("%v is no *Error", a.Err)
			}
			if q := srv.questions(); q != "MX a.test. udp" {
				t.Errorf("asked %s", q)
			}
		})
	}
}

func TestTooMany(t *testing.T) {
	var mx, addrs []string
	for i := range 150 {
		mx = append(mx, fmt.Sprintf("a.test. 60 MX %d mx%d.test.", 150-i, i))
		addrs = append(addrs, fmt.Sprintf("a.test. 60 A 192.0.2.%d", i), fmt.Sprintf("a.test. 60 AAAA 2001:db8::%d", i))
	}
	m := client(serve(t, large(always(mx...)))).MX(t.Context(), "a.test")
	if len(m.Records) != 100 || m.Records[99].Preference != 100 {
		t.Errorf("%d exchangers, the last is %v", len(m.Records), m.Records[len(m.Records)-1])
	}
	srv := serve(t, large(zone(addrs...)))
	a := client(srv).Addrs(t.Context(), "a.test")
	if len(a.Records) != 200 || !a.Records[99].Is4() || !a.Records[100].Is6() {
		t.Errorf("%d addresses, %v", len(a.Records), a.Err)
	}
}

// large truncates what doesn't fit into a datagram.
func large(s script) script {
	return func(q *mdns.Msg, network string) *mdns.Msg {
		m := s(q, network)
		if network == "udp" && m.Len() > int(q.IsEdns0().UDPSize()) {
			m.Truncated = true
			m.Answer = m.Answer[:1]
		}
		return m
	}
}

// TestTruncated: what was cut off is asked again over TCP, and never used.
func TestTruncated(t *testing.T) {
	srv := serve(t, func(q *mdns.Msg, network string) *mdns.Msg {
		m := reply(q, "a.test. 60 MX 0 b.test.")
		if m.Truncated = network == "udp"; !m.Truncated {
			m.Answer = append(m.Answer, reply(q, "a.test. 60 MX 1 c.test.").Answer...)
		}
		return m
	})
	a := client(srv).MX(t.Context(), "a.test")
	if list(a.Records) != "0 b.test., 1 c.test." {
		t.Errorf("got %v, %v", a.Records, a.Err)
	}
	if q := srv.questions(); q != "MX a.test. udp, MX a.test. tcp" {
		t.Errorf("asked %s", q)
	}
	srv = serve(t, func(q *mdns.Msg, _ string) *mdns.Msg {
		m := reply(q, "a.test. 60 MX 0 b.test.")
		m.Truncated = true
		return m
	})
	if a := client(srv).MX(t.Context(), "a.test"); a.Status != dns.Temporary || !errors.Is(a.Err, dns.ErrMalformed) {
		t.Errorf("truncated over TCP: %v, %v", a.Status, a.Err)
	}
}

func TestOtherTypes(t *testing.T) {
	srv := serve(t, zone(
		`a.test. 60 TXT "v=spf1 " "a\"\\\200\009 -all" ""`, `a.test. 60 TXT "x"`,
		"_25._tcp.a.test. 60 TLSA 3 1 1 00ff",
		"1.2.0.192.in-addr.arpa. 60 CNAME 1.0/25.2.0.192.in-addr.arpa.",
		"1.0/25.2.0.192.in-addr.arpa. 60 PTR Mail.a.test.",
		"b.a.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa. 60 PTR six.a.test.",
		"c.test. 60 CNAME b.test.", "b.test. 60 CNAME a.test.",
	))
	c := client(srv)
	if a := c.TXT(t.Context(), "a.test"); !reflect.DeepEqual(a.Records, []string{"v=spf1 a\"\\\xc8\t -all", "x"}) {
		t.Errorf("TXT %q, %v", a.Records, a.Err)
	}
	if a := c.TLSA(t.Context(), "_25._tcp.a.test"); list(a.Records) != "3 1 1 00ff" {
		t.Errorf("TLSA %v, %v", a.Records, a.Err)
	}
	if a := c.PTR(t.Context(), netip.MustParseAddr("::ffff:192.0.2.1")); list(a.Records) != "mail.a.test" {
		t.Errorf("PTR %v, %v", a.Records, a.Err)
	}
	if a := c.PTR(t.Context(), netip.MustParseAddr("2001:db8::ab")); list(a.Records) != "six.a.test" {
		t.Errorf("PTR %v, %v", a.Records, a.Err)
	}
	if a := c.PTR(t.Context(), netip.Addr{}); a.Status != dns.NXDomain || !errors.Is(a.Err, dns.ErrName) {
		t.Errorf("PTR %v, %v", a.Status, a.Err)
	}
	if a := c.CNAME(t.Context(), "c.test"); list(a.Records) != "b.test" || a.Name != "c.test" {
		t.Errorf("CNAME %v, %v", a.Records, a.Err)
	}
	if a := c.CNAME(t.Context(), "a.test"); a.Status != dns.NoData {
		t.Errorf("CNAME %v, %v", a.Status, a.Err)
	}
}

func TestAliases(t *testing.T) {
	long := []string{"n17.test. 60 A 192.0.2.1"}
	for i := range 17 {
		long = append(long, fmt.Sprintf("n%d.test. 60 CNAME n%d.test.", i, i+1))
	}
	for name, c := range map[string]struct {
		script     script
		host, want string
		status     dns.Status
		err        error
		questions  int
	}{
		"the server follows":     {always("a.test. 60 CNAME b.test.", "b.test. 60 CNAME c.test.", "c.test. 60 A 192.0.2.1"), "a.test", "c.test", dns.OK, nil, 1},
		"we follow":              {zone("a.test. 60 CNAME b.test.", "b.test. 60 CNAME c.test.", "c.test. 60 A 192.0.2.1"), "a.test", "c.test", dns.OK, nil, 3},
		"to nowhere":             {zone("a.test. 60 CNAME b.test."), "a.test", "b.test", dns.NXDomain, nil, 2},
		"to nothing":             {zone("a.test. 60 CNAME b.test.", "b.test. 60 MX 0 b.test."), "a.test", "b.test", dns.NoData, nil, 2},
		"to nothing, with SOA":   {always("a.test. 60 CNAME b.test.", "test. 60 SOA ns.test. a.test. 1 2 3 4 5"), "a.test", "b.test", dns.NoData, nil, 1},
		"to itself":              {zone("a.test. 60 CNAME A.test."), "a.test", "a.test", dns.Temporary, dns.ErrLoop, 1},
		"in a circle":            {zone("a.test. 60 CNAME b.test.", "b.test. 60 CNAME a.test."), "a.test", "a.test", dns.Temporary, dns.ErrLoop, 2},
		"in a circle, at once":   {always("a.test. 60 CNAME b.test.", "b.test. 60 CNAME a.test."), "a.test", "a.test", dns.Temporary, dns.ErrLoop, 1},
		"as far as it may":       {zone(long...), "n1.test", "n17.test", dns.OK, nil, 17},
		"too far":                {zone(long...), "n0.test", "n0.test", dns.Temporary, dns.ErrLoop, 17},
		"to what can't be asked": {always("a.test. 60 CNAME ."), "a.test", "a.test", dns.Temporary, dns.ErrLoop, 1},
	} {
		t.Run(name, func(t *testing.T) {
			srv := serve(t, func(q *mdns.Msg, network string) *mdns.Msg {
				if q.Question[0].Qtype == mdns.TypeAAAA { // the same, without the address
					m := c.script(q, network)
					m.Answer = deleteType(m.Answer, mdns.TypeA)
					return m
				}
				return c.script(q, network)
			})
			a := client(srv).Addrs(t.Context(), c.host)
			if a.Status != c.status || a.Name != c.want || !errors.Is(a.Err, c.err) {
				t.Errorf("got %v at %s, %v", a.Status, a.Name, a.Err)
			}
			if n := strings.Count(", "+srv.questions(), ", A "); n != c.questions {
				t.Errorf("%d questions", n)
			}
		})
	}
}

func deleteType(list []mdns.RR, typ uint16) []mdns.RR {
	var rest []mdns.RR
	for _, rr := range list {
		if rr.Header().Rrtype != typ {
			rest = append(rest, rr)
		}
	}
	return rest
}

// TestFamilies: what one family's failure means for the other.
func TestFamilies(t *testing.T) {
	const a, aaaa = "a.test. 60 A 192.0.2.1", "a.test. 60 AAAA 2001:db8::1"
	const secure, bogus, fail, none, nowhere, quad = 1, 2, 3, 4, 5, 6
	for name, c := range map[string]struct {
		v4, v6  int
		records string
		status  dns.Status
		secure  bool
		err     error
	}{
		"both":                  {0, 0, "192.0.2.1, 2001:db8::1", dns.OK, false, nil},
		"both secure":           {secure, secure, "192.0.2.1, 2001:db8::1", dns.OK, true, nil},
		"one secure":            {0, secure, "192.0.2.1, 2001:db8::1", dns.OK, false, nil},
		"only the second":       {none, 0, "2001:db8::1", dns.OK, false, nil},
		"absence isn't secure":  {secure, none, "192.0.2.1", dns.OK, false, nil},
		"the other failed":      {secure, fail, "192.0.2.1", dns.OK, true, dns.ErrServer},
		"the other is bogus":    {bogus, secure, "2001:db8::1", dns.OK, true, dns.ErrBogus},
		"none, and one failed":  {none, fail, "", dns.Temporary, false, dns.ErrServer},
		"none, and one bogus":   {fail, bogus, "", dns.Bogus, false, dns.ErrBogus},
		"none":                  {none, none, "", dns.NoData, false, nil},
		"no such name":          {nowhere, nowhere, "", dns.NXDomain, false, nil},
		"they don't agree":      {nowhere, none, "", dns.NoData, false, nil},
		"an IPv4 address as v6": {none, quad, "192.0.2.9", dns.OK, false, nil},
	} {
		t.Run(name, func(t *testing.T) {
			srv := serve(t, func(q *mdns.Msg, _ string) *mdns.Msg {
				do, record := c.v4, a
				if q.Question[0].Qtype == mdns.TypeAAAA {
					do, record = c.v6, aaaa
				}
				switch {
				case do == quad:
					m := reply(q, record)
					m.Answer[0].(*mdns.AAAA).AAAA = []byte{10: 0xff, 0xff, 192, 0, 2, 9}
					return m
				case do == fail, do == bogus && !q.CheckingDisabled:
					return rcode(q, mdns.RcodeServerFailure)
				case do == none:
					return reply(q)
				case do == nowhere:
					return rcode(q, mdns.RcodeNameError)
				}
				m := reply(q, record)
				m.AuthenticatedData = do == secure
				return m
			})
			a := client(srv).Addrs(t.Context(), "a.test")
			if list(a.Records) != c.records || a.Status != c.status || a.Secure != c.secure || !errors.Is(a.Err, c.err) {
				t.Errorf("got %v, %v, secure %v, %v", a.Records, a.Status, a.Secure, a.Err)
			}
		})
	}
}

func TestNames(t *testing.T) {
	srv := serve(t, always())
	label := strings.Repeat("a", 63)
	for _, name := range []string{"", ".", "..", "a..test", ".a.test", "日本.test", "a b.test", `a\.test`, label + "a.test",
		strings.Join([]string{label, label, label, label}, ".")} {
		if a := client(srv).MX(t.Context(), name); a.Status != dns.NXDomain || !errors.Is(a.Err, dns.ErrName) {
			t.Errorf("%q: %v, %v", name, a.Status, a.Err)
		}
	}
	if q := srv.questions(); q != "" {
		t.Errorf("asked %s", q)
	}
	longest := strings.Join([]string{label, label, label, label[:61]}, ".")
	for _, name := range []string{longest, "_25._tcp.a.test.", "xn--wgv71a.test", "1.0/25.test"} {
		if a := client(srv).MX(t.Context(), name); a.Status != dns.NoData {
			t.Errorf("%q: %v, %v", name, a.Status, a.Err)
		}
	}
}

// list writes records one after the other.
func list[T any](records []T) string {
	var s []string
	for _, r := range records {
		s = append(s, fmt.Sprint(r))
	}
	return strings.Join(s, ", ")
}
