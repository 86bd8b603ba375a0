package smtp_test

import (
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/qdmail/qdmail/delivery"
	"github.com/qdmail/qdmail/internal/testsmtp"
	"github.com/qdmail/qdmail/smtp"
)

// converseOn holds one conversation for several messages against a script.
func converseOn(t *testing.T, script string, f func(c *smtp.Client)) {
	t.Helper()
	p := plays(t, script)
	conn, err := p.Dial(t.Context(), "tcp", "localhost:25")
	if err != nil {
		t.Fatal(err)
	}
	c, err := smtp.NewClient(t.Context(), conn, smtp.Config{Addr: "localhost:25", LocalName: "client.test"})
	if err != nil {
		t.Fatal(err)
	}
	f(c)
	c.Close()
	p.done()
}

func sendOn(t *testing.T, c *smtp.Client, env *delivery.Envelope) string {
	t.Helper()
	res, err := c.Send(t.Context(), env, hello)
	checkResult(t, env, res, err)
	return outcomes(res)
}

const oneMessage = `
	C: MAIL FROM:<a@x.test>
	S: 250 ok
	C: RCPT TO:<b@y.test>
	S: 250 ok
	` + helloData + `
	S: 250 ok
`

// RSET is said where something is to be forgotten, and nowhere else.
func TestClientReuse(t *testing.T) {
	converseOn(t, opening+oneMessage+oneMessage+`
		C: MAIL FROM:<a@x.test>
		S: 250 ok
		C: RCPT TO:<b@y.test>
		S: 550 no
		C: RSET
		S: 250 ok
		C: MAIL FROM:<a@x.test>
		S: 451 later
		C: RSET
		S: 250 ok
		C: MAIL FROM:<a@x.test>
		S: 250 ok
		C: RCPT TO:<b@y.test>
		S: 250 ok
		C: DATA
		S: 554 no
		C: RSET
		S: 250 ok
		C: MAIL FROM:<a@x.test>
		S: 250 ok
		C: RCPT TO:<b@y.test>
		S: 250 ok
		`+helloData+`
		S: 554 spam
		C: RSET
		S: 250 ok
		`+oneMessage+`
		C: QUIT
		S: 221 bye
	`, func(c *smtp.Client) {
		for i, want := range []string{"accepted", "accepted", "rejected", "deferred", "rejected", "rejected", "accepted"} {
			if got := sendOn(t, c, from("b@y.test")); got != want || !c.Usable() {
				t.Errorf("message %d: %s, usable %v", i, got, c.Usable())
			}
		}
		if err := c.Quit(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

// A body that doesn't open costs this message only.
func TestClientBodyDoesNotOpen(t *testing.T) {
	boom := errors.New("boom")
	converseOn(t, opening+oneMessage, func(c *smtp.Client) {
		env := from("b@y.test")
		res, err := c.Send(t.Context(), env, opens{func() (io.ReadCloser, error) { return nil, boom }, 5})
		checkResult(t, env, res, err)
		e := res.Recipients[0].Err.(*delivery.Error)
		if outcomes(res) != "not sent" || !errors.Is(err, boom) || e.Temporary() || e.PathFailure() {
			t.Errorf("%s, %v", outcomes(res), err)
		}
		if got := sendOn(t, c, from("b@y.test")); got != "accepted" {
			t.Error(got)
		}
	})
}

// opens is a Body made of a function.
type opens struct {
	open func() (io.ReadCloser, error)
	size int64
}

func (o opens) Open() (io.ReadCloser, error) { return o.open() }
func (o opens) Size() int64                  { return o.size }

// A conversation that has ended says so, and sends nothing more.
func TestClientAfterItsEnd(t *testing.T) {
	for name, script := range map[string]string{
		"421 to MAIL":  "C: MAIL FROM:<a@x.test>\nS: 421 bye",
		"closed":       "C: MAIL FROM:<a@x.test>\n-- close",
		"421 unasked":  "S: 421 idle too long",
		"250 unasked":  "S: 250 ok",
		"RSET refused": "C: MAIL FROM:<a@x.test>\nS: 451 no\nC: RSET\nS: 502 what",
		"RSET lost":    "C: MAIL FROM:<a@x.test>\nS: 451 no\nC: RSET\n-- close",
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				if strings.Contains(name, "unasked") {
					script = strings.Replace(opening, "S: 250 mx.test", `S! "250 mx.test\r\n`+strings.TrimPrefix(script, "S: ")+`\r\n"`, 1)
				} else {
					script = opening + script
				}
				converseOn(t, script, func(c *smtp.Client) {
					for range 2 {
						if got := sendOn(t, c, from("b@y.test")); got != "deferred" {
							t.Error(got)
						}
					}
					if c.Usable() {
						t.Error("it is usable")
					}
					env := from("b@y.test")
					res, err := c.Send(t.Context(), env, hello)
					checkResult(t, env, res, err)
					if e := res.Recipients[0].Err.(*delivery.Error); !errors.Is(e, net.ErrClosed) || !e.PathFailure() {
						t.Error(e)
					}
					if err := c.Quit(t.Context()); !errors.Is(err, net.ErrClosed) {
						t.Error(err)
					}
				})
			})
		})
	}
}

