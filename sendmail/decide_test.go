package sendmail_test

import (
	"fmt"
	"testing"

	"github.com/qdmail/qdmail/delivery"
	"github.com/qdmail/qdmail/sendmail"
)

// TestDecide has a line for each exit code of the table, and for each kind of
// code that has none: the outcome if the program may have read the message to its
// end, and if it hasn't.
func TestDecide(t *testing.T) {
	const (
		accepted = delivery.Accepted
		deferred = delivery.Deferred
		rejected = delivery.Rejected
		notSent  = delivery.NotSent
		unknown  = delivery.Unknown
	)
	const postfix, msmtp = sendmail.ProgramPostfix, sendmail.ProgramMsmtp
	tested := map[string]bool{}
	for _, tt := range []struct {
		program      sendmail.Program
		code         int
		read, unread delivery.Outcome
	}{
		{postfix, 0, accepted, unknown},
		{postfix, 1, deferred, deferred},
		{postfix, 2, deferred, deferred},
		{postfix, 63, deferred, deferred},
		{postfix, 64, notSent, notSent},
		{postfix, 65, rejected, rejected},
		{postfix, 66, notSent, notSent},
		{postfix, 67, rejected, rejected},
		{postfix, 68, rejected, rejected},
		{postfix, 69, deferred, deferred},
		{postfix, 70, deferred, deferred},
		{postfix, 71, deferred, deferred},
		{postfix, 72, notSent, notSent},
		{postfix, 73, deferred, deferred},
		{postfix, 74, deferred, deferred},
		{postfix, 75, deferred, deferred},
		{postfix, 76, unknown, deferred},
		{postfix, 77, rejected, rejected},
		{postfix, 78, notSent, notSent},
		{postfix, 79, deferred, deferred},
		{postfix, 99, deferred, deferred},
		{postfix, 100, rejected, rejected},
		{postfix, 111, deferred, deferred},
		{postfix, 126, notSent, notSent},
		{postfix, 127, notSent, notSent},
		{postfix, 128, deferred, deferred},
		{postfix, 129, unknown, deferred},
		{postfix, 137, unknown, deferred},
		{postfix, 192, unknown, deferred},
		{postfix, 193, deferred, deferred},
		{postfix, 255, deferred, deferred},
		{postfix, -1, unknown, deferred},

		{msmtp, 0, accepted, unknown},
		{msmtp, 1, deferred, deferred},
		{msmtp, 64, notSent, notSent},
		{msmtp, 65, rejected, rejected},
		{msmtp, 66, notSent, notSent},
		{msmtp, 67, rejected, rejected},
		{msmtp, 68, deferred, deferred},
		{msmtp, 69, deferred, deferred},
		{msmtp, 74, unknown, deferred},
		{msmtp, 75, deferred, deferred},
		{msmtp, 76, unknown, deferred},
		{msmtp, 77, notSent, notSent},
		{msmtp, 78, notSent, notSent},
		{msmtp, -1, unknown, deferred},
	} {
		tested[fmt.Sprint(tt.program, tt.code)] = true
		for read, want := range map[bool]delivery.Outcome{true: tt.read, false: tt.unread} {
			if got, _ := sendmail.Decide(tt.program, tt.code, read); got != want {
				t.Errorf("%v, %d, read %v: %v, want %v", tt.program, tt.code, read, got, want)
			}
		}
	}
	general, own := sendmail.ExitCodes()
	for _, code := range general {
		if !tested[fmt.Sprint(postfix, code)] {
			t.Errorf("%d isn't tested", code)
		}
		if _, meaning := sendmail.Decide(postfix, code, true); meaning == "" {
			t.Errorf("%d has no meaning", code)
		}
	}
	for _, code := range own {
		if !tested[fmt.Sprint(msmtp, code)] {
			t.Errorf("%d of msmtp isn't tested", code)
		}
	}
}

// Only success without anything left unread is acceptance, and a message that
// wasn't read can't have been sent, except in part.
func TestDecideNeverTooMuch(t *testing.T) {
	for _, p := range programs {
		for code := -1; code < 256; code++ {
			read, _ := sendmail.Decide(p, code, true)
			unread, _ := sendmail.Decide(p, code, false)
			if read.OK() != (code == 0) || unread.OK() || (unread == delivery.Unknown) != (code == 0) {
				t.Errorf("%v, %d: %v and %v", p, code, read, unread)
			}
		}
	}
}
