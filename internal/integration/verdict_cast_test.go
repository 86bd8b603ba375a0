//go:build integration

package integration_test

import (
	"crypto/tls"
	"io"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/qdmail/qdmail/internal/testsmtp"
)

// usual is what the scripted servers offer: no CHUNKING, since Postfix doesn't send
// by BDAT.
var usual = []string{"PIPELINING", "SIZE 52428800", "8BITMIME", "SMTPUTF8", "DSN", "ENHANCEDSTATUSCODES"}

// cast are the servers that one client meets: a scripted one for each message, and
// two that take everything; and what became of the messages.
type cast struct {
	scripted    map[*hearing]*testsmtp.Server // none where there is no server
	addrs       map[*hearing][]string         // the hosts, without the fallback
	next, relay *testsmtp.Server
	nextAddr    string
	relayAddr   string

	mu       sync.Mutex
	outcomes map[*hearing][]string
}

// newCast starts the servers, which end with the test.
func newCast(t *testing.T, all []*hearing) *cast {
	t.Helper()
	c := &cast{
		scripted: map[*hearing]*testsmtp.Server{}, addrs: map[*hearing][]string{}, outcomes: map[*hearing][]string{},
		next: &testsmtp.Server{Extensions: usual}, relay: &testsmtp.Server{Extensions: usual},
	}
	c.nextAddr, c.relayAddr = listening(t, c.next), listening(t, c.relay)
	cert, _ := testsmtp.Certificate("127.0.0.1")
	config := &tls.Config{Certificates: []tls.Certificate{cert}}
	for _, h := range all {
		if z := h.trial.zone; z == nil || z.served {
			c.enter(t, h, config)
		}
	}
	return c
}

// enter starts the server of one message.
func (c *cast) enter(t *testing.T, h *hearing, config *tls.Config) {
	t.Helper()
	tr := h.trial
	if tr.after != nil {
		c.addrs[h] = append(c.addrs[h], tr.after(t))
	}
	if tr.at != nil {
		c.addrs[h] = append(c.addrs[h], tr.at(t))
	} else {
		s := &testsmtp.Server{Extensions: usual, On: tr.script(h.fault), DiscardData: true}
		if tr.offers != nil {
			s.Extensions = tr.offers
		}
		if tr.tls {
			s.TLS = config
		}
		c.scripted[h] = s
		c.addrs[h] = append(c.addrs[h], listening(t, s))
	}
	switch {
	case h.in == withNext && tr.zone != nil:
		c.lead(t, net.JoinHostPort(nextIP, portIn(c.addrs[h][0])))
	case h.in == withNext:
		c.addrs[h] = append(c.addrs[h], c.nextAddr)
	}
}

// lead makes an address lead to the other host.
func (c *cast) lead(t *testing.T, addr string) {
	t.Helper()
	l, err := net.Listen("tcp4", addr)
	must(t, err)
	var serving sync.WaitGroup
	t.Cleanup(func() { l.Close(); serving.Wait() })
	serving.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			server, err := c.next.Dial(t.Context(), "tcp", addr)
			if err != nil {
				conn.Close()
				return
			}
			serving.Go(func() { io.Copy(server, conn); server.Close() })
			serving.Go(func() { io.Copy(conn, server); conn.Close() })
		}
	})
}

func portIn(addr string) string { return addr[strings.LastIndexByte(addr, ':')+1:] }

func listening(t *testing.T, s *testsmtp.Server) string {
	t.Helper()
	addr, err := s.Listen()
	must(t, err)
	t.Cleanup(func() { s.Close() })
	return addr
}

func (c *cast) enterOutcomes(h *hearing, outcomes []string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.outcomes[h] = outcomes
}

// watch returns what became of a message, and what the servers have seen of it.
func (c *cast) watch(h *hearing) sighting {
	var s sighting
	for i, rcpt := range h.rcpts {
		outcome := c.outcomes[h][i]
		s.atNext = append(s.atNext, wasAsked(c.next, rcpt))
		s.atRelay = append(s.atRelay, wasAsked(c.relay, rcpt))
		copies := copiesFor(c.next, rcpt) + copiesFor(c.relay, rcpt)
		if own := c.scripted[h]; own != nil {
			copies += copiesFor(own, rcpt)
		}
		if outcome == "accepted" && copies == 0 {
			outcome = "accepted but lost"
		}
		s.outcomes, s.twice = append(s.outcomes, outcome), append(s.twice, copies > 1)
	}
	return s
}

// wasAsked reports whether a server was asked to take mail for a recipient.
func wasAsked(s *testsmtp.Server, rcpt string) bool {
	return slices.ContainsFunc(s.Connections(), func(c testsmtp.Connection) bool {
		return slices.ContainsFunc(c.Commands, func(line string) bool {
			return strings.HasPrefix(line, "RCPT TO:<"+rcpt+">")
		})
	})
}

// copiesFor counts the copies that a server has for a recipient.
func copiesFor(s *testsmtp.Server, rcpt string) int {
	n := 0
	for _, m := range s.Messages() {
		for _, r := range m.Recipients {
			if r.Address == rcpt {
				n++
			}
		}
	}
	return n
}

// refusing returns an address of this machine where nobody listens, and that
// nobody else gets during the test.
func refusing(t *testing.T) string {
	t.Helper()
	_, addr := boundSocket(t)
	return addr
}

// unanswering returns an address where no connection comes about: the queue of
// those that nobody accepts is full.
func unanswering(t *testing.T) string {
	t.Helper()
	fd, addr := boundSocket(t)
	must(t, syscall.Listen(fd, 0))
	conn, err := net.Dial("tcp4", addr)
	must(t, err)
	t.Cleanup(func() { conn.Close() })
	return addr
}

func boundSocket(t *testing.T) (fd int, addr string) {
	t.Helper()
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	must(t, err)
	t.Cleanup(func() { syscall.Close(fd) })
	must(t, syscall.Bind(fd, &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}))
	name, err := syscall.Getsockname(fd)
	must(t, err)
	return fd, net.JoinHostPort("127.0.0.1", strconv.Itoa(name.(*syscall.SockaddrInet4).Port))
}
