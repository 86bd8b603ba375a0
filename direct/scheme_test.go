package direct_test

import (
	"context"
	"crypto/tls"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/qdmail/qdmail/delivery"
	"github.com/qdmail/qdmail/direct"
	"github.com/qdmail/qdmail/direct/dns"
	"github.com/qdmail/qdmail/direct/mtasts"
	"github.com/qdmail/qdmail/internal/testsmtp"
	"github.com/qdmail/qdmail/smtp"
)

// open opens an mx URL whose fallback can be nothing but queue:.
func open(rawURL string) (*direct.Transport, error) {
	u, err := url.Parse(rawURL)
	if err != nil {
		return nil, err
	}
	t, err := direct.Scheme(func(rawURL string) (delivery.Transport, error) {
		if rawURL != "queue:?password=hunter2" {
			return nil, io.ErrNoProgress
		}
		return new(queue), nil
	}).Open(u)
	if err != nil {
		if t != nil {
			return nil, fmt.Errorf("a transport beside the error %w", err)
		}
		return nil, err
	}
	return t.(*direct.Transport), nil
}

// queue is a fallback that takes everything.
type queue struct{ sent, closed int }

func (q *queue) Send(_ context.Context, env *delivery.Envelope, _ delivery.Body) (*delivery.Result, error) {
	q.sent++
	res := delivery.NewResult(env)
	for i := range res.Recipients {
		res.Recipients[i].Outcome = delivery.Queued
	}
	return res, res.Err()
}

func (q *queue) Close() error { q.closed++; return io.ErrClosedPipe }

