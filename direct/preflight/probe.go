package preflight

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"strconv"
	"syscall"
	"time"

	"github.com/qdmail/qdmail/delivery"
	"github.com/qdmail/qdmail/dial"
	"github.com/qdmail/qdmail/direct"
	"github.com/qdmail/qdmail/direct/dns"
	"github.com/qdmail/qdmail/smtp"
)

const (
	smtpPort     = 25
	maxProbes    = 10
	probeTimeout = 20 * time.Second
)

// target is a host that is connected to.
type target struct {
	host    string
	port    uint16
	guarded bool // found in the DNS, so AllowAddr is asked
	err     error
	addrs   []netip.Addr
}

// reach is how far a connection came. The farthest counts.
type reach uint8

const (
	failed      reach = iota // for reasons of this machine
	unreachable              // there is no route
	silent                   // nothing came back
	refused                  // by a host, or somebody on the way
	unwelcome                // connected, but not greeted
	greeted
)

// attempt is what one connection has shown.
type attempt struct {
	reach reach
	text  string
}

// targets are all hosts to connect to, with their addresses.
func (r *run) targets() []target {
	var list []target
	for _, h := range r.ProbeHosts {
		list = append(list, parseTarget(h))
	}
	for _, d := range r.ProbeDomains {
		list = append(list, r.exchanger(d))
	}
	list = list[:min(len(list), maxProbes)]
	inParallel(len(list), func(i int) {
		if t := &list[i]; t.err == nil {
			r.locate(t)
		}
	})
	return list
}

// parseTarget takes "host" or "host:port".
func parseTarget(s string) target {
	t := target{host: s, port: smtpPort}
	if h, p, err := net.SplitHostPort(s); err == nil {
		n, err := strconv.ParseUint(p, 10, 16)
		t.host, t.port, t.err = h, uint16(n), err
	}
	if _, err := netip.ParseAddr(t.host); err != nil && t.err == nil {
		t.host, t.err = domainOf(t.host)
	}
	if t.err != nil {
		t.host = s
	}
	return t
}

// exchanger is the best mail exchanger of a domain.
func (r *run) exchanger(given string) target {
	domain, err := domainOf(given)
	if err != nil {
		return target{host: given, err: err}
	}
	t := target{host: domain, port: smtpPort, guarded: true}
	switch a := r.resolver.MX(r.ctx, domain); {
	case a.Status == dns.OK && a.Records[0].Null():
		t.err = errors.New("it takes no mail")
	case a.Status == dns.OK:
		t.host = a.Records[0].Host
	case a.Status != dns.NoData:
		t.err = noAnswer(a.Status, a.Err)
	}
	return t
}

// locate finds the addresses of a host.
func (r *run) locate(t *target) {
	if addr, err := netip.ParseAddr(t.host); err == nil {
		t.addrs = []netip.Addr{addr.Unmap()}
		return
	}
	allow := r.AllowAddr
	if allow == nil {
		allow = direct.PublicAddr
	}
	a := r.resolver.Addrs(r.ctx, t.host)
	if a.Status != dns.OK {
		t.err = noAnswer(a.Status, a.Err)
	}
	for _, addr := range a.Records {
		if !t.guarded || allow(addr) {
			t.addrs = append(t.addrs, addr)
		}
	}
}

func noAnswer(s dns.Status, err error) error {
	if err != nil {
		return errors.New(cause(err))
	}
	return errors.New(s.String())
}

// try connects to one address, waits for the greeting, says EHLO and QUIT.
func (r *run) try(t target, addr netip.Addr) attempt {
	limit := r.ProbeTimeout
	if limit <= 0 {
		limit = probeTimeout
	}
	network := "tcp6"
	if addr.Is4() {
		network = "tcp4"
	}
	connect := r.Dial
	if connect == nil {
		connect = dial.Source{IPv4: r.Source.IPv4, IPv6: r.Source.IPv6}.DialContext
	}
	ctx, cancel := context.WithTimeout(r.ctx, limit)
	defer cancel()
	conn, err := connect(ctx, network, netip.AddrPortFrom(addr, t.port).String())
	switch {
	case err != nil:
		return attempt{reachOf(err), show(err.Error())}
	case conn == nil:
		return attempt{failed, "there is no connection"}
	}
	return r.converse(conn, t, limit)
}

// converse ends the connection politely, once it is known who is there.
func (r *run) converse(conn net.Conn, t target, limit time.Duration) attempt {
	ctx, cancel := context.WithTimeout(r.ctx, 2*limit)
	defer cancel()
	client, err := smtp.NewClient(ctx, conn, smtp.Config{
		Addr: net.JoinHostPort(t.host, strconv.Itoa(int(t.port))), LocalName: r.local.ascii, TLS: smtp.InsecureTLSNone,
		Timeouts: smtp.Timeouts{Greeting: limit, EHLO: limit},
	})
	if err != nil {
		conn.Close()
		text := show(err.Error())
		if e, ok := errors.AsType[*delivery.Error](err); ok && e.Reply != nil {
			text = string(e.Phase) + ": " + show(e.Reply.String())
		}
		return attempt{unwelcome, text}
	}
	text := "greeted"
	if _, ok := client.Extension("STARTTLS"); ok {
		text = "greeted, with STARTTLS"
	}
	client.Quit(ctx)
	return attempt{greeted, text}
}

// reachOf says what the error of a dialer means.
func reachOf(err error) reach {
	ne, ok := errors.AsType[net.Error](err)
	switch {
	case errors.Is(err, context.DeadlineExceeded), ok && ne.Timeout(), errors.Is(err, syscall.ETIMEDOUT):
		return silent
	case errors.Is(err, syscall.ECONNREFUSED), errors.Is(err, syscall.ECONNRESET):
		return refused
	case errors.Is(err, syscall.ENETUNREACH), errors.Is(err, syscall.EHOSTUNREACH), errors.Is(err, dial.ErrNoSource):
		return unreachable
	}
	return failed
}
