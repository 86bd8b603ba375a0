package testsmtp_test

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"testing"

	"github.com/qdmail/qdmail/internal/testsmtp"
)

// talker is a client that says exactly what it is told.
type talker struct {
	t    *testing.T
	conn net.Conn
	r    *bufio.Reader
}

func dial(t *testing.T, s *testsmtp.Server) *talker {
	t.Helper()
	conn, err := s.Dial(context.Background(), "tcp", "mx.test:25")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close(); s.Close() })
	return &talker{t, conn, bufio.NewReader(conn)}
}

// send writes raw octets.
func (c *talker) send(raw string) {
	c.t.Helper()
	if _, err := io.WriteString(c.conn, raw); err != nil {
		c.t.Fatalf("sending %q: %v", raw, err)
	}
}

// reply reads a whole reply and returns its lines separated by "\n".
func (c *talker) reply() string {
	c.t.Helper()
	var lines []string
	for {
		l, err := c.r.ReadString('\n')
		if err != nil {
			c.t.Fatalf("reading a reply after %q: %v", lines, err)
		}
		l, ok := strings.CutSuffix(l, "\r\n")
		if !ok || len(l) < 4 {
			c.t.Fatalf("not a reply: %q", l)
		}
		lines = append(lines, l)
		if l[3] != '-' {
			return strings.Join(lines, "\n")
		}
	}
}

// want reads replies and compares the starts of their last lines.
func (c *talker) want(prefixes ...string) {
	c.t.Helper()
	for _, p := range prefixes {
		r := c.reply()
		if last := r[strings.LastIndex(r, "\n")+1:]; !strings.HasPrefix(last, p) {
			c.t.Fatalf("got reply %q, want %q", r, p)
		}
	}
}

// talk sends each line on its own and compares the reply with what stands
// behind the arrow: "RSET -> 250".
func (c *talker) talk(lines ...string) {
	c.t.Helper()
	for _, l := range lines {
		line, want, _ := strings.Cut(l, " -> ")
		c.send(line + "\r\n")
		r := c.reply()
		if last := r[strings.LastIndex(r, "\n")+1:]; !strings.HasPrefix(last, want) {
			c.t.Fatalf("%s: got reply %q, want %q", line, r, want)
		}
	}
}

// open greets.
func (c *talker) open() *talker {
	c.t.Helper()
	c.want("220 ")
	c.talk("EHLO client.test -> 250 ")
	return c
}

// end reads to the end of the connection and compares the error.
func (c *talker) end(want error) {
	c.t.Helper()
	rest, err := io.ReadAll(c.r)
	if len(rest) > 0 || !errors.Is(err, want) {
		c.t.Fatalf("at the end: got %q, %v, want %v", rest, err, want)
	}
}

// violations compares what was noted, by fragments.
func violations(t *testing.T, s *testsmtp.Server, fragments ...string) {
	t.Helper()
	got := s.Violations()
	if len(got) != len(fragments) {
		t.Fatalf("violations %q, want %q", got, fragments)
	}
	for i, f := range fragments {
		if !strings.Contains(got[i], f) {
			t.Errorf("violation %q, want %q", got[i], f)
		}
	}
}

func isTimeout(err error) bool {
	nerr, ok := errors.AsType[net.Error](err)
	return ok && nerr.Timeout()
}
