//go:build integration

package integration_test

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/qdmail/qdmail/delivery"
	"github.com/qdmail/qdmail/internal/integration/realserver"
	"github.com/qdmail/qdmail/smtp"
)

// sinkFault is what smtp-sink does wrong, and what comes of it.
type sinkFault struct {
	flags string
	want  delivery.Outcome
	phase delivery.Phase // of the error; empty: there is none
	code  int            // of the reply that decided; 0: there was none
}

// sinkFaults has each kind of failure at each step: before the end of data nothing
// is delivered, and a failure of the path is Deferred; after it only a reply
// tells.
var sinkFaults = []sinkFault{
	// It closes the connection.
	{"-q connect", delivery.Deferred, delivery.PhaseGreeting, 0},
	{"-q ehlo", delivery.Deferred, delivery.PhaseEHLO, 0},
	{"-q mail", delivery.Deferred, delivery.PhaseMAIL, 0},
	{"-q rcpt", delivery.Deferred, delivery.PhaseRCPT, 0},
	{"-q data", delivery.Deferred, delivery.PhaseDATA, 0},
	{"-q .", delivery.Unknown, delivery.PhaseEnd, 0},
	{"-q rset,noop,quit", delivery.Accepted, "", 250},
	// It says 421 and closes the connection.
	{"-Q connect", delivery.Deferred, delivery.PhaseGreeting, 421},
	{"-Q ehlo", delivery.Deferred, delivery.PhaseEHLO, 421},
	{"-Q mail", delivery.Deferred, delivery.PhaseMAIL, 421},
	{"-Q rcpt", delivery.Deferred, delivery.PhaseRCPT, 421},
	{"-Q data", delivery.Deferred, delivery.PhaseDATA, 421},
	{"-Q .", delivery.Deferred, delivery.PhaseEnd, 421},
	{"-Q rset,noop,quit", delivery.Accepted, "", 250},
	// It refuses for now.
	{"-r connect", delivery.Deferred, delivery.PhaseGreeting, 450},
	{"-r ehlo", delivery.Deferred, delivery.PhaseEHLO, 450},
	{"-r mail", delivery.Deferred, delivery.PhaseMAIL, 450},
	{"-r rcpt", delivery.Deferred, delivery.PhaseRCPT, 450},
	{"-r data", delivery.Deferred, delivery.PhaseDATA, 450},
	{"-r .", delivery.Deferred, delivery.PhaseEnd, 450},
	{"-r rset,noop,quit", delivery.Accepted, "", 250},
	// It refuses for good. Before MAIL, that is no verdict on the message.
	{"-f connect", delivery.Deferred, delivery.PhaseGreeting, 500},
	{"-f ehlo", delivery.Accepted, "", 250}, // after HELO
	{"-f ehlo,helo", delivery.Deferred, delivery.PhaseEHLO, 500},
	{"-f mail", delivery.Rejected, delivery.PhaseMAIL, 500},
	{"-f rcpt", delivery.Rejected, delivery.PhaseRCPT, 500},
	{"-f data", delivery.Rejected, delivery.PhaseDATA, 500},
	{"-f .", delivery.Rejected, delivery.PhaseEnd, 500},
	{"-f rset,noop,quit", delivery.Accepted, "", 250},
	// It takes longer than it may.
	// QUIRK: smtp-sink answers what comes behind a command that it delays before
	// that command, so -p lets nothing come behind it.
	{"-W connect:30", delivery.Deferred, delivery.PhaseGreeting, 0},
	{"-W ehlo:30", delivery.Deferred, delivery.PhaseEHLO, 0},
	{"-p -W mail:30", delivery.Deferred, delivery.PhaseMAIL, 0},
	{"-p -W rcpt:30", delivery.Deferred, delivery.PhaseRCPT, 0},
	{"-W data:30", delivery.Deferred, delivery.PhaseDATA, 0},
	{"-w 30", delivery.Deferred, delivery.PhaseDATA, 0},
	{"-W .:30", delivery.Unknown, delivery.PhaseEnd, 0},
	// It can do less, or looks strange.
	{"", delivery.Accepted, "", 250},
	{"-e", delivery.Accepted, "", 250},
	{"-E -N -8 -a -C -F", delivery.Accepted, "", 250},
	{"-P", delivery.Accepted, "", 250},
}

