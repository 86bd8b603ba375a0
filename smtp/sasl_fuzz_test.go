package smtp_test

import (
	"bufio"
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/qdmail/qdmail/delivery"
	"github.com/qdmail/qdmail/internal/testsmtp"
	"github.com/qdmail/qdmail/smtp"
)

var fuzzed = []string{"SCRAM-SHA-256", "SCRAM-SHA-1", "PLAIN", "LOGIN", "CRAM-MD5", "OAUTHBEARER", "XOAUTH2"}

// FuzzSASL lets each mechanism talk to a server that says anything: a piece of
// the text for each line. What begins with "=" is sent as a challenge, with the
// client's nonce for "%". There is no success without 235, and none at all for
// SCRAM, whose proof nobody can guess.
func FuzzSASL(f *testing.F) {
	for i := range fuzzed {
		f.Add(uint8(i), "235 ok")
		f.Add(uint8(i), "=|=|=|=|235 ok")
		f.Add(uint8(i), "=r=%x,s=c2FsdA==,i=4096|=v=AAAA|235 ok")
		f.Add(uint8(i), "=r=%x,s=c2FsdA==,i=4096|=e=other-error|535 no")
		f.Add(uint8(i), "=r=%,s=,i=4096,x=y|235 ok")
		f.Add(uint8(i), `={"status":"401"}|535 5.7.8 no`)
		f.Add(uint8(i), "334 *|501 ok")
		f.Add(uint8(i), "504 no|235 ok")
	}
	f.Fuzz(func(t *testing.T, which uint8, said string) {
		synctest.Test(t, func(t *testing.T) {
			name := fuzzed[int(which)%len(fuzzed)]
			client, server := testsmtp.Pipe()
			sent := new(strings.Builder)
			done := make(chan struct{})
			go func() {
				defer close(done)
				challenge(server, name, said, sent)
			}()
			cfg := smtp.Config{Addr: "localhost:25", LocalName: "client.test", Username: "user", Password: "hunter2", Mechanisms: []string{name}}
			var told strings.Builder
			ctx := delivery.WithHooks(t.Context(), &delivery.Hooks{
				Command: func(_ context.Context, line string) { fmt.Fprintln(&told, line) },
			})
			ctx, cancel := context.WithTimeout(ctx, 2*time.Hour)
			defer cancel()
			c, err := smtp.NewClient(ctx, client, cfg)
			if ctx.Err() != nil {
				t.Error("it hangs")
			}
			if err == nil {
				c.Close()
			}
			client.Close()
			<-done
			if err == nil && (strings.HasPrefix(name, "SCRAM") || !strings.Contains(sent.String(), "\r\n235")) {
				t.Errorf("%s succeeds after %q", name, sent)
			}
			if strings.Contains(told.String(), "hunter2") || err != nil && strings.Contains(err.Error(), "hunter2") {
				t.Errorf("%s tells the password: %v\n%s", name, err, &told)
			}
		})
	})
}

// challenge is the server of FuzzSASL.
func challenge(conn net.Conn, name, said string, sent *strings.Builder) {
	defer conn.Close()
	r := bufio.NewReader(conn)
	nonce := ""
	for _, piece := range append([]string{"220 mx.test", "250-mx.test\r\n250 AUTH " + name}, strings.Split(said, "|")...) {
		if text, ok := strings.CutPrefix(piece, "="); ok {
			piece = "334 " + base64.StdEncoding.EncodeToString([]byte(strings.ReplaceAll(text, "%", nonce)))
		}
		sent.WriteString("\r\n" + piece)
		if _, err := io.WriteString(conn, piece+"\r\n"); err != nil {
			return
		}
		line, err := r.ReadString('\n')
		if err != nil {
			return
		}
		if _, after, ok := strings.Cut(clientFirst(line), ",r="); ok {
			nonce = after
		}
	}
}

// FuzzSCRAMProof changes one octet of what a right server says. After that there
// is no success, unless the change leaves the proof what it was.
func FuzzSCRAMProof(f *testing.F) {
	f.Add(uint8(0), uint16(3), uint8(0))
	f.Add(uint8(1), uint16(3), uint8(1))
	f.Add(uint8(2), uint16(2), uint8(0x80))
	f.Add(uint8(2), uint16(44), uint8(1))
	f.Fuzz(func(t *testing.T, step uint8, at uint16, change uint8) {
		srv := &testsmtp.Server{Users: map[string]string{"user": "pass"}, Mechanisms: []string{"SCRAM-SHA-256"}}
		defer srv.Close()
		conn, err := srv.Dial(t.Context(), "tcp", "mx.test:25")
		if err != nil {
			t.Fatal(err)
		}
		client, middle := testsmtp.Pipe()
		go io.Copy(conn, middle)
		same := make(chan bool)
		go func() {
			defer middle.Close()
			same <- spoil(middle, conn, int(step), int(at), change)
		}()
		err = enter(t, func(context.Context, string, string) (net.Conn, error) { return client, nil },
			smtp.Config{Username: "user", Password: "pass"})
		if same := <-same; (err == nil) != same {
			t.Errorf("octet %d of message %d changed by %#x, the same proof %v: %v", at, step, change, same, err)
		}
	})
}

// spoil copies lines and changes one octet of one challenge. It reports whether
// the client got the same messages, as far as it can tell.
func spoil(to io.Writer, from io.Reader, step, at int, change uint8) (same bool) {
	same = true
	r := bufio.NewReader(from)
	for n := 0; ; {
		line, err := r.ReadString('\n')
		if err != nil {
			return same
		}
		if text, ok := strings.CutPrefix(strings.TrimSpace(line), "334 "); ok {
			raw, _ := base64.StdEncoding.DecodeString(text)
			before := string(raw)
			if n++; n == step {
				raw[at%len(raw)] ^= change
				same = before == string(raw) || n == 2 && proof(before) == proof(string(raw))
			}
			line = "334 " + base64.StdEncoding.EncodeToString(raw) + "\r\n"
		}
		if _, err := io.WriteString(to, line); err != nil {
			return same
		}
	}
}

// proof is the octets of the server's final message.
func proof(message string) string {
	text, ok := strings.CutPrefix(message, "v=")
	text, _, _ = strings.Cut(text, ",")
	raw, err := base64.StdEncoding.DecodeString(text)
	if !ok || err != nil {
		return ""
	}
	return string(raw)
}
