package smtp_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"syscall"
	"testing"

	"github.com/qdmail/qdmail/delivery"
	"github.com/qdmail/qdmail/smtp"
)

// cell is one judgement. one says that it concerns only the recipient in
// question, on that the conversation isn't over.
type cell struct {
	name    string
	phase   delivery.Phase
	event   smtp.Event
	on      bool
	outcome delivery.Outcome
	one     bool
	fate    smtp.Fate
}

// The fault matrix, row by row: 4xx, 5xx, lost, timeout, garbage, and what else
// a row has of its own.
var matrix = []cell{
	{name: "host not found", phase: delivery.PhaseResolve, event: smtp.Lost, outcome: delivery.Deferred, fate: smtp.Abort},
	{name: "lookup takes too long", phase: delivery.PhaseResolve, event: smtp.TimedOut, outcome: delivery.Deferred, fate: smtp.Abort},

	{name: "connection refused", phase: delivery.PhaseDial, event: smtp.Lost, outcome: delivery.Deferred, fate: smtp.Abort},
	{name: "connection times out", phase: delivery.PhaseDial, event: smtp.TimedOut, outcome: delivery.Deferred, fate: smtp.Abort},
	{name: "ctx ends while dialling", phase: delivery.PhaseDial, event: smtp.Cancelled, outcome: delivery.NotSent, fate: smtp.Abort},

	{name: "220", phase: delivery.PhaseGreeting, event: smtp.Agreed, on: true},
	{name: "greeting 4xx", phase: delivery.PhaseGreeting, event: smtp.Temporary, outcome: delivery.Deferred, fate: smtp.Quit},
	{name: "greeting 421", phase: delivery.PhaseGreeting, event: smtp.Closing, outcome: delivery.Deferred, fate: smtp.Abort},
	{name: "greeting 554 is no verdict on the message", phase: delivery.PhaseGreeting, event: smtp.Permanent, outcome: delivery.Deferred, fate: smtp.Quit},
	{name: "no greeting but EOF", phase: delivery.PhaseGreeting, event: smtp.Lost, outcome: delivery.Deferred, fate: smtp.Abort},
	{name: "greeting drips", phase: delivery.PhaseGreeting, event: smtp.TimedOut, outcome: delivery.Deferred, fate: smtp.Abort},
	{name: "greeting is SSH", phase: delivery.PhaseGreeting, event: smtp.Garbled, outcome: delivery.Deferred, fate: smtp.Abort},

	{name: "EHLO 250", phase: delivery.PhaseEHLO, event: smtp.Agreed, on: true},
	{name: "EHLO 4xx", phase: delivery.PhaseEHLO, event: smtp.Temporary, outcome: delivery.Deferred, fate: smtp.Quit},
	{name: "EHLO 421", phase: delivery.PhaseEHLO, event: smtp.Closing, outcome: delivery.Deferred, fate: smtp.Abort},
	{name: "EHLO and HELO 5xx", phase: delivery.PhaseEHLO, event: smtp.Permanent, outcome: delivery.Deferred, fate: smtp.Quit},
	{name: "EHLO then EOF", phase: delivery.PhaseEHLO, event: smtp.Lost, outcome: delivery.Deferred, fate: smtp.Abort},
	{name: "EHLO then nothing", phase: delivery.PhaseEHLO, event: smtp.TimedOut, outcome: delivery.Deferred, fate: smtp.Abort},
	{name: "EHLO then garbage", phase: delivery.PhaseEHLO, event: smtp.Garbled, outcome: delivery.Deferred, fate: smtp.Abort},

	{name: "STARTTLS 220", phase: delivery.PhaseSTARTTLS, event: smtp.Agreed, on: true},
	{name: "STARTTLS 454, not required", phase: delivery.PhaseSTARTTLS, event: smtp.Temporary, on: true},
	{name: "STARTTLS 5xx, not required", phase: delivery.PhaseSTARTTLS, event: smtp.Permanent, on: true},
	{name: "STARTTLS refused, required", phase: delivery.PhaseSTARTTLS, event: smtp.Policy, outcome: delivery.Deferred, fate: smtp.Quit},
	{name: "STARTTLS then EOF", phase: delivery.PhaseSTARTTLS, event: smtp.Lost, outcome: delivery.Deferred, fate: smtp.Abort},
	{name: "STARTTLS then nothing", phase: delivery.PhaseSTARTTLS, event: smtp.TimedOut, outcome: delivery.Deferred, fate: smtp.Abort},
	{name: "STARTTLS then garbage", phase: delivery.PhaseSTARTTLS, event: smtp.Garbled, outcome: delivery.Deferred, fate: smtp.Abort},

	{name: "handshake lost, not required", phase: delivery.PhaseTLS, event: smtp.Lost, outcome: delivery.Deferred, fate: smtp.Abort},
	{name: "handshake too long, not required", phase: delivery.PhaseTLS, event: smtp.TimedOut, outcome: delivery.Deferred, fate: smtp.Abort},
	{name: "handshake failed, required", phase: delivery.PhaseTLS, event: smtp.Policy, outcome: delivery.Deferred, fate: smtp.Abort},

	{name: "AUTH 235", phase: delivery.PhaseAUTH, event: smtp.Agreed, on: true},
	{name: "AUTH 454", phase: delivery.PhaseAUTH, event: smtp.Temporary, outcome: delivery.Deferred, fate: smtp.Quit},
	{name: "AUTH 504: the next mechanism", phase: delivery.PhaseAUTH, event: smtp.Permanent, on: true},
	{name: "AUTH refused or not to be had", phase: delivery.PhaseAUTH, event: smtp.Policy, outcome: delivery.NotSent, fate: smtp.Quit},
	{name: "AUTH then EOF", phase: delivery.PhaseAUTH, event: smtp.Lost, outcome: delivery.Deferred, fate: smtp.Abort},
	{name: "AUTH then nothing", phase: delivery.PhaseAUTH, event: smtp.TimedOut, outcome: delivery.Deferred, fate: smtp.Abort},
	{name: "AUTH then garbage", phase: delivery.PhaseAUTH, event: smtp.Garbled, outcome: delivery.Deferred, fate: smtp.Abort},

	{name: "MAIL 250", phase: delivery.PhaseMAIL, event: smtp.Agreed, on: true},
	{name: "MAIL 4xx", phase: delivery.PhaseMAIL, event: smtp.Temporary, outcome: delivery.Deferred, fate: smtp.Reset},
	{name: "MAIL 421", phase: delivery.PhaseMAIL, event: smtp.Closing, outcome: delivery.Deferred, fate: smtp.Abort},
	{name: "MAIL 5xx", phase: delivery.PhaseMAIL, event: smtp.Permanent, outcome: delivery.Rejected, fate: smtp.Reset},
	{name: "MAIL then EOF", phase: delivery.PhaseMAIL, event: smtp.Lost, outcome: delivery.Deferred, fate: smtp.Abort},
	{name: "MAIL then nothing", phase: delivery.PhaseMAIL, event: smtp.TimedOut, outcome: delivery.Deferred, fate: smtp.Abort},
	{name: "MAIL then garbage", phase: delivery.PhaseMAIL, event: smtp.Garbled, outcome: delivery.Deferred, fate: smtp.Abort},
	{name: "too large, or no SMTPUTF8", phase: delivery.PhaseMAIL, event: smtp.Incapable, outcome: delivery.Rejected, fate: smtp.Keep},
	{name: "ctx ends at MAIL", phase: delivery.PhaseMAIL, event: smtp.Cancelled, outcome: delivery.NotSent, fate: smtp.Abort},

	{name: "RCPT 250", phase: delivery.PhaseRCPT, event: smtp.Agreed, on: true},
	{name: "RCPT 4xx", phase: delivery.PhaseRCPT, event: smtp.Temporary, outcome: delivery.Deferred, one: true},
	{name: "RCPT 5xx", phase: delivery.PhaseRCPT, event: smtp.Permanent, outcome: delivery.Rejected, one: true},
	{name: "RCPT 421", phase: delivery.PhaseRCPT, event: smtp.Closing, outcome: delivery.Deferred, fate: smtp.Abort},
	{name: "RCPT then EOF", phase: delivery.PhaseRCPT, event: smtp.Lost, outcome: delivery.Deferred, fate: smtp.Abort},
	{name: "RCPT then nothing", phase: delivery.PhaseRCPT, event: smtp.TimedOut, outcome: delivery.Deferred, fate: smtp.Abort},
	{name: "RCPT then garbage", phase: delivery.PhaseRCPT, event: smtp.Garbled, outcome: delivery.Deferred, fate: smtp.Abort},
	{name: "RCPT without DSN that is required", phase: delivery.PhaseRCPT, event: smtp.Incapable, outcome: delivery.Rejected, one: true},
	{name: "ctx ends at RCPT", phase: delivery.PhaseRCPT, event: smtp.Cancelled, outcome: delivery.NotSent, fate: smtp.Abort},

	{name: "DATA 354", phase: delivery.PhaseDATA, event: smtp.Agreed, on: true},
	{name: "DATA 4xx", phase: delivery.PhaseDATA, event: smtp.Temporary, outcome: delivery.Deferred, fate: smtp.Reset},
	{name: "DATA 421", phase: delivery.PhaseDATA, event: smtp.Closing, outcome: delivery.Deferred, fate: smtp.Abort},
	{name: "DATA 5xx", phase: delivery.PhaseDATA, event: smtp.Permanent, outcome: delivery.Rejected, fate: smtp.Reset},
	{name: "DATA then EOF", phase: delivery.PhaseDATA, event: smtp.Lost, outcome: delivery.Deferred, fate: smtp.Abort},
	{name: "DATA then nothing", phase: delivery.PhaseDATA, event: smtp.TimedOut, outcome: delivery.Deferred, fate: smtp.Abort},
	{name: "DATA 250", phase: delivery.PhaseDATA, event: smtp.Garbled, outcome: delivery.Deferred, fate: smtp.Abort},
	{name: "the body doesn't open", phase: delivery.PhaseDATA, event: smtp.Local, outcome: delivery.NotSent, fate: smtp.Reset},

	{name: "early 4xx", phase: delivery.PhaseBody, event: smtp.Temporary, outcome: delivery.Deferred, fate: smtp.Abort},
	{name: "early 421", phase: delivery.PhaseBody, event: smtp.Closing, outcome: delivery.Deferred, fate: smtp.Abort},
	{name: "early 5xx", phase: delivery.PhaseBody, event: smtp.Permanent, outcome: delivery.Rejected, fate: smtp.Abort},
	{name: "lost in the body", phase: delivery.PhaseBody, event: smtp.Lost, outcome: delivery.Deferred, fate: smtp.Abort},
	{name: "the server stops reading", phase: delivery.PhaseBody, event: smtp.TimedOut, outcome: delivery.Deferred, fate: smtp.Abort},
	{name: "early 250", phase: delivery.PhaseBody, event: smtp.Garbled, outcome: delivery.Deferred, fate: smtp.Abort},
	{name: "the body can't be read", phase: delivery.PhaseBody, event: smtp.Local, outcome: delivery.NotSent, fate: smtp.Abort},
	{name: "ctx ends in the body", phase: delivery.PhaseBody, event: smtp.Cancelled, outcome: delivery.NotSent, fate: smtp.Abort},

	{name: "final 250", phase: delivery.PhaseEnd, event: smtp.Agreed, outcome: delivery.Accepted, fate: smtp.Keep},
	{name: "final 4xx", phase: delivery.PhaseEnd, event: smtp.Temporary, outcome: delivery.Deferred, fate: smtp.Reset},
	{name: "final 421", phase: delivery.PhaseEnd, event: smtp.Closing, outcome: delivery.Deferred, fate: smtp.Abort},
	{name: "final 5xx", phase: delivery.PhaseEnd, event: smtp.Permanent, outcome: delivery.Rejected, fate: smtp.Reset},
	{name: "lost after the dot", phase: delivery.PhaseEnd, event: smtp.Lost, outcome: delivery.Unknown, fate: smtp.Abort},
	{name: "no reply to the dot", phase: delivery.PhaseEnd, event: smtp.TimedOut, outcome: delivery.Unknown, fate: smtp.Abort},
	{name: "garbage after the dot", phase: delivery.PhaseEnd, event: smtp.Garbled, outcome: delivery.Unknown, fate: smtp.Abort},
	{name: "ctx ends after the dot", phase: delivery.PhaseEnd, event: smtp.Cancelled, outcome: delivery.Unknown, fate: smtp.Abort},
	{name: "anything of ours after the dot", phase: delivery.PhaseEnd, event: smtp.Local, outcome: delivery.Unknown, fate: smtp.Abort},

	{name: "RSET 250", phase: delivery.PhaseRSET, event: smtp.Agreed, on: true},
	{name: "RSET 4xx", phase: delivery.PhaseRSET, event: smtp.Temporary, outcome: delivery.Deferred, fate: smtp.Abort},
	{name: "RSET 5xx", phase: delivery.PhaseRSET, event: smtp.Permanent, outcome: delivery.Deferred, fate: smtp.Abort},
	{name: "RSET then EOF", phase: delivery.PhaseRSET, event: smtp.Lost, outcome: delivery.Deferred, fate: smtp.Abort},
	{name: "RSET then nothing", phase: delivery.PhaseRSET, event: smtp.TimedOut, outcome: delivery.Deferred, fate: smtp.Abort},
	{name: "RSET then garbage", phase: delivery.PhaseRSET, event: smtp.Garbled, outcome: delivery.Deferred, fate: smtp.Abort},

	{name: "QUIT 4xx", phase: delivery.PhaseQUIT, event: smtp.Temporary, on: true},
	{name: "QUIT 5xx", phase: delivery.PhaseQUIT, event: smtp.Permanent, on: true},
	{name: "QUIT then EOF", phase: delivery.PhaseQUIT, event: smtp.Lost, on: true},
	{name: "QUIT then nothing", phase: delivery.PhaseQUIT, event: smtp.TimedOut, on: true},
	{name: "QUIT then garbage", phase: delivery.PhaseQUIT, event: smtp.Garbled, on: true},
}

