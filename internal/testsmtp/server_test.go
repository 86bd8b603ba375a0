package testsmtp_test

import (
	"context"
	"errors"
	"io"
	"strings"
	"syscall"
	"testing"

	"github.com/qdmail/qdmail/internal/testsmtp"
)

func TestMail(t *testing.T) {
	var s testsmtp.Server
	c := dial(t, &s).open()
	c.talk("MAIL FROM:<a@client.test> SIZE=20 BODY=8BITMIME -> 250 2.1.0",
		`RCPT TO:<"b > c"@mx.test> NOTIFY=NEVER -> 250 2.1.5`,
		"rcpt to:<d@mx.test> -> 250",
		"DATA -> 354")
	c.send("Subject: é\r\n\r\n..\r\n...x\r\n.\r\n")
	c.want("250 2.0.0 ok, 23 octets")
	c.talk("QUIT -> 221")
	c.end(nil)
	s.Close()

	m := s.Messages()
	if len(m) != 1 {
		t.Fatalf("%d messages", len(m))
	}
	if got, want := string(m[0].Data), "Subject: é\r\n\r\n.\r\n..x\r\n"; got != want {
		t.Errorf("data %q, want %q", got, want)
	}
	if m[0].From != "a@client.test" || m[0].FromParams != "SIZE=20 BODY=8BITMIME" || m[0].TLS || m[0].User != "" {
		t.Errorf("message %+v", m[0])
	}
	if r := m[0].Recipients; len(r) != 2 || r[0] != (testsmtp.Rcpt{Address: `"b > c"@mx.test`, Params: "NOTIFY=NEVER"}) || r[1].Address != "d@mx.test" {
		t.Errorf("recipients %q", r)
	}
	want := `S: 220 mx.test ESMTP
C: EHLO client.test
S: 250-mx.test greets client.test
S: 250-PIPELINING
S: 250-SIZE 10485760
S: 250-8BITMIME
S: 250-SMTPUTF8
S: 250-DSN
S: 250-ENHANCEDSTATUSCODES
S: 250 CHUNKING
C: MAIL FROM:<a@client.test> SIZE=20 BODY=8BITMIME
S: 250 2.1.0 sender ok
C: RCPT TO:<"b > c"@mx.test> NOTIFY=NEVER
S: 250 2.1.5 recipient ok
C: rcpt to:<d@mx.test>
S: 250 2.1.5 recipient ok
C: DATA
S: 354 end with a dot
C: <23 octets>
C: .
S: 250 2.0.0 ok, 23 octets
C: QUIT
S: 221 2.0.0 mx.test closing connection
`
	if got := s.Transcript(); got != want {
		t.Errorf("transcript:\n%s\nwant:\n%s", got, want)
	}
	violations(t, &s)
	info := s.Connections()[0]
	if info.Addr != "mx.test:25" || info.Hello != "client.test" || info.Ended != testsmtp.EndedQuit ||
		info.Turns != 7 || len(info.Commands) != 6 || info.Received == 0 || info.Sent == 0 {
		t.Errorf("connection %+v", info)
	}
}

func TestPipelining(t *testing.T) {
	var s testsmtp.Server
	c := dial(t, &s).open()
	for range 2 {
		for _, part := range []string{"MAIL FROM:<>\r\n", "RCPT TO:<a@b.test>\r\n", "RCPT TO:<bad>\r\nDATA\r\n"} {
			c.send(part) // several writes, and nothing read in between
		}
		c.want("250", "250", "501 5.1.3", "354")
		c.send("a\r\n.\r\n")
		c.want("250")
	}
	c.send("MAIL FROM:<>\r\nRCPT TO:<a@b.test>\r\nDATA\r\n")
	c.want("250", "250", "354")
	c.send("b\r\n.\r\nMAIL FROM:<>\r\nRCPT TO:<c@b.test>\r\nDATA\r\n")
	c.want("250", "250", "250", "354")
	c.send("c\r\n.\r\nQUIT\r\n")
	c.want("250", "221")
	c.end(nil)
	s.Close()
	violations(t, &s)
	if n := len(s.Messages()); n != 4 {
		t.Errorf("%d messages", n)
	}
	if got := s.Connections()[0].Turns; got != 8 {
		t.Errorf("%d turns, want 8:\n%s", got, s.Transcript())
	}
}

