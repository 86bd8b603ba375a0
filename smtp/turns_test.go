package smtp_test

import (
	"context"
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/qdmail/qdmail/delivery"
	"github.com/qdmail/qdmail/internal/testsmtp"
	"github.com/qdmail/qdmail/smtp"
)

// pooled is a Relay that keeps its connections, n at a time.
func pooled(dial func(context.Context, string, string) (net.Conn, error), n int) *smtp.Relay {
	r := local(dial)
	r.Pool = smtp.Pool{MaxConns: n}
	return r
}

// many is an envelope with n recipients.
func many(n int) *delivery.Envelope {
	env := from()
	for i := range n {
		env.Recipients = append(env.Recipients, delivery.Recipient{Address: fmt.Sprintf("r%d@y.test", i)})
	}
	return env
}

// TestTurns counts the turns that a message takes on a connection that is there
// already: the server's count after some messages, less its count after one.
func TestTurns(t *testing.T) {
	big := delivery.BytesBody(strings.Repeat(strings.Repeat("x", 70)+"\r\n", 1000)) // over 64 KiB
	for _, tt := range []struct {
		name       string
		extensions []string
		rcpts      int
		body       delivery.Body
		turns      int
	}{
		{"CHUNKING, 1", inChunks, 1, hello, 1},
		{"CHUNKING, 100", inChunks, 100, hello, 1},
		{"CHUNKING, over 64 KiB", inChunks, 1, big, 2},
		{"PIPELINING, 1", pipelined, 1, hello, 2},
		{"PIPELINING, 100", pipelined, 100, hello, 2},
		{"PIPELINING, over 64 KiB", pipelined, 1, big, 2},
		{"neither, 1", oneByOne, 1, hello, 3 + 1},
		{"neither, 100", oneByOne, 100, hello, 3 + 100},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				srv := &testsmtp.Server{Extensions: tt.extensions}
				defer srv.Close()
				r := pooled(srv.Dial, 1)
				defer r.Close()
				const n = 5
				var first int
				for i := range n {
					if res := converse(t, r, many(tt.rcpts), tt.body); res.Count(delivery.Accepted) != tt.rcpts {
						t.Fatal(res.Err())
					}
					if i == 0 {
						first = srv.Connections()[0].Turns
					}
				}
				conns := srv.Connections()
				if got := conns[0].Turns - first; len(conns) != 1 || got != (n-1)*tt.turns {
					t.Errorf("%d connections, %d turns for %d messages\n%s", len(conns), got, n-1, srv.Transcript())
				}
				checkSink(t, srv, n, tt.body)
			})
		})
	}
}

// checkSink checks that the server has this many messages, all equal to body,
// and had nothing to complain about.
func checkSink(t *testing.T, srv *testsmtp.Server, n int, body delivery.Body) {
	t.Helper()
	got := srv.Messages()
	if len(got) != n {
		t.Errorf("%d messages, not %d", len(got), n)
	}
	for _, m := range got {
		if string(m.Data) != string(body.(delivery.BytesBody)) {
			t.Errorf("%q arrived", m.Data[:min(len(m.Data), 200)])
		}
	}
	if v := srv.Violations(); len(v) > 0 {
		t.Error(v)
	}
}

// TestTurnsWaiting lets messages wait for one connection: the commands of the
// next go out with the end of the one before.
func TestTurnsWaiting(t *testing.T) {
	for _, tt := range []struct {
		name       string
		extensions []string
		turns      int
	}{
		{"CHUNKING", inChunks, 1},
		{"PIPELINING", pipelined, 1},
		{"neither", oneByOne, 4},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				srv := &testsmtp.Server{Extensions: tt.extensions}
				defer srv.Close()
				r := pooled(srv.Dial, 1)
				defer r.Close()
				converse(t, r, from("b@y.test"), hello)
				before := srv.Connections()[0].Turns
				const n = 20
				sendTogether(t, r, n)
				// The first of them has nobody before it.
				most := n*tt.turns + map[bool]int{true: 1}[tt.turns == 1]
				if got := srv.Connections()[0].Turns - before; got > most || len(srv.Connections()) != 1 {
					t.Errorf("%d turns for %d messages\n%s", got, n, srv.Transcript())
				}
				checkSink(t, srv, n+1, hello)
			})
		})
	}
}

// sendTogether sends n messages at the same time, which all must be accepted.
func sendTogether(t *testing.T, r *smtp.Relay, n int) {
	t.Helper()
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() {
			res := converse(t, r, from(fmt.Sprintf("b%d@y.test", i)), hello)
			if res.Count(delivery.Accepted) != 1 {
				t.Error(res.Err())
			}
		})
	}
	wg.Wait()
}

