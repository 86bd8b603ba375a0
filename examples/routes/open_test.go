package main

import (
	"crypto/tls"
	"encoding/pem"
	"errors"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/qdmail/qdmail"
	"github.com/qdmail/qdmail/delivery"
	"github.com/qdmail/qdmail/direct"
	"github.com/qdmail/qdmail/internal/testsmtp"
	"github.com/qdmail/qdmail/message"
	"github.com/qdmail/qdmail/route"
)

// open is what a real program gives to route.Scheme.
var open = qdmail.Opener(direct.Scheme(qdmail.OpenTransport))

// TestKeys: the keys that package route writes into URLs are those that the schemes
// have, for each target with each option.
func TestKeys(t *testing.T) {
	urls := route.URLs{
		Open:   open,
		Direct: "mx:?mta-sts-store=/nowhere&max-penalty=0s",
		Relays: map[string]string{
			"smtp":  "smtp://u:hunter2@relay.example.jp?auth=plain",
			"smtps": "smtps://u:hunter2@relay.example.jp",
			"465":   "smtp://u:hunter2@relay.example.jp:465",
			"mx":    "mx:?fallback=smtp%3A%2F%2Fu%3Ahunter2%40relay.example.jp",
			"local": "sendmail:///opt/sendmail",
		},
	}
	options := map[string]string{
		"source=192.0.2.7,2001:db8::7": "direct hosts:a,b:2525 relay:smtp relay:smtps relay:465 relay:mx",
		"ehlo=out7.example.co.jp":      "direct hosts:a,b:2525 relay:smtp relay:smtps relay:465 relay:mx",
		"ehlo=[IPv6:2001:db8::7]":      "direct hosts:a,b:2525 relay:smtp relay:smtps relay:465 relay:mx",
		"tls=insecure-none":            "direct hosts:a,b:2525 relay:smtp relay:465 relay:mx",
		"tls=opportunistic":            "direct hosts:a,b:2525 relay:mx",
		"tls=required":                 "direct hosts:a,b:2525 relay:mx",
		"tls=verify":                   "direct hosts:a,b:2525 relay:smtp relay:smtps relay:465 relay:mx",
		"tls=verify:relay.example.jp":  "direct hosts:a,b:2525 relay:smtp relay:smtps relay:465 relay:mx",
		"tls=verify:other.example.jp":  "direct hosts:a,b:2525 relay:mx",
		"concurrency=3":                "direct hosts:a,b:2525 relay:smtp relay:smtps relay:465 relay:mx relay:local",
		"recipients=100":               "direct hosts:a,b:2525 relay:smtp relay:smtps relay:465 relay:mx relay:local",
		"rate=1/s":                     "direct hosts:a,b:2525 relay:smtp relay:smtps relay:465 relay:mx relay:local",
	}
	for option, can := range options {
		for _, target := range []string{"direct", "hosts:a,b:2525", "relay:smtp", "relay:smtps", "relay:465", "relay:mx", "relay:local"} {
			routes, err := route.Parse("* " + target + " " + option)
			if err != nil {
				t.Fatal(err)
			}
			table, err := route.New(route.Config{Routes: routes, Open: urls.OpenTarget})
			if want := strings.Contains(can+" ", target+" "); want != (err == nil) {
				t.Errorf("%s %s: %v", target, option, err)
			}
			if err == nil {
				table.Close()
				continue
			}
			key, _, _ := strings.Cut(option, "=")
			if e, ok := errors.AsType[*route.TargetError](err); !ok || e.Option != key || strings.Contains(err.Error(), "hunter2") {
				t.Errorf("%s %s: %v", target, option, err)
			}
		}
	}
}

// server listens with a certificate for a name that isn't its own, and returns its
// address and a file with the certificate.
func server(t *testing.T, name string) (s *testsmtp.Server, addr, ca string) {
	t.Helper()
	cert, _ := testsmtp.Certificate(name)
	s = &testsmtp.Server{TLS: &tls.Config{Certificates: []tls.Certificate{cert}}}
	addr, err := s.Listen()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	ca = filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert.Certificate[0]}), 0o600); err != nil {
		t.Fatal(err)
	}
	return s, addr, ca
}

