package testsmtp_test

import (
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/qdmail/qdmail/internal/testsmtp"
)

// at returns an On that gives f at the n-th event of phase p.
func at(p testsmtp.Phase, n int, f testsmtp.Fault) func(testsmtp.Event) *testsmtp.Fault {
	return func(e testsmtp.Event) *testsmtp.Fault {
		if e.Phase == p && e.N == n {
			return &f
		}
		return nil
	}
}

// upTo speaks up to the phase, so that the next octet read belongs to it.
func (c *talker) upTo(p testsmtp.Phase) {
	steps := []struct {
		phase      testsmtp.Phase
		line, want string
	}{
		{testsmtp.Greeting, "", "220"},
		{testsmtp.EHLO, "EHLO c.test\r\n", "250"},
		{testsmtp.MAIL, "MAIL FROM:<>\r\n", "250"},
		{testsmtp.RCPT, "RCPT TO:<a@b.test>\r\n", "250"},
		{testsmtp.DATA, "DATA\r\n", "354"},
		{testsmtp.End, "x\r\n.\r\n", "250"},
		{testsmtp.RSET, "RSET\r\n", "250"},
		{testsmtp.NOOP, "NOOP\r\n", "250"},
		{testsmtp.QUIT, "QUIT\r\n", "221"},
	}
	for _, s := range steps {
		if s.line != "" {
			c.send(s.line)
		}
		if s.phase == p {
			return
		}
		c.want(s.want)
	}
}

var phases = []testsmtp.Phase{
	testsmtp.Greeting, testsmtp.EHLO, testsmtp.MAIL, testsmtp.RCPT, testsmtp.DATA,
	testsmtp.End, testsmtp.RSET, testsmtp.NOOP, testsmtp.QUIT,
}

func TestFaultAtEachPhase(t *testing.T) {
	for _, p := range phases {
		t.Run(string(p), func(t *testing.T) {
			start := func(f testsmtp.Fault) (*talker, *testsmtp.Server) {
				s := &testsmtp.Server{On: at(p, 0, f)}
				c := dial(t, s)
				c.upTo(p)
				return c, s
			}
			ended := func(s *testsmtp.Server, want testsmtp.Ending) {
				t.Helper()
				s.Close()
				if got := s.Connections()[0].Ended; got != want {
					t.Errorf("ended %q, want %q", got, want)
				}
				if len(s.Messages()) > 0 != (p == testsmtp.RSET || p == testsmtp.NOOP || p == testsmtp.QUIT) {
					t.Errorf("%d messages", len(s.Messages()))
				}
			}

			c, s := start(testsmtp.Fault{Reply: "451-4.3.0 later\n451 4.3.0 really"})
			if got := c.reply(); got != "451-4.3.0 later\n451 4.3.0 really" {
				t.Errorf("reply %q", got)
			}
			c.conn.Close()
			ended(s, testsmtp.EndedByClient)

			c, s = start(testsmtp.Fault{Reply: "421 bye", Close: true})
			c.want("421 bye")
			c.end(nil)
			ended(s, testsmtp.EndedByFault)

			c, s = start(testsmtp.Fault{Close: true})
			c.end(nil)
			ended(s, testsmtp.EndedByFault)

			c, s = start(testsmtp.Fault{Reset: true})
			c.end(syscall.ECONNRESET)
			if _, err := c.conn.Write([]byte("x")); !errors.Is(err, syscall.ECONNRESET) {
				t.Errorf("write after reset: %v", err)
			}
			ended(s, testsmtp.EndedByReset)

			c, s = start(testsmtp.Fault{Raw: "25", Close: true})
			if rest, err := io.ReadAll(c.r); string(rest) != "25" || err != nil {
				t.Errorf("got %q, %v", rest, err)
			}
			ended(s, testsmtp.EndedByFault)
			if !strings.Contains(s.Transcript(), "S! \"25\"\n-- close\n") {
				t.Errorf("transcript:\n%s", s.Transcript())
			}

			c, s = start(testsmtp.Fault{Endless: "250-more\r\n"})
			for range 8_000 {
				if l, err := c.r.ReadString('\n'); l != "250-more\r\n" || err != nil {
					t.Fatalf("got %q, %v", l, err)
				}
			}
			c.conn.Close()
			ended(s, testsmtp.EndedByClient)

			_, s = start(testsmtp.Fault{Endless: "220-more\r\n"})
			s.Close() // while the server is blocked
			ended(s, testsmtp.EndedShutdown)

			c, s = start(testsmtp.Fault{Silent: true})
			c.send(strings.Repeat("NOOP\r\n", 20_000))
			c.conn.Close()
			ended(s, testsmtp.EndedByClient)
			if n := strings.Count(s.Transcript(), "C: NOOP\n"); n < 20_000 {
				t.Errorf("%d lines", n)
			}
		})
	}
}

