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

// long is a message that doesn't fit into the buffers of a connection.
var long = delivery.BytesBody(strings.Repeat(strings.Repeat("x", 70)+"\r\n", 4000))

// step is a row of the fault matrix: a phase, and what the two recipients who
// aren't refused become for each fault there.
type step struct {
	phase testsmtp.Phase
	n     int // the how manieth event of the phase
	after int64
	want  map[string]string
}

// faults are the columns.
var faults = map[string]testsmtp.Fault{
	"4xx":          {Reply: "451 4.3.0 not now"},
	"421":          {Reply: "421 4.3.2 shutting down", Close: true},
	"5xx":          {Reply: "554 5.7.1 no"},
	"close":        {Close: true},
	"reset":        {Reset: true},
	"silent":       {Silent: true},
	"stop reading": {StopReading: true},
	"drip":         {Drip: time.Minute},
	"garbage":      {Raw: "SSH-2.0-OpenSSH_9.2\r\n"},
	"1xx":          {Reply: "150 wait"},
	"3xx":          {Reply: "399 more"},
	"overlong":     {Endless: "2"},
	"endless":      {Endless: "250-x\r\n"},
	"mixed":        {Raw: "250-a\r\n550 b\r\n"},
	"cut line":     {Raw: "250 ok", Close: true},
	"cut 250":      {Raw: "250-ok\r\n", Close: true},
	"cut 550":      {Raw: "550-no\r\n", Close: true},
	"stall in 250": {Raw: "250-ok\r\n", Silent: true},
}

// with returns a row that is everywhere path, but for these.
func with(path string, other map[string]string) map[string]string {
	row := map[string]string{}
	for name := range faults {
		row[name] = path
	}
	for name, want := range other {
		if _, ok := faults[name]; !ok {
			panic(name)
		}
		row[name] = want
	}
	return row
}

var steps = []step{
	{phase: testsmtp.Greeting, want: with("deferred", nil)},
	{phase: testsmtp.EHLO, want: with("deferred", nil)},
	{phase: testsmtp.MAIL, want: with("deferred", map[string]string{"5xx": "rejected"})},
	{phase: testsmtp.RCPT, n: 1, want: with("deferred", map[string]string{"4xx": "deferred accepted", "5xx": "rejected accepted"})},
	{phase: testsmtp.RCPT, n: 2, want: with("deferred", map[string]string{"4xx": "accepted deferred", "5xx": "accepted rejected"})},
	{phase: testsmtp.DATA, want: with("deferred", map[string]string{"5xx": "rejected"})},
	// A server that reads on without a word gets the dot, and then it is unknown.
	{phase: testsmtp.Body, want: with("deferred", map[string]string{"5xx": "rejected", "silent": "unknown", "drip": "deferred"})},
	{phase: testsmtp.Body, after: 100_000, want: with("deferred", map[string]string{"5xx": "rejected", "silent": "unknown", "drip": "deferred"})},
	{phase: testsmtp.End, want: with("unknown", map[string]string{
		"4xx": "deferred", "421": "deferred", "5xx": "rejected", "cut 250": "accepted", "cut 550": "rejected",
	})},
	{phase: testsmtp.QUIT, want: with("accepted", nil)},
}

// TestFaultMatrix lets a server fail in each way at each step, in clear and in
// TLS. The first of three recipients is always refused, and stays so once it was
// asked for.
func TestFaultMatrix(t *testing.T) {
	for _, st := range steps {
		for name, fault := range faults {
			for _, tls := range []bool{false, true} {
				t.Run(fmt.Sprintf("%s %d+%d/%s/TLS %v", st.phase, st.n, st.after, name, tls), func(t *testing.T) {
					synctest.Test(t, func(t *testing.T) { playFault(t, st, name, fault, tls) })
				})
			}
		}
	}
}