func TestDecide(t *testing.T) {
	for _, c := range matrix {
		t.Run(c.name, func(t *testing.T) {
			decided, outcome, one, fate := smtp.Decide(c.phase, c.event)
			if decided == c.on || outcome != c.outcome || one != c.one || fate != c.fate {
				t.Errorf("decided %v: %v, one %v, connection %v", decided, outcome, one, fate)
			}
		})
	}
}

// What holds for each cell, listed above or not.
func TestDecideInvariants(t *testing.T) {
	phases := []delivery.Phase{
		delivery.PhasePrepare, delivery.PhaseResolve, delivery.PhaseDial, delivery.PhaseGreeting, delivery.PhaseEHLO,
		delivery.PhaseSTARTTLS, delivery.PhaseTLS, delivery.PhaseAUTH, delivery.PhaseMAIL, delivery.PhaseRCPT,
		delivery.PhaseDATA, delivery.PhaseBody, delivery.PhaseEnd, delivery.PhaseRSET, delivery.PhaseQUIT, "?",
	}
	for _, phase := range phases {
		for ev := range smtp.NumEvents {
			_, outcome, _, fate := smtp.Decide(phase, ev)
			at := fmt.Sprintf("%s, event %d", phase, ev)
			if outcome == delivery.Accepted && (phase != delivery.PhaseEnd || ev != smtp.Agreed) {
				t.Errorf("%s: accepted", at)
			}
			if outcome == delivery.Unknown && phase != delivery.PhaseEnd {
				t.Errorf("%s: unknown before the end of data", at)
			}
			if ev == smtp.Cancelled && outcome == delivery.Deferred {
				t.Errorf("%s: the end of a context isn't the path's fault", at)
			}
			broken := ev == smtp.Closing || ev == smtp.Lost || ev == smtp.TimedOut || ev == smtp.Garbled || ev == smtp.Cancelled
			if broken && fate != smtp.Abort && phase != delivery.PhaseQUIT {
				t.Errorf("%s: the connection lives on as %v", at, fate)
			}
			if outcome == delivery.Rejected && ev != smtp.Permanent && ev != smtp.Incapable {
				t.Errorf("%s: rejected", at)
			}
		}
	}
}

