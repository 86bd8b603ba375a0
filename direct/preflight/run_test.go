package preflight_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/netip"
	"reflect"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/qdmail/qdmail/direct"
	"github.com/qdmail/qdmail/direct/dns"
	"github.com/qdmail/qdmail/direct/preflight"
)

// The good world in full, in its order.
const allGood = `ptr 192.0.2.25: ok confirmed
ptr 2001:db8::25: ok confirmed
ehlo mail.example.jp: ok exists
ehlo-address 192.0.2.25: ok match
ehlo-address 2001:db8::25: ok match
spf 192.0.2.25: ok pass
spf 2001:db8::25: ok pass
spf-helo 192.0.2.25: ok pass
spf-helo 2001:db8::25: ok pass
dkim s1._domainkey.example.jp: ok match
dkim e1._domainkey.example.jp: ok match
dmarc example.jp: ok published
dmarc-alignment example.jp: ok both
domain example.jp: ok mx
block-list 192.0.2.25 in bl.test: ok clean
block-list 2001:db8::25 in bl.test: ok clean
block-list example.jp in dbl.test: ok clean
block-list mail.example.jp in dbl.test: ok clean
port25 : not checked not-asked
dnssec arpa: ok validates`

func outcomes(r *preflight.Report) string {
	var lines []string
	for _, f := range r.Findings {
		lines = append(lines, outcome(f))
	}
	return strings.Join(lines, "\n")
}

func TestGoodHost(t *testing.T) {
	_, c := world()
	for range 5 { // whoever is done first
		report := c.Run(t.Context())
		inspect(t, report)
		if got := outcomes(report); got != allGood {
			t.Fatalf("got\n%s\nwant\n%s", got, allGood)
		}
		if err := report.Err(); err != nil || !report.OK() {
			t.Errorf("got %v", err)
		}
	}
}

func TestJSON(t *testing.T) {
	zone, c := world()
	c.Resolver = with(zone, dns.Map{arpa4: {}, "_dmarc.example.jp": fail(dns.Temporary)})
	report := c.Run(t.Context())
	text, err := json.Marshal(report)
	if err != nil {
		t.Fatal(err)
	}
	var back preflight.Report
	if err := json.Unmarshal(text, &back); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(report, &back) {
		t.Errorf("%s\nbecame\n%s", report, &back)
	}
	if !strings.Contains(string(text), `{"check":"ptr","about":"192.0.2.25","severity":"failure","code":"none"`) {
		t.Errorf("got %s", text)
	}
	for _, wrong := range []string{`{"findings":[{"severity":"fine"}]}`, `{"findings":[{"severity":3}]}`} {
		if err := json.Unmarshal([]byte(wrong), &back); err == nil {
			t.Errorf("%s was taken", wrong)
		}
	}
	if text, err := json.Marshal(preflight.Severity(9)); err == nil {
		t.Errorf("got %s", text)
	}
}

func TestErr(t *testing.T) {
	good := preflight.Finding{Check: "a", Severity: preflight.OK, Code: "fine"}
	skipped := preflight.Finding{Check: "b", Code: preflight.CodeNotAsked}
	unknown := preflight.Finding{Check: "c", About: "x", Code: preflight.CodeTemporary}
	warning := preflight.Finding{Check: "d", Severity: preflight.Warning, Code: "so-so"}
	failure := preflight.Finding{Check: "e", About: "y", Severity: preflight.Failure, Code: "bad"}
	for _, c := range []struct {
		findings  []preflight.Finding
		want      string
		temporary bool
	}{
		{[]preflight.Finding{good, skipped, warning}, "", false},
		{[]preflight.Finding{good, unknown}, "preflight: c x: temporary", true},
		{[]preflight.Finding{failure, good, unknown}, "preflight: e y: bad; c x: temporary", false},
		{[]preflight.Finding{skipped}, "preflight: nothing was checked", false},
		{nil, "preflight: nothing was checked", false},
	} {
		report := &preflight.Report{Findings: c.findings}
		err := report.Err()
		if report.OK() != (c.want == "") || err != nil && err.Error() != c.want || (err == nil) != (c.want == "") {
			t.Errorf("%v: got %v, want %q", c.findings, err, c.want)
		}
		if e, ok := errors.AsType[*preflight.Error](err); ok && e.Temporary() != c.temporary {
			t.Errorf("%v: temporary is %v", c.findings, e.Temporary())
		}
	}
}