// TestRelaySink goes through the faults with and without PIPELINING, for one
// recipient and for several.
func TestRelaySink(t *testing.T) {
	t.Parallel()
	for _, f := range sinkFaults {
		variants := []string{f.flags}
		if !strings.HasPrefix(f.flags, "-p ") {
			variants = append(variants, "-p "+f.flags)
		}
		for _, flags := range variants {
			t.Run(flags, func(t *testing.T) {
				t.Parallel()
				sink, oneByOne := startedSink(t, flags), strings.HasPrefix(flags, "-p ")
				for _, rcpts := range [][]string{everybody()[:1], everybody()} {
					p := newPost("hello\r\n")
					res := p.send(t, within(t), relayTo(t, sink.Port, f.impatient(oneByOne)), envelope(rcpts...), f.want)
					for _, r := range res.Recipients {
						f.check(t, r, oneByOne)
					}
					wantDump(t, sink, p, rcpts, f.want)
				}
			})
		}
	}
}

// impatient makes a Relay hardly wait for a server that is slow on purpose, and
// only there. Replies to commands that went out together come together, so that
// the first of them is late already.
func (f sinkFault) impatient(oneByOne bool) func(r *smtp.Relay) {
	const short = 50 * time.Millisecond
	return func(r *smtp.Relay) {
		if !strings.Contains(strings.ToLower(f.flags), "-w ") {
			return
		}
		timeouts := map[delivery.Phase]*time.Duration{
			delivery.PhaseGreeting: &r.Timeouts.Greeting,
			delivery.PhaseEHLO:     &r.Timeouts.EHLO,
			delivery.PhaseMAIL:     &r.Timeouts.Mail,
			delivery.PhaseRCPT:     &r.Timeouts.Rcpt,
			delivery.PhaseDATA:     &r.Timeouts.DataInit,
			delivery.PhaseEnd:      &r.Timeouts.DataEnd,
		}
		*timeouts[f.phase] = short
		if f.phase == delivery.PhaseDATA && !oneByOne {
			r.Timeouts.Mail = short
		}
	}
}

func (f sinkFault) check(t *testing.T, r delivery.RecipientResult, oneByOne bool) {
	t.Helper()
	code := 0
	if r.Reply != nil {
		code = r.Reply.Code
	}
	if code != f.code {
		t.Errorf("%s: reply %v, want %d", r.Address, r.Reply, f.code)
	}
	e, _ := errors.AsType[*delivery.Error](r.Err)
	if e == nil && f.phase == "" {
		return
	}
	if e == nil || f.phase == "" {
		t.Errorf("%s: error %v, want one in phase %q", r.Address, r.Err, f.phase)
		return
	}
	// Of a group that was cut off, several commands may count as the first victim.
	if e.Phase != f.phase && (oneByOne || f.code != 0) {
		t.Errorf("%s: error in phase %q, want %q: %v", r.Address, e.Phase, f.phase, e)
	}
	if want := f.want != delivery.Rejected; e.Temporary() != want {
		t.Errorf("%s: Temporary %v: %v", r.Address, !want, e)
	}
}

// wantDump wants the mail to have been given to the server once if it was
// accepted, and if it may have been, not more than once; otherwise never.
func wantDump(t *testing.T, sink *realserver.Sink, p post, rcpts []string, outcome delivery.Outcome) {
	t.Helper()
	dumps, err := sink.Dumps()
	must(t, err)
	whole := 0
	for _, d := range dumps {
		if !bytes.Contains(d.Body, []byte("<"+p.id+">")) {
			continue
		}
		if whole++; !bytes.Equal(d.Body, bytes.ReplaceAll(p.body, []byte("\r\n"), []byte("\n"))) {
			t.Errorf("the server got\n%s", d.Body)
		}
		if want := "<" + strings.Join(rcpts, "> <") + ">"; strings.Join(d.Rcpts, " ") != want {
			t.Errorf("for %q, want %q", d.Rcpts, want)
		}
	}
	if outcome == delivery.Accepted && whole != 1 || whole > 1 {
		t.Errorf("%v, and the server got the mail %d times", outcome, whole)
	}
}

