package smtp_test

import (
	"crypto/tls"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/qdmail/qdmail/delivery"
	"github.com/qdmail/qdmail/internal/testsmtp"
	"github.com/qdmail/qdmail/smtp"
)

// tried are the mechanisms of all AUTH commands that a server got.
func tried(srv *testsmtp.Server) string {
	var names []string
	for line := range strings.Lines(srv.Transcript()) {
		if _, rest, ok := strings.Cut(line, "C: AUTH "); ok {
			names = append(names, strings.Fields(rest)[0])
		}
	}
	return strings.Join(names, " ")
}

const everything = "ANONYMOUS GSSAPI NTLM EXTERNAL XOAUTH2 OAUTHBEARER CRAM-MD5 DIGEST-MD5 LOGIN PLAIN " +
	"SCRAM-SHA-1 SCRAM-SHA-1-PLUS SCRAM-SHA-256 SCRAM-SHA-256-PLUS SCRAM-SHA-512"

func TestMechanismChoice(t *testing.T) {
	for _, tt := range []struct{ offered, tls, clear string }{
		{everything, "SCRAM-SHA-256-PLUS", "SCRAM-SHA-256"},
		{"SCRAM-SHA-1-PLUS SCRAM-SHA-256", "SCRAM-SHA-256", "SCRAM-SHA-256"},
		{"SCRAM-SHA-1-PLUS SCRAM-SHA-1 PLAIN", "SCRAM-SHA-1-PLUS", "SCRAM-SHA-1"},
		{"PLAIN SCRAM-SHA-1", "SCRAM-SHA-1", "SCRAM-SHA-1"},
		{"SCRAM-SHA-256-PLUS PLAIN", "SCRAM-SHA-256-PLUS", "PLAIN"},
		{"CRAM-MD5 LOGIN PLAIN", "PLAIN", "PLAIN"},
		{"CRAM-MD5 LOGIN", "LOGIN", "LOGIN"},
		{"DIGEST-MD5 CRAM-MD5", "CRAM-MD5", "CRAM-MD5"},
		{"EXTERNAL ANONYMOUS", "", ""},
		{"XOAUTH2 OAUTHBEARER", "", ""},
		{"SCRAM-SHA-256-PLUS", "SCRAM-SHA-256-PLUS", ""},
		{"scram-sha-256 Plain", "SCRAM-SHA-256", "SCRAM-SHA-256"},
		{"PLAINLOGIN PLAIN, LOGIN;", "", ""},
		{"\x00PLAIN P\x01LAIN PLAIN\x1b[0m", "", ""},
		{strings.Repeat("X-1 ", 1000) + "PLAIN", "PLAIN", "PLAIN"},
		{strings.Repeat("PLAIN ", 600) + "LOGIN", "PLAIN", "PLAIN"},
	} {
		for _, secure := range []bool{true, false} {
			srv := &testsmtp.Server{Users: map[string]string{"user": "pass"}, Mechanisms: strings.Fields(tt.offered)}
			want := tt.clear
			if secure {
				srv.TLS, want = serverTLS(), tt.tls
			}
			err := enter(t, srv.Dial, smtp.Config{Username: "user", Password: "pass"})
			if got := tried(srv); got != want || (err == nil) != (want != "") {
				t.Errorf("%.60s, TLS %v: tried %q, want %q: %v", tt.offered, secure, got, want, err)
			}
			if want == "" && (!errors.Is(err, delivery.ErrAuthUnavailable) || strings.ContainsAny(err.Error(), "\x00\x01\x1b") || len(err.Error()) > 500) {
				t.Errorf("%.60s: %v", tt.offered, err)
			}
			srv.Close()
		}
	}
}

