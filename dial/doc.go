// Package dial makes connections that don't go straight: through a SOCKS5 proxy
// ([SOCKS5]), through an HTTP proxy ([HTTPProxy]), or from given addresses of
// this machine ([Source]). What they are used for, it doesn't know.
//
// The DialContext of each is like that of a net.Dialer, so it fits the field Dial
// of an smtp.Relay, an smtp.POPAuth or a direct.Transport, and that of a proxy
// too, which stands behind another proxy then, or is dialled from an address:
//
//	from := dial.Source{IPv4: netip.MustParseAddr("192.0.2.1")}
//	proxy := dial.SOCKS5{Addr: "proxy.example.jp", Dial: from.DialContext}
//	relay := &smtp.Relay{Addr: "mail.example.jp", Dial: proxy.DialContext}
//
// A connection through a proxy goes like this; behind each step, the function
// that does it.
//
//  1. The target and the credentials are checked: nothing that could be taken for
//     something else reaches a proxy. (splitTarget, SOCKS5.checkCredentials,
//     HTTPProxy.request)
//  2. The proxy is dialled. (connect)
//  3. It is asked for the target, and its reply is read to the last octet and not
//     beyond: what follows is the target's. The context ends a read or a write
//     that is blocked. (negotiate)
//  4. The connection that was dialled is handed over, with no deadline on it; with
//     TLS to the proxy, it is the *tls.Conn around that.
//
// Read proxy.go first, then socks5.go and http.go, which share addr.go
// and error.go; source.go stands by itself.
package dial
