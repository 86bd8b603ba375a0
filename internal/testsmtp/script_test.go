package testsmtp_test

import (
	"errors"
	"io"
	"net/smtp"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/qdmail/qdmail/internal/testsmtp"
)

// play plays the script against what a client sends at once.
func play(t *testing.T, script, client string) (got, received string, err error) {
	t.Helper()
	conn, server := testsmtp.Pipe()
	if _, err := io.WriteString(conn, client); err != nil {
		t.Fatal(err)
	}
	conn.(interface{ CloseWrite() error }).CloseWrite()
	got, err = testsmtp.Play(server, script)
	all, rerr := io.ReadAll(conn)
	if rerr != nil && !errors.Is(rerr, syscall.ECONNRESET) {
		t.Error(rerr)
	}
	conn.Close()
	return got, string(all), err
}

func TestPlay(t *testing.T) {
	script := `
		# greeting
		S: 220 mx
		C* EHLO [a-c].*
		S: 250-mx
		S: 250 8BITMIME

		C* AUTH PLAIN *
		S! "250 ok\n\x00"
		C! "BDAT 2\r\na\nQU"
		C: IT
		C:
		-- close
		`
	got, received, err := play(t, script, "EHLO c.test\r\nAUTH PLAIN aa/bb==\r\nBDAT 2\r\na\nQUIT\r\n\r\n")
	if got != script || err != nil {
		t.Errorf("got %q, %v", got, err)
	}
	if want := "220 mx\r\n250-mx\r\n250 8BITMIME\r\n250 ok\n\x00"; received != want {
		t.Errorf("the client received %q", received)
	}
}

func TestPlayDifferences(t *testing.T) {
	for _, tt := range []struct{ script, client, got, err string }{
		{"C: A\nS: 1", "B\r\nC\r\n", "C: B\nC: C", "script line 1: want C: A, got C: B"},
		{"C: A", "A\n", `C! "A\n"`, "want C: A"},
		{"C: A", "A\x01\r\n", `C! "A\x01\r\n"`, "want C: A"},
		{"C: A", "A", `C! "A"`, "EOF"},
		{"C: A\nC: B", "A\r\n", "C: A", "EOF"},
		{"C* A*", "B\r\n", "C: B", "want C* A*"},
		{"C* A*", "A\n", `C! "A\n"`, "want C* A*"},
		{"C* [", "A\r\n", "C: A", "pattern"},
		{"C! \"ab\"", "ac", `C! "ac"`, "want C!"},
		{"C! \"ab\"", "a", `C! "a"`, "EOF"},
		{"C! ab", "ab", "", "invalid syntax"},
		{"S! ab", "", "", "invalid syntax"},
		{"C: A", "A\r\nB\r\n", "C: A\nC: B", "went on"},
		{"X: A", "", "", "not a script"},
		{"x", "", "", "not a script"},
		{"-- explode", "", "-- explode", "not a script"},
		{"-- wait soon", "", "-- wait soon", "duration"},
		{"-- close\nS: 1", "", "-- close", "after it closed"},
		{"", "", "", ""},
		{"C: A\n", "A\r\n", "C: A\n", ""},
		{"C:  A ", " A \r\n", "C:  A ", ""},
		{"S: 1\n-- reset\n# end\n", "", "S: 1\n-- reset\n# end\n", ""},
	} {
		got, _, err := play(t, tt.script, tt.client)
		if got != tt.got {
			t.Errorf("%q with %q: got %q, want %q", tt.script, tt.client, got, tt.got)
		}
		if tt.err == "" && err != nil || tt.err != "" && (err == nil || !strings.Contains(err.Error(), tt.err)) {
			t.Errorf("%q with %q: error %v, want %q", tt.script, tt.client, err, tt.err)
		}
	}
}

func TestPlayInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, server := testsmtp.Pipe()
		done := make(chan error)
		const script = "S: 220 a\nC* EHLO *\n-- wait 10m\nS: 250 a\nC: QUIT"
		go func() {
			got, err := testsmtp.Play(server, script)
			if got != script {
				t.Errorf("got %q", got)
			}
			done <- err
		}()
		c, err := smtp.NewClient(client, "a")
		if err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		if err := c.Hello("b"); err != nil || time.Since(start) != 10*time.Minute {
			t.Errorf("%v after %v", err, time.Since(start))
		}
		client.SetDeadline(time.Now().Add(time.Minute))
		if err := c.Quit(); !isTimeout(err) { // the script is silent at its end
			t.Errorf("QUIT: %v", err)
		}
		c.Close()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}
