package route_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/url"
	"strings"
	"testing"

	"github.com/qdmail/qdmail/delivery"
	"github.com/qdmail/qdmail/route"
)

// relays are URLs with a password, hunter2.
var relays = map[string]string{
	"main":   "smtp://u:hunter2%2F@relay.example.jp",
	"keys":   "smtp://u:hunter2@relay.example.jp:587/?auth=plain&ehlo=a.example.jp",
	"tls":    "smtps://u:hunter2@relay.example.jp?",
	"465":    "SMTP://u:hunter2@relay.example.jp:465?tls=implicit",
	"port":   "smtp://u:hunter2@relay.example.jp:465",
	"pins":   "smtp://u:hunter2@relay.example.jp?insecure-pins-only=true",
	"out":    "mx:?fallback=smtp%3A%2F%2Fu%3Ahunter2%40relay.example.jp&source=192.0.2.9",
	"local":  "sendmail:///opt/sendmail?arg=-Xhunter2",
	"queue":  "queue:hunter2",
	"broken": "smtp://u:hunter2%zz@relay.example.jp?a=%zz",
	"hash":   "smtp://u:hunt#er2@relay.example.jp",
	"raw":    "smtp://u:hunter2?x@relay.example.jp",
}

// seen opens nothing and writes down which URLs it should.
type seen struct{ urls []string }

func (s *seen) open(rawURL string) (delivery.Transport, error) {
	s.urls = append(s.urls, rawURL)
	return accept, nil
}

// one reads a line with these words behind the pattern.
func one(t *testing.T, words string) route.Route {
	t.Helper()
	routes, err := route.Parse("* " + words)
	if err != nil || len(routes) != 1 {
		t.Fatal(words, err)
	}
	return routes[0]
}

// TestURLs: which URL is made of a target and its options, and what remains for a
// Paced.
func TestURLs(t *testing.T) {
	const direct = "mx:?ehlo=out.example.jp&tls=required&carriers=on"
	for _, c := range []struct{ line, direct, want, paced string }{
		{"direct", "", "mx:", ""},
		{"direct rate=1/s", "", "mx:", ""},
		{"direct source=192.0.2.7,2001:db8::7 ehlo=a.example.jp tls=opportunistic concurrency=2 recipients=1", "",
			"mx:?connections=2&ehlo=a.example.jp&recipients=1&source=192.0.2.7%2C2001%3Adb8%3A%3A7&tls=opportunistic", ""},
		{"direct tls=insecure-none", "", "mx:?tls=insecure-none", ""},
		{"direct tls=required", "", "mx:?tls=required", ""},
		{"direct tls=verify", direct, "mx:?carriers=on&ehlo=out.example.jp&tls=verified", ""},
		{"direct tls=verify:mx.example.jp", "", "mx:?tls=verified&tls-name=mx.example.jp", ""},
		{"direct ehlo=[192.0.2.7] concurrency=3", direct, "mx:?carriers=on&tls=required&connections=3&ehlo=%5B192.0.2.7%5D", ""},
		{"direct", direct, direct, ""},
		{"hosts:mx.carrier.example:2525,[2001:db8::1]:25,192.0.2.1", "",
			"mx:?hosts=mx.carrier.example%3A2525%2C%5B2001%3Adb8%3A%3A1%5D%3A25%2C192.0.2.1", ""},
		{"hosts:mx.carrier.example tls=verify:a.example recipients=2", direct,
			"mx:?carriers=on&ehlo=out.example.jp&hosts=mx.carrier.example&recipients=2&tls=verified&tls-name=a.example", ""},
		{"hosts:mx.carrier.example concurrency=2 recipients=1 rate=1/s", direct,
			"mx:?ehlo=out.example.jp&tls=required&carriers=off&connections=2&hosts=mx.carrier.example&max-domains=1&recipients=1", "concurrency=2"},
		{"relay:main", "", relays["main"], ""},
		{"relay:broken", "", relays["broken"], ""}, // Open knows what is wrong
		{"relay:main source=192.0.2.7 ehlo=a.example.jp concurrency=2", "",
			relays["main"] + "?connections=2&ehlo=a.example.jp&source=192.0.2.7", ""},
		{"relay:keys source=192.0.2.7", "", relays["keys"] + "&source=192.0.2.7", ""},
		{"relay:tls ehlo=a.example.jp", "", relays["tls"] + "ehlo=a.example.jp", ""},
		{"relay:main tls=verify", "", relays["main"] + "?insecure-pins-only=false&tls=starttls", ""},
		{"relay:main tls=verify:RELAY.example.jp", "", relays["main"] + "?insecure-pins-only=false&tls=starttls", ""},
		{"relay:tls tls=verify", "", relays["tls"] + "insecure-pins-only=false&tls=implicit", ""},
		{"relay:port tls=verify", "", relays["port"] + "?insecure-pins-only=false&tls=implicit", ""},
		{"relay:main tls=insecure-none", "", relays["main"] + "?tls=insecure-none", ""},
		{"relay:main recipients=50", "", relays["main"], "recipients=50"},
		{"relay:out tls=verify:a.example concurrency=2 recipients=3", "", relays["out"] + "&connections=2&recipients=3&tls=verified&tls-name=a.example", ""},
		{"relay:raw ehlo=a.example.jp", "", relays["raw"] + "&ehlo=a.example.jp", ""}, // Open knows what is wrong
		{"relay:local concurrency=1", "", relays["local"], "concurrency=1"},
		{"relay:queue concurrency=1 recipients=2", "", relays["queue"], "concurrency=1 recipients=2"},
		{"sendmail", "", "sendmail:", ""},
		{"sendmail concurrency=4 recipients=5", "", "sendmail:", "concurrency=4 recipients=5"},
	} {
		var s seen
		r := one(t, c.line)
		tr, err := route.URLs{Open: s.open, Relays: relays, Direct: c.direct}.OpenTarget(r.Target, r.Options)
		if err != nil || len(s.urls) != 1 || s.urls[0] != c.want {
			t.Errorf("%s: %q, %v", c.line, s.urls, err)
		}
		paced := ""
		if p, ok := tr.(*route.Paced); ok {
			paced = strings.TrimPrefix(p.String(), "paced transport, ")
		}
		if paced != c.paced {
			t.Errorf("%s: paced %q", c.line, paced)
		}
	}
}

