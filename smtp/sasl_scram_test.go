package smtp_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/qdmail/qdmail/delivery"
	"github.com/qdmail/qdmail/internal/testsmtp"
	"github.com/qdmail/qdmail/smtp"
)

var allSCRAM = []string{"SCRAM-SHA-256-PLUS", "SCRAM-SHA-256", "SCRAM-SHA-1-PLUS", "SCRAM-SHA-1"}

// clientFirst is the client's first message in an AUTH command, or empty.
func clientFirst(line string) string {
	words := strings.Fields(line)
	if len(words) != 3 {
		return ""
	}
	first, _ := base64.StdEncoding.DecodeString(words[2])
	return string(first)
}

// A server that knows the user and not the password doesn't get away with it.
func TestSCRAMServerMustProveItself(t *testing.T) {
	challenge := func(text string) string { return "334 " + b64(text) }
	for name, tt := range map[string]struct {
		replies []string // to AUTH and to what follows; "" is the right one, NONCE the client's
		want    error
	}{
		"success at once":          {[]string{"235 welcome"}, delivery.ErrProtocol},
		"success without proof":    {[]string{"", "235 welcome"}, delivery.ErrProtocol},
		"a wrong proof":            {[]string{"", challenge("v=" + b64(strings.Repeat("x", 32)))}, delivery.ErrProtocol},
		"an empty proof":           {[]string{"", challenge("v=")}, delivery.ErrProtocol},
		"no proof":                 {[]string{"", "334 "}, delivery.ErrProtocol},
		"proof not base64":         {[]string{"", challenge("v=*")}, delivery.ErrProtocol},
		"an error, then success":   {[]string{"", challenge("e=other-error"), "235 welcome"}, delivery.ErrProtocol},
		"an error, then a refusal": {[]string{"", challenge("e=invalid-proof"), "535 5.7.8 no"}, delivery.ErrAuthFailed},
		"one challenge too many":   {[]string{"", "", "334 "}, delivery.ErrProtocol},
		"another nonce":            {[]string{challenge("r=other,s=c2FsdA==,i=4096")}, delivery.ErrProtocol},
		"nonce cut short":          {[]string{challenge("r=NONC,s=c2FsdA==,i=4096")}, delivery.ErrProtocol},
		"no salt":                  {[]string{challenge("r=NONCEx,i=4096")}, delivery.ErrProtocol},
		"salt not base64":          {[]string{challenge("r=NONCEx,s=*,i=4096")}, delivery.ErrProtocol},
		"mandatory extension":      {[]string{challenge("m=ext,r=NONCEx,s=c2FsdA==,i=4096")}, delivery.ErrProtocol},
		"one iteration":            {[]string{challenge("r=NONCEx,s=c2FsdA==,i=1")}, delivery.ErrProtocol},
		"4095 iterations":          {[]string{challenge("r=NONCEx,s=c2FsdA==,i=4095")}, delivery.ErrProtocol},
		"a million and one":        {[]string{challenge("r=NONCEx,s=c2FsdA==,i=1000001")}, delivery.ErrProtocol},
		"2^31 iterations":          {[]string{challenge("r=NONCEx,s=c2FsdA==,i=2147483648")}, delivery.ErrProtocol},
		"10^30 iterations":         {[]string{challenge("r=NONCEx,s=c2FsdA==,i=1" + strings.Repeat("0", 30))}, delivery.ErrProtocol},
		"iterations, hidden":       {[]string{challenge("r=NONCEx,s=c2FsdA==,i=i=9999")}, delivery.ErrProtocol},
		"negative iterations":      {[]string{challenge("r=NONCEx,s=c2FsdA==,i=-4096")}, delivery.ErrProtocol},
		"no iterations":            {[]string{challenge("r=NONCEx,s=c2FsdA==")}, delivery.ErrProtocol},
		"nothing":                  {[]string{"334 "}, delivery.ErrProtocol},
		"control characters":       {[]string{challenge("\x1b[2J\r\n,\x00,\xff")}, delivery.ErrProtocol},
		"too long":                 {[]string{"334 " + strings.Repeat("QUFB", 3000)}, delivery.ErrProtocol},
	} {
		t.Run(name, func(t *testing.T) {
			nonce, asked := "", 0
			srv := &testsmtp.Server{Users: map[string]string{"user": "hunter2"}, Mechanisms: []string{"SCRAM-SHA-256"}}
			srv.On = func(e testsmtp.Event) *testsmtp.Fault {
				if e.Phase != testsmtp.AUTH || e.Line == "*" {
					return nil
				}
				if asked++; asked == 1 {
					_, nonce, _ = strings.Cut(clientFirst(e.Line), ",r=")
				}
				if asked > len(tt.replies) || tt.replies[asked-1] == "" {
					return nil
				}
				reply := tt.replies[asked-1]
				if text, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(reply, "334 ")); err == nil && strings.Contains(string(text), "NONC") {
					reply = challenge(strings.NewReplacer("NONCE", nonce, "NONC", nonce[:len(nonce)-1]).Replace(string(text)))
				}
				return &testsmtp.Fault{Reply: reply, Continue: strings.HasPrefix(reply, "235")}
			}
			defer srv.Close()
			r := local(srv.Dial)
			r.Username, r.Password = "user", "hunter2"
			rcpt := converse(t, r, from("b@y.test"), hello).Recipients[0]
			if !errors.Is(rcpt.Err, tt.want) || strings.Contains(srv.Transcript(), "C: MAIL") {
				t.Errorf("%v\n%s", rcpt.Err, srv.Transcript())
			}
			if text := rcpt.Err.Error(); strings.ContainsAny(text, "\x1b\r\n\x00") || !utf8.ValidString(text) || strings.Contains(text, nonce) {
				t.Errorf("the error quotes the server: %q", text)
			}
			if nonce == "" || asked < len(tt.replies) {
				t.Errorf("asked %d times, nonce %q", asked, nonce)
			}
		})
	}
}