func playFault(t *testing.T, st step, name string, fault testsmtp.Fault, tls bool) {
	srv := &testsmtp.Server{Extensions: []string{"SIZE", "ENHANCEDSTATUSCODES"}}
	defer srv.Close()
	r := local(srv.Dial)
	helloN := 0
	if tls {
		srv.TLS = serverTLS()
		r = remote(srv.Dial)
		r.TLSConfig = clientTLS()
		helloN = 1 // the EHLO within TLS
	}
	srv.On = func(e testsmtp.Event) *testsmtp.Fault {
		switch n := st.n; {
		case e.Phase == testsmtp.EHLO && st.phase == e.Phase && e.N == helloN, e.Phase == st.phase && e.N == n && e.Phase != testsmtp.EHLO:
			fault := fault
			fault.After, fault.Continue = st.after, name == "cut 250"
			return &fault
		case e.Phase == testsmtp.RCPT && e.N == 0:
			return &testsmtp.Fault{Reply: "550 5.1.1 no such user"}
		}
		return nil
	}
	begin := time.Now()
	res := converse(t, r, from("x@y.test", "b@y.test", "c@y.test"), long)
	took := time.Since(begin)

	want := strings.Fields(st.want[name])
	if len(want) == 1 {
		want = append(want, want[0])
	}
	first := "rejected"
	switch st.phase {
	case testsmtp.Greeting, testsmtp.EHLO, testsmtp.MAIL:
		first = want[0]
	}
	got := outcomes(res)
	if got != strings.Join([]string{first, want[0], want[1]}, ", ") {
		t.Errorf("%s, not %s\n%v\n%s", got, want, res.Err(), srv.Transcript())
	}
	if max := 40 * time.Minute; took > max {
		t.Errorf("it took %v", took)
	}
	for _, rcpt := range res.Recipients {
		e, _ := rcpt.Err.(*delivery.Error)
		if rcpt.Outcome == delivery.Unknown && (e.Phase != delivery.PhaseEnd || e.PathFailure() || rcpt.Reply != nil && name != "3xx") {
			t.Errorf("unknown: %+v", e)
		}
		if rcpt.Outcome == delivery.Deferred && !e.Temporary() {
			t.Errorf("deferred but not temporary: %v", e)
		}
		if rcpt.Outcome == delivery.Rejected && (e.Temporary() || rcpt.Reply == nil) {
			t.Errorf("rejected: %v", e)
		}
	}
	// What the client believes and what the server has agree.
	messages := srv.Messages()
	if n := res.Count(delivery.Accepted); len(messages) > 0 && n == 0 && name != "drip" || len(messages) == 0 && n > 0 {
		t.Errorf("%d accepted, the server has %d messages", n, len(messages))
	}
	for _, m := range messages {
		if string(m.Data) != string(long) {
			t.Error("the server has another message")
		}
	}
	if v := srv.Violations(); len(v) > 0 {
		t.Errorf("violations: %q", v)
	}
	if n := len(srv.Connections()); n != 1 {
		t.Errorf("%d connections", n)
	}
}

