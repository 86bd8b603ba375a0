//go:build darwin || dragonfly || freebsd || illumos || linux || netbsd || openbsd

package smtp_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/qdmail/qdmail/delivery"
	"github.com/qdmail/qdmail/smtp"
)

// popFile returns a POPAuth as another process would have it, with that file.
func popFile(server *popServer, file string) *smtp.POPAuth {
	p := localPOP(server)
	p.File = file
	return p
}

func mustLogin(t *testing.T, p *smtp.POPAuth, server *popServer, logins int) {
	t.Helper()
	if err := p.Login(t.Context()); err != nil || server.loggedIn() != logins {
		t.Errorf("%v, %d logins; want %d", err, server.loggedIn(), logins)
	}
}

// onlyFiles checks what a folder holds, and that nobody else can read it.
func onlyFiles(t *testing.T, folder string, want ...string) {
	t.Helper()
	entries, err := os.ReadDir(folder)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, e := range entries {
		got = append(got, e.Name())
		if info, err := e.Info(); err != nil || info.Mode() != 0o600 {
			t.Errorf("%s has mode %v, %v", e.Name(), info.Mode(), err)
		}
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("the folder has %v, want %v", got, want)
	}
}

func TestPOPFileIsShared(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		folder := t.TempDir()
		file := filepath.Join(folder, "pop.state")
		server := &popServer{}
		mustLogin(t, popFile(server, file), server, 1)
		mustLogin(t, popFile(server, file), server, 1)
		onlyFiles(t, folder, "pop.state", "pop.state.lock")

		text, err := os.ReadFile(file)
		if err != nil || len(text) != 64+1+18+1 {
			t.Errorf("%q, %v", text, err)
		}
		for _, secret := range []string{"tanstaaf", "taro", "localhost"} {
			if strings.Contains(string(text), secret) {
				t.Errorf("the file has %q: %s", secret, text)
			}
		}

		other := popFile(server, file)
		other.Username = "hanako@example.jp"
		if err := other.Login(t.Context()); !errors.Is(err, delivery.ErrAuthFailed) {
			t.Errorf("another mailbox: %v", err)
		}
		other = popFile(server, file)
		other.Addr = "mail.localhost"
		mustLogin(t, other, server, 2)
		mustLogin(t, popFile(server, file), server, 2)

		<-time.After(5*time.Minute - 1)
		mustLogin(t, popFile(server, file), server, 2)
		<-time.After(1)
		mustLogin(t, popFile(server, file), server, 3)
		long := popFile(server, file)
		long.Validity = time.Hour
		<-time.After(30 * time.Minute)
		mustLogin(t, long, server, 3)
		onlyFiles(t, folder, "pop.state", "pop.state.lock")
	})
}

// A login that is forgotten is forgotten everywhere, and no other one is.
func TestPOPFileInvalidate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		file := filepath.Join(t.TempDir(), "pop.state")
		server := &popServer{}
		p := popFile(server, file)
		p.Invalidate() // no file yet
		mustLogin(t, p, server, 1)
		other := popFile(server, file)
		other.Addr = "mail.localhost"
		mustLogin(t, other, server, 2)
		<-time.After(time.Second)
		p.Invalidate()
		other = popFile(server, file)
		other.Addr = "mail.localhost"
		mustLogin(t, other, server, 2)
		mustLogin(t, popFile(server, file), server, 3)
		mustLogin(t, p, server, 3)
	})
}

// What a file can't have from us is ignored, and is gone after the next login.
func TestPOPFileContents(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		file := filepath.Join(t.TempDir(), "pop.state")
		server := &popServer{}
		logins := 0
		login := func() {
			t.Helper()
			logins++
			mustLogin(t, popFile(server, file), server, logins)
			mustLogin(t, popFile(server, file), server, logins)
		}
		login()
		good, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		key, at, _ := strings.Cut(strings.TrimSpace(string(good)), " ")
		future := fmt.Sprint(time.Now().Add(time.Second).UnixNano())
		for _, text := range []string{
			"", "\n", "\x00", key, key + "\n", key + " ", key + " x\n", key + " \n", key + " 1" + at + "\n", key + " -5\n", key + " 0\n",
			key + " " + future + "\n", key + " " + at, key + "  " + at + "\n", key + "\t" + at + "\n", key[1:] + " " + at + "\n",
			strings.ToUpper(key) + " " + at + "\n", strings.Repeat("x", 1<<20) + "\n" + string(good),
		} {
			if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			login()
			now, err := os.ReadFile(file)
			if lines := strings.Count(string(now), "\n"); err != nil || lines > 2 || !strings.HasPrefix(string(now), key) {
				t.Errorf("%.80q became %q, %v", text, now, err)
			}
		}
		// Many mailboxes, the latest first; the file doesn't grow without end.
		var many strings.Builder
		for i := range 300 {
			fmt.Fprintf(&many, "%064x %d\n", i, time.Now().Add(-time.Duration(i)).UnixNano())
		}
		if err := os.WriteFile(file, []byte(many.String()), 0o600); err != nil {
			t.Fatal(err)
		}
		login()
		now, err := os.ReadFile(file)
		if lines := strings.Split(string(now), "\n"); err != nil || len(lines) != 101 || !strings.HasPrefix(lines[99], fmt.Sprintf("%064x", 98)) {
			t.Errorf("%d lines, the last %q", len(lines), lines[99])
		}
	})
}

