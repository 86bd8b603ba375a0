package smtp_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/qdmail/qdmail/delivery"
	"github.com/qdmail/qdmail/internal/testsmtp"
	"github.com/qdmail/qdmail/smtp"
)

// tokens is a source of these tokens, one after the other.
func tokens(list ...string) smtp.TokenSource {
	return func(context.Context, string) (string, error) {
		token := list[0]
		if len(list) > 1 {
			list = list[1:]
		}
		return token, nil
	}
}

func TestTokenSource(t *testing.T) {
	const both, x = "OAUTHBEARER XOAUTH2", "XOAUTH2"
	for _, tt := range []struct {
		name    string
		offered string
		user    string
		tokens  []string
		asked   string // what the source was told
		said    string // mechanisms in the order of trying
		want    error
	}{
		{"good", both, "user", []string{"good"}, `""`, "OAUTHBEARER", nil},
		{"XOAUTH2", x, "user", []string{"good"}, `""`, "XOAUTH2", nil},
		{"beside PLAIN", "PLAIN SCRAM-SHA-256 " + x, "user", []string{"good"}, `""`, "XOAUTH2", nil},
		{"second token", both, "user", []string{"stale", "good"}, `"" "stale"`, "OAUTHBEARER OAUTHBEARER", nil},
		{"second token, XOAUTH2", x, "user", []string{"stale", "good"}, `"" "stale"`, "XOAUTH2 XOAUTH2", nil},
		{"two stale ones", both, "user", []string{"stale", "older", "good"}, `"" "stale"`, "OAUTHBEARER OAUTHBEARER", delivery.ErrAuthFailed},
		{"the same again", both, "user", []string{"stale"}, `"" "stale"`, "OAUTHBEARER", delivery.ErrAuthFailed},
		{"nothing for tokens", "PLAIN", "user", []string{"good"}, ``, "", delivery.ErrAuthUnavailable},
		{"XOAUTH2 without a user", x, "", []string{"good"}, ``, "", delivery.ErrAuthUnavailable},
	} {
		t.Run(tt.name, func(t *testing.T) {
			srv := &testsmtp.Server{Users: map[string]string{"user": "good"}, Mechanisms: strings.Fields(tt.offered)}
			defer srv.Close()
			var asked []string
			next := tokens(tt.tokens...)
			source := func(ctx context.Context, refused string) (string, error) {
				asked = append(asked, fmt.Sprintf("%q", refused))
				return next(ctx, refused)
			}
			err := enter(t, srv.Dial, smtp.Config{Username: tt.user, TokenSource: source})
			if !errors.Is(err, tt.want) || (err == nil) != (tt.want == nil) {
				t.Errorf("%v, want %v", err, tt.want)
			}
			if got := strings.Join(asked, " "); got != tt.asked {
				t.Errorf("asked for %s, want %s", got, tt.asked)
			}
			var said []string
			for line := range strings.Lines(srv.Transcript()) {
				if _, rest, ok := strings.Cut(line, "C: AUTH "); ok {
					said = append(said, strings.Fields(rest)[0])
				}
			}
			if got := strings.Join(said, " "); got != tt.said || len(srv.Violations()) > 0 {
				t.Errorf("tried %s, want %s; violations %q", got, tt.said, srv.Violations())
			}
		})
	}
}

// OAUTHBEARER can do without a user name: the token says who it is.
func TestTokenWithoutUser(t *testing.T) {
	p := plays(t, offering("AUTH OAUTHBEARER XOAUTH2")+`
		C: AUTH OAUTHBEARER `+b64("n,,\x01host=localhost\x01port=25\x01auth=Bearer tok\x01\x01")+`
		S: 235 welcome
	`+leaving)
	if err := enter(t, p.Dial, smtp.Config{TokenSource: tokens("tok")}); err != nil {
		t.Error(err)
	}
	p.done()
}

// The conversation about a refused token, word for word, and without the token.
func TestTokenRefused(t *testing.T) {
	xoauth := func(token string) string { return b64("user=user\x01auth=Bearer " + token + "\x01\x01") }
	refused := offering("AUTH XOAUTH2") + `
		C: AUTH XOAUTH2 ` + xoauth("stale-token") + `
		S: 334 eyJzdGF0dXMiOiI0MDEiLCJzY2hlbWVzIjoiQmVhcmVyIn0=
		C:` + " " + `
		S: 535-5.7.8 stale-token is no good, nor is ` + xoauth("stale-token") + `
		S: 535 5.7.8 see elsewhere
	`
	again := "C: AUTH XOAUTH2 " + xoauth("fresh-token") + "\n"
	for name, tt := range map[string]struct {
		script  string
		outcome delivery.Outcome
		code    int
		temp    bool
		text    string
	}{
		"the second too":     {refused + again + "S: 535 5.7.8 fresh-token\nC: QUIT", delivery.NotSent, 535, false, ""},
		"closed":             {refused + "-- close", delivery.Deferred, 0, true, "first was refused"},
		"closed after":       {refused + again + "-- close", delivery.Deferred, 0, true, "first was refused"},
		"421":                {refused + again + "S: 421 4.7.0 too many errors", delivery.Deferred, 421, true, "first was refused"},
		"one at a time":      {refused + again + "S: 454 4.7.0 fresh-token\nC: QUIT", delivery.Deferred, 454, true, "first was refused"},
		"no more mechanisms": {refused + again + "S: 503 5.5.1 no\nC: QUIT", delivery.NotSent, 503, false, ""},
		"an error, then success": {offering("AUTH XOAUTH2") + `
			C: AUTH XOAUTH2 ` + xoauth("stale-token") + `
			S: 334 e30=
			C:` + " " + `
			S: 235 welcome
		`, delivery.Deferred, 235, true, "success before the end"},
		"an endless error": {offering("AUTH XOAUTH2") + `
			C: AUTH XOAUTH2 ` + xoauth("stale-token") + `
			S: 334 e30=
			C:` + " " + `
			S: 334 e30=
			C: *
			S: 501 ok
			C: QUIT
		`, delivery.Deferred, 0, true, ""},
	} {
		t.Run(name, func(t *testing.T) {
			p := plays(t, tt.script)
			r := local(p.Dial)
			r.Username, r.TokenSource = "user", tokens("stale-token", "fresh-token")
			var told strings.Builder
			ctx := delivery.WithHooks(t.Context(), &delivery.Hooks{
				Command: func(_ context.Context, line string) { fmt.Fprintln(&told, line) },
				Reply:   func(_ context.Context, r *delivery.Reply) { fmt.Fprintln(&told, r) },
			})
			rcpt := converseCtx(t, ctx, r, from("b@y.test"), hello).Recipients[0]
			p.done()
			e := rcpt.Err.(*delivery.Error)
			if rcpt.Outcome != tt.outcome || e.Phase != delivery.PhaseAUTH || e.Temporary() != tt.temp || !strings.Contains(e.Error(), tt.text) {
				t.Errorf("%v, %v", rcpt.Outcome, e)
			}
			if e.Reply == nil && tt.code != 0 || e.Reply != nil && e.Reply.Code != tt.code {
				t.Errorf("the reply is %v", e.Reply)
			}
			for _, secret := range []string{"-token", b64("user=user\x01auth=Bearer")[:20]} {
				if strings.Contains(told.String(), secret) || strings.Contains(e.Error(), secret) {
					t.Errorf("a token is told:\n%s%v", told.String(), e)
				}
			}
		})
	}
}

