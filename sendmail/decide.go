package sendmail

import "github.com/qdmail/qdmail/delivery"

// exitCode is one line of the judgement: what an exit code of sysexits(3) means
// for the mail.
type exitCode struct {
	meaning string
	outcome delivery.Outcome
	// lost: the conversation with another server ended without a verdict. If that
	// can have been after the end of the message, the outcome is Unknown.
	lost bool
}

// exitCodes is what the codes mean, whichever program it is. A program that ends
// with another code than zero has not taken the message: that is what all of them
// have in common, so trying again is safe unless a line says "lost". What is
// about the message or the recipient is Rejected. What somebody has to mend on
// this machine is NotSent, and what may mend itself is Deferred; so is a code
// that doesn't tell.
var exitCodes = map[int]exitCode{
	64: {"EX_USAGE: it doesn't know its arguments", delivery.NotSent, false}, // our arguments, or Args: no fault of the mail
	65: {"EX_DATAERR: the message is refused", delivery.Rejected, false},
	66: {"EX_NOINPUT: a file of its own is missing", delivery.NotSent, false}, // its configuration; ours has no file
	67: {"EX_NOUSER: there is no such addressee", delivery.Rejected, false},
	68: {"EX_NOHOST: there is no such host", delivery.Rejected, false},
	69: {"EX_UNAVAILABLE: the service is unavailable", delivery.Deferred, false}, // "catch-all": Postfix has it for a postdrop that doesn't start
	70: {"EX_SOFTWARE: internal error", delivery.Deferred, false},                // OpenSMTPD has it for every failure
	71: {"EX_OSERR: error of the operating system", delivery.Deferred, false},    // can't fork
	72: {"EX_OSFILE: a file of the system is missing", delivery.NotSent, false},
	73: {"EX_CANTCREAT: it can't create a file", delivery.Deferred, false}, // the disk is full
	74: {"EX_IOERR: input or output error", delivery.Deferred, false},
	75: {"EX_TEMPFAIL: try later", delivery.Deferred, false},
	76: {"EX_PROTOCOL: another server broke the protocol", delivery.Deferred, true}, // who has a queue doesn't talk to servers
	77: {"EX_NOPERM: permission denied", delivery.Rejected, false},                  // this user mustn't send
	78: {"EX_CONFIG: configuration error", delivery.NotSent, false},

	100: {"qmail: permanent failure", delivery.Rejected, false},
	111: {"qmail: temporary failure", delivery.Deferred, false},

	126: {"shell: a program can't be executed", delivery.NotSent, false}, // it is a script, and never came to send
	127: {"shell: a program isn't there", delivery.NotSent, false},
}

// msmtpCodes are the codes that mean something else because msmtp talks to its
// server itself.
var msmtpCodes = map[int]exitCode{
	66: {"EX_NOINPUT: a file for TLS is missing", delivery.NotSent, false},
	68: {"EX_NOHOST: its server isn't found", delivery.Deferred, false},
	69: {"EX_UNAVAILABLE: its server refuses", delivery.Deferred, false}, // by 4xx; after the end of the message also by 5xx
	74: {"EX_IOERR: input or output error", delivery.Deferred, true},
	77: {"EX_NOPERM: its server refuses the credentials", delivery.NotSent, false}, // as smtp.Relay judges it
}

// How a shell reports that its program was killed by a signal.
const shellSignal, maxSignal = 128, 64

var (
	success  = exitCode{"", delivery.Accepted, false}
	unread   = exitCode{"", delivery.Unknown, false}
	killed   = exitCode{"", delivery.Deferred, true} // by somebody else, or it crashed
	failed   = exitCode{"", delivery.Deferred, false}
	wasShell = exitCode{"shell: killed by a signal", delivery.Deferred, true}
)

// decide says what follows from the exit code of the program, -1 if it was
// killed. read says that it may have read the message to its end. It does no I/O.
func decide(p Program, code int, read bool) (outcome delivery.Outcome, meaning string) {
	line := lineFor(p, code, read)
	if line.lost && read {
		return delivery.Unknown, line.meaning
	}
	return line.outcome, line.meaning
}

func lineFor(p Program, code int, read bool) exitCode {
	switch {
	case code == 0 && read:
		return success
	case code == 0:
		return unread // it may have sent what it read
	case code < 0:
		return killed
	case shellSignal < code && code <= shellSignal+maxSignal:
		return wasShell
	}
	if line, ok := msmtpCodes[code]; ok && p == ProgramMsmtp {
		return line
	}
	if line, ok := exitCodes[code]; ok {
		return line
	}
	return failed
}