// A final reply that was cut off counts, and is the last word on a connection.
func TestClientFinalReplyCutOff(t *testing.T) {
	for reply, want := range map[string]string{"250-ok": "accepted", "450-later": "deferred", "550-no": "rejected"} {
		converseOn(t, opening+strings.TrimSuffix(oneMessage, "S: 250 ok\n")+"S: "+reply+"\n-- close", func(c *smtp.Client) {
			if got := sendOn(t, c, from("b@y.test")); got != want || c.Usable() {
				t.Errorf("%s: %s, usable %v", reply, got, c.Usable())
			}
		})
	}
}

// A server that gave up while nothing was asked has said so.
func TestFarewell(t *testing.T) {
	for _, said := range []string{"S: 421 4.4.2 idle too long", "# nothing"} {
		synctest.Test(t, func(t *testing.T) {
			converseOn(t, opening+oneMessage+"-- wait 1s\n"+said+"\n-- close", func(c *smtp.Client) {
				if got := sendOn(t, c, from("b@y.test")); got != "accepted" {
					t.Error(got)
				}
				<-time.After(2 * time.Second)
				res, err := c.Send(t.Context(), from("b@y.test"), hello)
				e := res.Recipients[0].Err.(*delivery.Error)
				if outcomes(res) != "deferred" || e.Phase != delivery.PhaseMAIL || (e.Reply != nil) != strings.HasPrefix(said, "S:") {
					t.Errorf("%s, %v", outcomes(res), err)
				}
			})
		})
	}
}

// What a message leaves of its context on the connection doesn't disturb the
// next one.
func TestClientContexts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := &testsmtp.Server{}
		defer srv.Close()
		conn, _ := srv.Dial(t.Context(), "tcp", "localhost:25")
		ctx, cancel := context.WithCancel(t.Context())
		c, err := smtp.NewClient(ctx, conn, smtp.Config{Addr: "localhost:25", LocalName: "client.test"})
		cancel()
		if err != nil {
			t.Fatal(err)
		}
		for range 3 {
			ctx, cancel := context.WithCancel(t.Context())
			if res, err := c.Send(ctx, from("b@y.test"), hello); err != nil {
				t.Error(outcomes(res), err)
			}
			cancel()
			synctest.Wait()
		}
		c.Close()
	})
}

// Close may come while a message is under way.
func TestClientCloseDuringSend(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := &testsmtp.Server{Extensions: pipelined, On: func(e testsmtp.Event) *testsmtp.Fault {
			if e.Phase == testsmtp.MAIL {
				return &testsmtp.Fault{Silent: true}
			}
			return nil
		}}
		defer srv.Close()
		conn, _ := srv.Dial(t.Context(), "tcp", "localhost:25")
		c, err := smtp.NewClient(t.Context(), conn, smtp.Config{Addr: "localhost:25"})
		if err != nil {
			t.Fatal(err)
		}
		time.AfterFunc(time.Second, func() { c.Close() })
		begin := time.Now()
		if got := sendOn(t, c, from("b@y.test")); got != "deferred" || time.Since(begin) != time.Second || c.Usable() {
			t.Errorf("%s after %v", got, time.Since(begin))
		}
	})
}

func TestNewClientFails(t *testing.T) {
	for name, cfg := range map[string]smtp.Config{
		"no port":   {Addr: "mx.test"},
		"no host":   {Addr: ":25"},
		"TLS mode":  {Addr: "mx.test:25", TLS: 9},
		"EHLO name": {Addr: "mx.test:25", LocalName: "x\ny"},
	} {
		client, server := testsmtp.Pipe()
		_, err := smtp.NewClient(t.Context(), client, cfg)
		if e, ok := err.(*delivery.Error); !ok || e.Phase != delivery.PhasePrepare {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := server.Read(make([]byte, 1)); err != io.EOF {
			t.Errorf("%s: the connection is still there", name)
		}
	}
	srv := &testsmtp.Server{On: func(testsmtp.Event) *testsmtp.Fault { return &testsmtp.Fault{Reply: "554 no"} }}
	defer srv.Close()
	conn, _ := srv.Dial(t.Context(), "tcp", "mx.test:25")
	c, err := smtp.NewClient(t.Context(), conn, smtp.Config{Addr: "mx.test:25"})
	if e, ok := err.(*delivery.Error); c != nil || !ok || e.Phase != delivery.PhaseGreeting || e.Reply.Code != 554 {
		t.Errorf("%v, %v", c, err)
	}
}
