//go:build integration

package integration_test

import (
	"io"
	"maps"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/qdmail/qdmail"
	"github.com/qdmail/qdmail/delivery"
	"github.com/qdmail/qdmail/dkim"
	"github.com/qdmail/qdmail/message"
)

// mxReplies: greylisting is for all hosts of a domain, and a host that is about to
// go away for itself. A later attempt is for both, not the relay.
var mxReplies = scenarios{
	"greylisting": func(t *testing.T, s *scene) {
		for n := 1; n <= 3; n++ {
			s.host(n, s.ports["grey"])
		}
		last := 1
		s.transport.Rand = func(n int) int { return last * (n - 1) }
		s.transport.Limits.IdleTimeout = -1
		p := newPost("hello\r\n")
		r := s.send(t, p, "taro@equal.mx.test").Recipients[0]
		first := s.label(r.Host)
		s.judge(t, p, r, verdict{
			outcome: delivery.Deferred, host: first, phase: delivery.PhaseRCPT, reply: 450,
			path:   []string{first + " clear: deferred at RCPT because a verdict"},
			stored: map[string]int{},
		})
		// Who knows us is asked again, although it is another one's turn.
		last = 0
		s.judge(t, p, s.send(t, p, "taro@equal.mx.test").Recipients[0], verdict{
			outcome: delivery.Accepted, host: first, reply: 250,
			path:   []string{first + " clear: accepted"},
			stored: map[string]int{"grey": 1},
		})
	},
	"421": func(t *testing.T, s *scene) {
		s.sink(t, 1, "-Q mail")
		s.sink(t, 2, "")
		s.deliver(t, "taro@two.mx.test", verdict{
			outcome: delivery.Accepted, host: "mx2", reply: 250,
			path:   []string{"mx1 clear: deferred at MAIL because refused for now, for reasons of the host → next host", "mx2 clear: accepted"},
			stored: map[string]int{"mx2": 1},
		})
	},
	"421 by all hosts": func(t *testing.T, s *scene) {
		s.sink(t, 1, "-Q mail")
		s.deliver(t, "taro@one.mx.test", verdict{
			outcome: delivery.Deferred, host: "mx1", phase: delivery.PhaseMAIL, reply: 421,
			path:   []string{"mx1 clear: deferred at MAIL because refused for now, for reasons of the host"},
			stored: map[string]int{},
		})
	},
	"down and greylisting": func(t *testing.T, s *scene) {
		s.host(1, dead(t))
		s.host(2, s.ports["grey"])
		s.deliver(t, "taro@two.mx.test", verdict{
			outcome: delivery.Deferred, host: "mx2", phase: delivery.PhaseRCPT, reply: 450,
			path:   []string{"mx1: deferred at dial because the path failed → next host", "mx2 clear: deferred at RCPT because a verdict"},
			stored: map[string]int{},
		})
	},
}

// mxLost: once a mail may have been delivered, nobody else gets it.
var mxLost = scenarios{
	"after BDAT":         func(t *testing.T, s *scene) { s.lost(t, "clear", "BDAT ", "") },
	"after DATA":         func(t *testing.T, s *scene) { s.lost(t, "data", "DATA\r\n", "") },
	"within a reply":     func(t *testing.T, s *scene) { s.lost(t, "data", "DATA\r\n", "250 2.0.0 O") },
	"second, after BDAT": func(t *testing.T, s *scene) { s.secondLost(t, "clear") },
	"second, after DATA": func(t *testing.T, s *scene) { s.secondLost(t, "data") },
	"after the dot": func(t *testing.T, s *scene) {
		s.sink(t, 1, "-q .")
		s.sink(t, 2, "")
		s.deliver(t, "taro@two.mx.test", verdict{
			outcome: delivery.Unknown, host: "mx1", phase: delivery.PhaseEnd,
			path:   []string{"mx1 clear: unknown at end because it may have been delivered"},
			stored: map[string]int{"mx1": 1},
		})
	},
	"before the end": func(t *testing.T, s *scene) {
		s.sink(t, 1, "-q data")
		s.sink(t, 2, "")
		s.deliver(t, "taro@two.mx.test", verdict{
			outcome: delivery.Accepted, host: "mx2", reply: 250,
			path:   []string{"mx1 clear: deferred at DATA because the path failed → next host", "mx2 clear: accepted"},
			stored: map[string]int{"mx2": 1},
		})
	},
	"in the middle": func(t *testing.T, s *scene) {
		n := 0
		s.host(1, meddler{fromClient: func(client net.Conn, line string) bool {
			if n += len(line); n > 100<<10 {
				client.Close()
			}
			return n <= 100<<10
		}}.before(t, s.ports["data"]))
		s.host(2, s.ports["clear"])
		p := sized(8 << 20) // more than is on its way at once
		s.judge(t, p, s.send(t, p, "taro@two.mx.test").Recipients[0], verdict{
			outcome: delivery.Accepted, host: "mx2", reply: 250,
			path:   []string{"mx1 clear: deferred at body because the path failed → next host", "mx2 clear: accepted"},
			stored: map[string]int{"clear": 1},
		})
		p.wantAt(t, s.postfix.Maildirs(), "taro@dest.test")
	},
}

