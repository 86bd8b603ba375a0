package smtp_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/qdmail/qdmail/delivery"
	"github.com/qdmail/qdmail/internal/testsmtp"
	"github.com/qdmail/qdmail/smtp"
)

// TestCrowd lets 64 goroutines send by one Relay to a server that drops every
// tenth connection, at one step or another: each message is there once, or its
// result says what went wrong.
func TestCrowd(t *testing.T) {
	const goroutines, each = 64, 10
	phases := []testsmtp.Phase{
		testsmtp.Greeting, testsmtp.EHLO, testsmtp.MAIL, testsmtp.RCPT, testsmtp.DATA, testsmtp.Body, testsmtp.End,
	}
	for _, c := range []struct {
		name       string
		extensions []string
		window     int
	}{
		{"one by one", oneByOne, 1}, {"pipelined", pipelined, 1}, {"BDAT", inChunks, 1}, {"window", inChunks, 4},
	} {
		t.Run(c.name, func(t *testing.T) {
			srv := &testsmtp.Server{Extensions: c.extensions, On: func(e testsmtp.Event) *testsmtp.Fault {
				if e.Conn%10 != 9 || e.Phase != phases[e.Conn/10%len(phases)] || e.N < 2 && e.Phase != testsmtp.Greeting && e.Phase != testsmtp.EHLO {
					return nil
				}
				return &testsmtp.Fault{Close: true}
			}}
			defer srv.Close()
			addr, err := srv.Listen()
			if err != nil {
				t.Fatal(err)
			}
			r := &smtp.Relay{Addr: addr, Pool: smtp.Pool{MaxMessages: 4, Window: c.window}}
			results := make([]*delivery.Result, goroutines*each)
			var wg sync.WaitGroup
			for g := range goroutines {
				wg.Go(func() {
					for i := range each {
						n := g*each + i
						env := from(fmt.Sprintf("m%d@y.test", n))
						body := delivery.BytesBody(fmt.Sprintf("Subject: %d\r\n\r\n%s\r\n", n, strings.Repeat("x", n)))
						res, err := r.Send(t.Context(), env, body)
						checkResult(t, env, res, err)
						results[n] = res
					}
				})
			}
			wg.Wait()
			if err := r.Close(); err != nil {
				t.Error(err)
			}
			srv.Close()
			countAll(t, srv, results)
		})
	}
}

// countAll compares what the sender was told with what the server has.
func countAll(t *testing.T, srv *testsmtp.Server, results []*delivery.Result) {
	t.Helper()
	copies := map[string]int{}
	for _, m := range srv.Messages() {
		copies[m.Recipients[0].Address]++
	}
	told := map[delivery.Outcome]int{}
	for _, res := range results {
		rcpt := res.Recipients[0]
		told[rcpt.Outcome]++
		n := copies[rcpt.Address]
		delete(copies, rcpt.Address)
		switch {
		case n > 1, n == 1 && !(rcpt.Outcome == delivery.Accepted || rcpt.Outcome == delivery.Unknown), n == 0 && rcpt.Outcome == delivery.Accepted:
			t.Errorf("%s is %v, and the server has it %d times: %v", rcpt.Address, rcpt.Outcome, n, rcpt.Err)
		}
	}
	if len(copies) > 0 {
		t.Errorf("the server has what nobody sent: %v", copies)
	}
	if v := srv.Violations(); len(v) > 0 {
		t.Error(v)
	}
	if told[delivery.Accepted] < len(results)*8/10 || len(srv.Connections()) < 20 {
		t.Errorf("%d connections, %v", len(srv.Connections()), told)
	}
	t.Logf("%d connections, %v", len(srv.Connections()), told)
}
