package smtp_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"

	"github.com/qdmail/qdmail/delivery"
	"github.com/qdmail/qdmail/smtp"
)

// A Relay behind a SOCKS5 proxy, such as that of ssh -D. Here the proxy works,
// and the mail server is down.
func ExampleSOCKS5() {
	proxy := smtp.SOCKS5{Addr: "localhost:1080", Dial: refusingProxy}
	relay := &smtp.Relay{Addr: "mail.example.jp", Dial: proxy.DialContext}
	defer relay.Close()

	_, err := relay.Send(context.Background(), &delivery.Envelope{
		From:       "shop@example.com",
		Recipients: []delivery.Recipient{{Address: "taro@example.jp"}},
	}, delivery.BytesBody("Subject: Hello\r\n\r\nHello.\r\n"))

	if e, ok := errors.AsType[*smtp.ProxyError](err); ok {
		fmt.Println(e)
		fmt.Println(errors.Is(err, smtp.ErrProxyFailed), errors.Is(err, smtp.ErrTargetUnreachable))
	}
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
