package dns_test

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"testing"
	"time"

	mdns "github.com/miekg/dns"

	"github.com/qdmail/qdmail/direct/dns"
)

// netResolver asks the given server by way of the standard library.
func netResolver(srv *testServer) dns.NetResolver {
	return dns.NetResolver{Resolver: &net.Resolver{
		PreferGo: true,
		Dial: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, network, srv.addr)
		},
	}}
}

func TestNetResolverMX(t *testing.T) {
	for name, c := range map[string]struct {
		script script
		want   string
		status dns.Status
		err    error
	}{
		"sorted":            {zone("a.test. 60 MX 20 b.test.", "a.test. 60 MX 10 C.test."), "10 c.test., 20 b.test.", dns.OK, nil},
		"null":              {zone("a.test. 60 MX 0 ."), "0 .", dns.OK, nil},
		"one is an address": {zone("a.test. 60 MX 0 192.0.2.1.", "a.test. 60 MX 5 b.test."), "5 b.test.", dns.OK, dns.ErrUnusable},
		"one is invalid":    {zone(`a.test. 60 MX 0 b\ c.test.`, "a.test. 60 MX 5 b.test."), "5 b.test.", dns.OK, dns.ErrUnusable},
		"all invalid":       {zone(`a.test. 60 MX 0 b\ c.test.`), "", dns.Temporary, nil},
		"no data":           {zone("a.test. 60 A 192.0.2.1"), "", dns.NoData, nil},
		"no such name":      {zone("b.test. 60 A 192.0.2.1"), "", dns.NXDomain, nil},
		"refused":           {code(mdns.RcodeRefused), "", dns.Temporary, nil},
		"failed":            {code(mdns.RcodeServerFailure), "", dns.Temporary, nil},
		"no data, and addresses fail": {func(q *mdns.Msg, _ string) *mdns.Msg {
			if q.Question[0].Qtype == mdns.TypeMX {
				return reply(q)
			}
			return rcode(q, mdns.RcodeServerFailure)
		}, "", dns.Temporary, nil},
	} {
		t.Run(name, func(t *testing.T) {
			a := netResolver(serve(t, c.script)).MX(t.Context(), "a.test")
			if list(a.Records) != c.want || a.Status != c.status || c.err != nil && !errors.Is(a.Err, c.err) {
				t.Errorf("got %v, %v, %v", a.Records, a.Status, a.Err)
			}
			if (a.Err != nil) != (c.err != nil || c.status == dns.Temporary) || a.Secure {
				t.Errorf("error %v, secure %v", a.Err, a.Secure)
			}
			if errors.Is(a.Err, context.DeadlineExceeded) {
				t.Errorf("%v looks like the caller's context", a.Err)
			}
		})
	}
}

func TestNetResolver(t *testing.T) {
	srv := serve(t, zone(
		"a.test. 60 A 192.0.2.1", "a.test. 60 AAAA 2001:db8::1", `a.test. 60 TXT "a" "b"`,
		"1.2.0.192.in-addr.arpa. 60 PTR Mail.a.test.",
		"c.test. 60 CNAME a.test.",
	))
	r := netResolver(srv)
	if a := r.Addrs(t.Context(), "a.test"); list(a.Records) != "192.0.2.1, 2001:db8::1" || a.Status != dns.OK {
		t.Errorf("got %v, %v", a.Records, a.Err)
	}
	if a := r.Addrs(t.Context(), "b.test"); a.Status != dns.NoData || a.Err != nil {
		t.Errorf("got %v, %v", a.Status, a.Err)
	}
	if a := r.TXT(t.Context(), "a.test."); list(a.Records) != "ab" {
		t.Errorf("got %v, %v", a.Records, a.Err)
	}
	if a := r.PTR(t.Context(), netip.MustParseAddr("192.0.2.1")); list(a.Records) != "mail.a.test" {
		t.Errorf("got %v, %v", a.Records, a.Err)
	}
	if a := r.CNAME(t.Context(), "c.test"); list(a.Records) != "a.test" {
		t.Errorf("got %v, %v", a.Records, a.Err)
	}
	if a := r.CNAME(t.Context(), "a.test"); a.Status != dns.NoData {
		t.Errorf("got %v, %v", a.Status, a.Err)
	}
	if a := r.TLSA(t.Context(), "_25._tcp.a.test"); a.Status != dns.Temporary || !errors.Is(a.Err, errors.ErrUnsupported) {
		t.Errorf("got %v, %v", a.Status, a.Err)
	}
	if a := r.MX(t.Context(), "a..test"); a.Status != dns.NXDomain || !errors.Is(a.Err, dns.ErrName) {
		t.Errorf("got %v, %v", a.Status, a.Err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if a := r.MX(ctx, "a.test"); a.Status != dns.Temporary || !errors.Is(a.Err, context.Canceled) {
		t.Errorf("got %v, %v", a.Status, a.Err)
	}
}

// TestNoSearchList: what only a search list would find isn't found, and the name
// asked for has no local domain behind it.
func TestNoSearchList(t *testing.T) {
	srv := serve(t, zone("a.example.test. 60 MX 0 b.test."))
	for _, r := range []dns.Resolver{client(srv), netResolver(srv)} {
		if a := r.MX(t.Context(), "a"); a.Status != dns.NXDomain {
			t.Errorf("%T: %v, %v", r, a.Status, a.Err)
		}
		for _, q := range splitQuestions(srv.questions()) {
			if q != "a." {
				t.Errorf("%T asked for %s", r, q)
			}
		}
	}
}

// TestSilence: no answer within the caller's patience.
func TestSilence(t *testing.T) {
	srv := serve(t, func(*mdns.Msg, string) *mdns.Msg { return nil })
	for _, r := range []dns.Resolver{client(srv), netResolver(srv)} {
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		defer cancel()
		if a := r.MX(ctx, "a.test"); a.Status != dns.Temporary || !errors.Is(a.Err, context.DeadlineExceeded) {
			t.Errorf("%T: %v, %v", r, a.Status, a.Err)
		}
	}
}
