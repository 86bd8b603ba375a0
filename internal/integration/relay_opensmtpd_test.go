//go:build integration

package integration_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/qdmail/qdmail/delivery"
	"github.com/qdmail/qdmail/internal/integration/realserver"
	"github.com/qdmail/qdmail/smtp"
)

// TestRelayOpenSMTPD sends through a server that offers next to nothing.
func TestRelayOpenSMTPD(t *testing.T) {
	t.Parallel()
	server := started(t, realserver.StartOpenSMTPD)
	for _, rcpts := range [][]string{everybody()[:1], everybody()} {
		for name, content := range contents {
			t.Run(fmt.Sprintf("%s, %d recipients", name, len(rcpts)), func(t *testing.T) {
				t.Parallel()
				p, tr := newPost(content), trail{}
				p.send(t, tr.watch(within(t)), relayTo(t, server.Clear, nil), envelope(rcpts...), delivery.Accepted)
				p.wantAt(t, server.Maildirs, rcpts...)
				if tr.said("BDAT ") || tr.count("RCPT ") != len(rcpts) || !tr.said("DATA") {
					t.Errorf("said %q", tr.commands)
				}
			})
		}
	}
	t.Run("some refused", func(t *testing.T) {
		t.Parallel()
		wantSomeRefused(t, relayTo(t, server.Clear, nil), newPost("hello\r\n"), server.Maildirs)
	})
	t.Run("no SMTPUTF8", func(t *testing.T) {
		t.Parallel()
		env := envelope(everybody()...)
		env.From, env.SMTPUTF8 = "営業@sender.test", true
		wantLacking(t, relayTo(t, server.Clear, nil), env, delivery.ErrSMTPUTF8Required)
	})
	t.Run("no REQUIRETLS", func(t *testing.T) {
		t.Parallel()
		env := envelope(everybody()...)
		env.RequireTLS = true
		wantLacking(t, relayTo(t, server.Clear, nil), env, delivery.ErrREQUIRETLSRequired)
	})
	t.Run("no TLS", func(t *testing.T) {
		t.Parallel()
		r := relayTo(t, server.Clear, func(r *smtp.Relay) { r.TLS = smtp.TLSStartTLS })
		res := newPost("hello\r\n").send(t, within(t), r, envelope(everybody()...), delivery.Deferred)
		if !isAll(res, delivery.ErrTLSRequired) {
			t.Errorf("error %v, want %v", res.Err(), delivery.ErrTLSRequired)
		}
	})
}

// wantLacking sends what the server can't take, and wants nothing of it to be
// said.
func wantLacking(t *testing.T, r *smtp.Relay, env *delivery.Envelope, want error) {
	t.Helper()
	var tr trail
	res := newPost("hello\r\n").send(t, tr.watch(within(t)), r, env, delivery.Rejected)
	if !isAll(res, want) {
		t.Errorf("error %v, want %v", res.Err(), want)
	}
	if !tr.said("EHLO ") || slices.ContainsFunc([]string{"MAIL", "RCPT", "DATA", "BDAT"}, tr.said) {
		t.Errorf("said %q", tr.commands)
	}
}