// Refused credentials are tried twice at the most, but not again after 5.7.8;
// refused mechanisms don't count.
func TestRefusals(t *testing.T) {
	for _, tt := range []struct {
		replies string // one for each AUTH, the last one for all that follow
		want    string
	}{
		{"535 5.7.8 no", "SCRAM-SHA-256-PLUS"},
		{"535 no", "SCRAM-SHA-256-PLUS SCRAM-SHA-256"},
		{"535 5.7.3 no", "SCRAM-SHA-256-PLUS SCRAM-SHA-256"},
		{"504 no|535 no", "SCRAM-SHA-256-PLUS SCRAM-SHA-256 SCRAM-SHA-1-PLUS"},
		{"535 no|504 no|535 no", "SCRAM-SHA-256-PLUS SCRAM-SHA-256 SCRAM-SHA-1-PLUS"},
		{"504 5.5.4 no", "SCRAM-SHA-256-PLUS SCRAM-SHA-256 SCRAM-SHA-1-PLUS SCRAM-SHA-1 PLAIN LOGIN CRAM-MD5"},
		{"534 5.7.9 no|504 no|504 no|504 no|535 5.7.8 no", "SCRAM-SHA-256-PLUS SCRAM-SHA-256 SCRAM-SHA-1-PLUS SCRAM-SHA-1 PLAIN"},
	} {
		replies := strings.Split(tt.replies, "|")
		srv := &testsmtp.Server{TLS: serverTLS(), Users: map[string]string{"user": "pass"}, Mechanisms: strings.Fields(everything)}
		srv.On = func(e testsmtp.Event) *testsmtp.Fault {
			if e.Phase != testsmtp.AUTH {
				return nil
			}
			return &testsmtp.Fault{Reply: replies[min(e.N, len(replies)-1)]}
		}
		err := enter(t, srv.Dial, smtp.Config{Username: "user", Password: "pass"})
		if got := tried(srv); got != tt.want || err == nil {
			t.Errorf("%s: tried %q, want %q: %v", tt.replies, got, tt.want, err)
		}
		srv.Close()
	}
}

// What was offered in clear counts for nothing after the handshake, and without
// one nobody gets a password.
func TestAuthDowngrade(t *testing.T) {
	hello := func(lines string) *testsmtp.Fault {
		return &testsmtp.Fault{Reply: "250-mx.test\n" + lines, Continue: true}
	}
	for name, tt := range map[string]struct {
		before, after string // lines of EHLO in clear and within TLS
		want          error
		tried         string
	}{
		"AUTH only in clear":    {"250-AUTH PLAIN\n250 STARTTLS", "250 8BITMIME", delivery.ErrAuthUnavailable, ""},
		"AUTH without anything": {"250-AUTH PLAIN\n250 STARTTLS", "250 AUTH", delivery.ErrAuthUnavailable, ""},
		"another list":          {"250-AUTH PLAIN\n250 STARTTLS", "250 AUTH SCRAM-SHA-256", nil, "SCRAM-SHA-256"},
		"STARTTLS struck off":   {"250 AUTH SCRAM-SHA-256 PLAIN", "", delivery.ErrTLSRequired, ""},
		"STARTTLS misspelt":     {"250-AUTH PLAIN\n250 XXXXXXXA", "", delivery.ErrTLSRequired, ""},
		"no EHLO":               {"", "", nil, ""},
	} {
		t.Run(name, func(t *testing.T) {
			srv := &testsmtp.Server{TLS: serverTLS(), AuthClear: true, Users: map[string]string{"user": "pass"}, Mechanisms: []string{"PLAIN", "SCRAM-SHA-256"}}
			srv.On = func(e testsmtp.Event) *testsmtp.Fault {
				switch {
				case e.Phase == testsmtp.EHLO && tt.before == "":
					return &testsmtp.Fault{Reply: "502 what"}
				case e.Phase == testsmtp.EHLO && e.N == 0:
					return hello(tt.before)
				case e.Phase == testsmtp.EHLO:
					return hello(tt.after)
				}
				return nil
			}
			err := enter(t, srv.Dial, smtp.Config{Addr: "mx.test:587", TLSConfig: clientTLS(), Username: "user", Password: "pass"})
			if tt.want != nil && !errors.Is(err, tt.want) || (err == nil) != (tt.tried != "") || tried(srv) != tt.tried {
				t.Errorf("%v, tried %q\n%s", err, tried(srv), srv.Transcript())
			}
			srv.Close()
		})
	}
}

