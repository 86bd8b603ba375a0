package dns

import (
	"context"
	"fmt"
	"time"
)

const (
	defaultTimeout = 5 * time.Second
	defaultTries   = 2
)

// ask puts one question to the servers until one has an answer: that the name
// has these records, other ones, or doesn't exist.
func (c *Client) ask(ctx context.Context, q question) (message, server, *Error) {
	servers, err := c.servers()
	if err != nil {
		return message{}, server{}, &Error{Name: q.name, Type: q.typ, Err: err}
	}
	tries := c.Tries
	if tries <= 0 {
		tries = defaultTries
	}
	last := &Error{Name: q.name, Type: q.typ, Err: ErrNoServers}
	for range tries {
		silent := false
		for _, srv := range servers {
			m, err := c.askServer(ctx, srv, q)
			if err == nil {
				return m, srv, nil
			}
			last.Server, last.Err = srv.String(), err
			if ctx.Err() != nil || err == ErrBogus {
				return m, srv, last
			}
			silent = silent || err == ErrTimeout
		}
		if !silent {
			break // each has said something; it wouldn't say anything else now
		}
	}
	return message{}, server{}, last
}

// askServer gets an answer out of one server. The error is ErrBogus, nothing
// else, if validation failed.
func (c *Client) askServer(ctx context.Context, srv server, q question) (message, error) {
	m, err := c.exchange(ctx, srv, q, queryOptions{edns: true})
	if err == nil && (m.rcode == rcodeFormErr || m.rcode == rcodeNotImp || m.rcode == rcodeBadVers) {
		m, err = c.exchange(ctx, srv, q, queryOptions{}) // RFC 6891 section 6.2.2
	}
	if err != nil {
		return m, err
	}
	switch m.rcode {
	case rcodeSuccess, rcodeNXDomain:
		return m, nil
	case rcodeServFail:
		if m.bogus || c.answersUnchecked(ctx, srv, q) {
			return m, ErrBogus
		}
	}
	return m, fmt.Errorf("%w: %s", ErrServer, rcodeName(m.rcode))
}

// answersUnchecked reports whether a server that failed has an answer when it
// doesn't validate it. The answer itself is of no use.
func (c *Client) answersUnchecked(ctx context.Context, srv server, q question) bool {
	m, err := c.exchange(ctx, srv, q, queryOptions{edns: true, unchecked: true})
	return err == nil && (m.rcode == rcodeSuccess || m.rcode == rcodeNXDomain)
}
