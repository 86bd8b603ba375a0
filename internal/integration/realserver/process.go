package realserver

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// process is a server in the foreground, a child of ours.
type process struct {
	name    string
	cmd     *exec.Cmd
	pidFile string // names the process to signal, if it isn't the child itself
	ended   chan struct{}
	buf     lockedBuffer
}

func startProcess(name string, args ...string) (*process, error) {
	path, err := find(name)
	if err != nil {
		return nil, err
	}
	return startCommand(name, exec.Command(path, args...))
}

// startCommand is startProcess for a command that needs more than arguments.
func startCommand(name string, cmd *exec.Cmd) (*process, error) {
	p := &process{name: name, cmd: cmd, ended: make(chan struct{})}
	cmd.Stdout, cmd.Stderr = &p.buf, &p.buf
	// A grandchild that keeps the output open must not keep us waiting.
	cmd.WaitDelay = time.Second
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		cmd.Wait()
		close(p.ended)
	}()
	return p, nil
}

// find looks for a program in PATH and where servers are kept, which the PATH of
// a plain shell often leaves out.
func find(name string) (string, error) {
	path, err := exec.LookPath(name)
	if err == nil {
		return path, nil
	}
	for _, dir := range []string{"/usr/sbin", "/usr/local/sbin"} {
		if path, err := exec.LookPath(filepath.Join(dir, name)); err == nil {
			return path, nil
		}
	}
	return "", fmt.Errorf("%s is not installed: %w", name, err)
}

// answers waits until something listens on each port.
func (p *process) answers(ports ...int) error {
	for _, port := range ports {
		addr := net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
		if err := p.until(func() bool {
			c, err := net.Dial("tcp4", addr)
			if err == nil {
				c.Close()
			}
			return err == nil
		}); err != nil {
			return fmt.Errorf("%s does not listen on %s: %w", p.name, addr, err)
		}
	}
	return nil
}

// answersAt waits until something listens at a socket of the file system.
func (p *process) answersAt(path string) error {
	if err := p.until(func() bool {
		c, err := net.Dial("unix", path)
		if err == nil {
			c.Close()
		}
		return err == nil
	}); err != nil {
		return fmt.Errorf("%s does not listen at %s: %w", p.name, path, err)
	}
	return nil
}

// until asks again and again for as long as the process lives.
func (p *process) until(done func() bool) error {
	deadline := time.After(patience)
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for !done() {
		select {
		case <-p.ended:
			return fmt.Errorf("it ended: %v", p.cmd.ProcessState)
		case <-deadline:
			return fmt.Errorf("nothing after %v", patience)
		case <-tick.C:
		}
	}
	return nil
}

// stop asks the process to end and waits for it; after a while it insists.
func (p *process) stop() error {
	if p == nil {
		return nil
	}
	pid := p.pid()
	for _, sig := range []syscall.Signal{syscall.SIGTERM, syscall.SIGKILL} {
		// One that is gone already needs no signal.
		syscall.Kill(pid, sig)
		select {
		case <-p.ended:
			return nil
		case <-time.After(patience):
		}
	}
	return fmt.Errorf("realserver: process %d (%s) does not end", pid, p.name)
}

func (p *process) pid() int {
	if p.pidFile != "" {
		text, err := os.ReadFile(p.pidFile)
		if pid, convErr := strconv.Atoi(strings.TrimSpace(string(text))); err == nil && convErr == nil {
			return pid
		}
	}
	return p.cmd.Process.Pid
}

func (p *process) output() string { return p.buf.String() }

func userID(name string) (int, error) {
	u, err := user.Lookup(name)
	if err != nil {
		return 0, err
	}
	return strconv.Atoi(u.Uid)
}

// lockedBuffer takes a process's output while somebody else reads it.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}
