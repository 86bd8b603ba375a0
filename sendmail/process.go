package sendmail

import (
	"context"
	"os"
	"sync/atomic"
	"time"
)

// killGrace is how long a process that was killed may take to be gone. One that
// can't be killed, because it runs as another user, makes use of it.
const killGrace = 2 * time.Second

// process is one run of the program. It leads a session and a process group of its
// own, so that it has no terminal to ask for passwords on, and so that those whom it
// starts can be killed with it.
type process struct {
	proc        *os.Process // nil until it runs
	in          *stdin
	out, errOut *capture

	exited chan struct{}    // closed when the process is gone, and what follows is known
	state  *os.ProcessState // nil if it can't be told
	unread bool             // it left some of its input unread

	killed atomic.Bool // set where the exit code of a killed process looks like one of its own

	// alive ends when the process is gone, or with the context of start.
	alive context.Context
}

// start starts the program. ctx doesn't kill it, but ends alive.
func start(ctx context.Context, argv, env []string) (*process, error) {
	p := &process{exited: make(chan struct{})}
	files, err := p.connect()
	if err == nil {
		p.proc, err = os.StartProcess(argv[0], argv, &os.ProcAttr{Env: env, Files: files, Sys: ownSession()})
	}
	for _, f := range files { // the program has them for itself now
		f.Close()
	}
	if err != nil {
		p.release()
		return nil, err
	}
	alive, gone := context.WithCancel(ctx)
	p.alive = alive
	go func() {
		defer gone()
		p.state, _ = p.proc.Wait()
		p.unread = p.in.unread()
		close(p.exited)
	}()
	return p, nil
}

// connect makes the program's standard files and returns its ends of them.
func (p *process) connect() (files []*os.File, err error) {
	var f *os.File
	if p.in, f, err = newStdin(); err != nil {
		return nil, err
	}
	files = append(files, f)
	if p.out, f, err = newCapture(); err != nil {
		return files, err
	}
	files = append(files, f)
	if p.errOut, f, err = newCapture(); err != nil {
		return files, err
	}
	return append(files, f), nil
}

// hasExited reports whether the process is gone.
func (p *process) hasExited() bool {
	select {
	case <-p.exited:
		return true
	default:
		return false
	}
}

// wait waits until the process is gone or ctx has ended.
func (p *process) wait(ctx context.Context) bool {
	select {
	case <-p.exited:
	case <-ctx.Done():
	}
	return p.hasExited()
}

// abort makes an end of a process whose input isn't complete, and of what it
// started: they are dead before their input ends.
func (p *process) abort() {
	ctx, cancel := context.WithTimeout(context.Background(), killGrace)
	defer cancel()
	if p.kill() {
		p.wait(ctx)
	}
	if stdinSealed || p.hasExited() {
		p.in.close()
	}
	p.wait(ctx)
}

// printed ends the collecting of what the program prints, and returns the last of
// it.
func (p *process) printed() (out, errOut string) {
	p.out.expire()
	p.errOut.expire()
	return p.out.finish(), p.errOut.finish()
}

// release closes what the process leaves behind.
func (p *process) release() {
	p.printed()
	if p.in != nil && (stdinSealed || p.hasExited() || p.proc == nil) {
		p.in.close()
	}
}

// exitCode is the exit code of a process that is gone, -1 if it was killed.
func (p *process) exitCode() int {
	if p.killed.Load() {
		return -1
	}
	return p.state.ExitCode() // -1 if nil
}
