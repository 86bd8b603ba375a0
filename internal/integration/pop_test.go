//go:build integration

package integration_test

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/qdmail/qdmail/delivery"
	"github.com/qdmail/qdmail/internal/integration/realserver"
	"github.com/qdmail/qdmail/smtp"
)

// popServers is a Dovecot that serves POP3 in clear and over TLS, with STLS and
// APOP.
type popServers struct {
	clear, implicit string // addresses
	log             string // file
}

// startPOP starts it in a folder of the host, whose certificate it uses.
func startPOP(t *testing.T, host *realserver.Host) *popServers {
	t.Helper()
	dir, err := os.MkdirTemp(host.Dir, "pop3-")
	must(t, err)
	must(t, os.Chmod(dir, 0o755)) // the server's users have to get through
	must(t, os.Mkdir(filepath.Join(dir, "mail"), 0o755))
	must(t, os.Chown(filepath.Join(dir, "mail"), 65534, 65534))
	users := fmt.Sprintf("%s:{PLAIN}%s\n", realserver.Sender.Address, realserver.Sender.Password)
	must(t, os.WriteFile(filepath.Join(dir, "users"), []byte(users), 0o644))
	clear, implicit := proxyPort(t), proxyPort(t)
	config := strings.NewReplacer(
		"DIR", dir, "TLS", filepath.Join(host.Dir, "tls"), "CLEAR", strconv.Itoa(clear), "IMPLICIT", strconv.Itoa(implicit),
	).Replace(popConfig)
	file := filepath.Join(dir, "dovecot.conf")
	must(t, os.WriteFile(file, []byte(config), 0o644))
	s := &popServers{log: filepath.Join(dir, "dovecot.log")}
	t.Cleanup(func() {
		if t.Failed() {
			t.Log(s.read(t))
		}
	})
	s.clear = startServer(t, clear, "dovecot", "-F", "-c", file)
	s.implicit = net.JoinHostPort("127.0.0.1", strconv.Itoa(implicit))
	return s
}

const popConfig = `
base_dir = DIR/run
state_dir = DIR/state
log_path = DIR/dovecot.log
listen = 127.0.0.1
protocols = pop3
ssl = yes
ssl_cert = <TLS/server.pem
ssl_key = <TLS/server.key
auth_mechanisms = plain login apop
auth_failure_delay = 0
passdb {
  driver = passwd-file
  args = scheme=PLAIN username_format=%u DIR/users
}
userdb {
  driver = static
  args = uid=65534 gid=65534 home=DIR/mail/%n
}
first_valid_uid = 100
first_valid_gid = 100
mail_location = maildir:~/Maildir
service anvil {
  unix_listener anvil-auth-penalty {
    mode = 0
  }
}
service pop3-login {
  inet_listener pop3 {
    port = CLEAR
  }
  inet_listener pop3s {
    port = IMPLICIT
  }
}
`

func (s *popServers) read(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile(s.log)
	must(t, err)
	return string(text)
}

// logins are the lines of the log that tell of a login.
func (s *popServers) logins(t *testing.T) (lines []string) {
	for line := range strings.Lines(s.read(t)) {
		if strings.Contains(line, "Info: Login: ") {
			lines = append(lines, line)
		}
	}
	return lines
}

// popWay is a way to log in, and what Dovecot calls it.
type popWay struct {
	client *smtp.POPAuth
	method string
	tls    bool
}

func (s *popServers) ways(t *testing.T, host *realserver.Host) map[string]popWay {
	config := func() *tls.Config {
		c := clientTLS(t, host)
		c.ServerName = ""
		return c
	}
	return map[string]popWay{
		"USER in clear": {&smtp.POPAuth{Addr: s.clear, TLS: smtp.InsecureTLSNone}, "PLAIN", false},
		"APOP in clear": {&smtp.POPAuth{Addr: s.clear, TLS: smtp.InsecureTLSNone, APOP: smtp.APOPRequire}, "APOP", false},
		"on loopback":   {&smtp.POPAuth{Addr: s.clear}, "PLAIN", true},
		"STLS":          {&smtp.POPAuth{Addr: s.clear, TLS: smtp.TLSStartTLS, TLSConfig: config()}, "PLAIN", true},
		"STLS and APOP": {&smtp.POPAuth{Addr: s.clear, TLS: smtp.TLSStartTLS, TLSConfig: config(), APOP: smtp.APOPRequire}, "APOP", true},
		"implicit TLS":  {&smtp.POPAuth{Addr: s.implicit, TLS: smtp.TLSImplicit, TLSConfig: config()}, "PLAIN", true},
	}
}

// TestPOPBeforeSMTP logs in to Dovecot, whose log says how and how often, and is
// refused there.
func TestPOPBeforeSMTP(t *testing.T) {
	host := startedHost(t)
	server := startPOP(t, host)
	for name := range server.ways(t, host) {
		t.Run(name, func(t *testing.T) {
			way := server.ways(t, host)[name]
			p := way.client
			p.Username, p.Password = realserver.Sender.Address, realserver.Sender.Password
			before := len(server.logins(t))
			for range 2 { // the second one isn't needed
				must(t, p.Login(within(t)))
			}
			eventually(t, func() bool { return len(server.logins(t)) > before }, "Dovecot doesn't know of a login")
			p.Invalidate()
			must(t, p.Login(within(t)))
			eventually(t, func() bool { return len(server.logins(t)) > before+1 }, "Dovecot doesn't know of the second login")
			lines := server.logins(t)[before:]
			if len(lines) != 2 {
				t.Errorf("logged in %d times: %q", len(lines), lines)
			}
			for _, line := range lines {
				if !strings.Contains(line, "method="+way.method+",") || strings.Contains(line, ", TLS,") != way.tls {
					t.Errorf("method %s, TLS %v; Dovecot says %s", way.method, way.tls, line)
				}
			}

			thief := server.ways(t, host)[name].client
			thief.Username, thief.Password = realserver.Sender.Address, "wrong-secret"
			err := thief.Login(within(t))
			e, ok := errors.AsType[*delivery.Error](err)
			refusal, refused := errors.AsType[*smtp.POPError](err)
			if !ok || !refused || refusal.Code != "AUTH" || e.Phase != delivery.PhaseAUTH || e.Temporary() || !errors.Is(err, delivery.ErrAuthFailed) {
				t.Fatalf("error %v, want %v with the code AUTH", err, delivery.ErrAuthFailed)
			}
			if strings.Contains(err.Error(), thief.Password) {
				t.Errorf("the error has the password: %v", err)
			}
		})
	}
}

// TestPOPUntrustedCertificate: nobody logs in where the certificate isn't right.
func TestPOPUntrustedCertificate(t *testing.T) {
	host := startedHost(t)
	server := startPOP(t, host)
	for addr, mode := range map[string]smtp.TLSMode{server.clear: smtp.TLSStartTLS, server.implicit: smtp.TLSImplicit} {
		for _, config := range []*tls.Config{nil, {ServerName: "elsewhere.test", RootCAs: clientTLS(t, host).RootCAs}} {
			p := &smtp.POPAuth{
				Addr: addr, TLS: mode, TLSConfig: config,
				Username: realserver.Sender.Address, Password: realserver.Sender.Password,
			}
			if err := p.Login(within(t)); !errors.Is(err, delivery.ErrTLSFailed) {
				t.Errorf("%v: error %v, want %v", mode, err, delivery.ErrTLSFailed)
			}
		}
	}
	if lines := server.logins(t); len(lines) != 0 {
		t.Errorf("logged in: %q", lines)
	}
}
