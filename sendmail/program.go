package sendmail

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
)

// Program is a kind of program, which decides what its options mean.
type Program uint8

// The kinds of programs.
const (
	// ProgramByName: the name of the file tells, with all symbolic links
	// followed: exim and exim4, smtpctl (OpenSMTPD), msmtp, and sendmail.postfix
	// and sendmail.sendmail, as Red Hat has them. Any other name, the bare
	// "sendmail" above all, is ProgramOther.
	ProgramByName Program = iota
	// ProgramOther gets only what every program knows: -i, -f and the recipients.
	ProgramOther
	// ProgramPostfix is Postfix's sendmail(1), version 2.10 or later.
	ProgramPostfix
	// ProgramSendmail is Sendmail itself.
	ProgramSendmail
	// ProgramExim is Exim, which never gets an option for notifications: its -N
	// means "don't deliver", and the values would become recipients.
	ProgramExim
	// ProgramOpenSMTPD is the smtpctl of OpenSMTPD, with "listen on socket" in its
	// smtpd.conf. Without that line it refuses mail with options for
	// notifications, so that it gets them only if Transport.Program says so.
	ProgramOpenSMTPD
	// ProgramMsmtp is msmtp, which has no queue and waits for its server. It sends
	// nothing that asks for notifications through a server without DSN.
	ProgramMsmtp
)

var programNames = [...]string{
	ProgramByName:    "by name",
	ProgramOther:     "other",
	ProgramPostfix:   "Postfix",
	ProgramSendmail:  "Sendmail",
	ProgramExim:      "Exim",
	ProgramOpenSMTPD: "OpenSMTPD",
	ProgramMsmtp:     "msmtp",
}

// String returns the name of the program.
func (p Program) String() string {
	if int(p) < len(programNames) {
		return programNames[p]
	}
	return fmt.Sprintf("Program(%d)", uint8(p))
}

// options are the wishes of RFC 3461 that the program has an option for.
type options struct{ notify, ret, envid bool }

func (p Program) options() options {
	switch p {
	case ProgramPostfix, ProgramSendmail, ProgramOpenSMTPD:
		return options{notify: true, ret: true, envid: true}
	case ProgramMsmtp:
		return options{notify: true, ret: true}
	}
	return options{}
}

// usual are the places where the program is looked for, the last one in $PATH.
var usual = [...]string{"/usr/sbin/sendmail", "/usr/lib/sendmail", "sendmail"}

// find returns the program's file. A symbolic link stays one, because programs
// look at the name by which they are called.
func find(path string) (string, error) {
	if path != "" {
		return lookUp(path)
	}
	for _, name := range usual {
		if found, err := lookUp(name); err == nil {
			return found, nil
		}
	}
	return "", fmt.Errorf("%w: there is neither %s, nor %s, nor %s in $PATH", ErrNoProgram, usual[0], usual[1], usual[2])
}

// lookUp takes a path or, to be looked for in $PATH, a bare name.
func lookUp(name string) (string, error) {
	if filepath.IsAbs(name) {
		return name, executable(name)
	}
	for _, dir := range filepath.SplitList(os.Getenv("PATH")) {
		path := filepath.Join(dir, name)
		if filepath.IsAbs(dir) && executable(path) == nil {
			return path, nil
		}
	}
	return "", fmt.Errorf("%w: there is no %s in $PATH", ErrNoProgram, name)
}

// executable returns an error for what is no program.
func executable(path string) error {
	fi, err := os.Stat(path)
	switch {
	case err != nil:
		return fmt.Errorf("%w: %w", ErrNoProgram, err)
	case !fi.Mode().IsRegular(), fi.Mode()&0o111 == 0 && runtime.GOOS != "windows":
		return fmt.Errorf("%w: %s can't be executed", ErrNoProgram, path)
	}
	return nil
}

// identify says which program the file is. What is configured may fill in what
// the name doesn't tell; it must not contradict it.
func identify(file string, configured Program) (Program, error) {
	target, err := filepath.EvalSymlinks(file)
	if err != nil {
		return ProgramOther, fmt.Errorf("%w: %w", ErrNoProgram, err)
	}
	named := byName(filepath.Base(target))
	switch {
	case configured == ProgramByName && named == ProgramOpenSMTPD:
		return ProgramOther, nil
	case configured == ProgramByName:
		return named, nil
	case named != ProgramOther && named != configured:
		return named, fmt.Errorf("the program is configured as %v, and %s is %v", configured, target, named)
	}
	return configured, nil
}

func byName(name string) Program {
	switch {
	case strings.HasPrefix(name, "exim"): // exim4, exim-4.98-1
		return ProgramExim
	case name == "smtpctl":
		return ProgramOpenSMTPD
	case name == "msmtp":
		return ProgramMsmtp
	case name == "sendmail.postfix":
		return ProgramPostfix
	case name == "sendmail.sendmail":
		return ProgramSendmail
	}
	return ProgramOther
}