// secondLost is lost for the second mail on a connection, which by BDAT goes along
// with its commands.
func (s *scene) secondLost(t *testing.T, name string) {
	t.Helper()
	n := 0
	s.host(1, meddler{fromServer: func(client net.Conn, line string) bool {
		if strings.Contains(line, " queued as ") {
			n++
		}
		if n == 2 {
			client.Close()
		}
		return n < 2
	}}.before(t, s.ports[name]))
	s.sink(t, 2, "")
	want := verdict{
		outcome: delivery.Accepted, host: "mx1", reply: 250,
		path:   []string{"mx1 clear: accepted"},
		stored: map[string]int{name: 1},
	}
	s.deliver(t, "taro@two.mx.test", want)
	want.outcome, want.phase, want.reply = delivery.Unknown, delivery.PhaseEnd, 0
	want.path = []string{"mx1 again clear: unknown at end because it may have been delivered"}
	s.deliver(t, "taro@two.mx.test", want)
}

// lost has the connection to Postfix end where it says that it has the mail, of
// which nothing arrives but what is left.
func (s *scene) lost(t *testing.T, name, by, left string) {
	t.Helper()
	var mu sync.Mutex
	var said []string
	s.host(1, meddler{
		fromClient: func(_ net.Conn, line string) bool {
			mu.Lock()
			defer mu.Unlock()
			said = append(said, line)
			return true
		},
		fromServer: func(client net.Conn, line string) bool {
			if !strings.Contains(line, " queued as ") {
				return true
			}
			io.WriteString(client, left)
			client.Close()
			return false
		},
	}.before(t, s.ports[name]))
	s.sink(t, 2, "")
	s.deliver(t, "taro@two.mx.test", verdict{
		outcome: delivery.Unknown, host: "mx1", phase: delivery.PhaseEnd,
		path:   []string{"mx1 clear: unknown at end because it may have been delivered"},
		stored: map[string]int{name: 1},
	})
	mu.Lock()
	defer mu.Unlock()
	if !slices.ContainsFunc(said, func(line string) bool { return strings.HasPrefix(line, by) }) {
		t.Errorf("the mail went by %q", said)
	}
}