// TestScheme: what each key sets, and nothing else.
func TestScheme(t *testing.T) {
	ip := netip.MustParseAddr
	ca, _ := testsmtp.Certificate("mx.test")
	file := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: ca.Certificate[0]}), 0o600); err != nil {
		t.Fatal(err)
	}
	type T = direct.Transport
	seen := map[string]bool{}
	for _, c := range []struct {
		query string
		want  func(want *direct.Transport)
	}{
		{"", func(*T) {}},
		{"ehlo=mail.example.jp", func(w *T) { w.LocalName = "mail.example.jp" }},
		{"source=192.0.2.25", func(w *T) { w.Source.IPv4 = ip("192.0.2.25") }},
		{"source=2001:db8::25,192.0.2.25", func(w *T) { w.Source = direct.Source{IPv4: ip("192.0.2.25"), IPv6: ip("2001:db8::25")} }},
		{"hosts=mx.example.jp,192.0.2.1:2525", func(w *T) { w.Hosts = []string{"mx.example.jp", "192.0.2.1:2525"} }},
		{"own-hosts=a.example.jp,b.example.jp.", func(w *T) { w.OwnHosts = []string{"a.example.jp", "b.example.jp."} }},
		{"own-addrs=192.0.2.9,2001:db8::9", func(w *T) { w.OwnAddrs = addrs("192.0.2.9", "2001:db8::9") }},
		{"tls=opportunistic", func(*T) {}},
		{"tls=required", func(w *T) { w.TLS = direct.TLSRequired }},
		{"tls=verified", func(w *T) { w.TLS = direct.TLSVerified }},
		{"tls=insecure-none", func(w *T) { w.TLS = direct.InsecureTLSNone }},
		{"plaintext=never", func(w *T) { w.PlaintextFallback = direct.PlaintextNever }},
		{"plaintext=immediate&dane=on&mta-sts=on&carriers=on", func(*T) {}},
		{"dane=off&mta-sts=off", func(w *T) { w.NoDANE, w.NoMTASTS = true, true }},
		{"mta-sts-store=/var/lib/x%20y", func(w *T) { w.PolicyStore = &mtasts.Dir{Path: "/var/lib/x y"} }},
		{"resolver=127.0.0.1,[::1]:5353&trust-ad=true", func(w *T) {
			w.Resolver = &dns.Client{Servers: []string{"127.0.0.1", "[::1]:5353"}, TrustAD: true}
		}},
		{"tls=verified&tls-name=mx.example.jp", func(w *T) {
			w.TLS, w.TLSConfig = direct.TLSVerified, &tls.Config{ServerName: "mx.example.jp"}
		}},
		{"chunking=off", func(w *T) { w.NoChunking = true }},
		{"recipients=100", func(w *T) { w.RecipientsPerTransaction = 100 }},
		{"carriers=off", func(w *T) { w.DomainLimits = []direct.DomainLimits{} }},
		{"connections=3&idle=7s", func(w *T) { w.Limits = direct.Limits{MaxConns: 3, IdleTimeout: 7 * time.Second} }},
		{"idle=0s&max-penalty=0s", func(w *T) { w.Limits = direct.Limits{IdleTimeout: -1, MaxPenalty: -1} }},
		{"max-hosts=1&max-addrs=2&max-sessions=3&max-time=4m&max-domains=5&max-age=6m&max-messages=7&max-idle=8&max-penalty=9m", func(w *T) {
			w.Limits = direct.Limits{
				MaxHosts: 1, MaxAddrs: 2, MaxSessions: 3, MaxTime: 4 * time.Minute, MaxDomains: 5,
				MaxAge: 6 * time.Minute, MaxMessages: 7, MaxIdle: 8, MaxPenalty: 9 * time.Minute,
			}
		}},
		{"timeouts=interactive", func(w *T) { w.Timeouts = smtp.InteractiveTimeouts() }},
		{"timeouts=queue", func(w *T) { w.Timeouts = smtp.QueueTimeouts() }},
		{"address-literals=true", func(w *T) { w.AddressLiterals = true }},
		{"fallback=queue:?password%3Dhunter2", func(w *T) { w.Fallback = new(queue) }},
		{"fallback=queue:?password%3Dhunter2&fallback-on-defer=true&fallback-enforces-policy=true", func(w *T) {
			w.Fallback, w.FallbackRules = new(queue), direct.FallbackRules{OnDefer: true, EnforcesPolicy: true}
		}},
		// functions and pools: TestSchemeRules looks into them
		{"ca=" + url.QueryEscape(file), nil},
		{"insecure-allow=10.1.0.0/16,127.0.0.1", nil},
		{"fallback=queue:?password%3Dhunter2&fallback-on-refusal=554,5.7.1", nil},
	} {
		for pair := range strings.SplitSeq(c.query, "&") {
			key, _, _ := strings.Cut(pair, "=")
			seen[key] = true
		}
		for _, form := range []string{"mx:?", "mx://?", "MX:///?"} {
			got, err := open(form + c.query)
			if err != nil {
				t.Errorf("%s: %v", c.query, err)
				continue
			}
			if c.want == nil {
				continue
			}
			want := new(direct.Transport)
			c.want(want)
			if text := differ(got, want); text != "" {
				t.Errorf("%s: %s", c.query, text)
			}
		}
	}
	names, _ := direct.URLKeys()
	for _, name := range names {
		if !seen[name] {
			t.Errorf("%s isn't tested", name)
		}
	}
}

// differ names the exported fields that two transports don't have in common.
func differ(got, want *direct.Transport) string {
	var all []string
	g, w := reflect.ValueOf(got).Elem(), reflect.ValueOf(want).Elem()
	for i := range g.NumField() {
		f := g.Type().Field(i)
		if f.IsExported() && !reflect.DeepEqual(g.Field(i).Interface(), w.Field(i).Interface()) {
			all = append(all, fmt.Sprintf("%s is %#v", f.Name, g.Field(i).Interface()))
		}
	}
	return strings.Join(all, ", ")
}

