package sendmail

import (
	"errors"
	"strings"
	"unicode"

	"github.com/qdmail/qdmail/delivery"
)

// Sentinel errors, reachable by errors.Is. Of those of package delivery, the ones
// about the body are used here, and those about extensions that are required.
var (
	// ErrNoProgram: the program isn't there or can't be executed. The outcome is
	// NotSent, and PathFailure of the *delivery.Error is true: nothing was handed
	// over, and another transport may be tried.
	ErrNoProgram = errors.New("there is no program to send mail with")
	// ErrOption: the address begins with "-", so that a program may take it for
	// an option.
	ErrOption = errors.New(`address that begins with "-"`)
	// ErrQuoted: the recipient's local part has to be quoted, and msmtp, which
	// would be given it, loses it then.
	ErrQuoted = errors.New("msmtp can't send to a quoted local part")
	// ErrUnattributed: the program was given several recipients and gave one
	// answer, which may be about one of them only. It is no evidence about any.
	ErrUnattributed = errors.New("one answer for several recipients")
	// ErrUnread: the program reported success without having read the whole
	// message.
	ErrUnread = errors.New("the program reported success without having read the whole message")
)

// ExitError says how the program ended, if that wasn't success.
type ExitError struct {
	// Code is the exit code, or -1 if the program was killed by a signal.
	Code int
	// Output is the last of what the program printed on standard error, or else
	// on standard output: at most 4 KiB, on one line and without control
	// characters.
	Output string

	state   string // as the system says it: "exit status 75", "signal: killed"
	meaning string
	outcome delivery.Outcome
}

// Error returns the exit status, its meaning and the output.
func (e *ExitError) Error() string {
	s := "the program ended with " + e.state
	if e.meaning != "" {
		s += " (" + e.meaning + ")"
	}
	if e.Output != "" {
		s += ": " + e.Output
	}
	return s
}

// Permanent reports whether running the program again with the same message is
// pointless, unless somebody mends something.
func (e *ExitError) Permanent() bool {
	return e.outcome == delivery.Rejected || e.outcome == delivery.NotSent
}

// clean makes one printable line of what a program printed.
func clean(output string) string {
	s := strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) && r != '\n' {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(output, "\uFFFD"))
	var lines []string
	for line := range strings.SplitSeq(s, "\n") {
		if line = strings.TrimSpace(line); line != "" {
			lines = append(lines, line)
		}
	}
	return strings.Join(lines, " / ")
}

// cut shortens what an error quotes.
func cut(s string, n int) string {
	if len(s) <= n {
		return s
	}
	return strings.ToValidUTF8(s[:n], "") + "..."
}
