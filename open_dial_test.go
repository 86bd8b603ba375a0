package qdmail_test

import (
	"context"
	"errors"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/qdmail/qdmail"
	"github.com/qdmail/qdmail/delivery"
	"github.com/qdmail/qdmail/internal/testsmtp"
	"github.com/qdmail/qdmail/smtp"
)

func TestOpenPool(t *testing.T) {
	m, err := qdmail.Open("smtp://h?connections=3&idle=0s&window=4&chunking=off")
	if err != nil {
		t.Fatal(err)
	}
	want := smtp.Pool{MaxConns: 3, IdleTimeout: -1, Window: 4}
	if r := m.Transport.(*smtp.Relay); r.Pool != want || !r.NoChunking {
		t.Errorf("%+v, %v", r.Pool, r.NoChunking)
	}
}

func TestOpenPOP(t *testing.T) {
	m, err := qdmail.Open("smtp://taro:hunter2@h?pop=pop.example.jp&pop-tls=implicit&apop=never&pop-minutes=3&pop-file=/run/pop")
	if err != nil {
		t.Fatal(err)
	}
	r := m.Transport.(*smtp.Relay)
	p := r.POPBeforeSMTP
	if r.Username != "" || r.Password != "" || p.Username != "taro" || p.Password != "hunter2" || p.Addr != "pop.example.jp" ||
		p.TLS != smtp.TLSImplicit || p.APOP != smtp.APOPNever || p.Validity != 3*time.Minute || p.File != "/run/pop" {
		t.Errorf("%v, %+v", r, p.TLS)
	}
}

func TestOpenDialRefusals(t *testing.T) {
	for _, q := range []string{
		"connections=0", "connections=x", "connections=-1", "window=99999", "idle=5", "idle=-1s",
		"notify=maybe", "notify=never,success", "source=h", "source=192.0.2.1,192.0.2.2", "source=192.0.2.1,",
		"proxy=" + url.QueryEscape("ftp://u:hunter2@h"), "proxy=h:1080", "proxy=" + url.QueryEscape("socks5://u:hunter2@h/x"),
		"proxy=" + url.QueryEscape("socks5://u:hunter2@h?x"), "proxy=" + url.QueryEscape("socks5://u:hunter2%@h"),
		"pop-minutes=5", "pop=h", "pop=h&apop=x",
	} {
		_, err := qdmail.Open("smtp://h?" + q)
		if !errors.Is(err, qdmail.ErrURL) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: %v", q, err)
		}
	}
}

// A URL can ask for notifications; what a message asks for counts more.
func TestOpenNotify(t *testing.T) {
	srv := &testsmtp.Server{}
	defer srv.Close()
	addr, err := srv.Listen()
	if err != nil {
		t.Fatal(err)
	}
	m, err := qdmail.Open("smtp://" + addr + "?notify=success,delay&source=127.0.0.1")
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	env := &delivery.Envelope{Recipients: []delivery.Recipient{{Address: "b@y.test"}, {Address: "c@y.test", Notify: delivery.NotifyNever}}}
	if _, err := m.Deliver(context.Background(), env, delivery.BytesBody("a: b\r\n\r\n")); err != nil {
		t.Fatal(err)
	}
	got := srv.Messages()[0].Recipients
	if got[0].Params != "NOTIFY=SUCCESS,DELAY" || got[1].Params != "NOTIFY=NEVER" || env.Recipients[0].Notify != 0 {
		t.Errorf("%+v, %v", got, env.Recipients[0].Notify)
	}
}
