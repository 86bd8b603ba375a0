package testsmtp_test

import (
	"bufio"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/smtp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/qdmail/qdmail/internal/testsmtp"
)

// listen starts s and connects to it.
func listen(t *testing.T, s *testsmtp.Server) (addr string, c *talker) {
	t.Helper()
	addr, err := s.Listen()
	if err != nil {
		t.Fatal(err)
	}
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	conn.SetDeadline(time.Now().Add(time.Minute))
	t.Cleanup(func() { conn.Close(); s.Close() })
	return addr, &talker{t, conn, bufio.NewReader(conn)}
}

// The client of the standard library agrees with the server.
func TestStandardClient(t *testing.T) {
	cert, pool := testsmtp.Certificate("127.0.0.1")
	for _, implicit := range []bool{false, true} {
		s := testsmtp.Server{
			TLS:         &tls.Config{Certificates: []tls.Certificate{cert}},
			ImplicitTLS: implicit,
			Users:       map[string]string{"taro": "secret"},
			RequireAuth: true,
		}
		addr, err := s.Listen()
		if err != nil {
			t.Fatal(err)
		}
		config := &tls.Config{RootCAs: pool, ServerName: "127.0.0.1"}
		var c *smtp.Client
		if implicit {
			conn, err := tls.Dial("tcp", addr, config)
			if err != nil {
				t.Fatal(err)
			}
			if c, err = smtp.NewClient(conn, "127.0.0.1"); err != nil {
				t.Fatal(err)
			}
		} else {
			if c, err = smtp.Dial(addr); err != nil {
				t.Fatal(err)
			}
			if err := c.StartTLS(config); err != nil {
				t.Fatal(err)
			}
		}
		if err := c.Auth(smtp.PlainAuth("", "taro", "secret", "127.0.0.1")); err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(c.Mail("a@b.test"), c.Rcpt("c@d.test"), c.Rcpt("e@f.test")); err != nil {
			t.Fatal(err)
		}
		w, err := c.Data()
		if err != nil {
			t.Fatal(err)
		}
		io.WriteString(w, "Subject: x\r\n\r\n.dot\r\n")
		if err := errors.Join(w.Close(), c.Quit()); err != nil {
			t.Fatal(err)
		}
		s.Close()
		m := s.Messages()
		if len(m) != 1 || string(m[0].Data) != "Subject: x\r\n\r\n.dot\r\n" || !m[0].TLS || m[0].User != "taro" || len(m[0].Recipients) != 2 {
			t.Errorf("messages %+v", m)
		}
		if c := s.Connections()[0]; c.Ended != testsmtp.EndedQuit || c.Addr != addr {
			t.Errorf("connection %+v", c)
		}
		if tr := s.Transcript(); !strings.Contains(tr, "C: AUTH PLAIN ***\n") || strings.Contains(tr, "STARTTLS") == implicit {
			t.Errorf("transcript:\n%s", tr)
		}
		violations(t, &s)
	}
	s := testsmtp.Server{Users: map[string]string{"taro": "secret"}, Mechanisms: []string{"CRAM-MD5"}}
	addr, err := s.Listen()
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if err := smtp.SendMail(addr, smtp.CRAMMD5Auth("taro", "secret"), "a@b.test", []string{"c@d.test"}, []byte("x\r\n")); err != nil {
		t.Error(err)
	}
	if err := smtp.SendMail(addr, smtp.CRAMMD5Auth("taro", "wrong"), "a@b.test", []string{"c@d.test"}, []byte("x\r\n")); err == nil {
		t.Error("a wrong password was accepted")
	}
	if _, err := s.Listen(); err == nil {
		t.Error("second Listen: no error")
	}
}

func TestTCPReset(t *testing.T) {
	s := testsmtp.Server{On: at(testsmtp.MAIL, 0, testsmtp.Fault{Reset: true})}
	_, c := listen(t, &s)
	c.upTo(testsmtp.MAIL)
	c.end(syscall.ECONNRESET)
}

func TestTCPClose(t *testing.T) {
	s := testsmtp.Server{On: at(testsmtp.End, 0, testsmtp.Fault{Reply: "250-half", Close: true})}
	_, c := listen(t, &s)
	c.upTo(testsmtp.End)
	if rest, err := io.ReadAll(c.r); string(rest) != "250-half\r\n" || err != nil {
		t.Errorf("got %q, %v", rest, err)
	}
}

func TestTCPStopReading(t *testing.T) {
	s := testsmtp.Server{On: at(testsmtp.Body, 0, testsmtp.Fault{StopReading: true, After: 1})}
	_, c := listen(t, &s)
	c.upTo(testsmtp.DATA)
	c.want("354")
	c.conn.SetWriteDeadline(time.Now().Add(100 * time.Millisecond))
	if n, err := c.conn.Write(make([]byte, 64<<20)); !isTimeout(err) {
		t.Errorf("wrote %d octets, %v", n, err)
	}
	s.Close()
}

func TestTCPShutdown(t *testing.T) {
	s := testsmtp.Server{On: at(testsmtp.Greeting, 1, testsmtp.Fault{Silent: true})}
	addr, idle := listen(t, &s)
	idle.open()
	gone, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := bufio.NewReader(gone).ReadString('\n'); err != nil {
		t.Fatal(err)
	}
	gone.Close()
	s.Close()
	idle.want("421 4.3.2")
	idle.end(nil)
	if conns := s.Connections(); conns[0].Ended != testsmtp.EndedShutdown || conns[1].Ended != testsmtp.EndedByClient {
		t.Errorf("ended %q, %q", conns[0].Ended, conns[1].Ended)
	}
	if _, err := net.Dial("tcp", addr); err == nil {
		t.Error("still listening")
	}
}