func TestFaultsInTime(t *testing.T) {
	for _, p := range phases {
		t.Run(string(p), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &testsmtp.Server{On: at(p, 0, testsmtp.Fault{Delay: 10 * time.Minute})}
				c := dial(t, s)
				c.upTo(p)
				start := time.Now()
				c.reply()
				if d := time.Since(start); d != 10*time.Minute {
					t.Errorf("reply after %v", d)
				}
				s.Close()

				s = &testsmtp.Server{On: at(p, 0, testsmtp.Fault{Reply: "250 ok", Drip: time.Second})}
				c = dial(t, s)
				c.upTo(p)
				start = time.Now()
				c.want("250 ok")
				if d := time.Since(start); d != 8*time.Second {
					t.Errorf("reply after %v", d)
				}
				s.Close()

				s = &testsmtp.Server{On: at(p, 0, testsmtp.Fault{Silent: true})}
				c = dial(t, s)
				c.upTo(p)
				c.conn.SetReadDeadline(time.Now().Add(10 * time.Minute))
				start = time.Now()
				if _, err := c.r.ReadByte(); !isTimeout(err) || time.Since(start) != 10*time.Minute {
					t.Errorf("got %v after %v", err, time.Since(start))
				}
				c.conn.Close()

				s = &testsmtp.Server{On: at(p, 0, testsmtp.Fault{StopReading: true})}
				c = dial(t, s)
				c.upTo(p)
				c.conn.SetWriteDeadline(time.Now().Add(3 * time.Minute))
				start = time.Now()
				if _, err := c.conn.Write(make([]byte, 128<<10)); !isTimeout(err) || time.Since(start) != 3*time.Minute {
					t.Errorf("got %v after %v", err, time.Since(start))
				}
				c.conn.Close()

				// Close does not wait for the delay.
				s = &testsmtp.Server{On: at(p, 0, testsmtp.Fault{Delay: time.Hour})}
				c = dial(t, s)
				c.upTo(p)
				start = time.Now()
				s.Close()
				if d := time.Since(start); d != 0 {
					t.Errorf("Close took %v", d)
				}
			})
		})
	}
}

