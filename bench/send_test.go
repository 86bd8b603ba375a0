package bench_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/wneessen/go-mail"

	"github.com/qdmail/qdmail/delivery"
	"github.com/qdmail/qdmail/smtp"
)

// sender sends n messages of 1 KB to addr, over one connection.
type sender struct {
	lib  string
	send func(b *testing.B, addr string, n int)
}

// toY is the envelope of all messages, body the message of 1 KB.
var (
	toY  = &delivery.Envelope{From: "a@x.test", Recipients: []delivery.Recipient{{Address: "b@y.test"}}}
	body = delivery.BytesBody("Subject: bench\r\n\r\n" + strings.Repeat(strings.Repeat("x", 70)+"\r\n", 14))
)

var senders = []sender{
	{"smtp-source", smtpSource},
	{"qdmail", func(b *testing.B, addr string, n int) { relay(b, addr, n, 1) }},
	{"qdmail-waiting", func(b *testing.B, addr string, n int) { relay(b, addr, n, 8) }},
	{"go-mail", goMail},
}

// BenchmarkSend sends to smtp-sink, at once and with 5 ms for a turn.
func BenchmarkSend(b *testing.B) {
	for _, turn := range []time.Duration{0, 5 * time.Millisecond} {
		addr := farAway(b, smtpSink(b), turn)
		for _, s := range senders {
			b.Run(fmt.Sprintf("turn=%v/lib=%s", turn, s.lib), func(b *testing.B) {
				b.ReportAllocs()
				s.send(b, addr, b.N)
			})
		}
	}
}

// smtpSource is the program that comes with Postfix.
func smtpSource(b *testing.B, addr string, n int) {
	out, err := exec.Command("smtp-source", "-d", "-s", "1", "-m", strconv.Itoa(n), "-l", strconv.Itoa(len(body)),
		"-f", "a@x.test", "-t", "b@y.test", addr).CombinedOutput()
	if err != nil {
		b.Fatalf("%v\n%s", err, out)
	}
}

// relay sends from several goroutines, over one connection.
func relay(b *testing.B, addr string, n, goroutines int) {
	r := &smtp.Relay{Addr: addr, Pool: smtp.Pool{MaxConns: 1, MaxMessages: n + 1, MaxAge: time.Hour}}
	todo := make(chan struct{}, n)
	for range n {
		todo <- struct{}{}
	}
	close(todo)
	b.ResetTimer()
	var wg sync.WaitGroup
	for range goroutines {
		wg.Go(func() {
			for range todo {
				if _, err := r.Send(context.Background(), toY, body); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	b.StopTimer()
	r.Close()
}

func goMail(b *testing.B, addr string, n int) {
	host, port, _ := net.SplitHostPort(addr)
	p, _ := strconv.Atoi(port)
	c, err := mail.NewClient(host, mail.WithPort(p), mail.WithTLSPolicy(mail.NoTLS))
	if err != nil {
		b.Fatal(err)
	}
	if err := c.DialWithContext(context.Background()); err != nil {
		b.Fatal(err)
	}
	m := mail.NewMsg(mail.WithEncoding(mail.NoEncoding))
	m.From("a@x.test")
	m.To("b@y.test")
	m.Subject("bench")
	m.SetBodyString(mail.TypeTextPlain, string(body))
	b.ResetTimer()
	for range n {
		if err := c.Send(m); err != nil {
			b.Fatal(err)
		}
	}
	b.StopTimer()
	c.Close()
}

// smtpSink starts smtp-sink on a free port.
func smtpSink(b *testing.B) string {
	addr := freeAddr(b)
	cmd := exec.Command("smtp-sink", "-u", "nobody", addr, "100")
	start(b, cmd)
	reachable(b, addr)
	return addr
}

func start(b *testing.B, cmd *exec.Cmd) {
	if err := cmd.Start(); err != nil {
		b.Fatalf("%v; smtp-sink and smtp-source are in Debian's package postfix", err)
	}
	b.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
	})
}

// freeAddr is an address that nobody listens at.
func freeAddr(b *testing.B) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

func reachable(b *testing.B, addr string) {
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end); {
		if conn, err := net.Dial("tcp", addr); err == nil {
			conn.Close()
			return
		}
	}
	b.Fatalf("nobody listens at %s", addr)
}

// farAway is addr behind a line on which a turn takes so long: a proxy that
// passes on what it gets half of that later.
func farAway(b *testing.B, addr string, turn time.Duration) string {
	if turn == 0 {
		return addr
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { l.Close() })
	go func() {
		for {
			client, err := l.Accept()
			if err != nil {
				return
			}
			server, err := net.Dial("tcp", addr)
			if err != nil {
				client.Close()
				continue
			}
			go delay(server, client, turn/2)
			go delay(client, server, turn/2)
		}
	}()
	return l.Addr().String()
}

// delay passes on what it reads, a while after it was read.
func delay(dst io.WriteCloser, src io.Reader, d time.Duration) {
	type parcel struct {
		p   []byte
		due time.Time
	}
	parcels := make(chan parcel, 1024)
	go func() {
		defer dst.Close()
		for p := range parcels {
			<-time.After(time.Until(p.due))
			if _, err := dst.Write(p.p); err != nil {
				return
			}
		}
	}()
	defer close(parcels)
	for {
		buf := make([]byte, 32<<10)
		n, err := src.Read(buf)
		if n > 0 {
			parcels <- parcel{buf[:n], time.Now().Add(d)}
		}
		if err != nil {
			return
		}
	}
}
