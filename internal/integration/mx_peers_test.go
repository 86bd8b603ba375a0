//go:build integration

package integration_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// dead returns a port on which nobody listens, and nobody else can.
func dead(t *testing.T) int {
	t.Helper()
	port, _ := bound(t)
	return port
}

// bound returns a port that is taken, with its socket.
func bound(t *testing.T) (port, socket int) {
	t.Helper()
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	must(t, err)
	t.Cleanup(func() { syscall.Close(fd) })
	must(t, syscall.Bind(fd, &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}))
	own, err := syscall.Getsockname(fd)
	must(t, err)
	return own.(*syscall.SockaddrInet4).Port, fd
}

// silent returns a port that takes connections and says nothing then.
func silent(t *testing.T) int {
	t.Helper()
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	must(t, err)
	t.Cleanup(func() { l.Close() })
	return portOf(t, l.Addr().String())
}

// blackHole returns a port from which nothing comes back: the queue of its listener
// is full, so that the system drops whatever arrives.
func blackHole(t *testing.T) int {
	t.Helper()
	port, socket := bound(t)
	must(t, syscall.Listen(socket, 0))
	for range 100 {
		conn, err := net.DialTimeout("tcp4", local(port), time.Second)
		if e, ok := errors.AsType[net.Error](err); ok && e.Timeout() {
			return port
		}
		must(t, err)
		t.Cleanup(func() { conn.Close() })
	}
	t.Fatal("the system queues any number of connections")
	return 0
}

func portOf(t *testing.T, addr string) int {
	t.Helper()
	a, err := netip.ParseAddrPort(addr)
	must(t, err)
	return int(a.Port())
}

// meddler stands before a server and may do something about each line that goes
// by, or what has come of it. What it returns false for isn't passed on.
type meddler struct {
	fromClient func(client net.Conn, line string) bool
	fromServer func(client net.Conn, line string) bool
}

// before has a meddler stand before a port.
func (m meddler) before(t *testing.T, port int) int {
	t.Helper()
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	must(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			client, err := l.Accept()
			if err != nil {
				return
			}
			wg.Go(func() { m.serve(ctx, client, port) })
		}
	})
	t.Cleanup(func() { l.Close(); cancel(); wg.Wait() })
	return portOf(t, l.Addr().String())
}

func (m meddler) serve(ctx context.Context, client net.Conn, port int) {
	defer client.Close()
	server, err := net.Dial("tcp4", local(port))
	if err != nil {
		return
	}
	defer context.AfterFunc(ctx, func() { client.Close(); server.Close() })()
	var wg sync.WaitGroup
	wg.Go(func() { pass(client, server, client, m.fromClient) })
	wg.Go(func() { pass(server, client, client, m.fromServer) })
	wg.Wait()
}

// pass passes on what comes, until one side has no more.
func pass(from, to, client net.Conn, meddle func(net.Conn, string) bool) {
	defer from.Close()
	defer to.Close()
	buf := make([]byte, 64<<10)
	for {
		n, err := from.Read(buf)
		for line := range strings.Lines(string(buf[:n])) {
			if meddle != nil && !meddle(client, line) {
				continue
			}
			if _, err := io.WriteString(to, line); err != nil {
				return
			}
		}
		if err != nil {
			return
		}
	}
}

// startPolicies starts the policy hosts of mxPolicies.
func startPolicies(t *testing.T, chain ...*daneCert) int {
	t.Helper()
	cert := tls.Certificate{PrivateKey: chain[0].key}
	for _, c := range chain {
		cert.Certificate = append(cert.Certificate, c.Raw)
	}
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		text, ok := mxPolicies[strings.TrimPrefix(r.Host, "mta-sts.")]
		if !ok || r.URL.Path != "/.well-known/mta-sts.txt" {
			http.NotFound(w, r)
			return
		}
		w.Header().Set("Content-Type", "text/plain")
		io.WriteString(w, text)
	}))
	server.TLS = &tls.Config{Certificates: []tls.Certificate{cert}}
	server.Config.ErrorLog = log.New(io.Discard, "", 0) // of clients that don't trust it
	server.StartTLS()
	t.Cleanup(server.Close)
	return portOf(t, server.Listener.Addr().String())
}

// greylist is a policy server of Postfix that has everybody come again.
type greylist struct {
	port int

	mu   sync.Mutex
	seen map[string]int
}

func startGreylist(t *testing.T) *greylist {
	t.Helper()
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	must(t, err)
	g := &greylist{port: portOf(t, l.Addr().String()), seen: map[string]int{}}
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			wg.Go(func() { g.serve(conn) })
		}
	})
	t.Cleanup(func() { l.Close(); wg.Wait() })
	return g
}

// serve answers each question, which ends in an empty line.
func (g *greylist) serve(conn net.Conn) {
	defer conn.Close()
	who := ""
	for lines := bufio.NewScanner(conn); lines.Scan(); {
		name, value, found := strings.Cut(lines.Text(), "=")
		switch {
		case !found:
			action := "DUNNO"
			if g.first(who) {
				action = "450 4.7.1 Greylisted, come again"
			}
			fmt.Fprintf(conn, "action=%s\n\n", action)
			who = ""
		case name == "sender" || name == "recipient" || name == "client_address":
			who += value + " "
		}
	}
}

func (g *greylist) first(who string) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.seen[who]++
	return g.seen[who] == 1
}