func TestContinue(t *testing.T) {
	for _, tt := range []struct {
		f    testsmtp.Fault
		kept int
	}{
		{testsmtp.Fault{Reply: "451 no"}, 0},
		{testsmtp.Fault{Reply: "451 no", Continue: true}, 1},
		{testsmtp.Fault{Reply: "251 will do"}, 1},
		{testsmtp.Fault{Raw: "250 ok\n"}, 0},
		{testsmtp.Fault{Raw: "250 ok\n", Continue: true}, 1},
		{testsmtp.Fault{Close: true}, 0},
		{testsmtp.Fault{Close: true, Continue: true}, 1},
		{testsmtp.Fault{Silent: true, Continue: true}, 1},
	} {
		for _, body := range []string{"DATA\r\nx\r\n.\r\n", "BDAT 1 LAST\r\nx"} {
			for _, p := range []testsmtp.Phase{testsmtp.End, testsmtp.BDAT} {
				if p == testsmtp.BDAT && body[0] == 'D' {
					continue
				}
				s := testsmtp.Server{On: at(p, 0, tt.f)}
				c := dial(t, &s)
				c.upTo(testsmtp.DATA)
				c.want("354")
				c.send(".\r\n")
				if p == testsmtp.End { // that was the End the fault met
					c.conn.Close()
				} else {
					c.want("250")
					c.send("MAIL FROM:<>\r\nRCPT TO:<a@b.test>\r\n" + body)
					c.want("250", "250")
					c.conn.Close()
				}
				s.Close()
				want := tt.kept
				if p == testsmtp.BDAT {
					want++
				}
				if got := len(s.Messages()); got != want {
					t.Errorf("%s %+v: %d messages\n%s", p, tt.f, got, s.Transcript())
				}
			}
		}
	}

	// A recipient whom the server calls accepted is, one refused is not.
	s := testsmtp.Server{On: func(e testsmtp.Event) *testsmtp.Fault {
		switch {
		case strings.Contains(e.Line, "<b@"):
			return &testsmtp.Fault{Reply: "550 5.1.1 no such user"}
		case strings.Contains(e.Line, "<c@"):
			return &testsmtp.Fault{Reply: "251 will forward"}
		case strings.Contains(e.Line, "<bad>"):
			return &testsmtp.Fault{Reply: "250 whatever", Continue: true}
		}
		return nil
	}}
	c := dial(t, &s).open()
	c.talk("MAIL FROM:<> -> 250", "RCPT TO:<b@b.test> -> 550 5.1.1", "DATA -> 554", "RCPT TO:<c@b.test> -> 251",
		"RCPT TO:<bad> -> 250 whatever", "DATA -> 354", ". -> 250")
	if m := s.Messages(); len(m) != 1 || len(m[0].Recipients) != 1 || m[0].Recipients[0].Address != "c@b.test" {
		t.Errorf("messages %+v", m)
	}
}

func TestOddAnswers(t *testing.T) {
	var s *testsmtp.Server
	// 354 although no recipient was accepted.
	s = &testsmtp.Server{On: at(testsmtp.DATA, 0, testsmtp.Fault{Reply: "354 go on"})}
	dial(t, s).open().talk("MAIL FROM:<> -> 250", "RCPT TO:<bad> -> 501", "DATA -> 354", ". -> 554", "NOOP -> 250")
	s = &testsmtp.Server{On: at(testsmtp.DATA, 0, testsmtp.Fault{Reply: "354 go on"})}
	dial(t, s).open().talk("DATA -> 354", "x\r\n. -> 554", "NOOP -> 250")
	// 250 in place of 354 begins nothing.
	s = &testsmtp.Server{On: at(testsmtp.DATA, 0, testsmtp.Fault{Reply: "250 ok"})}
	dial(t, s).open().talk("MAIL FROM:<> -> 250", "RCPT TO:<a@b.test> -> 250", "DATA -> 250", ". -> 500")
	// No service.
	s = &testsmtp.Server{On: at(testsmtp.Greeting, 0, testsmtp.Fault{Reply: "554 no"})}
	c := dial(t, s)
	c.want("554 no")
	c.talk("EHLO c.test -> 503", "QUIT -> 221")
	// A refused QUIT.
	s = &testsmtp.Server{On: at(testsmtp.QUIT, 0, testsmtp.Fault{Reply: "500 stay"})}
	dial(t, s).open().talk("QUIT -> 500", "NOOP -> 250", "QUIT -> 221")
	// Unknown commands have a phase too.
	s = &testsmtp.Server{On: at(testsmtp.Other, 1, testsmtp.Fault{Reply: "299 odd"})}
	dial(t, s).open().talk("VRFY a -> 252", "XYZZY -> 299")
	// AUTH that goes on and on.
	s = &testsmtp.Server{Users: map[string]string{"u": "p"}, On: at(testsmtp.AUTH, 0, testsmtp.Fault{Reply: "334 !!"})}
	c = dial(t, s).open()
	c.talk("AUTH PLAIN "+b64("\x00u\x00p")+" -> 334 !!", "* -> 501", "AUTH PLAIN "+b64("\x00u\x00p")+" -> 235")
	s = &testsmtp.Server{Users: map[string]string{"u": "p"}, On: at(testsmtp.AUTH, 1, testsmtp.Fault{Reply: "334 again"})}
	dial(t, s).open().talk("AUTH PLAIN -> 334 ", b64("\x00u\x00p")+" -> 334 again", "= -> 501", "MAIL FROM:<> -> 250")
	s = &testsmtp.Server{Users: map[string]string{"u": "p"}, On: at(testsmtp.AUTH, 0, testsmtp.Fault{Silent: true})}
	c = dial(t, s).open()
	c.send("AUTH PLAIN\r\nc2VjcmV0\r\n")
	c.conn.Close()
	s.Close()
	if strings.Contains(s.Transcript(), "c2VjcmV0") {
		t.Errorf("a secret is in the transcript:\n%s", s.Transcript())
	}
}

