package smtp_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/qdmail/qdmail/delivery"
	"github.com/qdmail/qdmail/internal/testsmtp"
	"github.com/qdmail/qdmail/smtp"
)

// What an envelope wishes, and what MAIL says then, to a server that knows the
// extension and to one that doesn't.
func TestExtensions(t *testing.T) {
	until := time.Date(2030, 1, 2, 3, 4, 5, 0, time.FixedZone("JST", 9*3600))
	for _, tt := range []struct {
		name    string
		wish    func(*delivery.Envelope)
		offer   string
		params  string
		want    error  // without the extension
		dropped string // likewise
	}{
		{"by, notify", func(e *delivery.Envelope) { e.DeliverBy.Within = 2 * time.Minute }, "DELIVERBY", " BY=120;N", nil, "DELIVERBY"},
		{"by, late already", func(e *delivery.Envelope) { e.DeliverBy.Within = -time.Minute }, "DELIVERBY 60", " BY=-60;N", nil, "DELIVERBY"},
		{"by, return and trace", func(e *delivery.Envelope) {
			e.DeliverBy = delivery.DeliverBy{Within: time.Hour, Return: true, Trace: true}
		}, "DELIVERBY", " BY=3600;RT", delivery.ErrDELIVERBYRequired, ""},
		{"priority", func(e *delivery.Envelope) { e.MTPriority = -9 }, "MT-PRIORITY MIXER", " MT-PRIORITY=-9", nil, "MT-PRIORITY"},
		{"hold for", func(e *delivery.Envelope) { e.Hold.For = time.Hour }, "FUTURERELEASE 86400 2031-01-01T00:00:00Z", " HOLDFOR=3600", delivery.ErrFUTURERELEASERequired, ""},
		{"hold until", func(e *delivery.Envelope) { e.Hold.Until = until }, "FUTURERELEASE 86400 2031-01-01T00:00:00Z", " HOLDUNTIL=2030-01-01T18:04:05Z", delivery.ErrFUTURERELEASERequired, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			env := from("b@y.test")
			tt.wish(env)
			p := plays(t, strings.ReplaceAll(opening, "S: 250 mx.test", "S: 250-mx.test\nS: 250 "+tt.offer)+
				strings.Replace(oneMessage, "<a@x.test>", "<a@x.test>"+tt.params, 1)+"\nC: QUIT")
			if rcpt := converse(t, local(p.Dial), env, hello).Recipients[0]; rcpt.Outcome != delivery.Accepted || rcpt.Dropped != nil {
				t.Errorf("%v, %v, dropped %v", rcpt.Outcome, rcpt.Err, rcpt.Dropped)
			}
			p.done()
			if tt.want != nil {
				p = plays(t, opening+"C: QUIT")
			} else {
				p = plays(t, opening+oneMessage+"\nC: QUIT")
			}
			rcpt := converse(t, local(p.Dial), env, hello).Recipients[0]
			if !errors.Is(rcpt.Err, tt.want) || strings.Join(rcpt.Dropped, " ") != tt.dropped {
				t.Errorf("%v, %v, dropped %v", rcpt.Outcome, rcpt.Err, rcpt.Dropped)
			}
			if tt.want != nil && (rcpt.Outcome != delivery.Rejected || rcpt.Err.(*delivery.Error).Temporary()) {
				t.Errorf("%v, %v", rcpt.Outcome, rcpt.Err)
			}
			p.done()
		})
	}
}

// FUTURERELEASE has bounds, and a message that is to be kept longer is refused
// here.
func TestHoldTooLong(t *testing.T) {
	for _, h := range []delivery.Hold{{For: 2 * time.Hour}, {Until: time.Date(2032, 1, 1, 0, 0, 0, 0, time.UTC)}} {
		p := plays(t, strings.ReplaceAll(opening, "S: 250 mx.test", "S: 250-mx.test\nS: 250 FUTURERELEASE 3600 2031-01-01T00:00:00Z")+"C: QUIT")
		env := from("b@y.test")
		env.Hold = h
		if rcpt := converse(t, local(p.Dial), env, hello).Recipients[0]; !errors.Is(rcpt.Err, delivery.ErrFUTURERELEASERequired) {
			t.Errorf("%v, %v", rcpt.Outcome, rcpt.Err)
		}
		p.done()
	}
}

func TestRequireTLS(t *testing.T) {
	for _, tt := range []struct {
		offer string
		tls   smtp.TLSMode
		want  error
	}{
		{"REQUIRETLS", smtp.TLSStartTLS, nil},
		{"NOOP", smtp.TLSStartTLS, delivery.ErrREQUIRETLSRequired},
		{"REQUIRETLS", smtp.InsecureTLSOpportunistic, delivery.ErrREQUIRETLSRequired}, // nobody has verified it
		{"REQUIRETLS", smtp.InsecureTLSNone, delivery.ErrREQUIRETLSRequired},
	} {
		srv := &testsmtp.Server{Extensions: append(inChunks[:len(inChunks):len(inChunks)], tt.offer), TLS: serverTLS()}
		r := remote(srv.Dial)
		r.TLS, r.TLSConfig = tt.tls, clientTLS()
		env := from("b@y.test")
		env.RequireTLS = true
		rcpt := converse(t, r, env, hello).Recipients[0]
		if !errors.Is(rcpt.Err, tt.want) || (tt.want == nil) != (rcpt.Outcome == delivery.Accepted) {
			t.Errorf("%s, %v: %v, %v", tt.offer, tt.tls, rcpt.Outcome, rcpt.Err)
		}
		if tt.want == nil && !strings.Contains(srv.Messages()[0].FromParams, "REQUIRETLS") {
			t.Error(srv.Messages()[0].FromParams)
		}
		srv.Close()
	}
}