// The flag tells a server that offers channel binding whether somebody has
// hidden that from us (RFC 5802 section 6).
func TestSCRAMBindingFlag(t *testing.T) {
	bare := []string{"SCRAM-SHA-256", "SCRAM-SHA-1"}
	for _, tt := range []struct {
		name    string
		wanted  []string
		offered []string
		version uint16 // 0: no TLS
		renego  bool
		want    string // mechanism and flag
	}{
		{"TLS 1.3", nil, allSCRAM, tls.VersionTLS13, false, "SCRAM-SHA-256-PLUS p=tls-exporter"},
		{"TLS 1.2", nil, allSCRAM, tls.VersionTLS12, false, "SCRAM-SHA-256-PLUS p=tls-exporter"},
		{"SHA-1 alone", nil, allSCRAM[2:], tls.VersionTLS13, false, "SCRAM-SHA-1-PLUS p=tls-exporter"},
		{"not offered", nil, bare, tls.VersionTLS13, false, "SCRAM-SHA-256 y"},
		{"not wanted", bare, allSCRAM, tls.VersionTLS13, false, "SCRAM-SHA-256 n"},
		{"neither", bare, bare, tls.VersionTLS13, false, "SCRAM-SHA-256 y"},
		{"renegotiation", nil, allSCRAM, tls.VersionTLS13, true, "SCRAM-SHA-256 n"},
		{"renegotiation, TLS 1.2", nil, allSCRAM, tls.VersionTLS12, true, "SCRAM-SHA-256 n"},
		{"clear", nil, allSCRAM, 0, false, "SCRAM-SHA-256 n"},
		{"order", []string{"scram-sha-1", "scram-sha-256-plus"}, allSCRAM, tls.VersionTLS13, false, "SCRAM-SHA-1 n"},
		{"only PLUS wanted", allSCRAM[:1], bare, tls.VersionTLS13, false, ""},
		{"only PLUS, and clear", allSCRAM[:1], allSCRAM, 0, false, ""},
		{"only PLUS, and renegotiation", allSCRAM[:1], allSCRAM, tls.VersionTLS13, true, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := ""
			srv := &testsmtp.Server{Users: map[string]string{"user": "pass"}, Mechanisms: tt.offered}
			srv.On = func(e testsmtp.Event) *testsmtp.Fault {
				if first := clientFirst(e.Line); e.Phase == testsmtp.AUTH && first != "" {
					flag, _, _ := strings.Cut(first, ",")
					got = strings.Fields(e.Line)[1] + " " + flag
				}
				return nil
			}
			defer srv.Close()
			cfg := smtp.Config{Username: "user", Password: "pass", Mechanisms: tt.wanted}
			if tt.version != 0 {
				srv.TLS = serverTLS()
				cfg.TLSConfig = clientTLS()
				cfg.TLSConfig.MaxVersion = tt.version
				if tt.renego {
					cfg.TLSConfig.Renegotiation = tls.RenegotiateOnceAsClient
				}
			}
			err := enter(t, srv.Dial, cfg)
			if got != tt.want || (err == nil) != (tt.want != "") || err != nil && !errors.Is(err, delivery.ErrAuthUnavailable) {
				t.Errorf("%q, want %q: %v", got, tt.want, err)
			}
		})
	}
}