func TestEventOf(t *testing.T) {
	for _, tt := range []struct {
		code int
		err  error
		want int
		ev   smtp.Event
	}{
		{250, nil, smtp.AnyPositive, smtp.Agreed},
		{251, nil, smtp.AnyPositive, smtp.Agreed},
		{252, nil, smtp.AnyPositive, smtp.Agreed},
		{299, nil, smtp.AnyPositive, smtp.Agreed},
		{354, nil, smtp.AnyPositive, smtp.Garbled},
		{354, nil, 354, smtp.Agreed},
		{355, nil, 354, smtp.Garbled},
		{250, nil, 354, smtp.Garbled},
		{220, nil, 220, smtp.Agreed},
		{250, nil, 220, smtp.Garbled},
		{421, nil, 354, smtp.Closing},
		{450, nil, smtp.AnyPositive, smtp.Temporary},
		{554, nil, 354, smtp.Permanent},
		{250, nil, smtp.NoReply, smtp.Garbled},
		{0, io.EOF, smtp.AnyPositive, smtp.Lost},
		{0, io.ErrUnexpectedEOF, smtp.AnyPositive, smtp.Lost},
		{0, syscall.ECONNRESET, smtp.AnyPositive, smtp.Lost},
		{0, &net.OpError{Op: "write", Err: os.ErrDeadlineExceeded}, smtp.AnyPositive, smtp.TimedOut},
		{0, context.Canceled, smtp.AnyPositive, smtp.Cancelled},
		{0, fmt.Errorf("x: %w", context.DeadlineExceeded), smtp.AnyPositive, smtp.Cancelled},
		{0, fmt.Errorf("%w: x", delivery.ErrProtocol), smtp.AnyPositive, smtp.Garbled},
		{0, smtp.CheckLine("a\r\nb"), smtp.AnyPositive, smtp.Local},
	} {
		if ev := smtp.EventOf(tt.code, tt.err, tt.want); ev != tt.ev {
			t.Errorf("%d, %v, want %d: event %d, not %d", tt.code, tt.err, tt.want, ev, tt.ev)
		}
	}
}