// openFile opens a table from one URL, with the schemes that there really are.
func openFile(t *testing.T, text string, keys url.Values) (*qdmail.Mailer, error) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "routes")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	m, err := qdmail.Open("route://"+file+"?"+keys.Encode(), route.Scheme(open))
	if err == nil {
		t.Cleanup(func() { m.Close() })
	}
	return m, err
}

// TestVerifyName: a host that shows the certificate of the name that a line has gets
// the mail, from the address and by the name that stand there, and no other host does.
func TestVerifyName(t *testing.T) {
	s, addr, ca := server(t, "mx.carrier.example")
	for name, want := range map[string]delivery.Outcome{"mx.carrier.example": delivery.Accepted, "mx.other.example": delivery.Deferred} {
		m, err := openFile(t, "* hosts:"+addr+" source=127.0.0.1 ehlo=out7.example.jp tls=verify:"+name+" concurrency=1 recipients=1 rate=9/s",
			url.Values{"direct": {"mx:?ca=" + url.QueryEscape(ca)}})
		if err != nil {
			t.Fatal(err)
		}
		res, err := m.Send(t.Context(), mail("u@docomo.ne.jp"))
		if r := res.Recipients[0]; r.Outcome != want || len(r.Attempts) == 0 || (want == delivery.Deferred) != errors.Is(err, delivery.ErrTLSFailed) {
			t.Errorf("%s: %v, %v", name, r.Attempts, err)
		}
	}
	all := s.Messages()
	if len(all) != 1 || !all[0].TLS || s.Connections()[all[0].Conn].Hello != "out7.example.jp" {
		t.Errorf("%+v", all)
	}
}

// TestOptionsOfRelay: a relay's URL gets the options of its line, and its transport is
// closed with the mailer.
func TestOptionsOfRelay(t *testing.T) {
	s, addr, ca := server(t, "127.0.0.1")
	m, err := openFile(t, "* relay:main tls=verify source=127.0.0.1 ehlo=out7.example.jp concurrency=1 recipients=2",
		url.Values{"relay.main": {"smtp://" + addr + "?ca=" + url.QueryEscape(ca)}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := m.Send(t.Context(), mail("a@a.test", "b@b.test", "c@c.test")); err != nil {
		t.Fatal(err)
	}
	all := s.Messages()
	if len(s.Connections()) != 1 || s.Connections()[0].Hello != "out7.example.jp" || len(all) != 2 || !all[0].TLS || len(all[0].Recipients)+len(all[1].Recipients) != 3 {
		t.Errorf("%+v by %d connections", all, len(s.Connections()))
	}
	if err := m.Close(); err != nil {
		t.Error(err)
	}
	if res, err := m.Send(t.Context(), mail("a@a.test")); err == nil || res.Recipients[0].Outcome != delivery.NotSent {
		t.Errorf("after Close: %v", err)
	}
}

// TestFileErrors: what is wrong with the file is told with its place, and no URL.
func TestFileErrors(t *testing.T) {
	main := "smtp://u:hunter2@relay.example.jp"
	for text, want := range map[string]string{
		"* relay:main\na.test relay:other": `line 2, column 8: "relay:other" can't be opened: there is no relay of that name (there are ["main"])`,
		"* relay:main tls=required":        `line 1, column 14: "relay:main" can't have tls: a relay's certificate is verified`,
		"a.test direct\n* relay:main\nb.test direct recipients=500": `line 3, column 8: "direct" can't be opened: qdmail: invalid mail URL: ` +
			`recipients is a number from 1 to 100`,
		"* direct": "relay.main is for a relay that no route names",
	} {
		_, err := openFile(t, text, url.Values{"relay.main": {main}})
		if !errors.Is(err, qdmail.ErrURL) || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: %v", text, err)
		}
	}
	_, err := openFile(t, "* relay:main ehlo=a.test", url.Values{"relay.main": {"smtp://u:hunt#er2@relay.example.jp"}})
	if err == nil || strings.Contains(err.Error(), "er2") {
		t.Errorf("%v", err)
	}
	_, err = qdmail.OpenTransport("route:x")
	if err == nil || !strings.Contains(err.Error(), "route.Scheme") {
		t.Errorf("%v", err)
	}
}

func mail(to ...string) *message.Message {
	m := &message.Message{From: message.Address{Address: "shop@example.jp"}, Subject: "hello", Text: "Hello.\n"}
	for _, address := range to {
		m.To = append(m.To, message.Address{Address: address})
	}
	return m
}
