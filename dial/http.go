package dial

import (
	"context"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"io"
	"log/slog"
	"net"
	"strconv"
	"strings"

	"github.com/qdmail/qdmail/internal/show"
)

// HTTPProxy makes connections through an HTTP proxy by CONNECT (RFC 9110 section
// 9.3.6). Host names are looked up by the proxy. Many proxies allow no port but
// 443; those of mail have to be allowed there.
type HTTPProxy struct {
	// Addr is the proxy, "host" or "host:port". Default port: 80, and 443 with
	// TLS.
	Addr string
	// Username and Password are sent unasked, by the Basic scheme (RFC 7617):
	// in clear, unless TLS is set. Other schemes aren't known. Default: no
	// authentication.
	Username string
	Password string `json:"-"`
	// TLS makes the connection to the proxy a TLS one. It is cloned; its
	// ServerName defaults to the host of Addr, its MinVersion is at least TLS
	// 1.2. Default: no TLS to the proxy. What runs through the tunnel has its
	// own.
	TLS *tls.Config
	// Dial connects to the proxy, such as from a given address or through
	// another proxy. Default: that of a net.Dialer.
	Dial func(ctx context.Context, network, addr string) (net.Conn, error)
}

// String names the proxy and nothing else, least of all the password.
func (h HTTPProxy) String() string { return "HTTP proxy " + h.Addr }

// GoString is String.
func (h HTTPProxy) GoString() string { return h.String() }

// LogValue is String, for log/slog.
func (h HTTPProxy) LogValue() slog.Value { return slog.StringValue(h.String()) }

// DialContext connects to addr, "host:port", through the proxy. network is tcp,
// or the family of addr if that is an IP address. ctx bounds it all and has no
// effect on the connection afterwards; without a deadline there, a silent proxy
// is waited for without end. The error is a *ProxyError.
func (h HTTPProxy) DialContext(ctx context.Context, network, addr string) (net.Conn, error) {
	port := "80"
	if h.TLS != nil {
		port = "443"
	}
	var proxy string
	request, err := h.request(network, addr)
	var host string
	if err == nil {
		if host, port, err = splitAddr(h.Addr, port); err == nil {
			proxy = net.JoinHostPort(host, port)
		}
	}
	if err != nil {
		return nil, &ProxyError{Target: show.Text(show.Cut(addr, 300)), Err: err}
	}
	return connect(ctx, h.Dial, proxy, addr, func(conn net.Conn) (net.Conn, error) {
		if h.TLS != nil {
			secure := tls.Client(conn, h.tlsConfig(host))
			// The deadline is what interrupts it, so the context need not.
			if err := secure.HandshakeContext(context.WithoutCancel(ctx)); err != nil {
				return nil, err
			}
			conn = secure
		}
		if _, err := io.WriteString(conn, request); err != nil {
			return nil, err
		}
		return conn, h.readReply(conn)
	})
}

func (h HTTPProxy) tlsConfig(host string) *tls.Config {
	cfg := h.TLS.Clone()
	if cfg.ServerName == "" {
		cfg.ServerName = host
	}
	cfg.MinVersion = max(cfg.MinVersion, tls.VersionTLS12) // RFC 8996
	return cfg
}

// request is the request for a tunnel to addr. Nothing in it can be taken for
// more than it is: host and port have been checked, credentials are in base64.
func (h HTTPProxy) request(network, addr string) (string, error) {
	host, port, _, err := splitTarget(network, addr)
	if err != nil {
		return "", err
	}
	switch {
	case h.Username == "" && h.Password != "":
		return "", errors.New("there is a password for the proxy and no user name")
	case strings.Contains(h.Username, ":"), strings.ContainsFunc(h.Username+h.Password, show.IsControl): // RFC 7617 section 2
		return "", errors.New("the user name for the proxy has a colon, or it or the password a control character")
	}
	authority := net.JoinHostPort(host, port)
	request := "CONNECT " + authority + " HTTP/1.1\r\nHost: " + authority + "\r\n"
	if h.Username != "" {
		request += "Proxy-Authorization: Basic " + h.basic() + "\r\n"
	}
	return request + "\r\n", nil
}

// basic are the credentials in the form in which they are sent.
func (h HTTPProxy) basic() string {
	return base64.StdEncoding.EncodeToString([]byte(h.Username + ":" + h.Password))
}

// report makes a proxy's text fit for an error: without the credentials, which
// it may quote, and without control characters.
func (h HTTPProxy) report(text string) string {
	if h.Password != "" {
		text = strings.ReplaceAll(text, h.Password, "***")
	}
	if h.Username != "" {
		text = strings.ReplaceAll(text, h.basic(), "***")
	}
	return show.Cut(show.Text(text), 100)
}

// maxHTTPHeader bounds what a proxy may send before the tunnel begins.
const maxHTTPHeader = 16 << 10

// readReply reads the header of the reply, and not an octet more: what
// follows is the target's, which may speak first. Any 2xx opens the tunnel;
// nothing in the fields of the header changes that (RFC 9110 section 9.3.6).
func (h HTTPProxy) readReply(conn net.Conn) error {
	left := maxHTTPHeader
	for {
		status, err := readHTTPLine(conn, &left)
		if err != nil {
			return err
		}
		code, reason, ok := parseHTTPStatus(status)
		if !ok {
			return proxyBroke("it isn't HTTP: %q", h.report(status))
		}
		for line := status; line != ""; {
			if line, err = readHTTPLine(conn, &left); err != nil {
				return err
			}
		}
		if code/100 != 1 { // RFC 9110 section 15.2: another one follows
			return judgeHTTP(code, h.report(reason))
		}
	}
}

// readHTTPLine reads a line octet by octet: what it read too much would be lost.
// It takes the octets off left.
func readHTTPLine(conn net.Conn, left *int) (string, error) {
	var line []byte
	var one [1]byte
	for ; *left > 0; *left-- {
		if _, err := io.ReadFull(conn, one[:]); err != nil {
			return "", err
		}
		if one[0] == '\n' { // a bare LF ends a line too; RFC 9112 section 2.2
			*left--
			return strings.TrimSuffix(string(line), "\r"), nil
		}
		line = append(line, one[0])
	}
	return "", proxyBroke("a header of more than %d octets", maxHTTPHeader)
}

// parseHTTPStatus takes a status line apart (RFC 9112 section 4).
func parseHTTPStatus(line string) (code int, reason string, ok bool) {
	version, rest, _ := strings.Cut(line, " ")
	digits, reason, _ := strings.Cut(rest, " ")
	if version != "HTTP/1.1" && version != "HTTP/1.0" || len(digits) != 3 {
		return 0, "", false
	}
	code, err := strconv.Atoi(digits)
	return code, reason, err == nil && code >= 100 && code <= 599
}

// judgeHTTP says whose fault a status is that isn't 2xx.
func judgeHTTP(code int, text string) error {
	e := &ProxyError{Code: code, Text: text}
	switch {
	case code/100 == 2:
		return nil
	case code == 407, code == 401: // QUIRK: tinyproxy says 401 to a wrong password
		e.Err = ErrProxyAuth
	case code/100 == 5: // QUIRK: tinyproxy says 500 where 502 or 504 is meant
		e.Err = ErrTargetUnreachable
	default:
		e.Err = ErrProxyDenied
	}
	return e
}
