package smtp_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/qdmail/qdmail/delivery"
	"github.com/qdmail/qdmail/internal/testsmtp"
	"github.com/qdmail/qdmail/smtp"
)

func TestPoolLimits(t *testing.T) {
	for _, tt := range []struct {
		name  string
		pool  smtp.Pool
		limit string // of the server
		pause time.Duration
		conns int // for six messages, one after the other
	}{
		{"one connection", smtp.Pool{}, "", time.Second, 1},
		{"idle too long", smtp.Pool{}, "", 31 * time.Second, 6},
		{"idle longer by choice", smtp.Pool{IdleTimeout: time.Minute}, "", 31 * time.Second, 1},
		{"none is kept", smtp.Pool{IdleTimeout: -1}, "", 0, 6},
		{"messages", smtp.Pool{MaxMessages: 2}, "", 0, 3},
		{"MAILMAX", smtp.Pool{}, "LIMITS MAILMAX=3", 0, 2},
		{"age", smtp.Pool{MaxAge: 25 * time.Second}, "", 10 * time.Second, 2},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				srv := &testsmtp.Server{Extensions: append(inChunks[:len(inChunks):len(inChunks)], "NOOP", tt.limit)}
				r := local(srv.Dial)
				r.Pool = tt.pool
				for range 6 {
					converse(t, r, from("b@y.test"), hello)
					<-time.After(tt.pause)
				}
				if got := len(srv.Connections()); got != tt.conns {
					t.Errorf("%d connections, not %d", got, tt.conns)
				}
				checkSink(t, srv, 6, hello)
				r.Close()
				synctest.Wait()
				for i, c := range srv.Connections() {
					if n := len(c.Commands); c.Commands[n-1] != "QUIT" {
						t.Errorf("connection %d ended by %s", i, c.Commands[n-1])
					}
				}
				srv.Close()
			})
		})
	}
}

// A connection that died while it was idle costs a new connection and nothing
// else; one that died twice costs the message.
func TestPoolStale(t *testing.T) {
	for _, extensions := range [][]string{oneByOne, pipelined, inChunks} {
		for name, end := range map[string]func(*testsmtp.Event) *testsmtp.Fault{
			"421":   func(*testsmtp.Event) *testsmtp.Fault { return &testsmtp.Fault{Reply: "421 idle", Close: true} },
			"EOF":   func(*testsmtp.Event) *testsmtp.Fault { return &testsmtp.Fault{Close: true} },
			"reset": func(*testsmtp.Event) *testsmtp.Fault { return &testsmtp.Fault{Reset: true} },
		} {
			for _, twice := range []bool{false, true} {
				t.Run(fmt.Sprintf("%d/%s/twice %v", len(extensions), name, twice), func(t *testing.T) {
					synctest.Test(t, func(t *testing.T) {
						srv := &testsmtp.Server{Extensions: extensions, On: func(e testsmtp.Event) *testsmtp.Fault {
							if e.Phase == testsmtp.MAIL && (e.N == 1 || twice && e.Conn == 1) {
								return end(&e)
							}
							return nil
						}}
						defer srv.Close()
						r := pooled(srv.Dial, 1)
						defer r.Close()
						converse(t, r, from("b@y.test"), hello)
						<-time.After(10 * time.Second) // no chunk is sent blindly then
						rcpt := converse(t, r, from("b@y.test"), hello).Recipients[0]
						want := map[bool]delivery.Outcome{false: delivery.Accepted, true: delivery.Deferred}[twice]
						if rcpt.Outcome != want && !(twice && len(extensions) == len(inChunks) && rcpt.Outcome == delivery.Unknown && name != "421") {
							t.Errorf("%v, %v", rcpt.Outcome, rcpt.Err)
						}
						if got := len(srv.Connections()); got != 2 {
							t.Errorf("%d connections", got)
						}
						if !twice {
							checkSink(t, srv, 2, hello)
						}
					})
				})
			}
		}
	}
}

// A server that closes an idle connection with a farewell is no failure either.
func TestPoolServerCloses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		script := opening + oneMessage
		p := plays(t, script+"\n-- wait 5s\nS: 421 4.4.2 timeout\n-- close", script+"\nC: QUIT")
		r := pooled(p.Dial, 1)
		converse(t, r, from("b@y.test"), hello)
		<-time.After(10 * time.Second)
		if got := outcomes(converse(t, r, from("b@y.test"), hello)); got != "accepted" {
			t.Error(got)
		}
		r.Close()
		p.wg.Wait()
	})
}