// A complete line of an unfinished final reply tells if the connection was
// closed, and only then.
func TestFinalEvent(t *testing.T) {
	for _, tt := range []struct {
		code int
		err  error
		ev   smtp.Event
	}{
		{250, nil, smtp.Agreed},
		{354, nil, smtp.Garbled},
		{250, io.EOF, smtp.Agreed},
		{450, io.ErrUnexpectedEOF, smtp.Temporary},
		{550, syscall.ECONNRESET, smtp.Permanent},
		{354, io.EOF, smtp.Garbled},
		{250, os.ErrDeadlineExceeded, smtp.TimedOut},
		{250, context.Canceled, smtp.Cancelled},
		{0, io.EOF, smtp.Lost},
		{0, io.ErrUnexpectedEOF, smtp.Lost},
	} {
		if ev := smtp.FinalEvent(tt.code, tt.err); ev != tt.ev {
			t.Errorf("%d, %v: event %d, not %d", tt.code, tt.err, ev, tt.ev)
		}
	}
}

func TestTooMany(t *testing.T) {
	none := delivery.EnhancedCode{}
	for _, tt := range []struct {
		code     int
		enhanced delivery.EnhancedCode
		want     bool
	}{
		{452, none, true},
		{452, delivery.EnhancedCode{4, 5, 3}, true},
		{452, delivery.EnhancedCode{4, 3, 1}, false}, // disk full
		{452, delivery.EnhancedCode{4, 2, 2}, false}, // mailbox full
		{552, none, false},                           // mailbox full, says docomo
		{552, delivery.EnhancedCode{5, 5, 3}, true},
		{450, delivery.EnhancedCode{4, 5, 3}, false},
		{550, none, false},
	} {
		if got := smtp.TooMany(tt.code, tt.enhanced); got != tt.want {
			t.Errorf("%d %v: %v", tt.code, tt.enhanced, got)
		}
	}
}