// TestTimeouts looks at the clock: every step has its time, neither more nor
// less, and each octet that drips doesn't renew it.
func TestTimeouts(t *testing.T) {
	for _, tt := range []struct {
		phase testsmtp.Phase
		fault testsmtp.Fault
		queue time.Duration
		web   time.Duration
	}{
		{testsmtp.Greeting, testsmtp.Fault{Silent: true}, 5 * time.Minute, 30 * time.Second},
		{testsmtp.Greeting, testsmtp.Fault{Drip: 20 * time.Second}, 5 * time.Minute, 30 * time.Second},
		{testsmtp.EHLO, testsmtp.Fault{Silent: true}, 5 * time.Minute, 30 * time.Second},
		{testsmtp.STARTTLS, testsmtp.Fault{Silent: true}, 5 * time.Minute, 30 * time.Second},
		{testsmtp.Handshake, testsmtp.Fault{Silent: true}, 5 * time.Minute, 30 * time.Second},
		{testsmtp.AUTH, testsmtp.Fault{Silent: true}, 5 * time.Minute, 30 * time.Second},
		{testsmtp.MAIL, testsmtp.Fault{Silent: true}, 5 * time.Minute, 30 * time.Second},
		{testsmtp.RCPT, testsmtp.Fault{Silent: true}, 5 * time.Minute, 30 * time.Second},
		{testsmtp.RCPT, testsmtp.Fault{Drip: 20 * time.Second}, 5 * time.Minute, 30 * time.Second},
		{testsmtp.DATA, testsmtp.Fault{Silent: true}, 2 * time.Minute, 30 * time.Second},
		{testsmtp.Body, testsmtp.Fault{StopReading: true}, 3*time.Minute + 5*time.Second, 35 * time.Second},
		{testsmtp.End, testsmtp.Fault{Silent: true}, 10 * time.Minute, 2 * time.Minute},
		{testsmtp.End, testsmtp.Fault{Drip: time.Minute}, 10 * time.Minute, 2 * time.Minute},
		{testsmtp.QUIT, testsmtp.Fault{Silent: true}, 0, 0},
	} {
		for _, web := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s/%+v/%v", tt.phase, tt.fault, web), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					srv := &testsmtp.Server{TLS: serverTLS(), Users: map[string]string{"user": "pass"}}
					defer srv.Close()
					srv.On = func(e testsmtp.Event) *testsmtp.Fault {
						if e.Phase == tt.phase {
							return &tt.fault
						}
						return nil
					}
					r := remote(srv.Dial)
					r.TLSConfig, r.Username, r.Password = clientTLS(), "user", "pass"
					want := tt.queue
					if web {
						r.Timeouts, want = smtp.InteractiveTimeouts(), tt.web
					}
					begin := time.Now()
					res := converse(t, r, from("b@y.test"), long)
					if took := time.Since(begin); took.Round(10*time.Millisecond) != want {
						t.Errorf("it took %v, not %v: %v", took, want, res.Err())
					}
				})
			})
		}
	}
}

// A server that takes its time is waited for.
func TestSlowServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := &testsmtp.Server{On: func(e testsmtp.Event) *testsmtp.Fault {
			if e.Phase == testsmtp.End {
				return &testsmtp.Fault{Delay: 8*time.Minute + 59*time.Second}
			}
			return &testsmtp.Fault{Delay: time.Minute}
		}}
		defer srv.Close()
		if got := outcomes(converse(t, local(srv.Dial), from("b@y.test"), hello)); got != "accepted" {
			t.Error(got)
		}
	})
}

// The end of the context interrupts whatever is under way, at once. Before the
// end of data the message isn't sent; after it, nobody knows.
func TestContext(t *testing.T) {
	for _, phase := range []testsmtp.Phase{
		testsmtp.Greeting, testsmtp.EHLO, testsmtp.STARTTLS, testsmtp.Handshake, testsmtp.AUTH, testsmtp.MAIL,
		testsmtp.RCPT, testsmtp.DATA, testsmtp.Body, testsmtp.End,
	} {
		for _, how := range []string{"cancel", "deadline", "cause"} {
			t.Run(string(phase)+"/"+how, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) { playContext(t, phase, how) })
			})
		}
	}
}