// With a window, several messages are on their way in one turn.
func TestTurnsWindow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := &testsmtp.Server{Extensions: inChunks}
		defer srv.Close()
		r := pooled(srv.Dial, 1)
		r.Pool.Window = 5
		defer r.Close()
		converse(t, r, from("b@y.test"), hello)
		before := srv.Connections()[0].Turns
		const n = 20
		sendTogether(t, r, n)
		if got := srv.Connections()[0].Turns - before; got > n/2 {
			t.Errorf("%d turns for %d messages\n%s", got, n, srv.Transcript())
		}
		checkSink(t, srv, n+1, hello)
	})
}

// The server's answers to a group, in the ways in which parts of it can be
// refused.
func TestGroupRefused(t *testing.T) {
	const greeting = `
		S: 220 mx.test ready
		C: EHLO client.test
	`
	const data = greeting + `
		S: 250-mx.test
		S: 250 PIPELINING
		C: MAIL FROM:<a@x.test>
		C: RCPT TO:<b@y.test>
		C: RCPT TO:<c@y.test>
		C: DATA
	`
	const chunking = greeting + `
		S: 250-mx.test
		S: 250-PIPELINING
		S: 250 CHUNKING
	`
	const bdat = chunking + `
		C: MAIL FROM:<a@x.test>
		C: RCPT TO:<b@y.test>
		C! "BDAT 1\r\nS"
		S: 250 ok
		S: 250 ok
		S: 250 1 octet
		C! "BDAT 25 LAST\r\nubject: hello\r\n\r\nHello.\r\n"
		S: 250 queued
		C: MAIL FROM:<a@x.test>
		C: RCPT TO:<b@y.test>
		C: RCPT TO:<c@y.test>
		C: BDAT 26 LAST
		C: Subject: hello
		C:
		C: Hello.
	`
	const ahead = chunking + `
		C: MAIL FROM:<a@x.test>
		C: RCPT TO:<b@y.test>
		C: RCPT TO:<c@y.test>
		C! "BDAT 1\r\nS"
	`
	const rest = `
		C! "BDAT 25 LAST\r\nubject: hello\r\n\r\nHello.\r\n"
	`
	const body = `
		C: Subject: hello
		C:
		C: Hello.
		C: .
		S: 250 queued
	`
	const quit = "\nC: QUIT"
	for _, tt := range []struct{ name, script, want string }{
		{"nobody: a lone dot", data + "S: 250 ok\nS: 550 no\nS: 550 no\nS: 354 go ahead\nC: .\nS: 554 no valid recipients" + quit, "rejected, rejected"},
		{"nobody, DATA too", data + "S: 250 ok\nS: 550 no\nS: 451 later\nS: 503 no recipients" + quit, "rejected, deferred"},
		{"one", data + "S: 250 ok\nS: 550 no\nS: 251 will forward\nS: 354 go ahead" + body + quit, "rejected, accepted"},
		{"252", data + "S: 250 ok\nS: 252 can't say\nS: 250 ok\nS: 354 go ahead" + body + quit, "accepted, accepted"},
		{"MAIL", data + "S: 550 no\nS: 503 no\nS: 503 no\nS: 503 no" + quit, "rejected, rejected"},
		{"MAIL and close", data + "S: 550 no\n-- close", "rejected, rejected"},
		{"MAIL, and 354 for nobody", data + "S: 450 no\nS: 250 ok\nS: 250 ok\nS: 354 go ahead", "deferred, deferred"},
		{"DATA", data + "S: 250 ok\nS: 250 ok\nS: 250 ok\nS: 451 not now" + quit, "deferred, deferred"},
		{"2xx for DATA", data + "S: 250 ok\nS: 250 ok\nS: 250 ok\nS: 250 ok", "deferred, deferred"},
		{"fewer replies", data + "S: 250 ok\nS: 550 no\n-- close", "rejected, deferred"},
		{"421 among them", data + "S: 250 ok\nS: 250 ok\nS: 421 closing\n-- close", "deferred, deferred"},

		{"BDAT: nobody", bdat + "S: 250 ok\nS: 550 no\nS: 550 no\nS: 554 no valid recipients" + quit, "rejected, rejected"},
		{"BDAT: nobody, and 250", bdat + "S: 250 ok\nS: 550 no\nS: 550 no\nS: 250 thrown away" + quit, "rejected, rejected"},
		{"BDAT: one", bdat + "S: 250 ok\nS: 550 no\nS: 250 ok\nS: 250 queued" + quit, "rejected, accepted"},
		{"BDAT: MAIL", bdat + "S: 451 no\nS: 503 no\nS: 503 no\nS: 503 no" + quit, "deferred, deferred"},
		{"BDAT: MAIL and close", bdat + "S: 550 no\n-- close", "rejected, rejected"},
		{"BDAT: MAIL, and all the rest taken", bdat + "S: 451 no\nS: 250 ok\nS: 550 no\nS: 250 queued", "unknown, deferred"},
		{"BDAT refused", bdat + "S: 250 ok\nS: 250 ok\nS: 550 no\nS: 552 too big" + quit, "rejected, rejected"},
		{"BDAT: close", bdat + "S: 250 ok\nS: 550 no\nS: 250 ok\n-- close", "rejected, unknown"},
		{"BDAT: close at once", bdat + "-- close", "unknown, unknown"},
		{"BDAT: close at RCPT", bdat + "S: 250 ok\nS: 250 ok\n-- close", "unknown, unknown"},
		{"BDAT: garbage at RCPT", bdat + "S: 250 ok\nS: huh", "unknown, unknown"},
		{"BDAT: 354 at RCPT", bdat + "S: 250 ok\nS: 354 go ahead", "unknown, unknown"},
		{"BDAT: 421 at RCPT", bdat + "S: 250 ok\nS: 250 ok\nS: 421 closing\n-- close", "deferred, deferred"},
		{"BDAT: 250- and close", bdat + "S: 250 ok\nS: 250 ok\nS: 250 ok\nS: 250-queued\n-- close", "accepted, accepted"},
		{"BDAT: 550- and close", bdat + "S: 250 ok\nS: 250 ok\nS: 250 ok\nS: 550-spam\n-- close", "rejected, rejected"},

		{"ahead: one", ahead + "S: 250 ok\nS: 550 no\nS: 250 ok\nS: 250 1 octet" + rest + "S: 250 queued" + quit, "rejected, accepted"},
		{"ahead: refused then", ahead + "S: 250 ok\nS: 550 no\nS: 250 ok\nS: 250 1 octet" + rest + "S: 554 spam" + quit, "rejected, rejected"},
		{"ahead: close then", ahead + "S: 250 ok\nS: 550 no\nS: 250 ok\nS: 250 1 octet" + rest + "-- close", "rejected, unknown"},
		{"ahead: nobody", ahead + "S: 250 ok\nS: 550 no\nS: 451 later\nS: 503 no recipients" + quit, "rejected, deferred"},
		{"ahead: nobody, and 250", ahead + "S: 250 ok\nS: 550 no\nS: 550 no\nS: 250 thrown away" + quit, "rejected, rejected"},
		{"ahead: nobody, and unknown", ahead + "S: 250 ok\nS: 550 no\nS: 550 no\nS: 500 what?", "rejected, rejected"},
		{"ahead: MAIL", ahead + "S: 451 no\nS: 503 no\nS: 503 no\nS: 503 no" + quit, "deferred, deferred"},
		{"ahead: MAIL and unknown", ahead + "S: 451 no\nS: 503 no\nS: 503 no\nS: 500 what?", "deferred, deferred"},
		{"ahead: MAIL, and all the rest taken", ahead + "S: 550 no\nS: 250 ok\nS: 250 ok\nS: 250 1 octet", "rejected, rejected"},
		{"ahead: refused", ahead + "S: 250 ok\nS: 250 ok\nS: 250 ok\nS: 552 too big" + quit, "rejected, rejected"},
		{"ahead: 354", ahead + "S: 250 ok\nS: 250 ok\nS: 250 ok\nS: 354 go ahead", "deferred, deferred"},
		{"ahead: close", ahead + "S: 250 ok\nS: 250 ok\nS: 250 ok\n-- close", "deferred, deferred"},
		{"ahead: unknown", ahead + "S: 250 ok\nS: 550 no\nS: 250 ok\nS: 500 what?\nC:\nC: DATA\nS: 500 what?\nS: 354 go ahead" + body + quit, "rejected, accepted"},
		{"ahead: out of place", ahead + "S: 250 ok\nS: 550 no\nS: 250 ok\nS: 503 what?\nC:\nC: DATA\nS: 500 what?\nS: 354 go ahead" + body + quit, "rejected, accepted"},
		{"ahead: unknown, and closing", ahead + "S: 250 ok\nS: 550 no\nS: 250 ok\nS: 502 what?\nC:\nC: DATA\nS: 421 enough\n-- close", "rejected, deferred"},
		{"ahead: unknown, and no DATA", ahead + "S: 250 ok\nS: 250 ok\nS: 250 ok\nS: 504 what?\nC:\nC: DATA\nS: 500 what?\nS: 503 no" + quit, "rejected, rejected"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := plays(t, tt.script)
				r := pooled(p.Dial, 1)
				if strings.HasPrefix(tt.script, bdat) { // the server has shown already that it knows it
					converse(t, r, from("b@y.test"), hello)
				}
				res := converse(t, r, from("b@y.test", "c@y.test"), hello)
				if got := outcomes(res); got != tt.want {
					t.Errorf("%s, not %s: %v", got, tt.want, res.Err())
				}
				r.Close()
				p.done()
			})
		})
	}
}
