package qdmail_test

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
	"github.com/qdmail/qdmail/internal/testsmtp"
	"github.com/qdmail/qdmail/smtp"
)

// files writes files into a folder of the test's own and returns where they are,
// fit for a query.
func files(t *testing.T, content map[string]string) map[string]string {
	t.Helper()
	paths := map[string]string{}
	dir := t.TempDir()
	for name, text := range content {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		paths[name] = url.QueryEscape(path)
	}
	return paths
}

func TestLoginThroughAURL(t *testing.T) {
	serverCert, _ := testsmtp.Certificate("127.0.0.1")
	ca := string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: serverCert.Certificate[0]}))
	path := files(t, map[string]string{
		"ca": ca, "password": "p ss\r\n", "bare": "p ss", "token": "tok\n",
	})
	pin := smtp.PinOf(serverCert.Leaf) // left as it is: "+" and "/" are no trouble
	for _, v := range []struct{ name, user, query, mechanism string }{
		{"SCRAM by itself", "taro:p%20ss@", "?tls=starttls&ca=" + path["ca"], "SCRAM-SHA-256-PLUS"},
		{"scram-sha-1", "taro:p%20ss@", "?tls=starttls&auth=scram-sha-1&ca=" + path["ca"], "SCRAM-SHA-1"},
		{"cram-md5, login", "taro:p%20ss@", "?tls=starttls&auth=cram-md5,login&ca=" + path["ca"], "CRAM-MD5"},
		{"pin", "taro:p%20ss@", "?ca=" + path["ca"] + "&pin=" + pin, "SCRAM-SHA-256-PLUS"},
		{"pins only", "taro:p%20ss@", "?insecure-pins-only=true&pin=sha256/AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=," + pin, "SCRAM-SHA-256-PLUS"},
		{"password-file", "taro@", "?password-file=" + path["password"], "SCRAM-SHA-256-PLUS"},
		{"password-file without a line end", "taro@", "?auth=plain&password-file=" + path["bare"], "PLAIN"},
		{"token-file", "hanako@", "?token-file=" + path["token"], "OAUTHBEARER"},
		{"token-file, xoauth2", "hanako@", "?auth=xoauth2&token-file=" + path["token"], "XOAUTH2"},
		{"a token as the password", "hanako:tok@", "?auth=xoauth2,oauthbearer", "XOAUTH2"},
	} {
		t.Run(v.name, func(t *testing.T) {
			s := &testsmtp.Server{
				TLS:   &tls.Config{Certificates: []tls.Certificate{serverCert}},
				Users: map[string]string{"taro": "p ss", "hanako": "tok"}, RequireAuth: true,
				Mechanisms: []string{
					"EXTERNAL", "PLAIN", "LOGIN", "CRAM-MD5", "XOAUTH2", "OAUTHBEARER",
					"SCRAM-SHA-1", "SCRAM-SHA-256", "SCRAM-SHA-1-PLUS", "SCRAM-SHA-256-PLUS",
				},
			}
			mailer, err := qdmail.Open("smtp://" + v.user + listen(t, s) + v.query)
			if err != nil {
				t.Fatal(err)
			}
			defer mailer.Close()
			if _, err := mailer.Send(t.Context(), sample()); err != nil {
				t.Fatalf("%v\n%s", err, s.Transcript())
			}
			if !strings.Contains(s.Transcript(), "C: AUTH "+v.mechanism+" ") && !strings.Contains(s.Transcript(), "C: AUTH "+v.mechanism+"\n") {
				t.Errorf("want %s\n%s", v.mechanism, s.Transcript())
			}
			if len(s.Violations()) > 0 {
				t.Error(s.Violations())
			}
		})
	}
}

// A token that somebody renews in its file is read anew.
func TestTokenFileIsReadAgain(t *testing.T) {
	path := filepath.Join(t.TempDir(), "token")
	s := &testsmtp.Server{Users: map[string]string{"taro": "new"}, Mechanisms: []string{"XOAUTH2"}, RequireAuth: true}
	mailer, err := qdmail.Open("smtp://taro@" + listen(t, s) + "?token-file=" + url.QueryEscape(path))
	if err != nil {
		t.Fatal(err)
	}
	defer mailer.Close()
	for _, v := range []struct {
		token string
		want  error
	}{{"", delivery.ErrAuthUnavailable}, {"old\n", delivery.ErrAuthFailed}, {"new\n", nil}} {
		if v.token != "" {
			if err := os.WriteFile(path, []byte(v.token), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		_, err := mailer.Send(t.Context(), sample())
		if !errors.Is(err, v.want) || (err == nil) != (v.want == nil) {
			t.Errorf("token %q: %v", v.token, err)
		}
		if err != nil && strings.Contains(err.Error(), path) {
			t.Errorf("the error tells where the token is: %v", err)
		}
	}
}

func TestOpenAuthRefusals(t *testing.T) {
	path := files(t, map[string]string{"password": "hunter2\n", "empty": "\n", "big": strings.Repeat("hunter2", 10_000)})
	for _, v := range []struct{ url, want string }{
		{"smtp://u:hunter2@h?password-file=" + path["password"], "password-file"},
		{"smtp://u:@h?password-file=" + path["password"], "password-file"},
		{"smtp://h?password-file=" + path["password"], "Username"},
		{"smtp://u@h?password-file=hunter2", "password-file: no such file"},
		{"smtp://u@h?password-file=" + path["empty"], "password-file: the file is empty"},
		{"smtp://u@h?password-file=" + path["big"], "password-file: the file has more than"},
		{"smtp://u@h?password-file=%2F", "password-file: is a directory"},
		{"smtp://u:hunter2@h?token-file=" + path["password"], "TokenSource"},
		{"smtp://u@h?auth=plain&token-file=" + path["password"], "Password"},
		{"smtp://h?auth=external", "TLSConfig"},
		{"smtp://h?pin=sha256/hunter", "Pins"},
		{"smtp://h?insecure-pins-only=true", "InsecurePinsOnly"},
		{"smtp://h?insecure-pins-only=perhaps", "insecure-pins-only"},
		{"smtp://h?tls=insecure-none&pin=sha256/AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", "Pins"},
		{"smtp://u:hunter2@h?auth=scram-sha-512", "auth is a list of"},
		{"smtp://u:%EE%80%80hunter2@h?auth=scram-sha-256", "Password"},
	} {
		_, err := qdmail.Open(v.url)
		if !errors.Is(err, qdmail.ErrURL) || !strings.Contains(err.Error(), v.want) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: %v", v.url, err)
		}
	}
}
