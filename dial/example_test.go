package dial_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"

	"github.com/qdmail/qdmail/dial"
)

// A SOCKS5 proxy, such as that of ssh -D. Here the proxy works, and the server
// behind it is down.
func ExampleSOCKS5() {
	proxy := dial.SOCKS5{Addr: "localhost:1080", Dial: refusingProxy}
	_, err := proxy.DialContext(context.Background(), "tcp", "mail.example.jp:587")
	fmt.Println(err)
	fmt.Println(errors.Is(err, dial.ErrProxyFailed), errors.Is(err, dial.ErrTargetUnreachable))
	// Output:
	// proxy localhost:1080 to mail.example.jp:587: the proxy can't reach the target: 5 connection refused
	// false true
}

// refusingProxy leads to a proxy that can't connect to anything.
func refusingProxy(context.Context, string, string) (net.Conn, error) {
	client, server := net.Pipe()
	go func() {
		defer server.Close()
		io.ReadFull(server, make([]byte, 3)) // the methods
		server.Write([]byte{5, 0})
		io.ReadFull(server, make([]byte, 22)) // the request
		server.Write([]byte{5, 5, 0, 1, 0, 0, 0, 0, 0, 0})
	}()
	return client, nil
}
