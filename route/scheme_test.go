package route_test

import (
	"context"
	"errors"
	"io/fs"
	"net"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/qdmail/qdmail/delivery"
	"github.com/qdmail/qdmail/route"
)

// write makes a file of routes and returns its path.
func write(t testing.TB, text string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "the routes")
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

// opener opens what can be closed, and nothing that has "refused" in it.
type opener struct {
	closing
	urls []string
}

func (o *opener) open(rawURL string) (delivery.Transport, error) {
	if strings.Contains(rawURL, "refused") {
		return nil, errMX
	}
	o.urls = append(o.urls, rawURL)
	o.closing.open++
	return &o.closing, nil
}

// openURL opens a route URL and holds it against the contract of Scheme.
func openURL(t testing.TB, o *opener, rawURL string) (*route.Table, error) {
	t.Helper()
	u, err := url.Parse(rawURL)
	if err != nil {
		t.Fatal(err)
	}
	s := route.Scheme(o.open)
	tr, err := s.Open(u)
	if s.Name != "route" || (err == nil) == (tr == nil) {
		t.Fatalf("%s: %v, %v", s.Name, tr, err)
	}
	if err != nil {
		return nil, err
	}
	return tr.(*route.Table), nil
}

// TestScheme: a whole set-up is one URL.
func TestScheme(t *testing.T) {
	file := write(t, `
# carriers
docomo.ne.jp  hosts:mx.carrier.example from=a.example rate=1/s
docomo.ne.jp  direct
old.example   refuse
*             relay:東京.1 concurrency=2
`)
	q := url.Values{"relay.東京.1": {"smtp://u:hunter2@relay.test"}, "direct": {"mx:?ehlo=a.test"}}
	for _, path := range []string{(&url.URL{Path: file}).String(), "//" + (&url.URL{Path: file}).String(), (&url.URL{Opaque: url.PathEscape(file)}).String()} {
		var o opener
		tab, err := openURL(t, &o, "route:"+path+"?"+q.Encode())
		if err != nil {
			t.Fatal(path, err)
		}
		if want := []string{"mx:?ehlo=a.test&hosts=mx.carrier.example", "mx:?ehlo=a.test", "smtp://u:hunter2@relay.test?connections=2"}; !slices.Equal(o.urls, want) {
			t.Errorf("opened %q", o.urls)
		}
		r, err := tab.Find(t.Context(), "news@a.example", "u@docomo.ne.jp")
		if err != nil || r.Target != "hosts:mx.carrier.example" {
			t.Errorf("%v, %v", r, err)
		}
		if err := tab.Close(); err != nil || o.closed != 3 {
			t.Errorf("%d closed, %v", o.closed, err)
		}
	}
	t.Chdir(filepath.Dir(file))
	if _, err := openURL(t, new(opener), "route:the%20routes?"+q.Encode()); err != nil {
		t.Error(err)
	}
}

// TestSchemeRefuses: what is wrong with the URL, which is never quoted.
func TestSchemeRefuses(t *testing.T) {
	file := write(t, "* relay:a\n")
	good := "route://" + (&url.URL{Path: file}).String() + "?relay.a=x:"
	for rawURL, want := range map[string]string{
		"route:":                     "route is followed by the path",
		"route:%zzhunter2":           "route is followed by the path",
		"route:///x#hunter2":         "route is followed by the path",
		"route://hunter2/x":          "route has no host; the path of the file has three slashes",
		"route://u:hunter2@/x":       "route has no host",
		"route:///no/hunter2":        "the file of the routes: no such file",
		good + "&a=%hunter2":         "the query can't be read",
		good + "&relay.a=hunter2":    "relay.a is given twice",
		good + "&direct=":            "direct is empty",
		good + "&resolver=hunter2":   "resolver is an IP address, with a port or without",
		good + "&resolver=::1:x":     "resolver is an IP address, with a port or without",
		good + "&colour=hunter2":     "colour is an unknown key; there are relay.NAME, direct and resolver",
		good + "&Hunter2=":           "there is an unknown key, or",
		good + "&hunter2@relay.test": "there is an unknown key, or",
		good + "&relay.hunter2@b=x:": "there is an unknown key, or",
		good + "&relay.=x:":          "there is an unknown key, or",
		good + "&relay.b=hunter2":    "relay.b is for a relay that no route names",
	} {
		var o opener
		_, err := openURL(t, &o, rawURL)
		if err == nil || !strings.HasPrefix(err.Error(), want) || strings.Contains(err.Error(), "hunter2") || o.urls != nil {
			t.Errorf("%s: %v", rawURL, err)
		}
		if _, is := errors.AsType[*route.KeyError](err); strings.HasPrefix(rawURL, good) && !strings.Contains(rawURL, "%") && !is {
			t.Errorf("%s: %#v", rawURL, err)
		}
	}
	u, _ := url.Parse(good)
	if _, err := route.Scheme(nil).Open(u); err == nil || !strings.Contains(err.Error(), "nothing that opens URLs") {
		t.Error(err)
	}
}