// Who waits for a connection waits as long as his context lasts, and leaves
// nothing behind.
func TestPoolWaiting(t *testing.T) {
	for _, extensions := range [][]string{oneByOne, pipelined, inChunks} {
		for _, window := range []int{1, 4} {
			synctest.Test(t, func(t *testing.T) {
				srv := &testsmtp.Server{Extensions: extensions, On: func(e testsmtp.Event) *testsmtp.Fault {
					if e.Phase == testsmtp.End {
						return &testsmtp.Fault{Delay: time.Minute}
					}
					return nil
				}}
				defer srv.Close()
				r := pooled(srv.Dial, 1)
				r.Pool.Window = window
				defer r.Close()
				var wg sync.WaitGroup
				var mu sync.Mutex
				got := map[delivery.Outcome]int{}
				for i := range 6 {
					wg.Go(func() {
						<-time.After(time.Duration(i) * time.Second)
						ctx, cancel := context.WithTimeout(t.Context(), 90*time.Second)
						defer cancel()
						rcpt := converseCtx(t, ctx, r, from("b@y.test"), hello).Recipients[0]
						if rcpt.Outcome == delivery.NotSent && !errors.Is(rcpt.Err, context.DeadlineExceeded) {
							t.Errorf("%v, %v", rcpt.Outcome, rcpt.Err)
						}
						mu.Lock()
						defer mu.Unlock()
						got[rcpt.Outcome]++
					})
				}
				wg.Wait()
				// The first takes a minute; the second has begun its end when its
				// time is over; the others have waited in vain. With a window, those
				// within it are on their way.
				accepted, unknown := got[delivery.Accepted], got[delivery.Unknown]
				if accepted < 1 || unknown < 1 || accepted+unknown+got[delivery.NotSent] != 6 {
					t.Error(got)
				}
				if n := len(srv.Messages()); n < accepted || n > accepted+unknown {
					t.Errorf("%d messages for %v", n, got)
				}
			})
		}
	}
}

func TestPoolClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := &testsmtp.Server{Extensions: pipelined, On: func(e testsmtp.Event) *testsmtp.Fault {
			if e.Phase == testsmtp.DATA {
				return &testsmtp.Fault{Delay: time.Minute}
			}
			return nil
		}}
		defer srv.Close()
		r := pooled(srv.Dial, 1)
		var wg sync.WaitGroup
		for i := range 2 {
			wg.Go(func() {
				<-time.After(time.Duration(i) * time.Second)
				rcpt := converse(t, r, from("b@y.test"), hello).Recipients[0]
				want := [...]delivery.Outcome{delivery.Accepted, delivery.NotSent}[i]
				if rcpt.Outcome != want || i == 1 && !errors.Is(rcpt.Err, net.ErrClosed) {
					t.Errorf("%d: %v, %v", i, rcpt.Outcome, rcpt.Err)
				}
			})
		}
		<-time.After(2 * time.Second)
		if err := r.Close(); err != nil {
			t.Error(err)
		}
		wg.Wait()
		synctest.Wait()
		if rcpt := converse(t, r, from("b@y.test"), hello).Recipients[0]; !errors.Is(rcpt.Err, net.ErrClosed) {
			t.Errorf("%v, %v", rcpt.Outcome, rcpt.Err)
		}
		if talk := srv.Transcript(); len(srv.Connections()) != 1 || !strings.Contains(talk, "C: QUIT") {
			t.Error(talk)
		}
	})
}

// The one whose commands went out behind another message isn't harmed by what
// becomes of that.
func TestPoolBehind(t *testing.T) {
	for name, tt := range map[string]struct {
		fault testsmtp.Fault
		first delivery.Outcome
		conns int
	}{
		"refused":  {testsmtp.Fault{Reply: "554 spam"}, delivery.Rejected, 1},
		"deferred": {testsmtp.Fault{Reply: "451 later"}, delivery.Deferred, 1},
		"421":      {testsmtp.Fault{Reply: "421 closing", Close: true}, delivery.Deferred, 2},
		"lost":     {testsmtp.Fault{Close: true}, delivery.Unknown, 2},
		"garbage":  {testsmtp.Fault{Raw: "huh\r\n"}, delivery.Unknown, 2},
		"late":     {testsmtp.Fault{Silent: true}, delivery.Unknown, 2},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				srv := &testsmtp.Server{Extensions: pipelined, On: func(e testsmtp.Event) *testsmtp.Fault {
					switch {
					case e.Conn == 0 && e.Phase == testsmtp.MAIL:
						return &testsmtp.Fault{Delay: time.Second} // let the second queue up
					case e.Conn == 0 && e.Phase == testsmtp.End && e.N == 0:
						return &tt.fault
					}
					return nil
				}}
				defer srv.Close()
				r := pooled(srv.Dial, 1)
				defer r.Close()
				var wg sync.WaitGroup
				wg.Go(func() {
					if rcpt := converse(t, r, from("b@y.test"), hello).Recipients[0]; rcpt.Outcome != tt.first {
						t.Errorf("first: %v, %v", rcpt.Outcome, rcpt.Err)
					}
				})
				wg.Go(func() {
					<-time.After(time.Millisecond)
					if rcpt := converse(t, r, from("c@y.test"), hello).Recipients[0]; rcpt.Outcome != delivery.Accepted {
						t.Errorf("second: %v, %v", rcpt.Outcome, rcpt.Err)
					}
				})
				wg.Wait()
				if got := len(srv.Connections()); got != tt.conns {
					t.Errorf("%d connections\n%s", got, srv.Transcript())
				}
				checkSink(t, srv, 1, hello)
				if talk := srv.Transcript(); tt.conns == 1 && strings.Count(talk, "MAIL FROM") != 2 {
					t.Error(talk)
				}
			})
		})
	}
}