// TestSchemeRules: the keys that make functions.
func TestSchemeRules(t *testing.T) {
	tr, err := open("mx:?insecure-allow=10.1.0.0/16,127.0.0.1&fallback=queue:%3Fpassword%3Dhunter2&fallback-on-refusal=554,5.7.1")
	if err != nil {
		t.Fatal(err)
	}
	for s, want := range map[string]bool{
		"10.1.2.3": true, "::ffff:10.1.2.3": true, "127.0.0.1": true, "8.8.8.8": true, "2606:4700::1111": true,
		"10.2.0.1": false, "127.0.0.2": false, "169.254.169.254": false,
	} {
		if got := tr.AllowAddr(netip.MustParseAddr(s)); got != want {
			t.Errorf("%s: %v", s, got)
		}
	}
	for code, want := range map[int]bool{554: true, 550: false} {
		if got := tr.FallbackRules.OnRefusal(&delivery.Reply{Code: code}); got != want {
			t.Errorf("%d: %v", code, got)
		}
	}
	if !tr.FallbackRules.OnRefusal(&delivery.Reply{Code: 550, Enhanced: delivery.EnhancedCode{5, 7, 1}}) {
		t.Error("5.7.1")
	}
}

// TestSchemeCertificates: the name of a certificate and who signed it go together.
func TestSchemeCertificates(t *testing.T) {
	ca, _ := testsmtp.Certificate("mx.test")
	file := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: ca.Certificate[0]}), 0o600); err != nil {
		t.Fatal(err)
	}
	tr, err := open("mx:?tls-name=mx.日本.jp&ca=" + url.QueryEscape(file))
	if err != nil {
		t.Fatal(err)
	}
	if c := tr.TLSConfig; c.ServerName != "mx.xn--wgv71a.jp" || c.RootCAs == nil {
		t.Errorf("%q, %v", c.ServerName, c.RootCAs)
	}
}

// TestSchemeRefusals: an error names the key and what it takes, and quotes nothing.
func TestSchemeRefusals(t *testing.T) {
	names, values := direct.URLKeys()
	free := []string{"mta-sts-store", "ca", "fallback"} // anything may stand there, or its error is another
	for i, name := range names {
		for _, value := range []string{"hunter2..", "", "hunter2,", "hunter2 5", "%00hunter2"} {
			_, err := open("mx:?" + name + "=" + value)
			if slices.Contains(free, name) && value != "" {
				continue
			}
			var ke *direct.KeyError
			if !errors.As(err, &ke) || ke.Key != name || !strings.HasPrefix(err.Error(), name+" is ") || !strings.HasSuffix(err.Error(), values[i]) {
				t.Errorf("%s=%s: %v", name, value, err)
			}
			if err != nil && strings.Contains(err.Error(), "hunter2") {
				t.Error(err)
			}
		}
	}
	for _, c := range []struct{ url, want string }{
		{"mx://hunter2", "mx has no host"},
		{"mx://u:hunter2@", "mx has no host"},
		{"mx:hunter2", "followed by"},
		{"mx:///hunter2", "followed by"},
		{"mx:?tls=required#hunter2", "followed by"},
		{"mx:?a=%hunter2", "can't be read"},
		{"mx:?tls=required&tls=required", "tls is given twice"},
		{"mx:?colour=hunter2", "colour is an unknown key"},
		{"mx:?TLS=hunter2", `did you mean "tls"?`},
		{"mx:?mta_sts=hunter2", `did you mean "mta-sts"?`},
		{"mx:?Hunter2=x", "there is an unknown key"},
		{"mx:?hunter2", "there is an unknown key"},
		{"mx:?tls=Verified", "tls is one of opportunistic, required, verified and insecure-none"},
		{"mx:?ca=/no/hunter2", "ca can't be used: no such file"},
		{"mx:?recipients=101", "recipients is a number from 1 to 100"},
		{"mx:?fallback-on-defer=true", "fallback-on-defer says what goes to a fallback, and there is none"},
		{"mx:?fallback-on-refusal=554", "fallback-on-refusal says what"},
		{"mx:?fallback-on-refusal=450", "fallback-on-refusal is a list of reply codes"},
		{"mx:?fallback-on-refusal=5.07.1", "fallback-on-refusal is a list of reply codes"},
		{"mx:?fallback=smtp%3A%2F%2Fu%3Ahunter2%40relay.test", "fallback can't be opened: multiple Read calls"},
	} {
		_, err := open(c.url)
		if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: %v", c.url, err)
		}
	}
	u, _ := url.Parse("mx:?fallback=queue:")
	if _, err := direct.Scheme(nil).Open(u); err == nil || !strings.Contains(err.Error(), "fallback can't be opened") {
		t.Error(err)
	}
	if tr, err := direct.Scheme(nil).Open(&url.URL{Scheme: "mx"}); err != nil || tr == nil {
		t.Error(err)
	}
}

