package dial

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"log/slog"
	"net"
	"strconv"

	"github.com/qdmail/qdmail/internal/show"
)

// SOCKS5 makes connections through a SOCKS proxy, version 5 (RFC 1928). Host
// names are looked up by the proxy, so that nothing about the target is asked on
// this side. The connection between here and the proxy isn't encrypted.
type SOCKS5 struct {
	// Addr is the proxy, "host" or "host:port". Default port: 1080.
	Addr string
	// Username and Password are credentials of 1 to 255 octets each, which go to
	// the proxy in clear (RFC 1929). Default: no authentication.
	Username string
	Password string `json:"-"`
	// Dial connects to the proxy, such as from a given address or through
	// another proxy. Default: that of a net.Dialer.
	Dial func(ctx context.Context, network, addr string) (net.Conn, error)
}

// String names the proxy and nothing else, least of all the password.
func (s SOCKS5) String() string { return "SOCKS5 proxy " + s.Addr }

// GoString is String.
func (s SOCKS5) GoString() string { return s.String() }

// LogValue is String, for log/slog.
func (s SOCKS5) LogValue() slog.Value { return slog.StringValue(s.String()) }

// DialContext connects to addr, "host:port", through the proxy. network is tcp,
// or the family of addr if that is an IP address. ctx bounds it all and has no
// effect on the connection afterwards; without a deadline there, a silent proxy
// is waited for without end. The error is a *ProxyError.
func (s SOCKS5) DialContext(ctx context.Context, network, addr string) (net.Conn, error) {
	var proxy string
	request, err := socksRequest(network, addr)
	if err == nil {
		err = s.checkCredentials()
	}
	if err == nil {
		var host, port string
		if host, port, err = splitAddr(s.Addr, "1080"); err == nil {
			proxy = net.JoinHostPort(host, port)
		}
	}
	if err != nil {
		return nil, &ProxyError{Target: show.Text(show.Cut(addr, 300)), Err: err}
	}
	return connect(ctx, s.Dial, proxy, addr, func(conn net.Conn) (net.Conn, error) {
		if err := s.authenticate(conn); err != nil {
			return nil, err
		}
		return conn, socksConnect(conn, request)
	})
}

// checkCredentials never quotes what it finds.
func (s SOCKS5) checkCredentials() error {
	switch {
	case s.Username == "" && s.Password == "":
	case s.Username == "" || len(s.Username) > 255:
		return errors.New("the user name for the proxy has 1 to 255 octets")
	case s.Password == "" || len(s.Password) > 255:
		return errors.New("the password for the proxy has 1 to 255 octets")
	}
	return nil
}

// The numbers of RFC 1928 and RFC 1929.
const (
	socksVersion      = 5
	socksNoAuth       = 0
	socksPassword     = 2
	socksNoMethod     = 0xFF
	socksAuthVersion  = 1
	socksCmdConnect   = 1
	socksIPv4         = 1
	socksName         = 3
	socksIPv6         = 4
	socksAuthAccepted = 0
)

// socksReplies are the replies of RFC 1928 section 6, and whose fault each is.
var socksReplies = map[byte]struct {
	text string
	err  error
}{
	1: {"general SOCKS server failure", ErrProxyFailed}, // some say so of the target too
	2: {"connection not allowed by ruleset", ErrProxyDenied},
	3: {"network unreachable", ErrTargetUnreachable},
	4: {"host unreachable", ErrTargetUnreachable},
	5: {"connection refused", ErrTargetUnreachable},
	6: {"TTL expired", ErrTargetUnreachable},
	7: {"command not supported", ErrProxyDenied},
	8: {"address type not supported", ErrProxyDenied},
}

// socksRequest is the request to connect to addr (RFC 1928 section 4).
func socksRequest(network, addr string) ([]byte, error) {
	host, port, ip, err := splitTarget(network, addr)
	if err != nil {
		return nil, err
	}
	request := []byte{socksVersion, socksCmdConnect, 0}
	switch {
	case ip.Is4():
		request = append(append(request, socksIPv4), ip.AsSlice()...)
	case ip.Is6():
		request = append(append(request, socksIPv6), ip.AsSlice()...)
	default: // splitAddr sees to it that the length fits
		request = append(append(request, socksName, byte(len(host))), host...)
	}
	n, err := strconv.ParseUint(port, 10, 16)
	return binary.BigEndian.AppendUint16(request, uint16(n)), err
}

// authenticate agrees on a method (RFC 1928 section 3) and does what it asks for.
func (s SOCKS5) authenticate(conn net.Conn) error {
	methods := []byte{socksNoAuth}
	if s.Username != "" {
		methods = append(methods, socksPassword)
	}
	if _, err := conn.Write(append([]byte{socksVersion, byte(len(methods))}, methods...)); err != nil {
		return err
	}
	var choice [2]byte
	if _, err := io.ReadFull(conn, choice[:]); err != nil {
		return err
	}
	switch {
	case choice[0] != socksVersion:
		return proxyBroke("it isn't SOCKS5: %q", choice[:])
	case choice[1] == socksNoAuth:
		return nil
	case choice[1] == socksPassword && s.Username != "":
		return s.login(conn)
	case choice[1] == socksNoMethod:
		return &ProxyError{Err: ErrProxyAuth}
	}
	return proxyBroke("it chose method %d, which wasn't offered", choice[1])
}

// login sends the credentials (RFC 1929).
func (s SOCKS5) login(conn net.Conn) error {
	request := append([]byte{socksAuthVersion, byte(len(s.Username))}, s.Username...)
	request = append(append(request, byte(len(s.Password))), s.Password...)
	if _, err := conn.Write(request); err != nil {
		return err
	}
	var status [2]byte
	if _, err := io.ReadFull(conn, status[:]); err != nil {
		return err
	}
	switch {
	case status[0] != socksAuthVersion:
		return proxyBroke("a reply to the credentials that isn't one")
	case status[1] != socksAuthAccepted:
		return &ProxyError{Err: ErrProxyAuth}
	}
	return nil
}

// socksConnect sends the request and reads the reply to it (RFC 1928 section 6),
// and not an octet more: what follows is the target's.
func socksConnect(conn net.Conn, request []byte) error {
	if _, err := conn.Write(request); err != nil {
		return err
	}
	var reply [2]byte
	if _, err := io.ReadFull(conn, reply[:]); err != nil {
		return err
	}
	if reply[0] != socksVersion {
		return proxyBroke("a reply that isn't SOCKS5: %q", reply[:])
	}
	if code := reply[1]; code != 0 {
		r, ok := socksReplies[code]
		if !ok {
			r.text, r.err = "unassigned", ErrProxyFailed
		}
		return &ProxyError{Code: int(code), Text: r.text, Err: r.err}
	}
	return skipSOCKSAddr(conn)
}

// skipSOCKSAddr reads the rest of a reply: a reserved octet and the address that
// the proxy connects from, which we have no use for.
func skipSOCKSAddr(conn net.Conn) error {
	var kind [2]byte
	if _, err := io.ReadFull(conn, kind[:]); err != nil {
		return err
	}
	var length int
	switch kind[1] {
	case socksIPv4:
		length = net.IPv4len
	case socksIPv6:
		length = net.IPv6len
	case socksName:
		var n [1]byte
		if _, err := io.ReadFull(conn, n[:]); err != nil {
			return err
		}
		length = int(n[0])
	default:
		return proxyBroke("a reply with address type %d", kind[1])
	}
	_, err := io.CopyN(io.Discard, conn, int64(length+2)) // and the port
	return err
}
