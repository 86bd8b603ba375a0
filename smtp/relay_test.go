package smtp_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/qdmail/qdmail/delivery"
	"github.com/qdmail/qdmail/internal/testsmtp"
)

func TestSend(t *testing.T) {
	p := plays(t, opening+`
		C: MAIL FROM:<a@x.test>
		S: 250 ok
		C: RCPT TO:<b@y.test>
		S: 250 ok
		`+helloData+`
		S: 250 2.0.0 queued as 4711
		C: QUIT
	`)
	res := converse(t, local(p.Dial), from("b@y.test"), hello)
	p.done()
	r := res.Recipients[0]
	if r.Outcome != delivery.Accepted || r.Reply.String() != "250 2.0.0 queued as 4711" || r.Host != "localhost:25" || r.Dropped != nil {
		t.Errorf("%+v", r)
	}
}

func TestParametersOnlyWhereOffered(t *testing.T) {
	env := from("b@y.test", "c@y.test")
	env.DSN = delivery.DSN{RET: delivery.RETHeaders, ENVID: "id 1"}
	env.Recipients[0].Notify = delivery.NotifySuccess | delivery.NotifyFailure
	env.Recipients[0].ORCPT = "rfc822;b+x@y.test"
	t.Run("all", func(t *testing.T) {
		env.EightBit, env.SMTPUTF8 = true, true
		p := plays(t, `
			S: 220 mx.test
			C: EHLO client.test
			S: 250-mx.test
			S: 250-size 1000
			S: 250-8BITMIME
			S: 250-SmtpUTF8
			S: 250 DSN
			C: MAIL FROM:<a@x.test> SIZE=26 BODY=8BITMIME SMTPUTF8 RET=HDRS ENVID=id+201
			S: 250 ok
			C: RCPT TO:<b@y.test> NOTIFY=SUCCESS,FAILURE ORCPT=rfc822;b+2Bx@y.test
			S: 250 ok
			C: RCPT TO:<c@y.test>
			S: 250 ok
			`+helloData+`
			S: 250 ok
			C: QUIT
		`)
		res := converse(t, local(p.Dial), env, hello)
		p.done()
		if got := outcomes(res); got != "accepted, accepted" || res.Recipients[0].Dropped != nil {
			t.Errorf("%s, %v", got, res.Recipients[0].Dropped)
		}
		env.EightBit, env.SMTPUTF8 = false, false
	})
	t.Run("offered but not needed", func(t *testing.T) {
		p := plays(t, `
			S: 220 mx.test
			C: EHLO client.test
			S: 250-mx.test
			S: 250-SIZE
			S: 250-8BITMIME
			S: 250 SMTPUTF8
			C: MAIL FROM:<> SIZE=26
			S: 250 ok
			C: RCPT TO:<b@y.test>
			S: 250 ok
			`+helloData+`
			S: 250 ok
			C: QUIT
		`)
		converse(t, local(p.Dial), &delivery.Envelope{Recipients: []delivery.Recipient{{Address: "b@y.test"}}}, hello)
		p.done()
	})
	const withoutDSN = opening + `
		C: MAIL FROM:<a@x.test>
		S: 250 ok
		C: RCPT TO:<b@y.test>
		S: 250 ok
		C: RCPT TO:<c@y.test>
		S: 250 ok
		` + helloData + `
		S: 250 ok
		C: QUIT
	`
	t.Run("DSN dropped", func(t *testing.T) {
		p := plays(t, withoutDSN)
		res := converse(t, local(p.Dial), env, hello)
		p.done()
		if got := fmt.Sprint(res.Recipients[0].Dropped, res.Recipients[1].Dropped); got != "[DSN] [DSN]" {
			t.Error(got)
		}
	})
	t.Run("DSN dropped for one", func(t *testing.T) {
		env := from("b@y.test", "c@y.test")
		env.Recipients[1].Notify = delivery.NotifyNever
		p := plays(t, withoutDSN)
		res := converse(t, local(p.Dial), env, hello)
		p.done()
		if got := fmt.Sprint(res.Recipients[0].Dropped, res.Recipients[1].Dropped); got != "[] [DSN]" {
			t.Error(got)
		}
	})
	t.Run("DSN required", func(t *testing.T) {
		env := from("b@y.test", "c@y.test")
		env.Recipients[1].Notify = delivery.NotifySuccess
		p := plays(t, strings.Replace(withoutDSN, "C: RCPT TO:<c@y.test>\n\t\tS: 250 ok", "", 1))
		r := local(p.Dial)
		r.RequireDSN = true
		res := converse(t, r, env, hello)
		p.done()
		if got := outcomes(res); got != "accepted, rejected" || !errors.Is(res.Recipients[1].Err, delivery.ErrDSNRequired) {
			t.Errorf("%s, %v", got, res.Recipients[1].Err)
		}
	})
}

