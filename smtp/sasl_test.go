package smtp_test

import (
	"context"
	"crypto/tls"
	"encoding/base64"
	"strings"
	"testing"

	"github.com/qdmail/qdmail/internal/testsmtp"
	"github.com/qdmail/qdmail/smtp"
)

func b64(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }

// The examples of the documents that define the mechanisms.
func TestMechanismsByTheBook(t *testing.T) {
	const token = "vF9dft4qmTc2Nvb3RlckBhbHRhdmlzdGEuY29tCg=="
	bearer := func(name string) []string { return []string{name} }
	for name, tt := range map[string]struct {
		cfg    smtp.Config
		script string
	}{
		"CRAM-MD5, RFC 2195": {smtp.Config{Username: "tim", Password: "tanstaaftanstaaf"}, offering("AUTH CRAM-MD5") + `
			C: AUTH CRAM-MD5
			S: 334 PDE4OTYuNjk3MTcwOTUyQHBvc3RvZmZpY2UucmVzdG9uLm1jaS5uZXQ+
			C: dGltIGI5MTNhNjAyYzdlZGE3YTQ5NWI0ZTZlNzMzNGQzODkw
			S: 235 welcome
		`},
		"PLAIN, RFC 4616": {smtp.Config{Username: "tim", Password: "tanstaaftanstaaf"}, offering("AUTH PLAIN") + `
			C: AUTH PLAIN ` + b64("\x00tim\x00tanstaaftanstaaf") + `
			S: 235 welcome
		`},
		"OAUTHBEARER, RFC 7628": {smtp.Config{Addr: "server.example.com:143", Username: "user@example.com", Password: token, Mechanisms: bearer("OAUTHBEARER")}, offering("AUTH OAUTHBEARER") + `
			C: AUTH OAUTHBEARER bixhPXVzZXJAZXhhbXBsZS5jb20sAWhvc3Q9c2VydmVyLmV4YW1wbGUuY29tAXBvcnQ9MTQzAWF1dGg9QmVhcmVyIHZGOWRmdDRxbVRjMk52YjNSbGNrQmhiSFJoZG1semRHRXVZMjl0Q2c9PQEB
			S: 235 welcome
		`},
		"OAUTHBEARER, a comma in the name": {smtp.Config{Username: "a,b=c", Password: "t", Mechanisms: bearer("OAUTHBEARER")}, offering("AUTH OAUTHBEARER") + `
			C: AUTH OAUTHBEARER ` + b64("n,a=a=2Cb=3Dc,\x01host=localhost\x01port=25\x01auth=Bearer t\x01\x01") + `
			S: 235 welcome
		`},
		"XOAUTH2": {smtp.Config{Username: "someuser@example.com", Password: "ya29." + token, Mechanisms: bearer("XOAUTH2")}, offering("AUTH XOAUTH2") + `
			C: AUTH XOAUTH2 ` + b64("user=someuser@example.com\x01auth=Bearer ya29."+token+"\x01\x01") + `
			S: 235 welcome
		`},
		"an empty challenge, RFC 4954": {smtp.Config{Username: "someuser@example.com", Password: strings.Repeat("t", 500), Mechanisms: bearer("XOAUTH2")}, offering("AUTH XOAUTH2") + `
			C: AUTH XOAUTH2
			S: 334 
			C: ` + b64("user=someuser@example.com\x01auth=Bearer "+strings.Repeat("t", 500)+"\x01\x01") + `
			S: 235 welcome
		`},
	} {
		t.Run(name, func(t *testing.T) {
			p := plays(t, tt.script+leaving)
			tt.cfg.TLS, tt.cfg.InsecureAuth = smtp.InsecureTLSNone, true
			if err := enter(t, p.Dial, tt.cfg); err != nil {
				t.Error(err)
			}
			p.done()
		})
	}
}

// Each mechanism with the test server, with credentials that are hard to carry.
func TestMechanisms(t *testing.T) {
	mine, clients := testsmtp.Certificate("taro")
	config := serverTLS()
	config.ClientAuth, config.ClientCAs = tls.VerifyClientCertIfGiven, clients
	for _, user := range []string{"taro", "山田 太郎", "a,b=c", "taro@example.jp", `"x y"`} {
		for _, password := range []string{"pass", "パスワード", "p,=2C\" %:@", strings.Repeat("x", 300)} {
			for _, mechanism := range []string{
				"SCRAM-SHA-256-PLUS", "SCRAM-SHA-256", "SCRAM-SHA-1-PLUS", "SCRAM-SHA-1", "PLAIN", "LOGIN", "CRAM-MD5",
				"OAUTHBEARER", "XOAUTH2", "EXTERNAL",
			} {
				srv := &testsmtp.Server{
					Users: map[string]string{user: password}, RequireAuth: true,
					TLS: config, Mechanisms: []string{"GSSAPI", mechanism, "ANONYMOUS"},
				}
				cfg := smtp.Config{Addr: "mx.test:587", TLSConfig: clientTLS(), Username: user, Password: password, Mechanisms: []string{mechanism}}
				switch mechanism {
				case "OAUTHBEARER", "XOAUTH2":
					if strings.ContainsAny(password, "パ ") {
						continue
					}
				case "EXTERNAL":
					if user != "taro" {
						continue
					}
					cfg.TLSConfig.Certificates = []tls.Certificate{mine}
				}
				if err := enter(t, srv.Dial, cfg); err != nil {
					t.Errorf("%s for %q, %q: %v\n%s", mechanism, user, password, err, srv.Transcript())
				}
				if got := srv.Connections()[0].User; got != user {
					t.Errorf("%s for %q, %q: logged in as %q", mechanism, user, password, got)
				}
				if v := srv.Violations(); len(v) > 0 {
					t.Errorf("%s: violations %q", mechanism, v)
				}
				srv.Close()
			}
		}
	}
}

// EXTERNAL needs neither a user name nor a password.
func TestEXTERNALAlone(t *testing.T) {
	mine, clients := testsmtp.Certificate("taro")
	config := serverTLS()
	config.ClientAuth, config.ClientCAs = tls.RequireAndVerifyClientCert, clients
	srv := &testsmtp.Server{Users: map[string]string{"taro": ""}, RequireAuth: true, TLS: config, Mechanisms: []string{"PLAIN", "XOAUTH2", "EXTERNAL"}}
	defer srv.Close()
	cfg := smtp.Config{Addr: "mx.test:587", TLSConfig: clientTLS(), Mechanisms: []string{"external"}}
	cfg.TLSConfig.Certificates = []tls.Certificate{mine}
	for range 2 {
		if err := enter(t, srv.Dial, cfg); err != nil {
			t.Fatal(err)
		}
		cfg.Mechanisms = []string{"EXTERNAL", "OAUTHBEARER"}
		cfg.TokenSource = func(context.Context, string) (string, error) {
			t.Error("a token is asked for that nothing needs")
			return "", nil
		}
	}
	if user := srv.Connections()[0].User; user != "taro" || tried(srv) != "EXTERNAL EXTERNAL" {
		t.Errorf("%q\n%s", user, srv.Transcript())
	}
}
