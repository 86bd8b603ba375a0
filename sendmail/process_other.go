//go:build !unix

package sendmail

import "syscall"

func ownSession() *syscall.SysProcAttr { return nil }

// kill kills the process and reports whether it could.
func (p *process) kill() bool {
	if p.hasExited() || p.proc.Kill() != nil {
		return false
	}
	p.killed.Store(true)
	return true
}

func notExecutable(error) bool { return false }
