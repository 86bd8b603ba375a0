//go:build darwin || dragonfly || freebsd || illumos || linux || netbsd || openbsd

package smtp_test

import (
	"context"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/qdmail/qdmail/smtp"
)

// The variables that turn a test into another process that logs in.
const (
	popProcessAddr = "QDMAIL_TEST_POP_ADDR"
	popProcessFile = "QDMAIL_TEST_POP_FILE"
)

// popProcess logs in with the file, in a process of its own.
func popProcess(ctx context.Context, t *testing.T, addr, file string) *exec.Cmd {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(ctx, exe, "-test.run=^TestPOPProcesses$", "-test.count=1")
	cmd.Env = append(os.Environ(), popProcessAddr+"="+addr, popProcessFile+"="+file)
	return cmd
}

// Processes that start at the same moment log in once; one that is killed in the
// middle of it leaves no lock behind.
func TestPOPProcesses(t *testing.T) {
	if addr := os.Getenv(popProcessAddr); addr != "" {
		p := &smtp.POPAuth{Addr: addr, Username: popUser, Password: popPassword, File: os.Getenv(popProcessFile)}
		if err := p.Login(t.Context()); err != nil {
			t.Error(err)
		}
		return
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	folder := t.TempDir()
	file := filepath.Join(folder, "pop.state")

	reached := make(chan bool)
	silent := &popServer{fault: popStep("PASS", func(net.Conn) { reached <- true })}
	victim := popProcess(ctx, t, silent.listen(t), file)
	if err := victim.Start(); err != nil {
		t.Fatal(err)
	}
	select {
	case <-reached: // it has the lock
	case <-ctx.Done():
		t.Fatal("nobody logs in")
	}
	victim.Process.Kill()
	victim.Wait()

	go func() {
		for range reached {
		}
	}()
	server := &popServer{}
	addr := server.listen(t)
	failed := make(chan string)
	const processes = 4
	for range processes {
		cmd := popProcess(ctx, t, addr, file)
		go func() {
			out, err := cmd.CombinedOutput()
			if err == nil && strings.Contains(string(out), "no tests to run") {
				err = os.ErrNotExist
			}
			if err != nil {
				failed <- err.Error() + "\n" + string(out)
				return
			}
			failed <- ""
		}()
	}
	for range processes {
		if report := <-failed; report != "" {
			t.Error(report)
		}
	}
	close(reached)
	if server.loggedIn() != 1 {
		t.Errorf("%d logins of %d processes", server.loggedIn(), processes)
	}
	onlyFiles(t, folder, "pop.state", "pop.state.lock")
}
