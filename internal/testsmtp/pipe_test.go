package testsmtp_test

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/qdmail/qdmail/internal/testsmtp"
)

func TestPipeCarries(t *testing.T) {
	client, server := testsmtp.Pipe()
	defer client.Close()
	defer server.Close()
	if a := client.RemoteAddr(); a.Network() != "memory" || a.String() != "server" || client.LocalAddr().String() != "client" {
		t.Errorf("addresses %v, %v", a, client.LocalAddr())
	}
	data := make([]byte, 1<<20)
	for i := range data {
		data[i] = byte(rand.IntN(256))
	}
	var wg sync.WaitGroup
	for _, ends := range [][2]net.Conn{{client, server}, {server, client}} {
		wg.Go(func() {
			for rest := data; len(rest) > 0; {
				n := min(len(rest), 1+rand.IntN(100_000))
				if k, err := ends[0].Write(rest[:n]); k != n || err != nil {
					t.Errorf("wrote %d of %d: %v", k, n, err)
					return
				}
				rest = rest[n:]
			}
			ends[0].(interface{ CloseWrite() error }).CloseWrite()
		})
		wg.Go(func() {
			got, err := io.ReadAll(ends[1])
			if err != nil || !bytes.Equal(got, data) {
				t.Errorf("read %d octets, %v", len(got), err)
			}
		})
	}
	wg.Wait()
	if _, err := client.Write([]byte("x")); !errors.Is(err, syscall.EPIPE) {
		t.Errorf("write after CloseWrite: %v", err)
	}
}

func TestPipeWritesAreWhole(t *testing.T) {
	client, server := testsmtp.Pipe()
	var wg sync.WaitGroup
	for i := range 4 {
		wg.Go(func() { client.Write(bytes.Repeat([]byte{byte(i)}, 100_000)) })
	}
	for range 4 {
		buf := make([]byte, 100_000)
		if _, err := io.ReadFull(server, buf); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(buf, bytes.Repeat(buf[:1], len(buf))) {
			t.Fatal("two writes are mixed")
		}
	}
	wg.Wait()
	client.Close()
	server.Close()
}

func TestPipeBlocksLikeASocket(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, server := testsmtp.Pipe()
		deadline := time.Now().Add(time.Minute)
		var wg sync.WaitGroup
		for _, c := range []net.Conn{client, server} {
			c.SetDeadline(deadline)
			wg.Go(func() {
				n, err := c.Write(make([]byte, 100_000))
				if n != 64<<10 || !isTimeout(err) || !errors.Is(err, os.ErrDeadlineExceeded) || time.Now() != deadline {
					t.Errorf("wrote %d: %v after %v", n, err, time.Until(deadline))
				}
			})
		}
		wg.Wait()
		// A deadline that passed fails everything, until there is a new one.
		if _, err := client.Read(make([]byte, 1)); !isTimeout(err) {
			t.Errorf("read: %v", err)
		}
		client.SetReadDeadline(time.Time{})
		if n, err := client.Read(make([]byte, 1)); n != 1 || err != nil {
			t.Errorf("read: %d, %v", n, err)
		}
		client.SetDeadline(time.Now().Add(-time.Second))
		if _, err := client.Read(make([]byte, 1)); !isTimeout(err) {
			t.Errorf("read: %v", err)
		}
		if _, err := client.Write(make([]byte, 1)); !isTimeout(err) {
			t.Errorf("write: %v", err)
		}
		client.Close()
		server.Close()
	})
}

func TestPipeDeadlineWhileBlocked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, server := testsmtp.Pipe()
		defer server.Close()
		defer client.Close()
		start := time.Now()
		client.SetReadDeadline(start.Add(time.Second))
		go func() { // moves the deadline of a Read that waits
			synctest.Wait()
			client.SetReadDeadline(start.Add(time.Hour))
		}()
		if _, err := client.Read(make([]byte, 1)); !isTimeout(err) || time.Since(start) != time.Hour {
			t.Errorf("read: %v after %v", err, time.Since(start))
		}
	})
}

func TestPipeClose(t *testing.T) {
	for _, how := range []struct {
		name        string
		close       func(net.Conn)
		read, write error
	}{
		{"close", func(c net.Conn) { c.Close() }, nil, syscall.EPIPE},
		{"reset", func(c net.Conn) { c.(interface{ Reset() }).Reset() }, syscall.ECONNRESET, syscall.ECONNRESET},
	} {
		t.Run(how.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				client, server := testsmtp.Pipe()
				server.Write([]byte("last words"))
				own := make(chan error)
				go func() { _, err := server.Read(make([]byte, 1)); own <- err }()
				go func() { _, err := client.Write(make([]byte, 1<<20)); own <- err }()
				synctest.Wait() // one of them has read the octet
				if err := <-own; err != nil {
					t.Errorf("read: %v", err)
				}
				go func() { _, err := server.Read(make([]byte, 64<<10)); own <- err }()
				<-own
				synctest.Wait()
				how.close(server)
				if err := <-own; !errors.Is(err, how.write) {
					t.Errorf("blocked write at the other end: %v", err)
				}
				got, err := io.ReadAll(client)
				if string(got) != "last words" || !errors.Is(err, how.read) {
					t.Errorf("the other end read %q, %v", got, err)
				}
				if _, err := client.Write([]byte("x")); !errors.Is(err, how.write) {
					t.Errorf("write at the other end: %v", err)
				}
				if _, err := server.Read(make([]byte, 1)); !errors.Is(err, net.ErrClosed) {
					t.Errorf("own read: %v", err)
				}
				if _, err := server.Write([]byte("x")); !errors.Is(err, net.ErrClosed) {
					t.Errorf("own write: %v", err)
				}
				if err := server.SetDeadline(time.Now()); !errors.Is(err, net.ErrClosed) {
					t.Errorf("own SetDeadline: %v", err)
				}
				if err := server.Close(); !errors.Is(err, net.ErrClosed) {
					t.Errorf("second Close: %v", err)
				}
				if err := client.Close(); err != nil {
					t.Errorf("Close: %v", err)
				}
			})
		})
	}
}

func TestPipeCloseWakesOwnCalls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, _ := testsmtp.Pipe()
		errs := make(chan error, 2)
		go func() { _, err := client.Read(make([]byte, 1)); errs <- err }()
		go func() { _, err := client.Write(make([]byte, 1<<20)); errs <- err }()
		synctest.Wait()
		client.Close()
		for range 2 {
			if err := <-errs; !errors.Is(err, net.ErrClosed) {
				t.Errorf("blocked call: %v", err)
			}
		}
	})
}