func TestEarlyInput(t *testing.T) {
	s := testsmtp.Server{Extensions: []string{}}
	c := dial(t, &s).open()
	c.send("MAIL FROM:<>\r\nRCPT TO:<a@b.test>\r\nDATA\r\n")
	c.want("250", "250", "354")
	c.send("a\r\n.\r\nQUIT\r\n")
	c.want("250", "221")
	violations(t, &s, "reply to MAIL", "reply to RCPT", "reply to end")

	var pipelining testsmtp.Server
	c = dial(t, &pipelining).open()
	c.send("NOOP\r\nMAIL FROM:<>\r\nRCPT TO:<a@b.test>\r\nDATA\r\na\r\n.\r\n")
	c.want("250", "250", "250", "354", "250")
	violations(t, &pipelining, "reply to NOOP", "reply to DATA")
}

func TestOrder(t *testing.T) {
	var s testsmtp.Server
	c := dial(t, &s)
	c.want("220 mx.test ESMTP")
	c.talk("MAIL FROM:<> -> 503", "RCPT TO:<a@b.test> -> 503", "DATA -> 503", "NOOP -> 250 ok",
		"EHLO -> 501", "EHLO a_b -> 501", "EHLO [127.0.0.1] -> 250",
		"EHLO [IPv6:::1] -> 250", "EHLO [::1] -> 501",
		"DATA -> 503 5.5.1", "RCPT TO:<a@b.test> -> 503 5.5.1",
		"MAIL FROM:<> -> 250", "MAIL FROM:<> -> 503 5.5.1", "DATA -> 554 5.5.1",
		"RCPT TO:<a@b.test> -> 250", "DATA now -> 501", "RSET -> 250", "DATA -> 503",
		"MAIL FROM:<> -> 250", "RCPT TO:<a@b.test> -> 250", "EHLO c.test -> 250", "DATA -> 503",
		"MAIL FROM:<> -> 250", "RSET now -> 501",
		"VRFY a -> 252 2.5.0", "VRFY -> 501", "EXPN a -> 502", "HELP -> 214", "XYZZY -> 500 5.5.2", " -> 500",
		"STARTTLS -> 502", "AUTH PLAIN -> 502", "noop x -> 250", "QUIT now -> 501",
		"HELO c.test -> 250 mx.test", "MAIL FROM:<> SIZE=1 -> 555", "MAIL FROM:<> -> 250 sender ok", "BDAT 0 LAST -> 502",
		"quit -> 221")
	c.end(nil)

	old := testsmtp.Server{NoEHLO: true, Name: "old.test"}
	c = dial(t, &old)
	c.want("220 old.test")
	c.talk("EHLO c.test -> 502", "HELO c.test -> 250 old.test", "MAIL FROM:<a@b.test> -> 250", "QUIT -> 221")
}