// A server that offers CHUNKING and doesn't know BDAT takes what comes behind it
// for commands. It gets a single octet of that, and the message by DATA, as all
// after it: also if it is behind the same name as one that knows BDAT.
func TestChunkingOfferedByMistake(t *testing.T) {
	forged := delivery.BytesBody("Subject: hello\r\nRSET\r\nMAIL FROM:<ceo@x.test>\r\nRCPT TO:<victim@y.test>\r\nDATA\r\nforged\r\n.\r\n")
	for _, tt := range []struct {
		name  string
		off   bool
		good  int // how many connections go to a server that knows BDAT
		tried int // octets that went ahead at the other
	}{{"always", false, 0, 1}, {"after a while", false, 2, 1}, {"off", true, 0, 0}} {
		synctest.Test(t, func(t *testing.T) {
			good := &testsmtp.Server{Extensions: inChunks}
			bad := &testsmtp.Server{Extensions: pipelined, On: func(e testsmtp.Event) *testsmtp.Fault {
				if e.Phase == testsmtp.EHLO {
					return &testsmtp.Fault{Reply: "250-mx.test\n250-PIPELINING\n250 CHUNKING", Continue: true}
				}
				return nil
			}}
			defer good.Close()
			defer bad.Close()
			conns := 0
			r := pooled(func(ctx context.Context, network, addr string) (net.Conn, error) {
				if conns++; conns <= tt.good {
					return good.Dial(ctx, network, addr)
				}
				return bad.Dial(ctx, network, addr)
			}, 1)
			r.NoChunking, r.Pool.MaxMessages = tt.off, 2
			defer r.Close()
			const n = 8
			for range n {
				if got := outcomes(converse(t, r, from("b@y.test"), forged)); got != "accepted" {
					t.Errorf("%s: %s", tt.name, got)
				}
			}
			checkSink(t, good, 2*tt.good, forged)
			messages, talk := bad.Messages(), bad.Transcript()
			for _, m := range messages {
				if string(m.Data) != string(forged) || m.From != "a@x.test" {
					t.Errorf("%s: from %s: %q", tt.name, m.From, m.Data)
				}
			}
			if strings.Count(talk, "C: BDAT") != tt.tried || len(messages) != n-2*tt.good || conns != n/2 {
				t.Errorf("%s: %d connections\n%s", tt.name, conns, talk)
			}
		})
	}
}

// Whoever leaves a message behind that is on its way holds nobody up who comes
// before it; Close ends what is waited for.
func TestPoolLeftBehind(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := &testsmtp.Server{Extensions: inChunks, On: func(e testsmtp.Event) *testsmtp.Fault {
			switch {
			case e.Phase == testsmtp.End && e.Transaction == 0, e.Phase == testsmtp.End && e.Transaction == 1:
				return &testsmtp.Fault{Delay: time.Second}
			case e.Phase == testsmtp.End:
				return &testsmtp.Fault{Silent: true}
			}
			return nil
		}}
		defer srv.Close()
		r := pooled(srv.Dial, 1)
		r.Pool.Window = 4
		begin := time.Now()
		var wg sync.WaitGroup
		for i := range 3 {
			wg.Go(func() {
				<-time.After(time.Duration(i) * time.Millisecond)
				ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
				defer cancel()
				if i == 2 {
					ctx, cancel = context.WithTimeout(t.Context(), 1500*time.Millisecond)
					defer cancel()
				}
				want := map[bool]string{false: "accepted", true: "unknown"}[i == 2]
				if got := outcomes(converseCtx(t, ctx, r, from("b@y.test"), hello)); got != want || time.Since(begin) > 3*time.Second {
					t.Errorf("%d: %s after %v", i, got, time.Since(begin))
				}
			})
		}
		wg.Wait()
		r.Close()
	})
}
