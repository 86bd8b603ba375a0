package testsmtp_test

import (
	"errors"
	"io"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/qdmail/qdmail/internal/testsmtp"
)

func TestBodyFaults(t *testing.T) {
	begin := func(t *testing.T, f testsmtp.Fault) (*talker, *testsmtp.Server) {
		s := &testsmtp.Server{On: at(testsmtp.Body, 0, f)}
		c := dial(t, s)
		c.upTo(testsmtp.DATA)
		c.want("354")
		return c, s
	}
	t.Run("reply", func(t *testing.T) {
		c, s := begin(t, testsmtp.Fault{Reply: "554 enough", After: 5})
		c.send("abc\r\n")
		c.want("554")
		c.send("def\r\n.\r\nNOOP\r\n")
		c.want("250 2.0.0 ok")
		if got := s.Transcript(); !strings.Contains(got, "C: <5 octets>\nS: 554 enough\nC: <5 octets>\nC: .\nC: NOOP\n") {
			t.Errorf("transcript:\n%s", got)
		}
		if len(s.Messages()) > 0 {
			t.Error("kept the message")
		}
	})
	t.Run("reply and go on", func(t *testing.T) {
		c, s := begin(t, testsmtp.Fault{Reply: "250 early", After: 1, Continue: true})
		c.send("a")
		c.want("250 early")
		c.send("\r\n.\r\n")
		c.want("250 2.0.0")
		if m := s.Messages(); len(m) != 1 || string(m[0].Data) != "a\r\n" {
			t.Errorf("messages %+v", m)
		}
	})
	t.Run("close", func(t *testing.T) {
		c, _ := begin(t, testsmtp.Fault{Reply: "451 no", Close: true, After: 100_000})
		_, err := io.Copy(c.conn, strings.NewReader(strings.Repeat("0123456\r\n", 100_000)))
		if !errors.Is(err, syscall.EPIPE) {
			t.Errorf("write: %v", err)
		}
		c.want("451")
		c.end(nil)
	})
	t.Run("short", func(t *testing.T) {
		c, _ := begin(t, testsmtp.Fault{Close: true, After: 100})
		c.send("abc\r\n.\r\n")
		c.want("250")
	})
	t.Run("silent", func(t *testing.T) {
		c, s := begin(t, testsmtp.Fault{Silent: true, After: 3})
		c.send("abc\r\n.\r\nQUIT\r\n")
		c.conn.Close()
		s.Close()
		if got := s.Transcript(); !strings.HasSuffix(got, "C: <3 octets>\n-- silent\nC: <11 octets>\n") {
			t.Errorf("transcript:\n%s", got)
		}
	})
	t.Run("stop reading", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			c, _ := begin(t, testsmtp.Fault{StopReading: true, After: 10})
			c.conn.SetDeadline(time.Now().Add(time.Minute))
			n, err := c.conn.Write(make([]byte, 1<<20))
			if !isTimeout(err) || n > 200<<10 {
				t.Errorf("wrote %d octets, %v", n, err)
			}
			c.conn.Close()
		})
	})
	t.Run("slow", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			c, _ := begin(t, testsmtp.Fault{Drip: time.Second, After: 2})
			start := time.Now()
			c.send("abcd\r\n.\r\n")
			c.want("250")
			if d := time.Since(start); d != 4*time.Second {
				t.Errorf("took %v", d)
			}
		})
	})
	t.Run("chunk", func(t *testing.T) {
		s := testsmtp.Server{On: at(testsmtp.Body, 1, testsmtp.Fault{Reply: "452 full", After: 2})}
		c := dial(t, &s)
		c.upTo(testsmtp.RCPT)
		c.want("250")
		c.send("BDAT 3\r\nabcBDAT 3\r\ndefBDAT 0 LAST\r\nRSET\r\n")
		c.want("250", "452", "503", "250")
		if len(s.Messages()) > 0 {
			t.Error("kept the message")
		}
	})
	t.Run("refused chunk", func(t *testing.T) {
		s := testsmtp.Server{On: at(testsmtp.BDAT, 0, testsmtp.Fault{Reply: "552 no"})}
		c := dial(t, &s)
		c.upTo(testsmtp.RCPT)
		c.want("250")
		c.send("BDAT 3\r\nabcBDAT 3 LAST\r\ndef")
		c.want("552", "503")
		c.talk("RSET -> 250")
		if len(s.Messages()) > 0 {
			t.Error("kept the message")
		}
	})
}
