package sendmail

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/qdmail/qdmail/delivery"
)

// Transport is a delivery.Transport that starts a program for each message and
// gives it the message on standard input. Its zero value works where there is a
// sendmail. Send may be called from many goroutines at once; the fields must not
// change after the first call.
//
// The program gets only the options that it knows: -i, -f and the recipients
// behind "--" in any case, and -N, -R and -V (RFC 3461) if it is known to
// understand them; see Program. Recipients with different wishes, and those whom
// MaxRecipients leaves over, get a process each group. ORCPT has no option
// anywhere. Neither have SMTPUTF8 and 8BITMIME: addresses go out as UTF-8, and
// whether a program can deal with them, or with octets above 127 in the message,
// it says itself, at once or in a bounce. A message that demands RequireTLS,
// Hold or the return of DeliverBy is Rejected. Exim replaces the reverse-path of
// users whom its configuration doesn't trust.
//
// A program with a queue is quick to say yes, and later refusals come back as
// bounces. Of several recipients that went to one process, all share its answer;
// if that is a refusal, the error wraps ErrUnattributed. The exit code of a
// refusal, and what the program printed, are in an *ExitError.
//
// On Linux the program's standard input is a socket, not a pipe: a script in its
// place has to read it, and can't open /dev/stdin.
//
// If ctx ends or Timeout passes, the process and its group are killed. One that
// runs as another user and can't be killed is left to itself after a few seconds.
// Hooks.BeforeEnd is called for each process, before its standard input ends; the
// other hooks have no moment here.
type Transport struct {
	// Path is the program: an absolute path, or a name that is looked for in
	// $PATH. Default: the first of /usr/sbin/sendmail, /usr/lib/sendmail and
	// sendmail in $PATH that there is.
	Path string
	// Args are further arguments, which come first, such as "-C" and the folder
	// of a configuration. They must be options, and must not change what the
	// program does: -t, "--" and -b other than -bm are refused. Default: none.
	Args []string
	// Program says which program it is, where its name doesn't. On Debian,
	// Postfix's is a file called sendmail, so notifications need
	// ProgramPostfix here. Default: ProgramByName.
	Program Program
	// Env are further variables, "NAME=value", for the program's environment.
	// Otherwise it has none but PATH, HOME, USER, LOGNAME, SHELL, TMPDIR, TZ,
	// LANG, LC_* and XDG_CONFIG_HOME of ours: what else is there, such as
	// passwords, is none of its business. Default: none.
	Env []string
	// CRLF ends the lines of the message with CRLF, as they are on the wire.
	// Default: LF, as in any text file.
	CRLF bool
	// RequireDSN rejects recipients for whom the envelope asks for delivery
	// status notifications in a way that the program can't be told. Otherwise
	// their mail is sent without, and RecipientResult.Dropped says "DSN", or names
	// the parameter if only one is missing, such as "ORCPT". Default: false.
	RequireDSN bool
	// MaxRecipients is how many recipients one process gets. With 1, each has a
	// verdict of its own, and each costs a copy of the message. Default: 100; for
	// msmtp 1, since it sends to nobody if one recipient is refused.
	MaxRecipients int
	// Timeout bounds one process, beside the context. Default: 10 minutes.
	Timeout time.Duration
}

var _ delivery.Transport = (*Transport)(nil)

const (
	defaultRecipients = 100
	defaultTimeout    = 10 * time.Minute
)

// String names the program and nothing else.
func (t *Transport) String() string {
	if t.Path == "" {
		return "sendmail program"
	}
	return "sendmail program " + t.Path
}

// GoString is String.
func (t *Transport) GoString() string { return t.String() }

// LogValue is String, for log/slog.
func (t *Transport) LogValue() slog.Value { return slog.StringValue(t.String()) }

// Close is there for delivery.Transport's sake: between two calls of Send, a
// Transport holds nothing.
func (t *Transport) Close() error { return nil }

// Check reports what is wrong with the fields. It doesn't look whether the
// program is there. Send makes the same check.
func (t *Transport) Check() error {
	if err := t.check(); err != nil {
		return prepareError("", err)
	}
	return nil
}

func (t *Transport) check() error {
	if strings.ContainsRune(t.Path, 0) {
		return errors.New("the path has a NUL")
	}
	if t.Path != "" && !filepath.IsAbs(t.Path) && t.Path != filepath.Base(t.Path) {
		return fmt.Errorf("the path is neither absolute nor a bare name: %q", cut(t.Path, 120))
	}
	if int(t.Program) >= len(programNames) {
		return fmt.Errorf("there is no %v", t.Program)
	}
	for _, v := range t.Env {
		if name, _, ok := strings.Cut(v, "="); !ok || name == "" || strings.ContainsRune(v, 0) {
			return errors.New("an entry of Env isn't NAME=value")
		}
	}
	return checkArgs(t.Args)
}

// program is the kind of program that is at path, if Args suit it.
func (t *Transport) program(path string) (Program, error) {
	p, err := identify(path, t.Program)
	if err != nil || p != ProgramExim {
		return p, err
	}
	for _, arg := range t.Args {
		for _, option := range []string{"-N", "-R", "-V"} {
			if strings.HasPrefix(arg, option) {
				return p, fmt.Errorf("%s means something else to Exim", option)
			}
		}
	}
	return p, nil
}

func (t *Transport) maxRecipients(p Program) int {
	switch {
	case t.MaxRecipients > 0:
		return t.MaxRecipients
	case p == ProgramMsmtp:
		return 1
	}
	return defaultRecipients
}

func (t *Transport) timeout() time.Duration {
	if t.Timeout > 0 {
		return t.Timeout
	}
	return defaultTimeout
}

// passedOn are the variables that the program's environment has of ours.
var passedOn = [...]string{
	"PATH", "HOME", "USER", "LOGNAME", "SHELL", "TMPDIR", "TZ", "LANG", "XDG_CONFIG_HOME",
	"SYSTEMROOT", // without it, no program runs on Windows
}

func (t *Transport) environ() []string {
	env := []string{}
	for _, v := range os.Environ() {
		name, _, _ := strings.Cut(v, "=")
		for _, known := range passedOn {
			if name == known {
				env = append(env, v)
			}
		}
		if strings.HasPrefix(name, "LC_") {
			env = append(env, v)
		}
	}
	return append(env, t.Env...)
}