// TestURLsRefuse: what a target can't have, and no password in what is said about it.
func TestURLsRefuse(t *testing.T) {
	for line, want := range map[string]string{
		"smtp:x":                     `"smtp:x" can't be opened: a target is one of direct, hosts:host:port,..., relay:name, sendmail, refuse and hold`,
		"direct:x":                   `"direct:x" can't be opened: nothing follows direct`,
		"direct:":                    `"direct:" can't be opened: nothing follows direct`,
		"sendmail:/x":                `"sendmail:/x" can't be opened: nothing follows sendmail`,
		"hosts":                      `"hosts" can't be opened: hosts: is followed by hosts, with commas between`,
		"hosts:a,,b":                 `"hosts:a,,b" can't be opened: hosts: is followed by hosts, with commas between`,
		"relay:":                     `"relay:" can't be opened: there is no relay of that name (there are ["465" "broken" "hash" "keys" "local" "main" "out" "pins" "port" "queue" "raw" "tls"])`,
		"sendmail source=192.0.2.1":  `"sendmail" can't have source: only smtp, smtps and mx URLs have a key for it`,
		"sendmail ehlo=a":            `"sendmail" can't have ehlo: only smtp, smtps and mx URLs have a key for it`,
		"sendmail tls=verify":        `"sendmail" can't have tls: only smtp, smtps and mx URLs have a key for it`,
		"relay:local tls=verify":     `"relay:local" can't have tls: only smtp, smtps and mx URLs have a key for it`,
		"relay:queue source=::1":     `"relay:queue" can't have source: only smtp, smtps and mx URLs have a key for it`,
		"relay:keys ehlo=b":          `"relay:keys" can't have ehlo: its URL has ehlo already`,
		"relay:out source=192.0.2.1": `"relay:out" can't have source: its URL has source already`,
		"relay:465 tls=verify":       `"relay:465" can't have tls: its URL has tls already`,
		"relay:pins tls=verify":      `"relay:pins" can't have tls: its URL has insecure-pins-only already`,
		"relay:main tls=opportunistic": `"relay:main" can't have tls: a relay's certificate is verified, unless its URL says otherwise; ` +
			`write tls=verify`,
		"relay:main tls=required":     `"relay:main" can't have tls: a relay's certificate is verified, unless its URL says otherwise; write tls=verify`,
		"relay:tls tls=insecure-none": `"relay:tls" can't have tls: smtps is TLS from the first octet`,
		"relay:main tls=verify:b":     `"relay:main" can't have tls: a relay's certificate has to be for the host of its URL, which is another`,
		"relay:broken tls=verify:b":   `"relay:broken" can't have tls: a relay's certificate has to be for the host of its URL, which is another`,
		"relay:broken ehlo=a":         `"relay:broken" can't be opened: its URL can't be read; user and password must be percent-encoded, and "#" is %23`,
		"relay:hash ehlo=a":           `"relay:hash" can't be opened: its URL can't be read; user and password must be percent-encoded, and "#" is %23`,
	} {
		var s seen
		r := one(t, line)
		tr, err := route.URLs{Open: s.open, Relays: relays}.OpenTarget(r.Target, r.Options)
		e, ok := errors.AsType[*route.TargetError](err)
		if !ok || err.Error() != want || tr != nil || s.urls != nil || e.Target != r.Target {
			t.Errorf("%s:\ngot  %v\nwant %s", line, err, want)
		}
		if ok && e.Option != "" && !strings.Contains(line, " "+e.Option+"=") {
			t.Errorf("%s: option %q", line, e.Option)
		}
	}
	for want, u := range map[string]route.URLs{
		"there is nothing that opens URLs": {},
		"there is no transport":            {Open: func(string) (delivery.Transport, error) { return nil, nil }},
		"direct\" can't be opened: EOF":    {Open: func(string) (delivery.Transport, error) { return nil, io.EOF }},
	} {
		if _, err := u.OpenTarget("direct", route.Options{Concurrency: 1}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v", err)
		}
	}
	for _, direct := range []string{"mx:?hunter2=%zz", "mx:#hunter2"} {
		var s seen
		_, err := route.URLs{Open: s.open, Direct: direct}.OpenTarget("hosts:a", route.Options{})
		if err == nil || !strings.Contains(err.Error(), "its URL can't be read") || strings.Contains(err.Error(), "hunter2") || s.urls != nil {
			t.Errorf("%s: %v", direct, err)
		}
	}
	if _, err := (route.URLs{}).OpenTarget("relay:x", route.Options{}); err == nil || strings.Contains(err.Error(), "there are") {
		t.Errorf("%v", err)
	}
	if _, err := (route.URLs{}).OpenTarget("direct", route.Options{TLS: "x"}); err == nil || !strings.Contains(err.Error(), "none of insecure-none") {
		t.Errorf("%v", err)
	}
	// In a table, it says which route it is.
	_, err := route.New(route.Config{Routes: []route.Route{one(t, "direct"), {Pattern: "a.test", Target: "sendmail", Options: route.Options{EHLO: "a"}}},
		Open: route.URLs{Open: new(seen).open}.OpenTarget})
	e, ok := errors.AsType[*route.RouteError](err)
	if _, is := errors.AsType[*route.TargetError](err); !is || !ok || e.Route != 1 || !strings.HasPrefix(err.Error(), `route 2 ("a.test"): "sendmail" can't have ehlo`) {
		t.Errorf("%v", err)
	}
}