// TestRelaySinkEarly: a server that refuses while the message is still on its way
// is listened to.
func TestRelaySinkEarly(t *testing.T) {
	t.Parallel()
	for _, size := range []int{400, 8 << 20} {
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			t.Parallel()
			sink := startedSink(t, "-A 0")
			p := sized(size)
			res := p.send(t, within(t), relayTo(t, sink.Port, nil), envelope(everybody()...), delivery.Rejected)
			for _, r := range res.Recipients {
				if r.Reply == nil || r.Reply.Code != 550 {
					t.Errorf("%s: reply %v", r.Address, r.Reply)
				}
			}
		})
	}
}

// TestRelaySinkStalled: a server that doesn't read on never gets the end of data.
func TestRelaySinkStalled(t *testing.T) {
	t.Parallel()
	sink := startedSink(t, "-H 30 -T 1024")
	r := relayTo(t, sink.Port, func(r *smtp.Relay) { r.Timeouts.DataBlock = 300 * time.Millisecond })
	res := sized(16<<20).send(t, within(t), r, envelope(everybody()...), delivery.Deferred)
	for _, rcpt := range res.Recipients {
		if e, _ := errors.AsType[*delivery.Error](rcpt.Err); e == nil || e.Phase != delivery.PhaseBody || !e.PathFailure() {
			t.Errorf("%s: %v", rcpt.Address, rcpt.Err)
		}
	}
}

// TestRelaySinkReplies: a refusal is reported as it was said, and judged by its
// code alone.
func TestRelaySinkReplies(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		flags []string
		want  delivery.Outcome
		reply delivery.Reply
	}{
		{[]string{"-f", "rcpt", "-B", "552 5.2.2 Mailbox full"}, delivery.Rejected, delivery.Reply{Code: 552, Enhanced: delivery.EnhancedCode{5, 2, 2}, Text: "Mailbox full"}},
		{[]string{"-r", "rcpt", "-b", "452 4.5.3 Too many recipients"}, delivery.Deferred, delivery.Reply{Code: 452, Enhanced: delivery.EnhancedCode{4, 5, 3}, Text: "Too many recipients"}},
		{[]string{"-f", ".", "-B", "550 Unknown user"}, delivery.Rejected, delivery.Reply{Code: 550, Text: "Unknown user"}},
	} {
		t.Run(strings.Join(c.flags, " "), func(t *testing.T) {
			t.Parallel()
			sink := startedSink(t, "", c.flags...)
			res := newPost("hello\r\n").send(t, within(t), relayTo(t, sink.Port, nil), envelope(everybody()...), c.want)
			for _, r := range res.Recipients {
				if r.Reply == nil || *r.Reply != c.reply {
					t.Errorf("%s: reply %+v, want %+v", r.Address, r.Reply, c.reply)
				}
			}
		})
	}
}

// TestRelaySinkLacks: what a server can't do is found out before it is asked.
func TestRelaySinkLacks(t *testing.T) {
	t.Parallel()
	sink := startedSink(t, "-8 -N")
	env := envelope(everybody()...)
	env.EightBit = true
	wantLacking(t, relayTo(t, sink.Port, nil), env, delivery.Err8BITMIMERequired)
	wantNoDSN(t, relayTo(t, sink.Port, nil), relayTo(t, sink.Port, func(r *smtp.Relay) { r.RequireDSN = true }))
}

// TestRelaySinkRestarted: a connection that died while nobody used it costs
// nothing but a new one.
func TestRelaySinkRestarted(t *testing.T) {
	t.Parallel()
	sink := startedSink(t, "")
	r := relayTo(t, sink.Port, nil)
	for range 3 {
		p := newPost("hello\r\n")
		p.send(t, within(t), r, envelope(everybody()...), delivery.Accepted)
		wantDump(t, sink, p, everybody(), delivery.Accepted)
		must(t, sink.Restart())
	}
}

// startedSink starts smtp-sink with the flags of a line, and others as they are.
func startedSink(t *testing.T, line string, flags ...string) *realserver.Sink {
	t.Helper()
	return started(t, func() (*realserver.Sink, error) {
		return realserver.StartSink(append(strings.Fields(line), flags...)...)
	})
}