// Without anything set, everything is reported as not asked for, except for what
// needs no setting.
func TestZeroCheck(t *testing.T) {
	c := &preflight.Check{Resolver: dns.Map{"arpa": {Secure: true}}}
	report := c.Run(t.Context())
	for _, f := range report.Findings {
		switch f.Check {
		case preflight.CheckEHLO: // the name of this machine
		case preflight.CheckDNSSEC:
			if outcome(f) != "dnssec arpa: ok secure" {
				t.Errorf("got %s", outcome(f))
			}
		default:
			if f.Severity != preflight.NotChecked || f.Code != preflight.CodeNotAsked {
				t.Errorf("got %s", outcome(f))
			}
		}
	}
	if n := report.Count(preflight.NotChecked); n != 7 {
		t.Errorf("%d checks say that they weren't made:\n%s", n, report)
	}
}

func TestFor(t *testing.T) {
	zone, _ := world()
	transport := &direct.Transport{LocalName: "mail.example.jp", Source: direct.Source{IPv4: four}, Resolver: zone}
	c := preflight.For(transport)
	if got := outcomes(c.Run(t.Context())); !strings.HasPrefix(got, "ptr 192.0.2.25: ok confirmed\nehlo mail.example.jp: ok exists\nehlo-address 192.0.2.25: ok match\n") {
		t.Errorf("got %s", got)
	}
}

// A name server that never answers takes as long as ctx allows, for all checks
// together.
func TestSilentResolver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		zone, c := world()
		slow := dns.Map{}
		for name, h := range zone {
			h.Delay = time.Hour
			slow[name] = h
		}
		for _, name := range []string{"25.2.0.192.bl.test", "_dmarc.jp", "example.jp.dbl.test", "mail.example.jp.dbl.test",
			strings.TrimSuffix(arpa6, "ip6.arpa") + "bl.test"} {
			slow[name] = dns.Host{Delay: time.Hour}
		}
		c.Resolver = slow
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		start := time.Now()
		report := c.Run(ctx)
		inspect(t, report)
		if took := time.Since(start); took != time.Minute {
			t.Errorf("it took %v", took)
		}
		for _, f := range report.Findings {
			if f.Severity != preflight.NotChecked {
				t.Errorf("got %s", outcome(f))
			}
		}
		if e, ok := errors.AsType[*preflight.Error](report.Err()); !ok || !e.Temporary() {
			t.Errorf("got %v", report.Err())
		}
		if want := time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC); !report.Time.Equal(want) {
			t.Errorf("the report is of %v", report.Time)
		}
	})
}

// Slow answers are waited for side by side.
func TestAtTheSameTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		zone, c := world()
		slow := dns.Map{}
		for name, h := range zone {
			h.Delay = time.Second
			slow[name] = h
		}
		c.Resolver = slow
		start := time.Now()
		if got := outcomes(c.Run(t.Context())); got != allGood {
			t.Errorf("got\n%s", got)
		}
		if took := time.Since(start); took > 6*time.Second {
			t.Errorf("it took %v", took)
		}
	})
}

func TestManyLists(t *testing.T) {
	zone, c := world()
	c.BlockLists = nil
	zone["x.test"] = dns.Host{}
	for i := range 100 {
		name := string(rune('a'+i/26)) + string(rune('a'+i%26)) + ".test"
		c.BlockLists = append(c.BlockLists, preflight.BlockList{Zone: name})
	}
	report := c.Run(t.Context())
	if n := len(report.Findings); n != strings.Count(allGood, "\n")+1-4+200 {
		t.Errorf("%d findings", n)
	}
}

func TestAddresses(t *testing.T) {
	private := netip.MustParseAddr("10.0.0.5")
	runRows(t, "address", []row{
		{"good", nil, nil, ""},
		{"none", nil, func(c *preflight.Check) { c.Source = direct.Source{} }, ": not checked not-asked"},
		{"unspecified", nil, func(c *preflight.Check) { c.Source = direct.Source{IPv4: netip.IPv4Unspecified()} }, ": not checked not-asked"},
		{"private", nil, func(c *preflight.Check) { c.Source = direct.Source{IPv4: private} }, "10.0.0.5: not checked not-public"},
		{"behind NAT", nil, func(c *preflight.Check) {
			c.Source, c.Addrs = direct.Source{IPv4: private}, []netip.Addr{six, four, netip.MustParseAddr("::ffff:192.0.2.25")}
		}, ""},
		{"zero", nil, func(c *preflight.Check) { c.Addrs = []netip.Addr{{}} }, "invalid IP: not checked not-public"},
	})
}
