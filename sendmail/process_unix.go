//go:build unix

package sendmail

import (
	"errors"
	"syscall"
)

func ownSession() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setsid: true} }

// kill kills the process and all others of its group, also those that outlived it,
// and reports whether there was any that could be killed. A group keeps its number
// as long as somebody is in it; afterwards the number isn't used again so soon.
func (p *process) kill() bool {
	return syscall.Kill(-p.proc.Pid, syscall.SIGKILL) == nil
}

// notExecutable reports an error of starting a file that isn't a program.
func notExecutable(err error) bool { return errors.Is(err, syscall.ENOEXEC) }
