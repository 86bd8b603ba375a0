package qdmail_test

import (
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/qdmail/qdmail"
	"github.com/qdmail/qdmail/delivery"
	"github.com/qdmail/qdmail/direct"
	"github.com/qdmail/qdmail/internal/testsmtp"
)

// opening are the ways to open a URL with the scheme mx.
var opening = map[string]func(t *testing.T, rawURL string) (*qdmail.Mailer, error){
	"Open": func(_ *testing.T, rawURL string) (*qdmail.Mailer, error) {
		return qdmail.Open(rawURL, direct.Scheme(qdmail.OpenTransport))
	},
	"OpenWith": func(_ *testing.T, rawURL string) (*qdmail.Mailer, error) {
		return qdmail.OpenWith(rawURL, qdmail.Options{Schemes: []qdmail.Scheme{direct.Scheme(qdmail.OpenTransport)}})
	},
	"OpenEnv": func(t *testing.T, rawURL string) (*qdmail.Mailer, error) {
		t.Setenv("QD_MX_URL", rawURL)
		return qdmail.OpenEnv("QD_MX_URL", direct.Scheme(qdmail.OpenTransport))
	},
}

// A mail goes to the recipient's own server, and by the relay when that is dead; both
// are closed with the mailer, and nothing tells the relay's password.
func TestOpenMX(t *testing.T) {
	const password = "hun+ter/2 %"
	for name, open := range opening {
		t.Run(name, func(t *testing.T) {
			mx := &testsmtp.Server{}
			relay := &testsmtp.Server{Users: map[string]string{"taro": password}, RequireAuth: true}
			fallback := "smtp://" + url.UserPassword("taro", password).String() + "@" + listen(t, relay) + "?auth=plain"
			rawURL := "mx://?ehlo=client.example.jp&max-penalty=0s&hosts=" + listen(t, mx) + "&fallback=" + url.QueryEscape(fallback)
			m, err := open(t, rawURL)
			if err != nil {
				t.Fatal(err)
			}
			var log strings.Builder
			m.Logger = slog.New(slog.NewTextHandler(&log, nil))
			send := func() *delivery.Result {
				res, err := m.Send(t.Context(), sample())
				if err != nil {
					t.Fatal(err)
				}
				return res
			}
			if send(); len(mx.Messages()) != 1 || mx.Connections()[0].Hello != "client.example.jp" {
				t.Errorf("%+v", mx.Connections())
			}
			mx.Close()
			a := send().Recipients[0].Attempts
			if len(relay.Messages()) != 1 || len(a) < 2 || a[0].Outcome != delivery.Deferred || !a[len(a)-1].Fallback {
				t.Errorf("%v", a)
			}
			relay.Close()
			res, err := m.Send(t.Context(), sample())
			fmt.Fprintln(&log, err, res.Recipients[0].Attempts)
			tr := m.Transport.(*direct.Transport)
			for _, v := range []any{m, tr, tr.Fallback, res, &res.Recipients[0]} {
				fmt.Fprintf(&log, "%v %+v %#v %s\n", v, v, v, v)
			}
			for _, secret := range []string{password, url.QueryEscape(password), url.PathEscape(password), "hun+", "hun%2B"} {
				if strings.Contains(log.String(), secret) {
					t.Errorf("%s shows", secret)
				}
			}
			if err := m.Close(); err != nil {
				t.Error(err)
			}
			for i, tr := range []delivery.Transport{tr, tr.Fallback} {
				env := &delivery.Envelope{Recipients: []delivery.Recipient{{Address: "b@y.test"}}}
				res, err := tr.Send(t.Context(), env, delivery.BytesBody("a: b\r\n\r\n"))
				if err == nil || res.Recipients[0].Outcome != delivery.NotSent {
					t.Errorf("%d isn't closed: %v", i, err)
				}
			}
		})
	}
}

// What is wrong with the fallback's URL is told without quoting it.
func TestOpenMXRefusals(t *testing.T) {
	for _, v := range []struct{ url, want string }{
		{"mx://?tls=hunter2", "tls is one of opportunistic, required, verified and insecure-none"},
		{"mx://?fallback=smtp://u:hunter2@relay.test", "percent-encoded as a whole"},
		{"mx://?fallback=smtp%3A%2F%2Fu%3Ahunter2%40relay.test%3Ftls%3Dx", "fallback can't be opened: qdmail: invalid mail URL: tls doesn't"},
		{"mx://?fallback=smtp%3A%2F%2Fu%3Ahunter2", "fallback can't be opened: qdmail: invalid mail URL: no number"},
		{"mx://?fallback=smtp%3A%2F%2Fu%3Ahunter2%2540relay.test", "fallback can't be opened: qdmail: invalid mail URL: no number"},
		{"mx://?fallback=mx%3A", "mx needs direct.Scheme"},
		{"mx://?fallback=hunter2", "fallback can't be opened: qdmail: invalid mail URL: there is no scheme"},
	} {
		m, err := qdmail.Open(v.url, direct.Scheme(qdmail.OpenTransport))
		var ke *direct.KeyError
		if !errors.Is(err, qdmail.ErrURL) || m != nil || !strings.Contains(err.Error(), v.want) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: %v", v.url, err)
		}
		if !errors.As(err, &ke) != strings.Contains(v.want, "as a whole") {
			t.Errorf("%s: %#v", v.url, err)
		}
	}
}

// Every key that the comment of Open documents is one.
func TestOpenDocumentedKeys(t *testing.T) {
	source, err := os.ReadFile("open.go")
	if err != nil {
		t.Fatal(err)
	}
	comment, _, _ := strings.Cut(string(source), "\nfunc Open(")
	relay, program, ok := strings.Cut(comment, "// The local program has")
	names := regexp.MustCompile(`(?m)^//\t([a-z-]+)(?:, ([a-z-]+))?  `)
	for prefix, text := range map[string]string{"smtp://u:p@h?pop=p&": relay, "sendmail:?": program} {
		all := names.FindAllStringSubmatch(text, -1)
		if !ok || len(all) < 4 {
			t.Errorf("%d keys are documented", len(all))
		}
		for _, m := range all {
			for _, key := range m[1:] {
				if key == "" || key == "pop" {
					continue
				}
				if _, err := qdmail.Open(prefix + key + "=%00"); err != nil && strings.Contains(err.Error(), "unknown key") {
					t.Errorf("%s%s: %v", prefix, key, err)
				}
			}
		}
	}
}