// mxMail: each recipient has an outcome, and what arrives is what was sent.
var mxMail = scenarios{
	"three recipients": func(t *testing.T, s *scene) {
		s.host(1, s.ports["good"])
		s.three(t, []string{
			"mx1 encrypted: accepted",
			"mx1 again encrypted: rejected at RCPT because a verdict",
			"mx1 again encrypted: accepted",
		})
	},
	"three recipients together": func(t *testing.T, s *scene) {
		s.transport.RecipientsPerTransaction = 3
		s.host(1, s.ports["good"])
		s.three(t, []string{
			"mx1 encrypted: accepted",
			"mx1 encrypted: rejected at RCPT because a verdict",
			"mx1 encrypted: accepted",
		})
	},
	"two domains": func(t *testing.T, s *scene) {
		s.host(1, s.ports["good"])
		sink := s.sink(t, 2, "")
		p := newPost("hello\r\n")
		res := s.send(t, p, "taro@one.mx.test", "jiro@order.mx.test", "hanako@one.mx.test")
		for i, host := range []string{"mx1", "mx2", "mx1"} {
			if r := res.Recipients[i]; r.Outcome != delivery.Accepted || s.label(r.Host) != host {
				t.Errorf("%s: %v by %s: %v", r.Address, r.Outcome, r.Host, r.Err)
			}
		}
		path := s.path()
		slices.Sort(path)
		if !slices.Equal(path, []string{"mx1 again encrypted: accepted", "mx1 encrypted: accepted", "mx2 clear: accepted"}) {
			t.Errorf("the paths were %q", path)
		}
		if stored := s.stored(t, p.id); !maps.Equal(stored, map[string]int{"good": 2, "mx2": 1}) {
			t.Errorf("%v have the mail", stored)
		}
		p.wantAt(t, s.postfix.Maildirs(), "taro@dest.test", "hanako@dest.test")
		dumps, err := sink.Dumps()
		must(t, err)
		for _, d := range dumps {
			if !slices.Equal(d.Rcpts, []string{"<jiro@order.mx.test>"}) {
				t.Errorf("the other domain got mail for %q", d.Rcpts)
			}
		}
	},
	"ten in clear":  func(t *testing.T, s *scene) { s.ten(t, "clear", "clear") },
	"ten encrypted": func(t *testing.T, s *scene) { s.ten(t, "good", "encrypted") },
	"signed": func(t *testing.T, s *scene) {
		s.host(1, s.ports["good"])
		keys := dkimKeys(t, "ed")
		signer, err := keySources["PEM"](t, testPKI(t).sender("p256"))
		must(t, err)
		header, err := dkim.New(dkim.Config{Keys: keys})
		must(t, err)
		mailer := &qdmail.Mailer{Transport: s.transport}
		mailer.Encoder.Signer, mailer.Encoder.HeaderSigner = signer, header
		l := dkimLetter(t)
		l.To, l.Cc, l.MessageID = []message.Address{{Name: "山田 太郎", Address: "taro@one.mx.test"}}, nil, newMessageID()
		_, err = mailer.Send(within(t), &l.Message)
		must(t, err)
		if stored := s.stored(t, l.MessageID); !maps.Equal(stored, map[string]int{"good": 1}) {
			t.Errorf("%v have the mail", stored)
		}
		arrived := []byte(delivered(t, s.postfix, l.MessageID)[0])
		newDKIMJudge(t, keys...).want(t, []byte(strings.ReplaceAll(string(arrived), "\n", "\r\n")), 1, true)
		content, openSSL, gnuPG := newSignatureJudges(t).verify(within(t), t, arrived)
		if openSSL != nil || gnuPG != nil {
			t.Fatal(openSSL, gnuPG)
		}
		l.compare(t, read(t, unwrapped(t, arrived, content)))
	},
}

// three sends to three recipients, of which one isn't known.
func (s *scene) three(t *testing.T, path []string) {
	t.Helper()
	p := newPost("hello\r\n")
	res := s.send(t, p, "taro@one.mx.test", "nobody@one.mx.test", "hanako@one.mx.test")
	want := verdict{outcome: delivery.Accepted, host: "mx1", reply: 250, path: path, stored: map[string]int{"good": 2}}
	s.judge(t, p, res.Recipients[0], want)
	s.judge(t, p, res.Recipients[2], want)
	want.outcome, want.phase, want.reply = delivery.Rejected, delivery.PhaseRCPT, 550
	s.judge(t, p, res.Recipients[1], want)
	p.wantAt(t, s.postfix.Maildirs(), "taro@dest.test", "hanako@dest.test")
}

// ten sends ten mails, for which one connection has to do.
func (s *scene) ten(t *testing.T, name, security string) {
	t.Helper()
	tap := tapped(t, s.ports[name], 0)
	s.host(1, tap.Port)
	for i := range 10 {
		path := "mx1 again " + security + ": accepted"
		if i == 0 {
			path = "mx1 " + security + ": accepted"
		}
		s.deliver(t, "taro@one.plain.test", verdict{
			outcome: delivery.Accepted, host: "mx1", reply: 250,
			path:   []string{path},
			stored: map[string]int{name: 1},
		})
	}
	if n := len(tap.Conversations()); n != 1 {
		t.Errorf("%d connections for ten mails", n)
	}
}
