package testsmtp_test

import (
	"bufio"
	"context"
	"io"
	"strings"
	"testing"

	"github.com/qdmail/qdmail/internal/testsmtp"
)

// Whatever a client sends, the server answers by replies or closes, and all it
// sends is lines of a code and a text.
func FuzzCommands(f *testing.F) {
	for _, seed := range []string{
		"EHLO a\r\nMAIL FROM:<a@b> SIZE=1\r\nRCPT TO:<\"a b\"@c> NOTIFY=NEVER\r\nDATA\r\n..\r\n.\r\n",
		"EHLO a\r\nMAIL FROM:<>\r\nRCPT TO:<a@b>\r\nBDAT 3\r\nabcBDAT 0 LAST\r\nRSET\r\n",
		"EHLO a\r\nAUTH PLAIN\r\nAHUAcA==\r\nAUTH LOGIN dQ==\r\ncA==\r\n",
		"EHLO a\r\nAUTH XOAUTH2 eA==\r\n\r\nAUTH CRAM-MD5\r\n*\r\n",
		"HELO [IPv6:::1]\r\nVRFY\r\nSTARTTLS\r\nNOOP\nQUIT\r\n",
		"MAIL FROM:<@a,@b:c@d>\r\nBDAT 99999999999999999999\r\nBDAT 9223372036854775807\r\n",
		"\r\n\x00\r\n\r\r\n \r\nMAIL FROM:<\"\\\r\n",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, input string) {
		s := testsmtp.Server{
			Users:      map[string]string{"u": "p"},
			Mechanisms: []string{"PLAIN", "LOGIN", "CRAM-MD5", "XOAUTH2"},
			Extensions: []string{"SIZE 1000", "8BITMIME", "SMTPUTF8", "DSN", "CHUNKING", "PIPELINING", "LIMITS RCPTMAX=2"},
		}
		defer s.Close()
		conn, err := s.Dial(context.Background(), "tcp", "a:25")
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		go func() {
			io.WriteString(conn, input)
			conn.(interface{ CloseWrite() error }).CloseWrite()
		}()
		r := bufio.NewReader(conn)
		replies := 0
		for {
			line, err := r.ReadString('\n')
			if err == io.EOF && line == "" {
				break
			}
			if err != nil {
				t.Fatalf("%q: %v", line, err)
			}
			text, ok := strings.CutSuffix(line, "\r\n")
			if !ok || len(text) < 4 || strings.Trim(text[:3], "0123456789") != "" || strings.ContainsAny(text, "\r\n\x00") {
				t.Fatalf("not a reply: %q", line)
			}
			if text[3] == ' ' {
				replies++
			} else if text[3] != '-' {
				t.Fatalf("not a reply: %q", line)
			}
		}
		s.Close()
		if n := len(s.Connections()[0].Commands); replies == 0 || replies > n+1+len(s.Messages())+strings.Count(s.Transcript(), "C: .\n") {
			t.Fatalf("%d replies to %d commands:\n%s", replies, n, s.Transcript())
		}
	})
}

// What is sent by DATA, dots stuffed, is kept as it was.
func FuzzContent(f *testing.F) {
	f.Add("a\r\n.\r\n..\r\n", 3)
	f.Add("\n.\n\r.\r\r\n.", 1)
	f.Fuzz(func(t *testing.T, content string, cut int) {
		if content != "" && !strings.HasSuffix(content, "\r\n") {
			content += "\r\n"
		}
		stuffed := strings.ReplaceAll("\r\n"+content, "\r\n.", "\r\n..")[2:]
		var s testsmtp.Server
		c := dial(t, &s)
		c.upTo(testsmtp.DATA)
		c.want("354")
		cut = min(max(cut, 0), len(stuffed))
		c.send(stuffed[:cut])
		c.send(stuffed[cut:] + ".\r\n")
		c.want("250")
		if m := s.Messages(); len(m) != 1 || string(m[0].Data) != content {
			t.Errorf("kept %q of %q", m[0].Data, content)
		}
		c.conn.Close()
		s.Close()
	})
}

// A script may be anything.
func FuzzPlay(f *testing.F) {
	f.Add("S: 220 a\nC: EHLO b\nC* *\nC! \"x\"\n-- close", "EHLO b\r\nc\r\nx")
	f.Fuzz(func(t *testing.T, script, client string) {
		if strings.Contains(script, "wait") || len(client) > 60_000 || len(script) > 30_000 {
			return
		}
		got, _, err := play(t, script, client)
		if err == nil && got != script {
			t.Errorf("script %q: got %q without an error", script, got)
		}
	})
}