func TestExtensionsChecked(t *testing.T) {
	for name, wish := range map[string]func(*delivery.Envelope){
		"half seconds":  func(e *delivery.Envelope) { e.DeliverBy.Within = 1500 * time.Millisecond },
		"return late":   func(e *delivery.Envelope) { e.DeliverBy = delivery.DeliverBy{Within: -time.Hour, Return: true} },
		"trace nothing": func(e *delivery.Envelope) { e.DeliverBy.Trace = true },
		"too late":      func(e *delivery.Envelope) { e.DeliverBy.Within = 1e9 * time.Second },
		"priority":      func(e *delivery.Envelope) { e.MTPriority = 10 },
		"hold twice":    func(e *delivery.Envelope) { e.Hold = delivery.Hold{For: time.Hour, Until: time.Now()} },
		"hold back":     func(e *delivery.Envelope) { e.Hold.For = -time.Hour },
		"hold for ever": func(e *delivery.Envelope) { e.Hold.Until = time.Date(10001, 1, 1, 0, 0, 0, 0, time.UTC) },
	} {
		env := from("b@y.test")
		wish(env)
		if rcpt := converse(t, local(plays(t).Dial), env, hello).Recipients[0]; rcpt.Outcome != delivery.NotSent || rcpt.Err.(*delivery.Error).Phase != delivery.PhasePrepare {
			t.Errorf("%s: %v, %v", name, rcpt.Outcome, rcpt.Err)
		}
	}
}

// A server that promised SIZE or DSN and chokes on their parameters is asked
// again without, once.
func TestParametersRefused(t *testing.T) {
	const hi = `
		S: 220 mx.test ready
		C: EHLO client.test
		S: 250-mx.test
		S: 250-SIZE
		S: 250 DSN
	`
	env := from("b@y.test")
	env.DSN.RET, env.Recipients[0].Notify = delivery.RETFull, delivery.NotifySuccess
	const first = "C: MAIL FROM:<a@x.test> SIZE=26 RET=FULL\n"
	for _, tt := range []struct{ name, script, want, dropped string }{
		{"555", first + "S: 555 what?\nC: RSET\nS: 250 ok" + oneMessage, "accepted", "DSN"},
		{"501", first + "S: 501 what?\nC: RSET\nS: 250 ok" + oneMessage, "accepted", "DSN"},
		{"again", first + "S: 555 what?\nC: RSET\nS: 250 ok\nC: MAIL FROM:<a@x.test>\nS: 555 what?", "rejected", "DSN"},
		{"550", first + "S: 550 no", "rejected", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := plays(t, hi+tt.script+"\nC: QUIT")
			rcpt := converse(t, local(p.Dial), env, hello).Recipients[0]
			if rcpt.Outcome.String() != tt.want || strings.Join(rcpt.Dropped, " ") != tt.dropped {
				t.Errorf("%v, %v, dropped %v", rcpt.Outcome, rcpt.Err, rcpt.Dropped)
			}
			p.done()
		})
	}
	p := plays(t, hi+first+"S: 555 what?\nC: QUIT")
	r := local(p.Dial)
	r.RequireDSN = true
	if got := outcomes(converse(t, r, env, hello)); got != "rejected" {
		t.Error(got)
	}
	p.done()
}

// LIMITS says how many recipients, and how many of their domains, a transaction
// takes (RFC 9422).
func TestLimits(t *testing.T) {
	for _, tt := range []struct {
		limits string
		n      int // transactions
	}{
		{"LIMITS", 1}, {"LIMITS RCPTMAX=x WHAT=3 MAILMAX=", 1}, {"LIMITS RCPTMAX=4", 3}, {"LIMITS RCPTDOMAINMAX=2", 3},
		{"LIMITS RCPTDOMAINMAX=1 RCPTMAX=2", 5}, {"limits rcptmax=100 rcptdomainmax=5", 1},
	} {
		for _, extensions := range [][]string{oneByOne, pipelined, inChunks} {
			srv := &testsmtp.Server{Extensions: append(extensions[:len(extensions):len(extensions)], tt.limits)}
			env := from()
			for i := range 10 {
				env.Recipients = append(env.Recipients, delivery.Recipient{Address: fmt.Sprintf("r%d@y%d.test", i, i%5)})
			}
			res := converse(t, pooled(srv.Dial, 1), env, hello)
			if res.Count(delivery.Accepted) != 10 {
				t.Errorf("%s: %v", tt.limits, res.Err())
			}
			if n := len(srv.Connections()); n != 1 {
				t.Errorf("%s: %d connections", tt.limits, n)
			}
			checkSink(t, srv, tt.n, hello)
			srv.Close()
		}
	}
}

// Recipients who had to wait for another transaction aren't forgotten when the
// connection is lost in this one.
func TestLimitsAndLoss(t *testing.T) {
	for _, phase := range []testsmtp.Phase{testsmtp.MAIL, testsmtp.RCPT, testsmtp.End} {
		srv := &testsmtp.Server{Extensions: append(pipelined[:len(pipelined):len(pipelined)], "LIMITS RCPTMAX=2"), On: func(e testsmtp.Event) *testsmtp.Fault {
			if e.Phase == phase && e.Transaction == 1 {
				return &testsmtp.Fault{Close: true}
			}
			return nil
		}}
		res := converse(t, pooled(srv.Dial, 1), many(6), hello)
		second := map[testsmtp.Phase]string{testsmtp.End: "unknown"}[phase]
		if second == "" {
			second = "deferred"
		}
		want := strings.Join([]string{"accepted", "accepted", second, second, "deferred", "deferred"}, ", ")
		if got := outcomes(res); got != want {
			t.Errorf("%s: %s, %v", phase, got, res.Err())
		}
		srv.Close()
	}
}