// TestURLsQuiet: no way to print it tells a password.
func TestURLsQuiet(t *testing.T) {
	u := route.URLs{Open: new(seen).open, Relays: relays, Direct: relays["out"]}
	tab, err := route.New(route.Config{Routes: []route.Route{one(t, "relay:main concurrency=2 rate=1/s")}, Open: u.OpenTarget})
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(u)
	if err != nil {
		t.Fatal(err)
	}
	var log strings.Builder
	slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "u", u, "p", &u, "t", tab)
	for _, v := range []any{u, &u, tab, []route.URLs{u}, struct{ URLs *route.URLs }{&u}} {
		fmt.Fprintf(&log, "%v %+v %#v %s\n", v, v, v, v)
	}
	if all := log.String() + string(text); strings.Contains(all, "hunter2") || !strings.Contains(all, "URLs of 12 relays") {
		t.Error(all)
	}
}

// FuzzURLs: whatever a line asks of a relay, its URL stays as it is but for keys that
// it hasn't had, and is never quoted.
func FuzzURLs(f *testing.F) {
	f.Add("smtp://u:hunter2@h?a=b", "relay:x ehlo=a source=::1 tls=verify concurrency=2 recipients=3")
	f.Add("smtps://u:hunter2@h:465#?a=b?&", "relay:x tls=verify:h")
	f.Add("mx:?tls=hunter2&ehlo", "relay:x tls=verify:h")
	f.Add("sendmail:hunter2", "relay:x recipients=3 rate=1/s")
	f.Add("", "hosts:a,b tls=verify:c concurrency=1")
	f.Fuzz(func(t *testing.T, raw, words string) {
		routes, err := route.Parse("* " + words)
		if err != nil || len(routes) != 1 || strings.Contains(words, "hunter2") {
			return
		}
		r := routes[0]
		var s seen
		tr, err := route.URLs{Open: s.open, Relays: map[string]string{"x": raw}}.OpenTarget(r.Target, r.Options)
		if err != nil {
			if _, ok := errors.AsType[*route.TargetError](err); !ok || strings.Contains(err.Error(), "hunter2") || tr != nil {
				t.Errorf("%s: %v", words, err)
			}
			return
		}
		if r.Target != "relay:x" {
			return
		}
		rest, ok := strings.CutPrefix(s.urls[0], raw)
		_, before, _ := strings.Cut(raw, "?")
		_, after, _ := strings.Cut(s.urls[0], "?")
		if was, err := url.ParseQuery(before); rest != "" && err == nil && ok {
			is, err := url.ParseQuery(after)
			if err != nil || len(is) <= len(was) {
				t.Errorf("%q became %q: %v", raw, s.urls[0], err)
			}
			for key, list := range was {
				if fmt.Sprint(is[key]) != fmt.Sprint(list) {
					t.Errorf("%q became %q", raw, s.urls[0])
				}
			}
		} else if rest != "" || !ok {
			t.Errorf("%q became %q", raw, s.urls[0])
		}
	})
}