// TestLoadErrors: where in the file something is wrong.
func TestLoadErrors(t *testing.T) {
	for text, want := range map[string]string{
		"# x\n* relay:main\na b c": `line 3, column 5: an option comes here, such as tls=verify, not "c"`,
		"# x\n\n  日本.jp  relay:b\r\n* relay:c # d": `line 3, column 10: "relay:b" can't be opened: there is no relay of that name (there are ["main"])` +
			"\n" + `line 4, column 3: "relay:c" can't be opened: there is no relay of that name (there are ["main"])`,
		"* relay:main ehlo=a tls=required # e\na.test sendmail recipients=2 tls=\"verify\"": `line 1, column 21: "relay:main" can't have tls: ` +
			"a relay's certificate is verified, unless its URL says otherwise; write tls=verify\n" +
			`line 2, column 30: "sendmail" can't have tls: only smtp, smtps and mx URLs have a key for it`,
		"a.test hold\nb.test refuse\nc.test direct\n d.test  hosts:refused concurrency=1\n* direct": `line 4, column 10: "hosts:refused" can't be opened: no answer`,
	} {
		o := &opener{}
		_, err := route.URLs{Open: o.open, Relays: map[string]string{"main": "smtp://u:hunter2@h"}}.Load(write(t, text))
		if err == nil || err.Error() != "route: "+want {
			t.Errorf("%s:\ngot  %v\nwant route: %s", text, err, want)
		}
		if e, ok := errors.AsType[*route.SyntaxError](err); !ok || e.Err != nil && !errors.Is(err, e.Err) {
			t.Errorf("%s: %#v", text, err)
		}
		if _, is := errors.AsType[*route.TargetError](err); is != strings.Contains(want, "can't") {
			t.Errorf("%s: %v", text, err)
		}
		if o.closing.open != o.closed || strings.Contains(text, "refused") && (!errors.Is(err, errMX) || o.closed != 1) {
			t.Errorf("%s: %d opened, %d closed", text, o.closing.open, o.closed)
		}
	}
	if _, err := (route.URLs{}).Load("no such file"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%v", err)
	}
	if _, err := (route.URLs{}).Load(t.TempDir()); err == nil {
		t.Error("a folder was read")
	}
	if _, err := (route.URLs{}).Load(write(t, strings.Repeat("#\n", 8<<20+1))); err == nil || !strings.Contains(err.Error(), "too large") {
		t.Errorf("%v", err)
	}
	// A relay too many is no mistake of a program, whose file others write.
	if _, err := (route.URLs{Open: new(seen).open, Relays: relays}).Load(write(t, "* relay:main")); err != nil {
		t.Error(err)
	}
}

// TestSchemeResolver: "mx:" patterns ask the name server of the URL.
func TestSchemeResolver(t *testing.T) {
	server := nameServer(t)
	file := write(t, "mx:.google.test sendmail\n* direct")
	tab, err := openURL(t, new(opener), "route://"+(&url.URL{Path: file}).String()+"?resolver="+server)
	if err != nil {
		t.Fatal(err)
	}
	for to, want := range map[string]route.Target{"u@mx.test": "sendmail", "u@日本.test": "direct", "u@null.test": "direct", "u@none.test": "direct"} {
		if r, err := tab.Find(t.Context(), "", to); err != nil || r.Target != want {
			t.Errorf("%s: %v, %v", to, r, err)
		}
	}
	res, err := tab.Send(t.Context(), envelope("u@fail.test"), body)
	e, _ := errors.AsType[*delivery.Error](err)
	if res.Recipients[0].Outcome != delivery.Deferred || e == nil || e.Phase != delivery.PhaseResolve || !e.PathFailure() {
		t.Errorf("%s, %v", outcomes(res), err)
	}
	if _, err := openURL(t, new(opener), "route://"+(&url.URL{Path: file}).String()+"?resolver="+netip.MustParseAddrPort(server).Addr().String()); err != nil {
		t.Error(err)
	}
}

// TestLookupMX: a time that passes in the resolver isn't the context's.
func TestLookupMX(t *testing.T) {
	lookup := route.LookupMX(&net.Resolver{PreferGo: true, Dial: func(context.Context, string, string) (net.Conn, error) {
		return nil, context.DeadlineExceeded
	}})
	if _, err := lookup(t.Context(), "a.test"); err == nil || errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := lookup(ctx, "a.test"); err == nil {
		t.Error("no error after the end of the context")
	}
}

// FuzzScheme: whatever the query of a URL is, it opens the relays of the file or is an
// error that quotes no value.
func FuzzScheme(f *testing.F) {
	f.Add("relay.a=x:", "hunter2")
	f.Add("relay.a=x:&direct=mx%3A&resolver=127.0.0.1", "b")
	f.Add("direct=mx%3A%3Fhunter2&resolver=[::1]:53", "@h?a=b")
	f.Add("", "")
	f.Add("relay.a=smtp://u:p&ss@relay.test", "")
	file := write(f, "* relay:a ehlo=b")
	f.Fuzz(func(t *testing.T, query, value string) {
		u := &url.URL{Scheme: "route", Path: file, RawQuery: query + "&" + url.Values{"relay.a": {"smtp:hunter2" + value}}.Encode()}
		var o opener
		tr, err := route.Scheme(o.open).Open(u)
		switch {
		case err != nil:
			if tr != nil || strings.Contains(err.Error(), "hunter2") && !strings.Contains(query, "hunter2") {
				t.Errorf("%s: %v", u.RawQuery, err)
			}
		case len(o.urls) != 1 || !strings.HasPrefix(o.urls[0], "smtp:hunter2"+value) || !strings.HasSuffix(o.urls[0], "ehlo=b"):
			t.Errorf("%s: opened %q", u.RawQuery, o.urls)
		}
	})
}
