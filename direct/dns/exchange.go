package dns

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"time"
)

// exchange sends a question to one server and reads the answer, over TCP if it
// doesn't fit into a datagram. Its error is ErrTimeout, ErrMalformed, or what
// the network says.
func (c *Client) exchange(ctx context.Context, srv server, q question, opt queryOptions) (message, error) {
	query, err := packQuery(q, opt)
	if err != nil {
		return message{}, err
	}
	m, err := c.talk(ctx, "udp", srv, query)
	if err == nil && m.truncated {
		m, err = c.talk(ctx, "tcp", srv, query)
	}
	if err != nil {
		return message{}, timeout(err)
	}
	return m, nil
}

// talk makes a connection for one query. A socket for each has a port for each,
// which nobody can guess who would like to answer in the server's place.
func (c *Client) talk(ctx context.Context, network string, srv server, q query) (message, error) {
	patience := c.Timeout
	if patience <= 0 {
		patience = defaultTimeout
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	dial := c.Dial
	if dial == nil {
		dial = (&net.Dialer{}).DialContext
	}
	conn, err := dial(ctx, network, srv.String())
	if err != nil {
		return message{}, err
	}
	defer conn.Close()
	past := time.Unix(1, 0)
	defer context.AfterFunc(ctx, func() { conn.SetDeadline(past) })()
	if network == "tcp" {
		return talkTCP(conn, q)
	}
	return talkUDP(conn, q)
}

// talkUDP waits for the datagram that answers the query; any other isn't meant
// for us.
func talkUDP(conn net.Conn, q query) (message, error) {
	if _, err := conn.Write(q.octets); err != nil {
		return message{}, err
	}
	buf := make([]byte, 4096) // three times of what we said we take
	for {
		n, err := conn.Read(buf)
		if err != nil {
			return message{}, err
		}
		m, err := unpack(buf[:n], q)
		if !errors.Is(err, errNotOurs) {
			return m, err
		}
	}
}

// talkTCP puts the length before the message (RFC 1035 section 4.2.2).
func talkTCP(conn net.Conn, q query) (message, error) {
	out := binary.BigEndian.AppendUint16(nil, uint16(len(q.octets)))
	if _, err := conn.Write(append(out, q.octets...)); err != nil {
		return message{}, err
	}
	var size [2]byte
	if _, err := io.ReadFull(conn, size[:]); err != nil {
		return message{}, err
	}
	buf := make([]byte, binary.BigEndian.Uint16(size[:]))
	if _, err := io.ReadFull(conn, buf); err != nil {
		return message{}, err
	}
	m, err := unpack(buf, q)
	if err == nil && m.truncated || errors.Is(err, errNotOurs) {
		err = ErrMalformed
	}
	return m, err
}
