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

// TestRelayDovecot sends through Dovecot's submission server, which demands SCRAM,
// offers CHUNKING and passes on to Postfix.
func TestRelayDovecot(t *testing.T) {
	t.Parallel()
	host := startedHost(t)
	server := started(t, func() (*realserver.Submission, error) { return realserver.StartSubmission(host) })
	logIn := func(mechanisms ...string) func(r *smtp.Relay) {
		return loggedIn(t, realserver.Sender, smtp.TLSStartTLS, host.CAFile, mechanisms...)
	}
	for name, mechanisms := range map[string][]string{
		"SCRAM-SHA-256": nil, // the best of what is offered
		"SCRAM-SHA-1":   {"SCRAM-SHA-1"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p, tr := newPost("hello\r\n"), trail{}
			p.send(t, tr.watch(within(t)), relayTo(t, server.Port, logIn(mechanisms...)), envelope(everybody()...), delivery.Accepted)
			p.wantAt(t, host.Maildirs(), everybody()...)
			if !tr.said("AUTH "+name) || tr.count("AUTH ") != 1 || !tr.said("BDAT ") || tr.said("DATA") {
				t.Errorf("said %q", tr.commands)
			}
			if want := "method=" + name + ","; !strings.Contains(server.Log(), want) {
				t.Errorf("Dovecot didn't log %q", want)
			}
		})
	}
	t.Run("wrong password", func(t *testing.T) {
		t.Parallel()
		thief := realserver.User{Address: realserver.Sender.Address, Password: "wrong-secret"}
		r := relayTo(t, server.Port, loggedIn(t, thief, smtp.TLSStartTLS, host.CAFile))
		res := newPost("hello\r\n").send(t, within(t), r, envelope(everybody()...), delivery.NotSent)
		if err := res.Err(); !errors.Is(err, delivery.ErrAuthFailed) || strings.Contains(err.Error(), thief.Password) {
			t.Errorf("error %v, want %v", err, delivery.ErrAuthFailed)
		}
	})
	r := relayTo(t, server.Port, logIn())
	for name, content := range contents {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newPost(content)
			p.send(t, within(t), r, envelope(everybody()...), delivery.Accepted)
			p.wantAt(t, host.Maildirs(), everybody()...)
		})
	}
	t.Run("some refused", func(t *testing.T) {
		t.Parallel()
		for _, content := range []string{"hello\r\n", lined(100 << 10)} {
			wantSomeRefused(t, r, newPost(content), host.Maildirs())
		}
	})
	t.Run("DSN", func(t *testing.T) {
		t.Parallel()
		wantNoDSN(t, relayTo(t, server.Port, logIn()), relayTo(t, server.Port, func(r *smtp.Relay) {
			logIn()(r)
			r.RequireDSN = true
		}))
	})
}

// wantNoDSN sends two recipients through a server without DSN, for one of whom a
// notification is asked.
func wantNoDSN(t *testing.T, lenient, strict *smtp.Relay) {
	t.Helper()
	env := envelope(everybody()[:2]...)
	env.Recipients[1].Notify = delivery.NotifySuccess
	res := newPost("hello\r\n").send(t, within(t), lenient, env, delivery.Accepted)
	if a, b := res.Recipients[0].Dropped, res.Recipients[1].Dropped; a != nil || len(b) != 1 || b[0] != "DSN" {
		t.Errorf("dropped %q and %q", a, b)
	}
	res, err := strict.Send(within(t), env, newPost("hello\r\n").body)
	if res.Recipients[0].Outcome != delivery.Accepted || res.Recipients[1].Outcome != delivery.Rejected ||
		!errors.Is(res.Recipients[1].Err, delivery.ErrDSNRequired) {
		t.Errorf("%v", err)
	}
}
