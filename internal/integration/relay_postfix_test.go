//go:build integration

package integration_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/qdmail/qdmail/delivery"
	"github.com/qdmail/qdmail/internal/integration/realserver"
	"github.com/qdmail/qdmail/smtp"
)

// TestRelayPostfix sends through Postfix with STARTTLS and with implicit TLS. It
// offers CHUNKING and PIPELINING.
func TestRelayPostfix(t *testing.T) {
	t.Parallel()
	host := startedHost(t)
	for name, to := range map[string]struct {
		port int
		mode smtp.TLSMode
	}{
		"STARTTLS":     {host.Submission, smtp.TLSStartTLS},
		"implicit TLS": {host.Submissions, smtp.TLSImplicit},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := relayTo(t, to.port, loggedIn(t, realserver.Sender, to.mode, host.CAFile))
			var tr trail
			p := newPost("hello\r\n")
			p.send(t, tr.watch(within(t)), r, envelope(everybody()...), delivery.Accepted)
			p.wantAt(t, host.Maildirs(), everybody()...)
			if tr.tls != "TLS 1.3" || tr.said("STARTTLS") != (to.mode == smtp.TLSStartTLS) {
				t.Errorf("%s after %q", tr.tls, tr.commands)
			}
			if !tr.said("BDAT ") || tr.said("DATA") {
				t.Errorf("a short mail went by %q", tr.commands)
			}
			if got := p.received(t, host.Maildirs(), everybody()[0]); !strings.Contains(got, "with ESMTPSA") {
				t.Errorf("Postfix received %q", got)
			}
		})
	}
}

// TestRelayContents has every octet arrive as it was sent, by BDAT and by DATA.
// Each mail has a connection of its own: one that waits for a busy connection may
// go by DATA in any case.
func TestRelayContents(t *testing.T) {
	t.Parallel()
	host := startedHost(t)
	logIn := loggedIn(t, realserver.Sender, smtp.TLSStartTLS, host.CAFile)
	for name, content := range contents {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newPost(content)
			var tr trail
			p.send(t, tr.watch(within(t)), relayTo(t, host.Submission, logIn), envelope(everybody()...), delivery.Accepted)
			p.wantAt(t, host.Maildirs(), everybody()...)
			if bdat := len(p.body) <= 64<<10; tr.said("BDAT ") != bdat || tr.said("DATA") == bdat {
				t.Errorf("a mail of %d octets went by %q", len(p.body), tr.commands)
			}
		})
	}
	t.Run("8-bit", func(t *testing.T) {
		t.Parallel()
		p, env, tr := newPost("8-bit: \xe3\x81\x82\xff\r\n"), envelope(everybody()...), trail{}
		env.EightBit = true
		p.send(t, tr.watch(within(t)), relayTo(t, host.Submission, logIn), env, delivery.Accepted)
		p.wantAt(t, host.Maildirs(), everybody()...)
		if !slices.ContainsFunc(tr.commands, func(c string) bool { return strings.HasSuffix(c, " BODY=8BITMIME") }) {
			t.Errorf("said %q", tr.commands)
		}
	})
}

// TestRelayRefusals: what Postfix refuses costs nobody else the mail, and not the
// connection either.
func TestRelayRefusals(t *testing.T) {
	t.Parallel()
	host := startedHost(t)
	for _, size := range []int{100, 100 << 10} { // by BDAT in one group, and by DATA
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			t.Parallel()
			r := relayTo(t, host.Submission, loggedIn(t, realserver.Sender, smtp.TLSStartTLS, host.CAFile))
			var tr trail
			ctx := tr.watch(within(t))

			none := newPost(lined(size))
			res := none.send(t, ctx, r, envelope("nobody@dest.test", "nemo@dest.test"), delivery.Rejected)
			wantUnknownUser(t, res.Recipients...)

			some := newPost(lined(size))
			rcpts := []string{"nobody@dest.test", everybody()[0], "nemo@dest.test", everybody()[2]}
			res, err := r.Send(ctx, envelope(rcpts...), some.body)
			if failed := new(delivery.SendError); !errors.As(err, &failed) {
				t.Fatalf("error %v, want a *delivery.SendError", err)
			}
			for i, want := range []delivery.Outcome{delivery.Rejected, delivery.Accepted, delivery.Rejected, delivery.Accepted} {
				if got := res.Recipients[i]; got.Outcome != want || got.Address != rcpts[i] {
					t.Errorf("%s: %v, want %s: %v", got.Address, got.Outcome, rcpts[i], want)
				}
			}
			wantUnknownUser(t, res.Recipients[0], res.Recipients[2])
			some.wantAt(t, host.Maildirs(), rcpts[1], rcpts[3])

			all := newPost(lined(size))
			all.send(t, ctx, r, envelope(everybody()...), delivery.Accepted)
			all.wantAt(t, host.Maildirs(), everybody()...)
			if n := tr.count("EHLO "); n != 2 { // before STARTTLS and after it
				t.Errorf("%d EHLO for three messages", n)
			}
			wantNothing(t, host, none.id)
		})
	}
}

func wantUnknownUser(t *testing.T, refused ...delivery.RecipientResult) {
	t.Helper()
	for _, r := range refused {
		if r.Reply == nil || r.Reply.Code != 550 || r.Reply.Enhanced != (delivery.EnhancedCode{5, 1, 1}) {
			t.Errorf("%s: reply %v, want 550 5.1.1", r.Address, r.Reply)
		}
	}
}

// TestRelayBulk sends many messages at a time over few connections, with several
// of them on their way at once. Each arrives once, as it was.
func TestRelayBulk(t *testing.T) {
	t.Parallel()
	host := startedHost(t)
	for _, window := range []int{1, 8} {
		t.Run(fmt.Sprint("window of ", window), func(t *testing.T) {
			t.Parallel()
			r := relayTo(t, host.Submission, func(r *smtp.Relay) {
				loggedIn(t, realserver.Sender, smtp.TLSStartTLS, host.CAFile)(r)
				r.Pool = smtp.Pool{MaxConns: 2, Window: window}
			})
			ctx, rcpt := within(t), everybody()[1]
			posts := make([]post, 60)
			var sending sync.WaitGroup
			for i := range posts {
				posts[i] = newPost(lined(100 + 1500*i))
				sending.Go(func() {
					if res, err := r.Send(ctx, envelope(rcpt), posts[i].body); err != nil {
						t.Errorf("message %d: %v", i, res.Recipients[0].Err)
					}
				})
			}
			sending.Wait()
			if t.Failed() {
				return
			}
			must(t, host.Drain(ctx))
			for _, p := range posts {
				p.wantAt(t, host.Maildirs(), rcpt)
			}
		})
	}
}
