package smtp_test

import (
	"context"
	"io"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/qdmail/qdmail/delivery"
	"github.com/qdmail/qdmail/internal/testsmtp"
)

// FuzzServer lets the client talk to a server that says anything: line by line,
// one for each line of the client's, or all at once. The client comes to an end,
// doesn't panic, and believes nothing but a positive final reply.
func FuzzServer(f *testing.F) {
	f.Add("220 a|250 b|250 c|250 d|354 e|250 f", false)
	f.Add("220 a|250-b\r\n250-STARTTLS\r\n250 SIZE 5|220 c|250 d", true)
	f.Add("220 a|250-b\r\n250 AUTH PLAIN LOGIN|235 c|250 d|250 d|354 e|250-f", true)
	f.Add("220 a|250-b\r\n250 AUTH LOGIN|334 VXNlcg==|334 \xff|235 c|250 d|250 d|354 e|250-f", true)
	f.Add("220 a|502 b|250 c|250 d|550 e|354 e|250 f", false)
	f.Add("220 a\r\n250 b\r\n250 c\r\n250 d\r\n354 e\r\n250 f", false)
	f.Add("220 a|250 b|250 c|452 4.5.3 d|250 d|354 e|421 f", false)
	f.Add("220 a|250-b\r\n250 PIPELINING|250 c\r\n550 d\r\n250 e\r\n354 f|250 g", false)
	f.Add("220 a|250-b\r\n250-CHUNKING\r\n250 PIPELINING|250 c\r\n250 d\r\n250 e\r\n250 f", false)
	f.Add("220 a|250-b\r\n250-LIMITS RCPTMAX=1\r\n250 PIPELINING|250 c\r\n250 d\r\n354 f|250 g|250 c\r\n550 d\r\n354 f|550 g", false)
	f.Fuzz(func(t *testing.T, said string, auth bool) {
		synctest.Test(t, func(t *testing.T) {
			final := false
			r := local(func(context.Context, string, string) (net.Conn, error) {
				client, server := testsmtp.Pipe()
				go babble(server, said)
				return client, nil
			})
			if auth {
				r.Username, r.Password = "user", "pass"
			}
			ctx, cancel := context.WithTimeout(t.Context(), 2*time.Hour)
			defer cancel()
			ended := false
			ctx = delivery.WithHooks(ctx, &delivery.Hooks{
				BeforeEnd: func(context.Context, []int) error { ended = true; return nil },
				Reply:     func(_ context.Context, r *delivery.Reply) { final = final || ended && r.Positive() },
			})
			res := converseCtx(t, ctx, r, from("b@y.test", "c@y.test"), hello)
			cut := strings.Contains(said, "-") // a final reply that was cut off doesn't reach the hook
			if res.Count(delivery.Accepted) > 0 && (!ended || !final && !cut) {
				t.Errorf("accepted without a final reply: %v", outcomes(res))
			}
			if res.Count(delivery.Unknown) > 0 && !ended {
				t.Errorf("unknown before the end of data: %v", res.Err())
			}
			if ctx.Err() != nil {
				t.Error("it hangs")
			}
		})
	})
}

// babble says one piece of its text for each line that it reads, and then
// nothing more.
func babble(conn net.Conn, said string) {
	defer conn.Close()
	buf := make([]byte, 1<<16)
	for piece := range strings.SplitSeq(said, "|") {
		if _, err := io.WriteString(conn, piece+"\r\n"); err != nil {
			return
		}
		if _, err := conn.Read(buf); err != nil {
			return
		}
	}
}

// Whatever comes as an answer to the end of data, Accepted needs 2xx.
func FuzzFinalReply(f *testing.F) {
	for _, seed := range []string{"250 ok\r\n", "250-ok\r\n", "250 ok", "250-a\r\n550 b\r\n", "550 no\r\n", "1", "", "2500 x\r\n", "354 x\r\n250 y\r\n"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, said string) {
		for _, extensions := range [][]string{{}, pipelined, inChunks} {
			finalReply(t, said, extensions)
		}
	})
}

func finalReply(t *testing.T, said string, extensions []string) {
	t.Helper()
	srv := &testsmtp.Server{Extensions: extensions, On: func(e testsmtp.Event) *testsmtp.Fault {
		if e.Phase == testsmtp.End {
			return &testsmtp.Fault{Raw: said, Close: true}
		}
		return nil
	}}
	defer srv.Close()
	rcpt := converse(t, local(srv.Dial), from("b@y.test"), hello).Recipients[0]
	first, _, complete := strings.Cut(said, "\n")
	want := delivery.Unknown
	if complete && len(first) >= 3 {
		switch first[0] {
		case '2':
			want = delivery.Accepted
		case '4':
			want = delivery.Deferred
		case '5':
			want = delivery.Rejected
		}
	}
	if rcpt.Outcome != want && rcpt.Outcome != delivery.Unknown {
		t.Errorf("%q: %v", said, rcpt.Outcome)
	}
}
