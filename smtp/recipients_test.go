package smtp_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/qdmail/qdmail/delivery"
	"github.com/qdmail/qdmail/internal/testsmtp"
)

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

// A local part with dots where RFC 5321 has none goes quoted, and once as it is
// if that is refused as wrong in syntax.
func TestCarrierAddress(t *testing.T) {
	const mail = "\nC: MAIL FROM:<a@x.test>\nS: 250 ok\n"
	const quoted = "C: RCPT TO:<\"a..b.\"@docomo.ne.jp>\n"
	const raw = "C: RCPT TO:<a..b.@docomo.ne.jp>\n"
	const other = "C: RCPT TO:<c@y.test>\nS: 250 ok\n"
	for _, tt := range []struct{ name, script, want string }{
		{"taken", mail + quoted + "S: 250 ok\n" + other + helloData + "S: 250 ok", "accepted, accepted"},
		{"501", mail + quoted + "S: 501 syntax\n" + other + helloData + "S: 250 ok" + mail + raw + "S: 250 ok\n" + helloData + "S: 250 ok", "accepted, accepted"},
		{"5.1.3", mail + quoted + "S: 550 5.1.3 syntax\n" + other + helloData + "S: 250 ok" + mail + raw + "S: 250 ok\n" + helloData + "S: 250 ok", "accepted, accepted"},
		{"553 twice", mail + quoted + "S: 553 syntax\n" + other + helloData + "S: 250 ok" + mail + raw + "S: 553 no", "rejected, accepted"},
		{"550", mail + quoted + "S: 550 5.1.1 unknown\n" + other + helloData + "S: 250 ok", "rejected, accepted"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := plays(t, opening+tt.script+"\nC: QUIT")
			if got := outcomes(converse(t, local(p.Dial), from("a..b.@docomo.ne.jp", "c@y.test"), hello)); got != tt.want {
				t.Error(got)
			}
			p.done()
		})
	}
	// It makes no difference who has quoted it.
	p := plays(t, opening+mail+"C: RCPT TO:<\"a..b\"@docomo.ne.jp>\nS: 501 syntax\nC: RSET\nS: 250 ok"+mail+"C: RCPT TO:<a..b@docomo.ne.jp>\nS: 501 syntax\nC: QUIT")
	if got := outcomes(converse(t, local(p.Dial), from(`"a..b"@docomo.ne.jp`), hello)); got != "rejected" {
		t.Error(got)
	}
	p.done()
}