func TestCapabilities(t *testing.T) {
	for name, tt := range map[string]struct {
		change func(*delivery.Envelope)
		ehlo   string
		want   error
	}{
		"no SMTPUTF8": {func(e *delivery.Envelope) { e.SMTPUTF8 = true }, "8BITMIME", delivery.ErrSMTPUTF8Required},
		"no 8BITMIME": {func(e *delivery.Envelope) { e.EightBit = true }, "SMTPUTF8", delivery.Err8BITMIMERequired},
		"too large":   {func(*delivery.Envelope) {}, "SIZE 25", delivery.ErrTooLarge},
	} {
		t.Run(name, func(t *testing.T) {
			env := from("b@y.test")
			tt.change(env)
			p := plays(t, `
				S: 220 mx.test
				C: EHLO client.test
				S: 250-mx.test
				S: 250 `+tt.ehlo+`
				C: QUIT
			`)
			res := converse(t, local(p.Dial), env, hello)
			p.done()
			r := res.Recipients[0]
			if r.Outcome != delivery.Rejected || !errors.Is(r.Err, tt.want) || r.Err.(*delivery.Error).Temporary() {
				t.Errorf("%v, %v", r.Outcome, r.Err)
			}
		})
	}
	for _, size := range []string{"SIZE", "SIZE 0", "SIZE 26", "SIZE x", "SIZE -1", "SIZE 99999999999999999999999"} {
		p := plays(t, `
			S: 220 mx.test
			C: EHLO client.test
			S: 250-mx.test
			S: 250 `+size+`
			C: MAIL FROM:<a@x.test> SIZE=26
			S: 250 ok
			C: RCPT TO:<b@y.test>
			S: 250 ok
			`+helloData+`
			S: 250 ok
			C: QUIT
		`)
		if got := outcomes(converse(t, local(p.Dial), from("b@y.test"), hello)); got != "accepted" {
			t.Errorf("%s: %s", size, got)
		}
		p.done()
	}
}

func TestHooks(t *testing.T) {
	var told []string
	tell := func(format string, args ...any) { told = append(told, fmt.Sprintf(format, args...)) }
	ctx := delivery.WithHooks(t.Context(), &delivery.Hooks{
		BeforeEnd: func(_ context.Context, rcpts []int) error { tell("before the end: %v", rcpts); return nil },
		Command:   func(_ context.Context, line string) { tell("C: %s", line) },
		Reply:     func(_ context.Context, r *delivery.Reply) { tell("S: %d", r.Code) },
		TLS:       func(_ context.Context, version, suite string) { tell("TLS: %s, %v", version, suite != "") },
	})
	srv := &testsmtp.Server{TLS: serverTLS(), Extensions: []string{"SIZE"}, Users: map[string]string{"user": "pass"}}
	defer srv.Close()
	r := remote(srv.Dial)
	r.TLSConfig, r.Username, r.Password = clientTLS(), "user", "pass"
	converseCtx(t, ctx, r, from("b@y.test"), hello)
	want := `
S: 220
C: EHLO client.test
S: 250
C: STARTTLS
S: 220
TLS: TLS 1.3, true
C: EHLO client.test
S: 250
C: AUTH PLAIN ***
S: 235
C: MAIL FROM:<a@x.test> SIZE=26
S: 250
C: RCPT TO:<b@y.test>
S: 250
C: DATA
S: 354
before the end: [0]
S: 250
C: QUIT
`
	if got := "\n" + strings.Join(told, "\n") + "\n"; got != want {
		t.Errorf("got %s\nwant %s", got, want)
	}
}

// One Relay serves many goroutines.
func TestConcurrentUse(t *testing.T) {
	srv := &testsmtp.Server{TLS: serverTLS(), Users: map[string]string{"user": "pass"}, RequireAuth: true}
	defer srv.Close()
	r := remote(srv.Dial)
	r.TLSConfig, r.Username, r.Password = clientTLS(), "user", "pass"
	env := from("b@y.test", "c@y.test")
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			if got := outcomes(converse(t, r, env, hello)); got != "accepted, accepted" {
				t.Error(got)
			}
		})
	}
	wg.Wait()
	if n := len(srv.Messages()); n != 20 {
		t.Errorf("%d messages arrived", n)
	}
	if v := srv.Violations(); len(v) > 0 {
		t.Errorf("violations: %q", v)
	}
	if err := r.Close(); err != nil {
		t.Error(err)
	}
}