func playContext(t *testing.T, phase testsmtp.Phase, how string) {
	srv := &testsmtp.Server{TLS: serverTLS(), Users: map[string]string{"user": "pass"}}
	defer srv.Close()
	srv.On = func(e testsmtp.Event) *testsmtp.Fault {
		if e.Phase != phase {
			return nil
		}
		return &testsmtp.Fault{Silent: phase != testsmtp.Body, StopReading: phase == testsmtp.Body}
	}
	r := remote(srv.Dial)
	r.TLSConfig, r.Username, r.Password = clientTLS(), "user", "pass"
	const after = 7 * time.Second
	why, ctx, want := errors.New("why"), t.Context(), context.Canceled
	switch how {
	case "cancel":
		c, cancel := context.WithCancel(ctx)
		time.AfterFunc(after, cancel)
		ctx = c
	case "deadline":
		c, cancel := context.WithTimeout(ctx, after)
		defer cancel()
		ctx, want = c, context.DeadlineExceeded
	case "cause":
		c, cancel := context.WithCancelCause(ctx)
		time.AfterFunc(after, func() { cancel(why) })
		ctx = c
	}
	begin := time.Now()
	rcpt := converseCtx(t, ctx, r, from("b@y.test"), long).Recipients[0]
	if took := time.Since(begin); took.Round(10*time.Millisecond) != after {
		t.Errorf("it took %v", took)
	}
	outcome := delivery.NotSent
	if phase == testsmtp.End {
		outcome = delivery.Unknown
	}
	if rcpt.Outcome != outcome || !errors.Is(rcpt.Err, want) || errors.Is(rcpt.Err, delivery.ErrTLSFailed) || how == "cause" && !errors.Is(rcpt.Err, why) {
		t.Errorf("%v, %v", rcpt.Outcome, rcpt.Err)
	}
	if e := rcpt.Err.(*delivery.Error); e.PathFailure() || string(e.Phase) != string(phase) && phase != testsmtp.Handshake {
		t.Errorf("%+v", e)
	}
}

// What the server has taken stays taken if the context ends afterwards.
func TestContextAfterTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := &testsmtp.Server{}
		defer srv.Close()
		ctx, cancel := context.WithCancel(t.Context())
		replies := 0
		ctx = delivery.WithHooks(ctx, &delivery.Hooks{Reply: func(context.Context, *delivery.Reply) {
			if replies++; replies == 6 { // the final one
				cancel()
			}
		}})
		if got := outcomes(converseCtx(t, ctx, local(srv.Dial), from("b@y.test"), hello)); got != "accepted" {
			t.Error(got)
		}
	})
}

// A context that ends while nothing is read or written is noticed before the next
// command.
func TestContextBetweenCommands(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := &testsmtp.Server{Extensions: pipelined, On: func(e testsmtp.Event) *testsmtp.Fault {
			if e.Phase == testsmtp.RCPT {
				return &testsmtp.Fault{Silent: true}
			}
			return nil
		}}
		defer srv.Close()
		ctx, cancel := context.WithCancel(t.Context())
		replies := 0
		ctx = delivery.WithHooks(ctx, &delivery.Hooks{Reply: func(context.Context, *delivery.Reply) {
			if replies++; replies == 3 { // to MAIL
				cancel()
				synctest.Wait()
			}
		}})
		begin := time.Now()
		rcpt := converseCtx(t, ctx, local(srv.Dial), from("b@y.test"), hello).Recipients[0]
		if took := time.Since(begin); rcpt.Outcome != delivery.NotSent || !errors.Is(rcpt.Err, context.Canceled) || took > 0 {
			t.Errorf("%v, %v after %v", rcpt.Outcome, rcpt.Err, took)
		}
	})
}

// A context that is over makes no connection that lasts, also with a dialler
// that doesn't care.
func TestContextOverBefore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := &testsmtp.Server{}
		defer srv.Close()
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		r := local(srv.Dial)
		dial := r.Dial
		r.Dial = func(_ context.Context, network, addr string) (net.Conn, error) {
			return dial(context.WithoutCancel(ctx), network, addr)
		}
		rcpt := converseCtx(t, ctx, r, from("b@y.test"), hello).Recipients[0]
		if rcpt.Outcome != delivery.NotSent || !errors.Is(rcpt.Err, context.Canceled) {
			t.Errorf("%v, %v", rcpt.Outcome, rcpt.Err)
		}
	})
}
