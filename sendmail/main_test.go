package sendmail_test

import (
	"fmt"
	"os"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestMain is the program that the tests send with, if a test started it as such.
// After the tests it looks for what they left behind.
func TestMain(m *testing.M) {
	switch {
	case os.Getenv(fakeScript) != "":
		os.Exit(playFake(os.Getenv(fakeScript)))
	case os.Getenv(appDir) != "":
		playApp(os.Getenv(appDir))
	}
	code := m.Run()
	if left := leftovers(); left != "" && code == 0 {
		fmt.Fprintln(os.Stderr, left)
		code = 1
	}
	os.Exit(code)
}

// leftovers names a child process or a goroutine of the package that outlives all
// calls of Send.
func leftovers() string {
	if pid, err := syscall.Wait4(-1, nil, syscall.WNOHANG, nil); err != syscall.ECHILD {
		return fmt.Sprintf("a child process is left: %d, %v", pid, err)
	}
	stacks := make([]byte, 1<<20)
	deadline := time.Now().Add(10 * time.Second)
	for {
		s := string(stacks[:runtime.Stack(stacks, true)])
		if !strings.Contains(s, "qdmail/sendmail.") {
			return ""
		}
		if time.Now().After(deadline) {
			return "a goroutine is left:\n" + s
		}
		runtime.Gosched()
	}
}
