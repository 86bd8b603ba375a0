package dns_test

import (
	"context"
	"net"
	"sync"
	"time"

	mdns "github.com/miekg/dns"
)

// pipeServer is a name server in memory, for tests in which time matters. It takes
// one question per connection.
type pipeServer struct {
	delay  time.Duration
	script script

	mu          sync.Mutex
	asked, live int
}

func (p *pipeServer) dial(context.Context, string, string) (net.Conn, error) {
	client, server := net.Pipe()
	p.mu.Lock()
	p.live++
	p.mu.Unlock()
	go func() {
		buf := make([]byte, 4096)
		n, err := server.Read(buf)
		q := new(mdns.Msg)
		if err != nil || q.Unpack(buf[:n]) != nil {
			return
		}
		p.mu.Lock()
		p.asked++
		p.mu.Unlock()
		time.AfterFunc(p.delay, func() {
			octets, _ := p.script(q, "udp").Pack()
			server.Write(octets)
		})
	}()
	return &counted{Conn: client, p: p}, nil
}

func (p *pipeServer) count() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.asked
}

func (p *pipeServer) open() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.live
}

// counted is a connection that says when it is closed.
type counted struct {
	net.Conn
	p *pipeServer
}

func (c *counted) Close() error {
	c.p.mu.Lock()
	c.p.live--
	c.p.mu.Unlock()
	return c.Conn.Close()
}
