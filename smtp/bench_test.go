package smtp_test

import (
	"bufio"
	"bytes"
	"context"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/qdmail/qdmail/delivery"
	"github.com/qdmail/qdmail/internal/testsmtp"
	"github.com/qdmail/qdmail/smtp"
)

var benchmarkBodies = []struct {
	name string
	body delivery.BytesBody
}{
	{"small", hello},
	{"1MiB", delivery.BytesBody(strings.Repeat(strings.Repeat("x", 76)+"\r\n", 1<<20/78))},
}

// BenchmarkRelay sends with one connection per message, and BenchmarkClient
// message after message on one. Over a connection in memory, which can't be
// asked whether something waits to be read, the last look before the end of data
// takes about a millisecond; over TCP it doesn't.
func BenchmarkRelay(b *testing.B)  { benchmark(b, false) }
func BenchmarkClient(b *testing.B) { benchmark(b, true) }

func benchmark(b *testing.B, reuse bool) {
	for _, bb := range benchmarkBodies {
		for _, network := range []string{"memory", "TCP"} {
			b.Run(bb.name+"/"+network, func(b *testing.B) {
				dial := sinkMemory
				if network == "TCP" {
					dial = sinkTCP(b)
				}
				env := from("b@y.test")
				var send func() (*delivery.Result, error)
				if reuse {
					conn, err := dial(b.Context(), "tcp", "localhost:25")
					if err != nil {
						b.Fatal(err)
					}
					c, err := smtp.NewClient(b.Context(), conn, smtp.Config{Addr: "localhost:25", LocalName: "client.test"})
					if err != nil {
						b.Fatal(err)
					}
					defer c.Close()
					send = func() (*delivery.Result, error) { return c.Send(b.Context(), env, bb.body) }
				} else {
					r := local(dial)
					send = func() (*delivery.Result, error) { return r.Send(b.Context(), env, bb.body) }
				}
				b.SetBytes(bb.body.Size())
				b.ReportAllocs()
				for b.Loop() {
					if _, err := send(); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}

// sink is a server that takes everything and allocates next to nothing.
func sink(conn net.Conn) {
	defer conn.Close()
	r := bufio.NewReaderSize(conn, 64<<10)
	conn.Write([]byte("220 sink\r\n"))
	reply := []byte("250 ok\r\n")
	for data := false; ; {
		line, err := r.ReadSlice('\n')
		switch {
		case err != nil || !data && bytes.Equal(line, []byte("QUIT\r\n")):
			return
		case data && !bytes.Equal(line, []byte(".\r\n")):
			continue
		case data:
			data = false
			conn.Write(reply)
		case bytes.Equal(line, []byte("DATA\r\n")):
			data = true
			conn.Write([]byte("354 go\r\n"))
		default:
			conn.Write(reply)
		}
	}
}

func sinkMemory(context.Context, string, string) (net.Conn, error) {
	client, server := testsmtp.Pipe()
	go sink(server)
	return client, nil
}

func sinkTCP(b *testing.B) func(context.Context, string, string) (net.Conn, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go sink(conn)
		}
	}()
	return func(ctx context.Context, network, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, network, l.Addr().String())
	}
}

// BenchmarkSmall is what we spend on a small message that goes over a connection
// which is there already, by each of the three ways: no octet leaves the
// goroutine.
func BenchmarkSmall(b *testing.B) {
	for _, bb := range []struct {
		name       string
		extensions []string
	}{
		{"DATA", oneByOne}, {"PIPELINING", pipelined}, {"BDAT", inChunks},
	} {
		b.Run(bb.name, func(b *testing.B) {
			ehlo := "250-sink\r\n250-" + strings.Join(bb.extensions, "\r\n250-") + "\r\n250 HELP\r\n"
			r := pooled(func(context.Context, string, string) (net.Conn, error) {
				conn, _ := testsmtp.Pipe()
				return &echo{Conn: conn, ehlo: ehlo, replies: []byte("220 sink\r\n")}, nil
			}, 1)
			r.Pool.MaxMessages = 1 << 60
			env := from("b@y.test")
			b.ReportAllocs()
			for b.Loop() {
				if _, err := r.Send(b.Context(), env, hello); err != nil {
					b.Fatal(err)
				}
			}
			r.Close()
		})
	}
}

// echo is a connection whose other end has answered as soon as something was
// written. It knows no commands but those of BenchmarkSmall, each in one piece.
type echo struct {
	net.Conn
	ehlo    string
	data    bool
	replies []byte
}

func (e *echo) Write(p []byte) (int, error) {
	n := len(p)
	for len(p) > 0 {
		if e.data {
			e.data, p = false, nil
			e.replies = append(e.replies, "250 2.0.0 queued as 4F9D195432C\r\n"...)
			break
		}
		var line []byte
		line, p, _ = bytes.Cut(p, []byte("\r\n"))
		switch {
		case bytes.HasPrefix(line, []byte("EHLO")):
			e.replies = append(e.replies, e.ehlo...)
		case bytes.Equal(line, []byte("DATA")):
			e.data = true
			e.replies = append(e.replies, "354 End data with <CR><LF>.<CR><LF>\r\n"...)
		case bytes.HasPrefix(line, []byte("BDAT")):
			e.data = true
		default:
			e.replies = append(e.replies, "250 2.1.0 Ok\r\n"...)
		}
	}
	return n, nil
}

func (e *echo) Read(p []byte) (int, error) {
	n := copy(p, e.replies)
	if e.replies = e.replies[:copy(e.replies, e.replies[n:])]; n == 0 {
		return 0, os.ErrDeadlineExceeded // nothing will come
	}
	return n, nil
}

func (e *echo) SetDeadline(time.Time) error { return nil }
func (e *echo) Close() error                { return nil }