// flaky is an error of somebody's source.
type flaky bool

func (f flaky) Error() string   { return "no token today" }
func (f flaky) Temporary() bool { return bool(f) }

func TestTokenSourceFails(t *testing.T) {
	for name, tt := range map[string]struct {
		token string
		err   error
		temp  bool
	}{
		"for a while":   {"", flaky(true), true},
		"for good":      {"", flaky(false), false},
		"doesn't say":   {"", errors.New("hm"), true},
		"the network":   {"", &net.OpError{Op: "dial", Err: errors.New("refused")}, true},
		"its own time":  {"", fmt.Errorf("endpoint: %w", context.DeadlineExceeded), true},
		"its own mind":  {"", fmt.Errorf("endpoint: %w", context.Canceled), true},
		"empty":         {"", nil, true},
		"two lines":     {"secret-a\nsecret-b", nil, true},
		"a space":       {"secret-a secret-b", nil, true},
		"the separator": {"secret-a\x01host=evil", nil, true},
		"not ASCII":     {"secret-é", nil, true},
	} {
		for _, first := range []string{"", "stale"} { // the second call fails, or the first
			srv := &testsmtp.Server{Users: map[string]string{"user": "good"}, Mechanisms: []string{"XOAUTH2"}}
			r := local(srv.Dial)
			r.Username, r.TokenSource = "user", func(_ context.Context, refused string) (string, error) {
				if first != "" && refused == "" {
					return first, nil
				}
				return tt.token, tt.err
			}
			rcpt := converse(t, r, from("b@y.test"), hello).Recipients[0]
			e, ok := errors.AsType[*smtp.TokenError](rcpt.Err)
			if !ok || rcpt.Outcome != delivery.NotSent || e.Temporary() != tt.temp || tt.err != nil && !strings.HasPrefix(e.Err.Error(), tt.err.Error()) {
				t.Fatalf("%s: %v, %v", name, rcpt.Outcome, rcpt.Err)
			}
			if errors.Is(rcpt.Err, context.Canceled) || errors.Is(rcpt.Err, context.DeadlineExceeded) || strings.Contains(rcpt.Err.Error(), "secret") {
				t.Errorf("%s: %v", name, rcpt.Err)
			}
			failure := rcpt.Err.(*delivery.Error)
			if refused := errors.Is(failure, delivery.ErrAuthFailed); refused != (first != "") || refused && failure.Reply.Code != 535 {
				t.Errorf("%s: %v", name, rcpt.Err)
			}
			if failure.PathFailure() || strings.Contains(srv.Transcript(), "C: MAIL") {
				t.Errorf("%s: %v\n%s", name, rcpt.Err, srv.Transcript())
			}
			srv.Close()
		}
	}
}

// A source that hangs is given the time of one step, and the context's.
func TestTokenSourceHangs(t *testing.T) {
	for _, tt := range []struct {
		patience time.Duration
		want     error
	}{
		{time.Hour, nil}, {time.Second, context.DeadlineExceeded},
	} {
		synctest.Test(t, func(t *testing.T) {
			srv := &testsmtp.Server{Users: map[string]string{"user": "good"}, Mechanisms: []string{"XOAUTH2"}}
			defer srv.Close()
			ctx, cancel := context.WithTimeout(t.Context(), tt.patience)
			defer cancel()
			start := time.Now()
			err := enterCtx(t, ctx, srv.Dial, smtp.Config{Username: "user", Timeouts: smtp.Timeouts{Auth: time.Minute},
				TokenSource: func(ctx context.Context, _ string) (string, error) {
					<-ctx.Done()
					return "good", ctx.Err()
				}})
			if took := time.Since(start); took != min(tt.patience, time.Minute) {
				t.Errorf("it took %v", took)
			}
			_, ok := errors.AsType[*smtp.TokenError](err)
			if ok != (tt.want == nil) || errors.Is(err, context.DeadlineExceeded) != (tt.want != nil) {
				t.Error(err)
			}
		})
	}
}
