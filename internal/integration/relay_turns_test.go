//go:build integration

package integration_test

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/qdmail/qdmail/delivery"
	"github.com/qdmail/qdmail/internal/integration/realserver"
	"github.com/qdmail/qdmail/smtp"
)

// silence is how long a client that writes on may need to take a breath.
const silence = 20 * time.Millisecond

// TestRelayTurns counts how often a message has to wait for a real server: once
// with CHUNKING and PIPELINING, if it has 64 KiB at most and another message has
// gone before; twice with PIPELINING; and for every command without either.
func TestRelayTurns(t *testing.T) {
	t.Parallel()
	clear := clearPostfix(t)
	exim := started(t, realserver.StartExim)
	bare := started(t, realserver.StartOpenSMTPD)
	npm := started(t, realserver.StartSMTPServer)
	one := func(int) int { return 1 }
	two := func(int) int { return 2 }
	each := func(rcpts int) int { return 3 + rcpts }
	for _, c := range []struct {
		server string
		port   int
		size   int // of the message
		want   func(rcpts int) int
	}{
		{"Postfix", clear.plain, 400, one},
		{"Postfix", clear.plain, 64 << 10, one},
		{"Postfix", clear.plain, 64<<10 + 1, two},
		{"Postfix without CHUNKING", clear.noChunking, 400, two},
		{"Postfix without CHUNKING", clear.noChunking, 1 << 20, two},
		{"Postfix without CHUNKING and PIPELINING", clear.noExtension, 400, each},
		{"Exim", exim.Clear, 400, one},
		{"Exim", exim.Clear, 64 << 10, one},
		{"Exim", exim.Clear, 64<<10 + 1, two},
		{"smtp-server", npm.Clear, 400, two},
		{"OpenSMTPD", bare.Clear, 400, each},
	} {
		for _, rcpts := range []int{1, 100} {
			t.Run(fmt.Sprintf("%s, %d octets, %d recipients", c.server, c.size, rcpts), func(t *testing.T) {
				t.Parallel()
				wait := silence
				if c.want(rcpts) > 2 { // one command at a time can't be taken for several
					wait = 0
				}
				tap := tapped(t, c.port, wait)
				r := relayTo(t, tap.Port, nil)
				for range 2 { // over a new connection, and over the same
					sized(c.size).send(t, within(t), r, envelope(many(rcpts)...), delivery.Accepted)
				}
				all := tap.Conversations()
				if want := []int{max(c.want(rcpts), 2), c.want(rcpts)}; len(all) != 1 || !slices.Equal(turnsOf(all[0]), want) {
					t.Errorf("%d connections; %v turns, want %v:\n%s", len(all), turnsOf(all[0]), want, minutes(all[0]))
				}
			})
		}
	}
}

// TestRelayTurnsBehind: messages that wait for a busy connection go out together
// with the end of the one before, so that they hardly wait for anything. With a
// window, several are on their way at once.
func TestRelayTurnsBehind(t *testing.T) {
	t.Parallel()
	clear := clearPostfix(t)
	const messages = 24
	for _, c := range []struct {
		name               string
		port, size, window int
		most               int // turns
	}{
		{"DATA", clear.noChunking, 400, 1, messages + 1},
		{"BDAT", clear.plain, 400, 1, messages + 1},
		{"BDAT with a window", clear.plain, 400, 8, messages/8 + 4},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			tap := tapped(t, c.port, silence)
			r := relayTo(t, tap.Port, func(r *smtp.Relay) { r.Pool = smtp.Pool{MaxConns: 1, Window: c.window} })
			posts := make([]post, messages)
			ctx, rcpt := within(t), everybody()[2]
			var sending sync.WaitGroup
			for i := range posts {
				posts[i] = sized(c.size + i)
				sending.Go(func() {
					if res, err := r.Send(ctx, envelope(rcpt), posts[i].body); err != nil {
						t.Errorf("message %d: %v", i, res.Recipients[0].Err)
					}
				})
			}
			sending.Wait()
			all := tap.Conversations()
			turns := 0
			for _, n := range turnsOf(all[0]) {
				turns += n
			}
			t.Logf("%d messages in %d turns", messages, turns)
			if len(all) != 1 || turns > c.most {
				t.Errorf("%d connections; %d turns for %d messages, want at most %d:\n%s", len(all), turns, messages, c.most, minutes(all[0]))
			}
			for _, p := range posts {
				p.wantAt(t, startedHost(t).Maildirs(), rcpt)
			}
		})
	}
}

func tapped(t *testing.T, port int, silence time.Duration) *realserver.Tap {
	t.Helper()
	tap, err := realserver.StartTap(port, silence)
	must(t, err)
	t.Cleanup(func() { must(t, tap.Stop()) })
	return tap
}

// sized returns a mail of n octets.
func sized(n int) post {
	return newPost(lined(n - len(newPost("").body)))
}

// turnsOf returns how many turns each message of a conversation took. A turn that
// begins a message and ends another counts for the new one.
func turnsOf(turns []realserver.Turn) []int {
	var all []int
	for _, turn := range turns {
		switch {
		case strings.Contains(turn.Client, "MAIL FROM:<"):
			all = append(all, 1)
		case len(all) > 0 && !strings.HasPrefix(turn.Client, "QUIT\r\n"):
			all[len(all)-1]++
		}
	}
	return all
}

// minutes shows the course of a conversation.
func minutes(turns []realserver.Turn) string {
	var b strings.Builder
	for _, turn := range turns {
		fmt.Fprintf(&b, "C: %q\nS: %q\n", clip(turn.Client), clip(turn.Server))
	}
	return b.String()
}