func TestEvents(t *testing.T) {
	var events []testsmtp.Event
	s := testsmtp.Server{On: func(e testsmtp.Event) *testsmtp.Fault {
		events = append(events, e)
		return nil
	}}
	c := dial(t, &s).open()
	for range 2 {
		c.talk("MAIL FROM:<> -> 250", "RCPT TO:<a@b.test> -> 250", "DATA -> 354", ". -> 250")
	}
	c.talk("QUIT -> 221")
	s.Close()
	want := []testsmtp.Event{
		{0, testsmtp.Greeting, 0, "", 0},
		{0, testsmtp.EHLO, 0, "EHLO client.test", 0},
		{0, testsmtp.MAIL, 0, "MAIL FROM:<>", 0},
		{0, testsmtp.RCPT, 0, "RCPT TO:<a@b.test>", 0},
		{0, testsmtp.DATA, 0, "DATA", 0},
		{0, testsmtp.Body, 0, "", 0},
		{0, testsmtp.End, 0, ".", 0},
		{0, testsmtp.MAIL, 1, "MAIL FROM:<>", 1},
		{0, testsmtp.RCPT, 1, "RCPT TO:<a@b.test>", 1},
		{0, testsmtp.DATA, 1, "DATA", 1},
		{0, testsmtp.Body, 1, "", 1},
		{0, testsmtp.End, 1, ".", 1},
		{0, testsmtp.QUIT, 0, "QUIT", 1},
	}
	if len(events) != len(want) {
		t.Fatalf("events %v", events)
	}
	for i, e := range events {
		if e != want[i] {
			t.Errorf("event %d: %+v, want %+v", i, e, want[i])
		}
	}
}

// Every goroutine of a server has ended after Close, whatever it was doing: the
// bubble does not end before.
func TestNoGoroutineLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &testsmtp.Server{On: func(e testsmtp.Event) *testsmtp.Fault {
			return []*testsmtp.Fault{
				nil, {Silent: true}, {Endless: "220-x\r\n"}, {StopReading: true}, {Delay: time.Hour},
				{Drip: time.Hour}, {Endless: "220-x\r\n", Drip: time.Hour},
			}[e.Conn]
		}}
		var conns []net.Conn
		for range 7 {
			conn, err := s.Dial(context.Background(), "tcp", "mx.test:25")
			if err != nil {
				t.Fatal(err)
			}
			conns = append(conns, conn)
		}
		synctest.Wait()
		s.Close()
		for i, c := range s.Connections() {
			if c.Ended != testsmtp.EndedShutdown {
				t.Errorf("connection %d ended %q", i, c.Ended)
			}
		}
		_ = conns // left open
	})
}
