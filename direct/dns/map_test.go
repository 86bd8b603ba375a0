package dns_test

import (
	"context"
	"errors"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"github.com/qdmail/qdmail/direct/dns"
)

var zones = dns.Map{
	"a.test": {
		MX:     []dns.MX{{Host: "b.test", Preference: 20}, {Host: "C.test.", Preference: 10}, {Host: "192.0.2.1", Preference: 1}},
		Addrs:  []netip.Addr{netip.MustParseAddr("2001:db8::1"), netip.MustParseAddr("192.0.2.1")},
		TXT:    []string{"v=STSv1; id=1"},
		Secure: true, TTL: time.Minute,
	},
	"_25._tcp.a.test":        {TLSA: []dns.TLSA{{Usage: 3, Selector: 1, MatchingType: 1, Data: []byte{0, 255}}}},
	"1.2.0.192.in-addr.arpa": {PTR: []string{"Mail.a.test."}},
	"null.test":              {MX: []dns.MX{{Host: "."}}},
	"alias.test":             {CNAME: "a.test"},
	"signed.test":            {CNAME: "a.test", Secure: true},
	"circle.test":            {CNAME: "circle.test"},
	"down.test":              {Fail: map[dns.Type]dns.Status{dns.TypeANY: dns.Temporary, dns.TypeMX: dns.Bogus}},
	"part.test":              {Addrs: []netip.Addr{netip.MustParseAddr("192.0.2.1")}, Fail: map[dns.Type]dns.Status{dns.TypeAAAA: dns.Temporary, dns.TypeMX: dns.NXDomain}},
	"slow.test":              {MX: []dns.MX{{Host: "a.test"}}, Delay: time.Minute},
}

func TestMap(t *testing.T) {
	for _, c := range []struct {
		name, want string
		status     dns.Status
		secure     bool
		err        error
	}{
		{"A.test.", "10 c.test., 20 b.test.", dns.OK, true, dns.ErrUnusable},
		{"alias.test", "10 c.test., 20 b.test.", dns.OK, false, dns.ErrUnusable},
		{"signed.test", "10 c.test., 20 b.test.", dns.OK, true, dns.ErrUnusable},
		{"circle.test", "", dns.Temporary, false, dns.ErrLoop},
		{"null.test", "0 .", dns.OK, false, nil},
		{"_tcp.a.test", "", dns.NoData, false, nil}, // there are names below
		{"_25._tcp.a.test", "", dns.NoData, false, nil},
		{"b.test", "", dns.NXDomain, false, nil},
		{"b..test", "", dns.NXDomain, false, dns.ErrName},
		{"down.test", "", dns.Bogus, false, dns.ErrBogus},
		{"part.test", "", dns.NXDomain, false, nil},
	} {
		a := zones.MX(t.Context(), c.name)
		if list(a.Records) != c.want || a.Status != c.status || a.Secure != c.secure || !errors.Is(a.Err, c.err) {
			t.Errorf("%s: %v, %v, secure %v, %v", c.name, a.Records, a.Status, a.Secure, a.Err)
		}
	}
	if a := zones.Addrs(t.Context(), "alias.test"); list(a.Records) != "192.0.2.1, 2001:db8::1" || a.Name != "a.test" || a.TTL != time.Minute {
		t.Errorf("got %+v", a)
	}
	if a := zones.Addrs(t.Context(), "part.test"); list(a.Records) != "192.0.2.1" || !errors.Is(a.Err, dns.ErrServer) {
		t.Errorf("got %+v", a)
	}
	if a := zones.Addrs(t.Context(), "down.test"); a.Status != dns.Temporary || !errors.Is(a.Err, dns.ErrServer) {
		t.Errorf("got %+v", a)
	}
	if a := zones.TLSA(t.Context(), "_25._tcp.a.test"); list(a.Records) != "3 1 1 00ff" || a.TTL != 5*time.Minute {
		t.Errorf("got %+v", a)
	}
	if a := zones.TXT(t.Context(), "a.test"); list(a.Records) != "v=STSv1; id=1" {
		t.Errorf("got %+v", a)
	}
	if a := zones.PTR(t.Context(), netip.MustParseAddr("192.0.2.1")); list(a.Records) != "mail.a.test" {
		t.Errorf("got %+v", a)
	}
	if a := zones.CNAME(t.Context(), "signed.test"); list(a.Records) != "a.test" || !a.Secure {
		t.Errorf("got %+v", a)
	}
}

func TestMapDelay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		if a := zones.MX(t.Context(), "slow.test"); a.Status != dns.OK || time.Since(start) != time.Minute {
			t.Errorf("got %v after %v", a.Status, time.Since(start))
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if a := zones.MX(ctx, "slow.test"); a.Status != dns.Temporary || !errors.Is(a.Err, context.DeadlineExceeded) {
			t.Errorf("got %v, %v", a.Status, a.Err)
		}
	})
}

func TestNamesOfValues(t *testing.T) {
	for want, got := range map[string]interface{ String() string }{
		"temporary failure": dns.Answer[dns.MX]{}.Status,
		"ok":                dns.OK,
		"no data":           dns.NoData,
		"no such name":      dns.NXDomain,
		"bogus":             dns.Bogus,
		"Status(9)":         dns.Status(9),
		"MX":                dns.TypeMX,
		"A":                 dns.TypeA,
		"AAAA":              dns.TypeAAAA,
		"TLSA":              dns.TypeTLSA,
		"TXT":               dns.TypeTXT,
		"PTR":               dns.TypePTR,
		"CNAME":             dns.TypeCNAME,
		"ANY":               dns.TypeANY,
		"TYPE6":             dns.Type(6),
		"0 .":               dns.MX{Host: "."},
		"5 a.test.":         dns.MX{Host: "a.test", Preference: 5},
	} {
		if got.String() != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
