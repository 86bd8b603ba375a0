//go:build integration

package integration_test

import (
	"context"
	"crypto/tls"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/qdmail/qdmail/delivery"
	"github.com/qdmail/qdmail/internal/integration/realserver"
	"github.com/qdmail/qdmail/smtp"
)

// logIn hands a small mail to Postfix, which has Dovecot check the credentials
// that fill sets, and returns the mechanisms that were tried on the way.
func logIn(t *testing.T, host *realserver.Host, fill func(r *smtp.Relay)) (tried string, err error) {
	t.Helper()
	var names []string
	connections := 0
	ctx := delivery.WithHooks(within(t), &delivery.Hooks{
		Command: func(_ context.Context, line string) {
			if rest, ok := strings.CutPrefix(line, "AUTH "); ok {
				names = append(names, strings.Fields(rest)[0])
			}
		},
		TLS: func(context.Context, string, string) { connections++ },
	})
	r := relayTo(t, host.Submission, func(r *smtp.Relay) {
		r.TLS, r.TLSConfig = smtp.TLSStartTLS, clientTLS(t, host)
		fill(r)
	})
	env := &delivery.Envelope{
		From:       realserver.Sender.Address,
		Recipients: []delivery.Recipient{{Address: realserver.Recipients[0].Address}},
	}
	_, err = r.Send(ctx, env, delivery.BytesBody("Subject: login\r\n\r\nHello.\r\n"))
	if connections != 1 && !errors.Is(err, delivery.ErrTLSFailed) {
		t.Errorf("%d connections", connections)
	}
	return strings.Join(names, " "), err
}

// TestMechanisms logs in to Postfix by each mechanism that Dovecot has, with
// credentials that are right and with some that aren't.
func TestMechanisms(t *testing.T) {
	host := startedHost(t)
	good, stale := host.Token(realserver.Sender, time.Hour), host.Token(realserver.Sender, -time.Hour)
	forged := good[:len(good)-4] + "AAAA"
	for _, tt := range []struct {
		mechanism   string // that is asked for; none: the best
		used        string
		right       string
		wrong       []string
		unknownUser bool
	}{
		{"", "SCRAM-SHA-256", realserver.Sender.Password, []string{"wrong-secret", ""}, true},
		{"SCRAM-SHA-256", "SCRAM-SHA-256", realserver.Sender.Password, []string{"wrong-secret"}, true},
		{"SCRAM-SHA-1", "SCRAM-SHA-1", realserver.Sender.Password, []string{"wrong-secret"}, true},
		{"PLAIN", "PLAIN", realserver.Sender.Password, []string{"wrong-secret"}, true},
		{"LOGIN", "LOGIN", realserver.Sender.Password, []string{"wrong-secret"}, true},
		{"CRAM-MD5", "CRAM-MD5", realserver.Sender.Password, []string{"wrong-secret"}, true},
		{"OAUTHBEARER", "OAUTHBEARER", good, []string{stale, forged, "no-token"}, false},
		{"XOAUTH2", "XOAUTH2", good, []string{stale, forged, "no-token"}, false},
	} {
		name := tt.mechanism
		if name == "" {
			name = "by default"
		}
		t.Run(name, func(t *testing.T) {
			credentials := func(user, password string) func(r *smtp.Relay) {
				return func(r *smtp.Relay) {
					if r.Username, r.Password = user, password; tt.mechanism != "" {
						r.Mechanisms = []string{tt.mechanism}
					}
				}
			}
			if tried, err := logIn(t, host, credentials(realserver.Sender.Address, tt.right)); err != nil || tried != tt.used {
				t.Errorf("%v, tried %q", err, tried)
			}
			if tt.unknownUser {
				if tried, err := logIn(t, host, credentials("nobody@sender.test", tt.right)); !errors.Is(err, delivery.ErrAuthFailed) || tried != tt.used {
					t.Errorf("unknown user: %v, tried %q", err, tried)
				}
			}
			for _, wrong := range tt.wrong {
				tried, err := logIn(t, host, credentials(realserver.Sender.Address, wrong))
				e, ok := errors.AsType[*delivery.Error](err)
				if !ok || !errors.Is(err, delivery.ErrAuthFailed) || e.Reply == nil || e.Reply.Code != 535 || tried != tt.used {
					t.Errorf("wrong: %v, tried %q", err, tried)
				}
				if err != nil && wrong != "" && strings.Contains(err.Error(), wrong) {
					t.Errorf("the error tells the secret: %v", err)
				}
			}
		})
	}
}

// TestTokenIsRenewed has a token refused by the server and replaced on the same
// connection.
func TestTokenIsRenewed(t *testing.T) {
	host := startedHost(t)
	stale, fresh := host.Token(realserver.Sender, -time.Hour), host.Token(realserver.Sender, time.Hour)
	for _, mechanism := range []string{"OAUTHBEARER", "XOAUTH2"} {
		var refusals []string
		tried, err := logIn(t, host, func(r *smtp.Relay) {
			r.Username, r.Mechanisms = realserver.Sender.Address, []string{mechanism}
			r.TokenSource = func(_ context.Context, refused string) (string, error) {
				refusals = append(refusals, refused)
				if refused == "" {
					return stale, nil
				}
				return fresh, nil
			}
		})
		if err != nil || tried != mechanism+" "+mechanism {
			t.Errorf("%v, tried %q", err, tried)
		}
		if len(refusals) != 2 || refusals[1] != stale {
			t.Errorf("asked for tokens %d times", len(refusals))
		}
	}
}

// TestPinnedServer pins the key of a real server, and resumes a session with it.
func TestPinnedServer(t *testing.T) {
	host := startedHost(t)
	var pin string
	resumed := false
	look := clientTLS(t, host)
	look.VerifyConnection = func(state tls.ConnectionState) error {
		pin, resumed = smtp.PinOf(state.PeerCertificates[0]), state.DidResume
		return nil
	}
	look.ClientSessionCache = tls.NewLRUClientSessionCache(1)
	account := func(r *smtp.Relay) { r.Username, r.Password = realserver.Sender.Address, realserver.Sender.Password }
	if _, err := logIn(t, host, func(r *smtp.Relay) { account(r); r.TLSConfig = look }); err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct {
		fill func(r *smtp.Relay)
		want error
	}{
		"resumed":         {func(r *smtp.Relay) { r.TLSConfig, r.Pins = look, []string{pin} }, nil},
		"the right one":   {func(r *smtp.Relay) { r.Pins = []string{pin} }, nil},
		"a wrong one":     {func(r *smtp.Relay) { r.Pins = []string{"sha256/AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="} }, smtp.ErrPinMismatch},
		"nothing else":    {func(r *smtp.Relay) { r.TLSConfig, r.Pins, r.InsecurePinsOnly = nil, []string{pin}, true }, nil},
		"stranger's root": {func(r *smtp.Relay) { r.TLSConfig, r.Pins = trusting(t, host.StrangerCA), []string{pin} }, delivery.ErrTLSFailed},
	} {
		_, err := logIn(t, host, func(r *smtp.Relay) { account(r); tt.fill(r) })
		if !errors.Is(err, tt.want) || (err == nil) != (tt.want == nil) {
			t.Errorf("%s: %v, want %v", name, err, tt.want)
		}
		if name == "resumed" && !resumed {
			t.Error("the session wasn't resumed")
		}
	}
}