// each is a configuration for each mechanism, by which the test server would let
// it in.
func each(t *testing.T) map[string]smtp.Config {
	t.Helper()
	mine, _ := testsmtp.Certificate("user")
	all := map[string]smtp.Config{}
	for name := range strings.FieldsSeq("SCRAM-SHA-256-PLUS SCRAM-SHA-256 SCRAM-SHA-1-PLUS SCRAM-SHA-1 PLAIN LOGIN CRAM-MD5 OAUTHBEARER XOAUTH2 EXTERNAL") {
		cfg := smtp.Config{Addr: "mx.test:587", TLSConfig: clientTLS(), Username: "user", Password: "pass", Mechanisms: []string{name}}
		cfg.TLSConfig.Certificates = []tls.Certificate{mine}
		all[name] = cfg
	}
	return all
}

// A server that asks on for ever gets one "*", and one that is content before it
// has been told anything isn't believed.
func TestImpatientAndEndlessServers(t *testing.T) {
	for name, cfg := range each(t) {
		for _, reply := range []string{"334 ", "334 " + b64("who?"), "235 2.7.0 be my guest"} {
			lines := 0
			srv := &testsmtp.Server{TLS: serverTLS(), Users: map[string]string{"user": "pass"}, Mechanisms: []string{name}}
			srv.On = func(e testsmtp.Event) *testsmtp.Fault {
				if e.Phase != testsmtp.AUTH || e.Line == "*" {
					return nil
				}
				lines++
				return &testsmtp.Fault{Reply: reply, Continue: true}
			}
			err := enter(t, srv.Dial, cfg)
			first := strings.HasPrefix(reply, "235") && strings.Contains("PLAIN OAUTHBEARER XOAUTH2 EXTERNAL", name)
			if (err == nil) != first || err != nil && !errors.Is(err, delivery.ErrProtocol) || lines > 4 {
				t.Errorf("%s, %s: %v after %d lines", name, reply, err, lines)
			}
			if cancelled := strings.Contains(srv.Transcript(), "C: *\n"); cancelled != strings.HasPrefix(reply, "334") {
				t.Errorf("%s, %s: cancelled %v\n%s", name, reply, cancelled, srv.Transcript())
			}
			srv.Close()
		}
	}
}

// Credentials that go over the wire later, or in pieces, are hidden as well.
func TestNoMechanismTellsSecrets(t *testing.T) {
	for name, cfg := range each(t) {
		cfg.Password = "s3cretive"
		var lines []string
		srv := &testsmtp.Server{TLS: serverTLS(), Users: map[string]string{"user": "other"}, Mechanisms: []string{name}}
		srv.On = func(e testsmtp.Event) *testsmtp.Fault {
			if e.Phase != testsmtp.AUTH {
				return nil
			}
			words := strings.Fields(e.Line)
			if len(words) > 0 && len(words[len(words)-1]) > 4 && words[len(words)-1] != name {
				lines = append(lines, words[len(words)-1])
			}
			if len(lines) == 0 {
				return nil
			}
			return &testsmtp.Fault{Reply: "535 5.5.0 you said " + strings.Join(lines, " and ") + " for s3cretive"}
		}
		err := enter(t, srv.Dial, cfg)
		if err == nil || strings.Contains(err.Error(), "s3cret") || len(lines) == 0 && name != "EXTERNAL" {
			t.Errorf("%s: %v after %q", name, err, lines)
		}
		for _, line := range lines {
			if strings.Contains(fmt.Sprint(err), line) {
				t.Errorf("%s: %q is in %v", name, line, err)
			}
		}
		srv.Close()
	}
}
