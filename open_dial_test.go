package qdmail_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/qdmail/qdmail"
	"github.com/qdmail/qdmail/delivery"
	"github.com/qdmail/qdmail/dial"
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

// A URL can name a proxy, and what that says can be told from what a server says.
func TestOpenProxy(t *testing.T) {
	for scheme, tt := range map[string]struct {
		talk []string // what the proxy reads and says by turns
		code int
	}{
		"socks5": {[]string{"\x05\x01\x00", "\x05\x00", "\x05\x01\x00\x03\x09mail.test\x02\x4b", "\x05\x05"}, 5},
		"http":   {[]string{"CONNECT mail.test:587 HTTP/1.1\r\nHost: mail.test:587\r\n\r\n", "HTTP/1.1 502 Bad Gateway\r\n\r\n"}, 502},
	} {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		asked := make(chan bool, 1)
		go func() {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			defer conn.Close()
			right := true
			for turn := range slices.Chunk(tt.talk, 2) {
				got := make([]byte, len(turn[0]))
				io.ReadFull(conn, got)
				right = right && string(got) == turn[0]
				io.WriteString(conn, turn[1])
			}
			asked <- right
		}()
		m, err := qdmail.Open("smtp://mail.test?timeouts=interactive&proxy=" + url.QueryEscape(scheme+"://"+l.Addr().String()))
		if err != nil {
			t.Fatal(err)
		}
		env := &delivery.Envelope{Recipients: []delivery.Recipient{{Address: "b@y.test"}}}
		res, err := m.Deliver(t.Context(), env, delivery.BytesBody("a: b\r\n\r\n"))
		e, ok := errors.AsType[*dial.ProxyError](err)
		if !ok || !errors.Is(err, dial.ErrTargetUnreachable) || e.Code != tt.code || e.Target != "mail.test:587" || e.Proxy != l.Addr().String() {
			t.Errorf("%s: %v", scheme, err)
		} else if !<-asked {
			t.Errorf("%s: asked for something else", scheme)
		}
		if got := res.Recipients[0].Outcome; got != delivery.Deferred {
			t.Errorf("%s: %v", scheme, got)
		}
		m.Close()
		l.Close()
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
