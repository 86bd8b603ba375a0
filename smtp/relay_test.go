package smtp_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/qdmail/qdmail/delivery"
	"github.com/qdmail/qdmail/internal/testsmtp"
	"github.com/qdmail/qdmail/smtp"
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
		if got := outcomes(res); got != "accepted, rejected" || !errors.Is(res.Recipients[1].Err, smtp.ErrDSNUnavailable) {
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

// One refused recipient never stops the others, and 251 and 252 are acceptance.
func TestRecipientsOneByOne(t *testing.T) {
	p := plays(t, opening+`
		C: MAIL FROM:<a@x.test>
		S: 250 ok
		C: RCPT TO:<b@y.test>
		S: 550 5.1.1 no such user
		C: RCPT TO:<c@y.test>
		S: 251 will forward
		C: RCPT TO:<d@y.test>
		S: 451 4.2.1 later
		C: RCPT TO:<e@y.test>
		S: 252 will try
		`+helloData+`
		S: 250 ok
		C: QUIT
	`)
	res := converse(t, local(p.Dial), from("b@y.test", "c@y.test", "d@y.test", "e@y.test"), hello)
	p.done()
	if got := outcomes(res); got != "rejected, accepted, deferred, accepted" {
		t.Fatal(got)
	}
	err := res.Recipients[0].Err.(*delivery.Error)
	if err.Error() != "smtp localhost:25: RCPT <b@y.test>: 550 5.1.1 no such user" || err.Temporary() || err.PathFailure() {
		t.Error(err)
	}
	if err := res.Recipients[2].Err.(*delivery.Error); !err.Temporary() || err.Recipient != "d@y.test" {
		t.Error(err)
	}
}

func TestAllRecipientsRefused(t *testing.T) {
	p := plays(t, opening+`
		C: MAIL FROM:<a@x.test>
		S: 250 ok
		C: RCPT TO:<b@y.test>
		S: 550 no
		C: RCPT TO:<c@y.test>
		S: 450 not now
		C: QUIT
	`)
	res := converse(t, local(p.Dial), from("b@y.test", "c@y.test"), hello)
	p.done()
	if got := outcomes(res); got != "rejected, deferred" {
		t.Error(got)
	}
}

// Each mailbox is named once, and each entry of the envelope has its outcome.
func TestDuplicates(t *testing.T) {
	p := plays(t, opening+`
		C: MAIL FROM:<a@x.test>
		S: 250 ok
		C: RCPT TO:<b@y.test>
		S: 250 ok
		C: RCPT TO:<B@y.test>
		S: 550 case matters here
		`+helloData+`
		S: 250 ok
		C: QUIT
	`)
	var covered []int
	ctx := delivery.WithHooks(t.Context(), &delivery.Hooks{BeforeEnd: func(_ context.Context, rcpts []int) error {
		covered = rcpts
		return nil
	}})
	res := converseCtx(t, ctx, local(p.Dial), from("b@y.test", "B@y.test", "b@Y.TEST", `"b"@y.test`), hello)
	p.done()
	if got := outcomes(res); got != "accepted, rejected, accepted, accepted" {
		t.Error(got)
	}
	if fmt.Sprint(covered) != "[0 2 3]" {
		t.Errorf("BeforeEnd was told %v", covered)
	}
}

// A recipient whose address can't be used costs the others nothing.
func TestInvalidRecipients(t *testing.T) {
	p := plays(t, opening+`
		C: MAIL FROM:<"a b"@x.test>
		S: 250 ok
		C: RCPT TO:<"toni@example.com> ORCPT=admin@admin.com"@example.com>
		S: 250 ok
		C: RCPT TO:<b@xn--r8jz45g.jp>
		S: 250 ok
		`+helloData+`
		S: 250 ok
		C: QUIT
	`)
	env := from(`"toni@example.com> ORCPT=admin@admin.com"@example.com`, "nobody", "x@y.test\r\nDATA", "用@y.test", "@a:b@c", "b@例え.jp", "")
	env.From = "a b@x.test"
	res := converse(t, local(p.Dial), env, hello)
	p.done()
	if got := outcomes(res); got != "accepted, not sent, not sent, not sent, not sent, accepted, not sent" {
		t.Error(got)
	}
	err := res.Recipients[1].Err.(*delivery.Error)
	if err.Phase != delivery.PhasePrepare || err.Recipient != "nobody" || err.Temporary() || err.PathFailure() {
		t.Error(err)
	}
}

// What is wrong from the outset makes no connection.
func TestNothingIsDialled(t *testing.T) {
	noDial := func(context.Context, string, string) (net.Conn, error) {
		t.Error("a connection was made")
		return nil, io.EOF
	}
	ok := from("b@y.test")
	for name, tt := range map[string]struct {
		env    *delivery.Envelope
		body   delivery.Body
		change func(*smtp.Relay)
	}{
		"no recipients":          {&delivery.Envelope{}, hello, nil},
		"no envelope":            {nil, hello, nil},
		"no usable recipient":    {from("x", "y@"), hello, nil},
		"no body":                {ok, nil, nil},
		"size of the body":       {ok, sized{hello, -1}, nil},
		"sender":                 {&delivery.Envelope{From: "a@x\r\n", Recipients: ok.Recipients}, hello, nil},
		"sender in brackets":     {&delivery.Envelope{From: "<a@x.test>", Recipients: ok.Recipients}, hello, nil},
		"sender not ASCII":       {&delivery.Envelope{From: "用@x.test", Recipients: ok.Recipients}, hello, nil},
		"ENVID":                  {&delivery.Envelope{DSN: delivery.DSN{ENVID: "1\r\n2"}, Recipients: ok.Recipients}, hello, nil},
		"RET":                    {&delivery.Envelope{DSN: delivery.DSN{RET: "X"}, Recipients: ok.Recipients}, hello, nil},
		"NOTIFY":                 {&delivery.Envelope{Recipients: []delivery.Recipient{{Address: "b@y.test", Notify: 99}}}, hello, nil},
		"no address":             {ok, hello, func(r *smtp.Relay) { r.Addr = "" }},
		"address with a scheme":  {ok, hello, func(r *smtp.Relay) { r.Addr = "ssl://mx.test" }},
		"address with CRLF":      {ok, hello, func(r *smtp.Relay) { r.Addr = "h:25 HTTP/1.1\r\nX: y" }},
		"host with CRLF":         {ok, hello, func(r *smtp.Relay) { r.Addr = "h\r\nX:25" }},
		"named port":             {ok, hello, func(r *smtp.Relay) { r.Addr = "mx.test:smtp" }},
		"port 0":                 {ok, hello, func(r *smtp.Relay) { r.Addr = "mx.test:0" }},
		"port too high":          {ok, hello, func(r *smtp.Relay) { r.Addr = "mx.test:65536" }},
		"no host":                {ok, hello, func(r *smtp.Relay) { r.Addr = ":25" }},
		"EHLO name with CRLF":    {ok, hello, func(r *smtp.Relay) { r.LocalName = "x\r\nMAIL FROM:<a@b>" }},
		"EHLO name with a space": {ok, hello, func(r *smtp.Relay) { r.LocalName = "x y" }},
		"TLS mode":               {ok, hello, func(r *smtp.Relay) { r.TLS = 99 }},
		"mechanism":              {ok, hello, func(r *smtp.Relay) { r.Mechanisms = []string{"PLAIN", "ROT13"} }},
		"NUL in the user":        {ok, hello, func(r *smtp.Relay) { r.Username, r.Password = "a\x00b", "hunter2" }},
		"NUL in the password":    {ok, hello, func(r *smtp.Relay) { r.Username, r.Password = "u", "hunter2\x00" }},
		"password without user":  {ok, hello, func(r *smtp.Relay) { r.Password = "hunter2" }},
	} {
		t.Run(name, func(t *testing.T) {
			r := local(noDial)
			if tt.change != nil {
				tt.change(r)
			}
			res, err := r.Send(t.Context(), tt.env, tt.body)
			if err == nil || res == nil {
				t.Fatalf("%v, %v", res, err)
			}
			for _, rcpt := range res.Recipients {
				e, ok := rcpt.Err.(*delivery.Error)
				if rcpt.Outcome != delivery.NotSent || !ok || e.Phase != delivery.PhasePrepare || e.Host != "" {
					t.Errorf("%v: %v", rcpt.Outcome, rcpt.Err)
				}
			}
			if strings.Contains(err.Error(), "hunter2") {
				t.Errorf("the error tells the password: %v", err)
			}
		})
	}
}

// sized says another size than its body has.
type sized struct {
	delivery.Body
	size int64
}

func (s sized) Size() int64 { return s.size }

func TestAddresses(t *testing.T) {
	for _, tt := range []struct {
		addr string
		mode smtp.TLSMode
		want string
	}{
		{"mx.test", smtp.TLSDefault, "mx.test:587"},
		{"mx.test", smtp.TLSImplicit, "mx.test:465"},
		{"mx.test:2525", smtp.TLSImplicit, "mx.test:2525"},
		{"192.0.2.1", smtp.TLSStartTLS, "192.0.2.1:587"},
		{"::1", smtp.TLSDefault, "[::1]:587"},
		{"[2001:db8::1]:25", smtp.TLSDefault, "[2001:db8::1]:25"},
		{"例え.テスト:25", smtp.TLSDefault, "xn--r8jz45g.xn--zckzah:25"},
		{"mx.test.:25", smtp.TLSDefault, "mx.test.:25"},
	} {
		var got string
		r := &smtp.Relay{Addr: tt.addr, TLS: tt.mode, Dial: func(_ context.Context, network, addr string) (net.Conn, error) {
			got = network + " " + addr
			return nil, io.ErrClosedPipe
		}}
		res := converse(t, r, from("b@y.test"), hello)
		if got != "tcp "+tt.want {
			t.Errorf("%s: dialled %s", tt.addr, got)
		}
		rcpt := res.Recipients[0]
		if e := rcpt.Err.(*delivery.Error); rcpt.Outcome != delivery.Deferred || e.Phase != delivery.PhaseDial || e.Host != tt.want || !e.PathFailure() {
			t.Errorf("%v, %v", rcpt.Outcome, e)
		}
	}
}

func TestDialFailures(t *testing.T) {
	cancelled, cancel := context.WithCancelCause(t.Context())
	why := errors.New("the user went away")
	cancel(why)
	for name, tt := range map[string]struct {
		ctx     context.Context
		err     error
		outcome delivery.Outcome
		phase   delivery.Phase
		path    bool
	}{
		"refused":            {t.Context(), &net.OpError{Op: "dial", Err: os.ErrPermission}, delivery.Deferred, delivery.PhaseDial, true},
		"no such host":       {t.Context(), &net.OpError{Op: "dial", Err: &net.DNSError{Err: "no such host"}}, delivery.Deferred, delivery.PhaseResolve, true},
		"the dialler's time": {t.Context(), context.DeadlineExceeded, delivery.Deferred, delivery.PhaseDial, true},
		"neither":            {t.Context(), nil, delivery.Deferred, delivery.PhaseDial, true},
		"cancelled":          {cancelled, context.Canceled, delivery.NotSent, delivery.PhaseDial, false},
	} {
		r := local(func(context.Context, string, string) (net.Conn, error) { return nil, tt.err })
		rcpt := converseCtx(t, tt.ctx, r, from("b@y.test"), hello).Recipients[0]
		e := rcpt.Err.(*delivery.Error)
		if rcpt.Outcome != tt.outcome || e.Phase != tt.phase || e.PathFailure() != tt.path {
			t.Errorf("%s: %v, %v", name, rcpt.Outcome, e)
		}
		if name == "cancelled" && (!errors.Is(e, context.Canceled) || !errors.Is(e, why)) {
			t.Errorf("the cause isn't told: %v", e)
		}
	}
}

func TestHELO(t *testing.T) {
	for _, code := range []string{"500", "501", "502", "503", "504", "550"} {
		p := plays(t, `
			S: 220 mx.test
			C: EHLO client.test
			S: `+code+` what
			C: HELO client.test
			S: 250 mx.test
			C: MAIL FROM:<a@x.test>
			S: 250 ok
			C: RCPT TO:<b@y.test>
			S: 250 ok
			`+helloData+`
			S: 250 ok
			C: QUIT
		`)
		if got := outcomes(converse(t, local(p.Dial), from("b@y.test"), hello)); got != "accepted" {
			t.Errorf("%s: %s", code, got)
		}
		p.done()
	}
}

// A reply that nobody asked for can't be taken for the answer to what is asked
// next.
func TestUnaskedReplies(t *testing.T) {
	for name, script := range map[string]string{
		"greeting": `S! "220 mx.test\r\n250 mx.test\r\n"`,
		"EHLO": `
			S: 220 mx.test
			C: EHLO client.test
			S! "250 mx.test\r\n250 ok\r\n"
		`,
		"MAIL": opening + `
			C: MAIL FROM:<a@x.test>
			S! "250 ok\r\n250 ok\r\n"
		`,
		"RCPT": opening + `
			C: MAIL FROM:<a@x.test>
			S: 250 ok
			C: RCPT TO:<b@y.test>
			S! "250 ok\r\n354 go ahead\r\n"
		`,
		"RCPT, then farewell": opening + `
			C: MAIL FROM:<a@x.test>
			S: 250 ok
			C: RCPT TO:<b@y.test>
			S! "250 ok\r\n421 too many errors\r\n"
		`,
		"DATA": opening + `
			C: MAIL FROM:<a@x.test>
			S: 250 ok
			C: RCPT TO:<b@y.test>
			S: 250 ok
			C: DATA
			S! "354 go ahead\r\n250 queued\r\n"
			C: Subject: hello
			C:
			C: Hello.
		`,
	} {
		p := plays(t, script)
		rcpt := converse(t, local(p.Dial), from("b@y.test"), hello).Recipients[0]
		p.done()
		farewell := strings.Contains(script, "421")
		if rcpt.Outcome != delivery.Deferred || errors.Is(rcpt.Err, delivery.ErrProtocol) == farewell || farewell && rcpt.Reply.Code != 421 {
			t.Errorf("%s: %v, %v", name, rcpt.Outcome, rcpt.Err)
		}
	}
}

// An address that isn't ASCII goes to a server that takes it.
func TestInternationalAddresses(t *testing.T) {
	srv := &testsmtp.Server{}
	defer srv.Close()
	env := from("用户@例え.テスト", "a\u760d\u760ab@y.test", "postmaster@例え.テスト")
	env.From, env.SMTPUTF8 = "\u010d\u010a@x.test", true
	if got := outcomes(converse(t, local(srv.Dial), env, delivery.BytesBody("Subject: 件名\r\n\r\n"))); got != "accepted, accepted, accepted" {
		t.Errorf("%s\n%s", got, srv.Transcript())
	}
	m := srv.Messages()[0]
	if m.From != env.From || m.Recipients[0].Address != "用户@xn--r8jz45g.xn--zckzah" || m.Recipients[1].Address != env.Recipients[1].Address {
		t.Errorf("%+v", m)
	}
	if v := srv.Violations(); len(v) > 0 {
		t.Errorf("violations: %q", v)
	}
}

// HELO isn't tried where it would lead nowhere, or after another refusal.
func TestNoHELO(t *testing.T) {
	const refusal = `
		S: 220 mx.test
		C: EHLO client.test
		S: %s what
		C: QUIT
	`
	for name, tt := range map[string]struct {
		code  string
		relay func(*smtp.Relay)
		env   func(*delivery.Envelope)
	}{
		"TLS":      {"502", func(r *smtp.Relay) { r.Addr = "mx.test" }, nil},
		"STARTTLS": {"502", func(r *smtp.Relay) { r.TLS = smtp.TLSStartTLS }, nil},
		"AUTH":     {"502", func(r *smtp.Relay) { r.Username = "u" }, nil},
		"SMTPUTF8": {"502", nil, func(e *delivery.Envelope) { e.SMTPUTF8 = true }},
		"8BITMIME": {"502", nil, func(e *delivery.Envelope) { e.EightBit = true }},
		"554":      {"554", nil, nil},
		"450":      {"450", nil, nil},
	} {
		t.Run(name, func(t *testing.T) {
			p := plays(t, fmt.Sprintf(refusal, tt.code))
			r, env := local(p.Dial), from("b@y.test")
			if tt.relay != nil {
				tt.relay(r)
			}
			if tt.env != nil {
				tt.env(env)
			}
			rcpt := converse(t, r, env, hello).Recipients[0]
			p.done()
			e := rcpt.Err.(*delivery.Error)
			if rcpt.Outcome != delivery.Deferred || e.Phase != delivery.PhaseEHLO || !e.PathFailure() {
				t.Errorf("%v, %v", rcpt.Outcome, e)
			}
		})
	}
}

// EHLO names this machine, never the server.
func TestLocalName(t *testing.T) {
	srv := &testsmtp.Server{}
	addr, err := srv.Listen()
	if err != nil {
		t.Fatal(err)
	}
	defer srv.Close()
	for _, name := range []string{"", "mail.example.com", "[192.0.2.7]", "例え.テスト"} {
		r := &smtp.Relay{Addr: addr, LocalName: name}
		if got := outcomes(converse(t, r, from("b@y.test"), hello)); got != "accepted" {
			t.Fatal(got)
		}
	}
	want := "[127.0.0.1]"
	if name, err := os.Hostname(); err == nil && strings.Contains(name, ".") {
		want = name
	}
	for i, want := range []string{want, "mail.example.com", "[192.0.2.7]", "xn--r8jz45g.xn--zckzah"} {
		if got := srv.Connections()[i].Hello; got != want {
			t.Errorf("EHLO %s, not %s", got, want)
		}
	}
}

// A full transaction is followed by another one for those who were left over.
func TestTooManyRecipients(t *testing.T) {
	const limit = `
		C: MAIL FROM:<a@x.test>
		S: 250 ok
		C: RCPT TO:<b@y.test>
		S: 250 ok
		C: RCPT TO:<c@y.test>
		S: 452 4.5.3 too many recipients
		C: RCPT TO:<d@y.test>
		S: 452 too many recipients
		` + helloData
	env := from("b@y.test", "c@y.test", "d@y.test")
	t.Run("more room", func(t *testing.T) {
		p := plays(t, opening+limit+`
			S: 250 first
			C: MAIL FROM:<a@x.test>
			S: 250 ok
			C: RCPT TO:<c@y.test>
			S: 250 ok
			C: RCPT TO:<d@y.test>
			S: 452 4.2.2 mailbox full
			`+helloData+`
			S: 250 second
			C: QUIT
		`)
		var covered []string
		ctx := delivery.WithHooks(t.Context(), &delivery.Hooks{BeforeEnd: func(_ context.Context, rcpts []int) error {
			covered = append(covered, fmt.Sprint(rcpts))
			return nil
		}})
		res := converseCtx(t, ctx, local(p.Dial), env, hello)
		p.done()
		if got := outcomes(res); got != "accepted, accepted, deferred" {
			t.Error(got)
		}
		if res.Recipients[1].Reply.Text != "second" || res.Recipients[2].Reply.Text != "mailbox full" {
			t.Errorf("%v, %v", res.Recipients[1].Reply, res.Recipients[2].Reply)
		}
		if fmt.Sprint(covered) != "[[0] [1]]" {
			t.Errorf("BeforeEnd was told %v", covered)
		}
	})
	t.Run("no more room", func(t *testing.T) {
		p := plays(t, opening+limit+`
			S: 250 first
			C: MAIL FROM:<a@x.test>
			S: 250 ok
			C: RCPT TO:<c@y.test>
			S: 452 disk full
			C: RCPT TO:<d@y.test>
			S: 452 disk full
			C: QUIT
		`)
		res := converse(t, local(p.Dial), env, hello)
		p.done()
		if got := outcomes(res); got != "accepted, deferred, deferred" {
			t.Error(got)
		}
	})
	t.Run("the message is refused", func(t *testing.T) {
		p := plays(t, opening+limit+`
			S: 554 spam
			C: QUIT
		`)
		res := converse(t, local(p.Dial), env, hello)
		p.done()
		if got := outcomes(res); got != "rejected, deferred, deferred" {
			t.Error(got)
		}
	})
	t.Run("the connection is lost", func(t *testing.T) {
		p := plays(t, opening+limit+`
			S: 250 first
			C: MAIL FROM:<a@x.test>
			-- close
		`)
		res := converse(t, local(p.Dial), env, hello)
		p.done()
		if got := outcomes(res); got != "accepted, deferred, deferred" || res.Recipients[1].Reply.Code != 452 {
			t.Errorf("%s, %v", got, res.Recipients[1].Err)
		}
	})
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
