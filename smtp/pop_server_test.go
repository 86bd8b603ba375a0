package smtp_test

import (
	"bufio"
	"context"
	"crypto/md5"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/qdmail/qdmail/delivery"
	"github.com/qdmail/qdmail/internal/testsmtp"
	"github.com/qdmail/qdmail/smtp"
)

// The mailbox of popServer.
const (
	popUser     = "taro@example.jp"
	popPassword = "tanstaaf se¢ret "
)

// popCertificate is for pop.test and localhost; it is made once.
var popCertificate = sync.OnceValues(func() (tls.Certificate, *x509.CertPool) {
	return testsmtp.Certificate("pop.test", "localhost")
})

func popServerTLS() *tls.Config {
	cert, _ := popCertificate()
	return &tls.Config{Certificates: []tls.Certificate{cert}}
}

func popClientTLS() *tls.Config {
	_, pool := popCertificate()
	return &tls.Config{RootCAs: pool}
}

// popServer is a POP3 server with one mailbox (RFC 1939). Its zero value speaks
// neither TLS nor APOP.
type popServer struct {
	timestamp string // in the greeting
	tls       *tls.Config
	implicit  bool
	// fault, at "greeting" and at each line, may do something else in place of
	// replying; it reports whether it did.
	fault func(line string, conn net.Conn) bool

	mu     sync.Mutex
	log    []string // what clients said, one after the other; "connect" and "TLS" besides
	logins int
	wg     sync.WaitGroup
}

// Dial makes a connection in memory.
func (s *popServer) Dial(_ context.Context, network, addr string) (net.Conn, error) {
	if network != "tcp" {
		return nil, fmt.Errorf("network is %q", network)
	}
	client, server := testsmtp.Pipe()
	s.wg.Go(func() { s.serve(server) })
	return client, nil
}

// listen serves a TCP port until the test ends.
func (s *popServer) listen(t *testing.T) (addr string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s.wg.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			s.wg.Go(func() { s.serve(conn) })
		}
	})
	t.Cleanup(func() {
		l.Close()
		s.wg.Wait()
	})
	return l.Addr().String()
}

func (s *popServer) note(line string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.log = append(s.log, line)
}

// said is what was said, in one line.
func (s *popServer) said() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return strings.Join(s.log, ", ")
}

func (s *popServer) loggedIn() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.logins
}

func (s *popServer) serve(raw net.Conn) {
	defer raw.Close()
	s.note("connect")
	conn := raw
	if s.implicit {
		conn = s.secure(raw)
	}
	if s.fault == nil || !s.fault("greeting", conn) {
		io.WriteString(conn, "+OK POP3 <1> ready "+s.timestamp+"\r\n")
	}
	r := bufio.NewReader(conn)
	for user := ""; ; {
		line, err := r.ReadString('\n')
		if err != nil {
			return
		}
		line = strings.TrimSuffix(line, "\r\n")
		s.note(line)
		verb, argument, _ := strings.Cut(line, " ")
		if verb == "USER" {
			user = argument
		}
		if s.fault != nil && s.fault(line, conn) {
			continue
		}
		switch {
		case verb == "STLS" && s.tls != nil && conn == raw:
			io.WriteString(conn, "+OK begin\r\n")
			conn = s.secure(raw)
			r.Reset(conn)
		case verb == "USER":
			io.WriteString(conn, "+OK\r\n")
		case verb == "PASS":
			s.login(conn, user == popUser && argument == popPassword)
		case verb == "APOP":
			digest := md5.Sum([]byte(s.timestamp + popPassword))
			s.login(conn, s.timestamp != "" && argument == popUser+" "+hex.EncodeToString(digest[:]))
		case verb == "QUIT":
			io.WriteString(conn, "+OK bye\r\n")
			return
		default:
			io.WriteString(conn, "-ERR what?\r\n")
		}
	}
}

func (s *popServer) secure(raw net.Conn) net.Conn {
	conn := tls.Server(raw, s.tls)
	if conn.Handshake() == nil {
		s.note("TLS")
	}
	return conn
}

func (s *popServer) login(conn net.Conn, ok bool) {
	if !ok {
		io.WriteString(conn, "-ERR no\r\n")
		return
	}
	s.mu.Lock()
	s.logins++
	s.mu.Unlock()
	io.WriteString(conn, "+OK\r\n")
}

// remotePOP is a POPAuth for a server elsewhere that is trusted, localPOP for one
// on the loopback interface.
func remotePOP(s *popServer) *smtp.POPAuth {
	return &smtp.POPAuth{Addr: "pop.test", Username: popUser, Password: popPassword, TLSConfig: popClientTLS(), Dial: s.Dial}
}

func localPOP(s *popServer) *smtp.POPAuth {
	return &smtp.POPAuth{Addr: "localhost", Username: popUser, Password: popPassword, Dial: s.Dial}
}

// wantPOPError checks what all errors of Login have in common, and returns it.
func wantPOPError(t *testing.T, err error, phase delivery.Phase, temporary bool, is ...error) *delivery.Error {
	t.Helper()
	e, ok := errors.AsType[*delivery.Error](err)
	if !ok {
		t.Fatalf("the error is %#v", err)
	}
	if e.Op != "pop3" || e.Phase != phase || e.Temporary() != temporary {
		t.Errorf("%v: phase %q, temporary %v; want %q, %v", err, e.Phase, e.Temporary(), phase, temporary)
	}
	for _, target := range is {
		if !errors.Is(err, target) {
			t.Errorf("%v isn't %v", err, target)
		}
	}
	if strings.Contains(err.Error(), "tanstaaf") {
		t.Errorf("the error has the password: %v", err)
	}
	if strings.ContainsFunc(err.Error(), func(r rune) bool { return r < ' ' }) {
		t.Errorf("the error has control characters: %q", err)
	}
	return e
}

// popStep is a fault at lines that begin with step.
func popStep(step string, do func(conn net.Conn)) func(string, net.Conn) bool {
	return func(line string, conn net.Conn) bool {
		if !strings.HasPrefix(line, step) {
			return false
		}
		do(conn)
		return true
	}
}

// popSays replies with these octets.
func popSays(said string) func(net.Conn) {
	return func(conn net.Conn) { io.WriteString(conn, said) }
}

// popDrips sends one octet a second, without end.
func popDrips(conn net.Conn) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for range tick.C {
		if _, err := io.WriteString(conn, "+"); err != nil {
			return
		}
	}
}
