package smtp_test

import (
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"
	"unicode"

	"github.com/qdmail/qdmail/delivery"
	"github.com/qdmail/qdmail/internal/testsmtp"
	"github.com/qdmail/qdmail/smtp"
)

// FuzzPOPReplies lets a server say anything: a piece for each line of the
// client's, or all at once. The client comes to an end, believes nothing but +OK
// to each of its commands, and quotes neither its password nor control
// characters.
func FuzzPOPReplies(f *testing.F) {
	f.Add("+OK a|-ERR b|+OK c|+OK d|+OK e", false)
	f.Add("+OK <1@x>|+OK b|+OK c", true)
	f.Add("+OK a|-ERR [IN-USE] b|-ERR [SYS/TEMP/x] tanstaaf\x1b", false)
	f.Add("+OK <a@b> <1@x|-ERR [x", true)
	f.Add("+OK a\r\n-ERR b\r\n+OK c\r\n+OK d", false)
	f.Add("-ERR a\n+OK\x00", false)
	f.Fuzz(func(t *testing.T, said string, apop bool) {
		synctest.Test(t, func(t *testing.T) {
			var commands []string
			p := &smtp.POPAuth{Addr: "localhost", Username: popUser, Password: "tanstaaf", TLS: smtp.InsecureTLSNone}
			p.Dial = func(context.Context, string, string) (net.Conn, error) {
				client, server := testsmtp.Pipe()
				go func() {
					defer server.Close()
					buf := make([]byte, 1<<16)
					for piece := range strings.SplitSeq(said, "|") {
						io.WriteString(server, piece+"\r\n")
						n, err := server.Read(buf)
						if err != nil {
							return
						}
						commands = append(commands, string(buf[:n]))
					}
				}()
				return client, nil
			}
			if apop {
				p.APOP = smtp.APOPRequire
			}
			start := time.Now()
			err := p.Login(t.Context())
			if time.Since(start) > time.Hour {
				t.Error("it hangs")
			}
			synctest.Wait()
			for _, c := range commands {
				if strings.Count(c, "\n") != 1 || !strings.HasSuffix(c, "\r\n") || len(c) > 255 {
					t.Errorf("said %q", c)
				}
			}
			if err == nil {
				checkPOPSuccess(t, said, apop)
				return
			}
			e, ok := errors.AsType[*delivery.Error](err)
			if text := err.Error(); !ok || e.Op != "pop3" || strings.Contains(text, "tanstaaf") || strings.ContainsFunc(text, unicode.IsControl) {
				t.Errorf("%q", text)
			}
		})
	})
}

// checkPOPSuccess checks that a login was answered by +OK as often as it must be.
func checkPOPSuccess(t *testing.T, said string, apop bool) {
	t.Helper()
	pieces := strings.Split(said, "|")
	need := 3 // greeting, USER, PASS
	if apop {
		need = 2
	}
	if len(pieces) < need {
		t.Fatalf("logged in after %d replies", len(pieces))
	}
	for _, piece := range pieces[:need] {
		if !strings.HasPrefix(piece, "+OK") {
			t.Errorf("logged in by %q", piece)
		}
	}
}
