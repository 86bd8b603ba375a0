//go:build integration

package integration_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/qdmail/qdmail/delivery"
	"github.com/qdmail/qdmail/internal/integration/realserver"
	"github.com/qdmail/qdmail/smtp"
)

// TestRelayExim sends through Exim, which demands CRAM-MD5 and offers CHUNKING.
func TestRelayExim(t *testing.T) {
	t.Parallel()
	exim := started(t, realserver.StartExim)
	t.Run("CRAM-MD5 and CHUNKING", func(t *testing.T) {
		t.Parallel()
		r := relayTo(t, exim.Submission, loggedIn(t, realserver.Sender, smtp.TLSStartTLS, exim.CAFile))
		p, tr := newPost("hello\r\n"), trail{}
		p.send(t, tr.watch(within(t)), r, envelope(everybody()...), delivery.Accepted)
		p.wantAt(t, exim.Maildirs, everybody()...)
		if !tr.said("AUTH CRAM-MD5") || !tr.said("BDAT ") || tr.said("DATA") {
			t.Errorf("said %q", tr.commands)
		}
		if got := p.received(t, exim.Maildirs, everybody()[0]); !strings.Contains(got, "with esmtpsa") {
			t.Errorf("Exim received %q", got)
		}
		// "A=" is who has logged in, and how; "K" stands for CHUNKING.
		if entry := entry(exim.Log(), p.id); !strings.Contains(entry, " A=cram:"+realserver.Sender.Address+" K ") {
			t.Errorf("Exim logged %q", entry)
		}
	})
	t.Run("wrong password", func(t *testing.T) {
		t.Parallel()
		thief := realserver.User{Address: realserver.Sender.Address, Password: "wrong-secret"}
		r := relayTo(t, exim.Submission, loggedIn(t, thief, smtp.TLSStartTLS, exim.CAFile, "CRAM-MD5"))
		p := newPost("hello\r\n")
		res := p.send(t, within(t), r, envelope(everybody()...), delivery.NotSent)
		if err := res.Err(); !errors.Is(err, delivery.ErrAuthFailed) || strings.Contains(err.Error(), thief.Password) {
			t.Errorf("error %v, want %v", err, delivery.ErrAuthFailed)
		}
	})
	for name, content := range contents {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newPost(content)
			p.send(t, within(t), relayTo(t, exim.Clear, nil), envelope(everybody()...), delivery.Accepted)
			p.wantAt(t, exim.Maildirs, everybody()...)
		})
	}
	t.Run("some refused", func(t *testing.T) {
		t.Parallel()
		r := relayTo(t, exim.Clear, nil)
		for _, content := range []string{"hello\r\n", lined(100 << 10)} {
			wantSomeRefused(t, r, newPost(content), exim.Maildirs)
		}
	})
}

// wantSomeRefused sends to two users and to nobody, and then to nobody alone.
func wantSomeRefused(t *testing.T, r *smtp.Relay, p post, boxes realserver.Maildirs) {
	t.Helper()
	rcpts := []string{everybody()[0], "nobody@dest.test", everybody()[1]}
	res, _ := r.Send(within(t), envelope(rcpts...), p.body)
	for i, want := range []delivery.Outcome{delivery.Accepted, delivery.Rejected, delivery.Accepted} {
		if got := res.Recipients[i]; got.Outcome != want || got.Reply == nil || got.Reply.Permanent() != (want == delivery.Rejected) {
			t.Errorf("%s: %v, want %v: %v", got.Address, got.Outcome, want, got.Reply)
		}
	}
	p.wantAt(t, boxes, rcpts[0], rcpts[2])
	newPost("lost\r\n").send(t, within(t), r, envelope(rcpts[1]), delivery.Rejected)
}

// entry returns the line of a log about a mail's arrival.
func entry(log, messageID string) string {
	for line := range strings.Lines(log) {
		if strings.Contains(line, " id="+messageID) {
			return line
		}
	}
	return ""
}