// Somebody between us and the server whose certificate we trust gets no further
// with SCRAM than to be refused, whether or not he strikes -PLUS off the list.
func TestSCRAMManInTheMiddle(t *testing.T) {
	for _, strike := range []bool{false, true} {
		srv := &testsmtp.Server{Users: map[string]string{"user": "pass"}, TLS: serverTLS(), ImplicitTLS: true, Mechanisms: allSCRAM}
		p := &peer{t: t, scripts: []string{""}}
		p.serve = func(conn net.Conn) { relay(t, conn, srv, strike) }
		err := enter(t, p.Dial, smtp.Config{Addr: "mx.test:465", TLS: smtp.TLSImplicit, TLSConfig: clientTLS(), Username: "user", Password: "pass"})
		if !errors.Is(err, delivery.ErrAuthFailed) {
			t.Errorf("strike %v: %v\n%s", strike, err, srv.Transcript())
		}
		p.done()
		if c := srv.Connections()[0]; c.User != "" || !strings.Contains(srv.Transcript(), "C: AUTH SCRAM-SHA-256") {
			t.Errorf("strike %v: %q\n%s", strike, c.User, srv.Transcript())
		}
		srv.Close()
	}
}

// relay is that somebody.
func relay(t *testing.T, conn net.Conn, srv *testsmtp.Server, strike bool) {
	victim := tls.Server(conn, serverTLS())
	defer victim.Close()
	raw, err := srv.Dial(context.Background(), "tcp", "mx.test:465")
	if err != nil {
		t.Error(err)
		return
	}
	config := clientTLS()
	config.ServerName = "mx.test"
	server := tls.Client(raw, config)
	defer server.Close()
	go io.Copy(server, victim)
	for r := bufio.NewReader(server); ; {
		line, err := r.ReadString('\n')
		if err != nil {
			return
		}
		if strike && strings.Contains(line, "AUTH ") {
			line = "250 AUTH SCRAM-SHA-256\r\n"
		}
		fmt.Fprint(victim, line)
	}
}

// What SASLprep forbids is found out before a connection is made, unless
// something else than SCRAM can carry it.
func TestSASLprep(t *testing.T) {
	for _, tt := range []struct {
		user, password, field string
	}{
		{"user", "p\ue000ss", "Password"},
		{"us\u0007er", "pass", "Username"},
		{"user", "\xff", "Password"},
		{"user", "a\u202eb", "Password"},
		{"\u00ad", "pass", "Username"},
	} {
		r := local(nil)
		r.Username, r.Password, r.Mechanisms = tt.user, tt.password, allSCRAM
		e, ok := errors.AsType[*smtp.FieldError](r.Check())
		if !ok || e.Field != tt.field || strings.Contains(e.Error(), tt.password) {
			t.Errorf("%q, %q: %v", tt.user, tt.password, e)
		}
		srv := &testsmtp.Server{Users: map[string]string{tt.user: tt.password}, Mechanisms: append(allSCRAM[:4:4], "PLAIN")}
		cfg := smtp.Config{Username: tt.user, Password: tt.password}
		if err := enter(t, srv.Dial, cfg); err != nil || !strings.Contains(srv.Transcript(), "C: AUTH PLAIN") {
			t.Errorf("%q, %q: %v\n%s", tt.user, tt.password, err, srv.Transcript())
		}
		srv.Close()
		srv = &testsmtp.Server{Users: map[string]string{tt.user: tt.password}, Mechanisms: allSCRAM}
		err := enter(t, srv.Dial, cfg)
		if e, ok := errors.AsType[*smtp.FieldError](err); !ok || e.Field != tt.field || !errors.Is(err, delivery.ErrAuthUnavailable) {
			t.Errorf("%q, %q: %v", tt.user, tt.password, err)
		}
		srv.Close()
	}
	// What it changes is changed: a no-break space, full-width letters, a soft hyphen.
	srv := &testsmtp.Server{Users: map[string]string{"IX user": "pass word"}, Mechanisms: allSCRAM}
	defer srv.Close()
	if err := enter(t, srv.Dial, smtp.Config{Username: "Ⅸ\u00a0u\u00adser", Password: "ｐａｓｓ\u3000ｗｏｒｄ"}); err != nil {
		t.Error(err)
	}
}