// A file that can't serve is found out before anything is sent.
func TestPOPFileFaults(t *testing.T) {
	folder := t.TempDir()
	inTheWay := filepath.Join(folder, "file")
	if err := os.WriteFile(inTheWay, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	locked := filepath.Join(folder, "locked")
	if err := errors.Join(os.Mkdir(locked+".lock", 0o700), os.Symlink(inTheWay, filepath.Join(folder, "link.lock"))); err != nil {
		t.Fatal(err)
	}
	for name, file := range map[string]string{
		"no folder":            filepath.Join(folder, "none", "pop.state"),
		"folder is a file":     filepath.Join(inTheWay, "pop.state"),
		"file is a folder":     folder,
		"lock is a folder":     locked,
		"lock leads elsewhere": filepath.Join(folder, "link"),
		"no name for the lock": filepath.Join(folder, strings.Repeat("x", 252)),
		"nor for another file": filepath.Join(folder, strings.Repeat("x", 248)),
		"name with a NUL":      filepath.Join(folder, "a\x00b"),
	} {
		server := &popServer{}
		err := popFile(server, file).Login(t.Context())
		wantPOPFileError(t, name, err)
		if server.said() != "" {
			t.Errorf("%s: said %s", name, server.said())
		}
	}
}

func wantPOPFileError(t *testing.T, name string, err error) {
	t.Helper()
	e, ok := errors.AsType[*delivery.Error](err)
	if _, path := errors.AsType[*fs.PathError](err); !ok || !path || e.Phase != delivery.PhasePrepare || e.Temporary() {
		t.Errorf("%s: %v", name, err)
	}
}

// A file that becomes useless while somebody logs in doesn't spoil the login.
func TestPOPFileLostDuringLogin(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "gone")
	if err := os.Mkdir(folder, 0o700); err != nil {
		t.Fatal(err)
	}
	server := &popServer{}
	server.fault = func(line string, _ net.Conn) bool {
		if strings.HasPrefix(line, "PASS") {
			os.RemoveAll(folder)
		}
		return false
	}
	p := popFile(server, filepath.Join(folder, "pop.state"))
	mustLogin(t, p, server, 1)
	mustLogin(t, p, server, 1)

	folder = t.TempDir()
	file := filepath.Join(folder, "pop.state")
	server.fault = func(line string, _ net.Conn) bool {
		if strings.HasPrefix(line, "PASS") {
			os.Mkdir(file, 0o700)
		}
		return false
	}
	p = popFile(server, file)
	mustLogin(t, p, server, 2)
	mustLogin(t, p, server, 2)
	if left, err := os.ReadDir(folder); err != nil || len(left) != 2 {
		t.Errorf("%v, %v", left, err)
	}
}

// While another one logs in, it is waited for: no longer than the context, and
// no longer than a login can take.
func TestPOPFileLock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		folder := t.TempDir()
		file := filepath.Join(folder, "pop.state")
		server := &popServer{fault: popDelays("PASS", 10*time.Minute, "+OK\r\n")}
		slow := popFile(server, file)
		slow.Timeouts.Reply = time.Hour
		done := make(chan error)
		go func() { done <- slow.Login(t.Context()) }()
		synctest.Wait()

		start := time.Now()
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		wantPOPError(t, popFile(server, file).Login(ctx), delivery.PhaseAUTH, true, context.DeadlineExceeded)
		if took := time.Since(start); took != time.Minute {
			t.Errorf("waited %v for the context", took)
		}
		start = time.Now()
		wantPOPError(t, popFile(server, file).Login(t.Context()), delivery.PhaseAUTH, true, os.ErrDeadlineExceeded)
		if took := time.Since(start); took != 5*time.Minute+5*time.Second {
			t.Errorf("waited %v", took)
		}
		popFile(server, file).Invalidate() // doesn't wait
		if err := <-done; err != nil {
			t.Error(err)
		}
		if n := strings.Count(server.said(), "connect"); n != 1 {
			t.Errorf("%d connections", n)
		}
		onlyFiles(t, folder, "pop.state", "pop.state.lock")
	})
}
