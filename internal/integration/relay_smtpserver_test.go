//go:build integration

package integration_test

import (
	"bytes"
	"context"
	"errors"
	"maps"
	"strings"
	"testing"

	"github.com/qdmail/qdmail/delivery"
	"github.com/qdmail/qdmail/internal/integration/realserver"
	"github.com/qdmail/qdmail/smtp"
)

// TestRelaySMTPServer sends through npm's smtp-server, which demands XOAUTH2 and
// tells what it was given.
func TestRelaySMTPServer(t *testing.T) {
	t.Parallel()
	server := started(t, realserver.StartSMTPServer)
	config := trusting(t, server.CAFile)
	withToken := func(source smtp.TokenSource) func(r *smtp.Relay) {
		return func(r *smtp.Relay) {
			r.Username, r.TokenSource = realserver.Sender.Address, source
			r.TLS, r.TLSConfig = smtp.TLSStartTLS, config
		}
	}
	good := withToken(func(context.Context, string) (string, error) { return server.Token, nil })

	t.Run("XOAUTH2", func(t *testing.T) {
		t.Parallel()
		p, tr := newPost("hello\r\n.\r\n"), trail{}
		p.send(t, tr.watch(within(t)), relayTo(t, server.Port, good), envelope(everybody()...), delivery.Accepted)
		got := given(t, server, p)
		if got.User != realserver.Sender.Address || !got.TLS || got.TransmissionType != "ESMTPSA" || !tr.said("AUTH XOAUTH2 ***") {
			t.Errorf("user %q, TLS %v, %s, after %q", got.User, got.TLS, got.TransmissionType, tr.commands)
		}
	})
	t.Run("XOAUTH2 with an expired token", func(t *testing.T) {
		t.Parallel()
		r := relayTo(t, server.Port, withToken(func(_ context.Context, refused string) (string, error) {
			if refused == "" {
				return "expired-token", nil
			}
			return server.Token, nil
		}))
		p := newPost("hello\r\n")
		p.send(t, within(t), r, envelope(everybody()...), delivery.Accepted)
		given(t, server, p)
	})
	t.Run("XOAUTH2 with a wrong token", func(t *testing.T) {
		t.Parallel()
		r := relayTo(t, server.Port, withToken(func(context.Context, string) (string, error) { return "wrong-token", nil }))
		res := newPost("hello\r\n").send(t, within(t), r, envelope(everybody()...), delivery.NotSent)
		if err := res.Err(); !errors.Is(err, delivery.ErrAuthFailed) || strings.Contains(err.Error(), "wrong-token") {
			t.Errorf("error %v, want %v", err, delivery.ErrAuthFailed)
		}
	})
	t.Run("REQUIRETLS", func(t *testing.T) {
		t.Parallel()
		p, env := newPost("hello\r\n"), envelope(everybody()...)
		env.RequireTLS = true
		p.send(t, within(t), relayTo(t, server.Port, good), env, delivery.Accepted)
		if got := given(t, server, p); !got.RequireTLS || got.From.Args["REQUIRETLS"] != true {
			t.Errorf("MAIL had %v", got.From.Args)
		}
		// TLS that was taken as it came proves nothing.
		opportunistic := relayTo(t, server.Port, func(r *smtp.Relay) {
			good(r)
			r.TLS = smtp.InsecureTLSOpportunistic
		})
		wantLacking(t, opportunistic, env, delivery.ErrREQUIRETLSRequired)
		wantLacking(t, relayTo(t, server.Clear, nil), env, delivery.ErrREQUIRETLSRequired)
	})
	t.Run("SMTPUTF8", func(t *testing.T) {
		t.Parallel()
		p, env := newPost("8-bit: \u3042\r\n"), envelope("配達@xn--r8jz45g.test", "δοκιμή+x@dest.test", everybody()[0])
		env.From, env.SMTPUTF8, env.EightBit = "営業@sender.test", true, true
		p.send(t, within(t), relayTo(t, server.Port, good), env, delivery.Accepted)
		got := given(t, server, p)
		if !got.UTF8 || got.From.Address != env.From {
			t.Errorf("SMTPUTF8 %v, from %q", got.UTF8, got.From.Address)
		}
		wantGivenTo(t, got, "配達@例え.test", "δοκιμή+x@dest.test", everybody()[0])
	})
	t.Run("DSN", func(t *testing.T) {
		t.Parallel()
		p, env := newPost("hello\r\n"), envelope(everybody()...)
		env.DSN = delivery.DSN{RET: delivery.RETHeaders, ENVID: "a+b=c d"}
		env.Recipients[0].Notify, env.Recipients[0].ORCPT = delivery.NotifySuccess|delivery.NotifyDelay, "rfc822;x+y=z@old.test"
		env.Recipients[1].Notify = delivery.NotifyNever
		p.send(t, within(t), relayTo(t, server.Port, good), env, delivery.Accepted)
		got := given(t, server, p)
		for i, want := range []map[string]any{
			{"NOTIFY": "SUCCESS,DELAY", "ORCPT": "rfc822;x+y=z@old.test"},
			{"NOTIFY": "NEVER"},
			{},
		} {
			if !maps.Equal(got.To[i].Args, want) {
				t.Errorf("RCPT had %v, want %v", got.To[i].Args, want)
			}
		}
		if got.From.Args["RET"] != "HDRS" || got.From.Args["ENVID"] != env.DSN.ENVID {
			t.Errorf("MAIL had %v", got.From.Args)
		}
	})
	for name, content := range contents {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newPost(content)
			p.send(t, within(t), relayTo(t, server.Clear, nil), envelope(everybody()...), delivery.Accepted)
			wantGivenTo(t, given(t, server, p), everybody()...)
		})
	}
}

// given returns what the server was given of a mail, once, and compares the mail
// itself.
func given(t *testing.T, server *realserver.SMTPServer, p post) realserver.Given {
	t.Helper()
	all, err := server.Given()
	must(t, err)
	var found []realserver.Given
	for _, g := range all {
		if bytes.Contains(g.Body, []byte("\r\nMessage-ID: <"+p.id+">\r\n")) {
			found = append(found, g)
		}
	}
	if len(found) != 1 {
		t.Fatalf("the server was given the mail %d times", len(found))
	}
	if !bytes.Equal(found[0].Body, p.body) {
		t.Errorf("the server was given %d octets, %d were sent", len(found[0].Body), len(p.body))
	}
	return found[0]
}

func wantGivenTo(t *testing.T, got realserver.Given, want ...string) {
	t.Helper()
	var to []string
	for _, rcpt := range got.To {
		to = append(to, rcpt.Address)
	}
	if strings.Join(to, " ") != strings.Join(want, " ") {
		t.Errorf("the server was given to %q, want %q", to, want)
	}
}