func TestChunks(t *testing.T) {
	s := testsmtp.Server{Extensions: []string{"CHUNKING", "BINARYMIME", "8BITMIME", "PIPELINING"}}
	c := dial(t, &s).open()
	c.send("MAIL FROM:<> BODY=BINARYMIME\r\nRCPT TO:<a@b.test>\r\nBDAT 5\r\n.\r\n\x00\nBDAT 0\r\nBDAT 3 LAST\r\nxyz")
	c.want("250", "250", "250 5 octets", "250 0", "250 ok, 8 octets")
	c.talk("MAIL FROM:<> BODY=BINARYMIME -> 250", "RCPT TO:<a@b.test> -> 250", "DATA -> 503", "BDAT x -> 501", "BDAT -1 -> 501", "BDAT 1 LASTING -> 501")
	c.send("BDAT 1\r\na")
	c.want("250")
	c.talk("RCPT TO:<c@b.test> -> 503", "DATA -> 503", "BDAT 0 LAST -> 250 ok, 1 octets")
	c.send("BDAT 2\r\nhi")
	c.want("503") // read and dropped
	c.send("MAIL FROM:<>\r\nRCPT TO:<bad>\r\nBDAT 6 LAST\r\nQUIT\r\n")
	c.want("250", "501", "503")
	c.talk("RCPT TO:<a@b.test> -> 503", "RSET -> 250", "QUIT -> 221")
	m := s.Messages()
	if len(m) != 2 || string(m[0].Data) != ".\r\n\x00\nxyz" || string(m[1].Data) != "a" {
		t.Errorf("messages %+v", m)
	}
	violations(t, &s)
	if !strings.Contains(s.Transcript(), "C: BDAT 5\nC: <5 octets>\nS: 250 5 octets\nC: BDAT 0\nS: 250 0 octets\n") {
		t.Errorf("transcript:\n%s", s.Transcript())
	}
}

func TestSizeLimit(t *testing.T) {
	s := testsmtp.Server{Extensions: []string{"SIZE 10", "LIMITS RCPTMAX=1 MAILMAX=1"}, DiscardData: true}
	c := dial(t, &s).open()
	c.talk("MAIL FROM:<> SIZE=11 -> 552", "MAIL FROM:<> SIZE=10 -> 250",
		"RCPT TO:<a@b.test> -> 250", "RCPT TO:<b@b.test> -> 452", "DATA -> 354", "12345678\r\nx\r\n. -> 552",
		"MAIL FROM:<> -> 250", "RCPT TO:<a@b.test> -> 250", "DATA -> 354", "12345678\r\n. -> 250",
		"MAIL FROM:<> -> 452")
	if m := s.Messages(); len(m) != 1 || m[0].Size != 10 || m[0].Data != nil {
		t.Errorf("messages %+v", m)
	}
}

func TestClose(t *testing.T) {
	var s testsmtp.Server
	idle, data := dial(t, &s).open(), dial(t, &s).open()
	data.talk("MAIL FROM:<> -> 250", "RCPT TO:<a@b.test> -> 250", "DATA -> 354")
	s.Close()
	idle.want("421 4.3.2")
	idle.end(nil)
	data.end(nil)
	if _, err := s.Dial(context.Background(), "tcp", "x:25"); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("Dial after Close: %v", err)
	}
	if _, err := s.Listen(); err == nil {
		t.Error("Listen after Close: no error")
	}
	for _, c := range s.Connections() {
		if c.Ended != testsmtp.EndedShutdown {
			t.Errorf("ended %q", c.Ended)
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := s.Dial(ctx, "tcp", "x:25"); !errors.Is(err, context.Canceled) {
		t.Errorf("Dial with a dead context: %v", err)
	}
	if got := s.Transcript(); !strings.Contains(got, "-- connection 1\n") {
		t.Errorf("transcript:\n%s", got)
	}
	if err := s.Close(); err != nil {
		t.Errorf("second Close: %v", err)
	}
}

func TestLargeMessage(t *testing.T) {
	var s testsmtp.Server
	c := dial(t, &s).open()
	c.talk("MAIL FROM:<> -> 250", "RCPT TO:<a@b.test> -> 250", "DATA -> 354")
	body := strings.Repeat(strings.Repeat("x", 998)+"\r\n", 1000)
	c.send(body)
	c.send(".\r\n")
	c.want("250")
	if m := s.Messages(); len(m) != 1 || string(m[0].Data) != body {
		t.Error("content was changed")
	}
	c.conn.Close()
	if _, err := c.conn.Read(nil); err == nil || err == io.EOF {
		t.Errorf("read after close: %v", err)
	}
	s.Close()
	if got := s.Connections()[0]; got.Ended != testsmtp.EndedByClient || got.Turns != 5 {
		t.Errorf("connection %+v", got)
	}
	violations(t, &s)
}