// TestSchemeClose: the fallback of a URL is closed with the transport, any other isn't.
func TestSchemeClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 1)
		w.dead["192.0.2.1"] = "refused"
		tr, err := open("mx:?ehlo=client.test&fallback=queue:%3Fpassword%3Dhunter2")
		if err != nil {
			t.Fatal(err)
		}
		tr.Resolver, tr.Dial = w.names, w.dial // may still be set
		q := tr.Fallback.(*queue)
		if got := outcomes(send(t, tr, from("b@y.test"))); got != "queued" || q.sent != 1 {
			t.Error(got)
		}
		if text := fmt.Sprintf("%v %+v %s", tr, tr, tr); strings.Contains(text, "hunter2") {
			t.Error(text)
		}
		if err := tr.Close(); !errors.Is(err, io.ErrClosedPipe) || q.closed != 1 {
			t.Errorf("%v, closed %d times", err, q.closed)
		}
		mine := &direct.Transport{Fallback: new(queue)}
		if err := mine.Close(); err != nil || mine.Fallback.(*queue).closed != 0 {
			t.Error(err)
		}
	})
}

// TestSchemeDocs: the table in docs/direct.md and the comment of Scheme have the keys
// that there are, in this order.
func TestSchemeDocs(t *testing.T) {
	names, _ := direct.URLKeys()
	text, err := os.ReadFile("../docs/direct.md")
	if err != nil {
		t.Fatal(err)
	}
	_, text2, _ := strings.Cut(string(text), "\n| key | ")
	var documented []string
	for line := range strings.SplitSeq(text2, "\n") {
		cell, ok := strings.CutPrefix(line, "| `")
		if !ok && len(documented) > 0 {
			break
		}
		if ok {
			name, _, _ := strings.Cut(cell, "`")
			documented = append(documented, name)
		}
	}
	if !slices.Equal(documented, names) {
		t.Errorf("docs/direct.md has the keys\n%v\nand the code\n%v", documented, names)
	}
	source, err := os.ReadFile("scheme.go")
	if err != nil {
		t.Fatal(err)
	}
	comment, _, _ := strings.Cut(string(source), "\nfunc Scheme")
	for _, name := range names {
		if !strings.Contains(comment, "//\t"+name+" ") && !strings.Contains(comment, " "+name+",") && !strings.Contains(comment, ", "+name+" ") &&
			!strings.Contains(comment, "//\t"+name+",") {
			t.Errorf("the comment of Scheme lacks %s", name)
		}
	}
}

// FuzzScheme: a query makes a Transport or a KeyError, which quotes no value.
func FuzzScheme(f *testing.F) {
	names, _ := direct.URLKeys()
	for _, name := range names {
		f.Add(name, "192.0.2.1,5.7.1")
	}
	f.Fuzz(func(t *testing.T, key, value string) {
		if key == "ca" { // reads a file
			return
		}
		q := url.Values{key: {"hunter2" + value}, "source": {value}}
		tr, err := open((&url.URL{Scheme: "mx", RawQuery: q.Encode()}).String())
		var ke *direct.KeyError
		switch {
		case err == nil && tr.Check() != nil:
			t.Errorf("%s: what was opened can't be used: %v", q, tr.Check())
		case err != nil && (!errors.As(err, &ke) || strings.Contains(err.Error(), "hunter2") && !strings.Contains(key, "hunter2")):
			t.Errorf("%s: %v", q, err)
		}
	})
}
