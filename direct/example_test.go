package direct_test

import (
	"context"
	"fmt"
	"net/netip"
	"os"

	"github.com/qdmail/qdmail/delivery"
	"github.com/qdmail/qdmail/direct"
	"github.com/qdmail/qdmail/smtp"
)

// Mail goes to the recipients' own servers, and by the relay where none of them can
// be reached.
func Example() {
	transport := &direct.Transport{
		LocalName: "mail.example.jp", // what the DNS calls the source address
		Source:    direct.Source{IPv4: netip.MustParseAddr("192.0.2.25")},
		Fallback:  &smtp.Relay{Addr: "relay.example.jp", Username: "user", Password: os.Getenv("RELAY_PASSWORD")},
	}
	defer transport.Close()

	env := &delivery.Envelope{From: "shop@example.jp", Recipients: []delivery.Recipient{{Address: "taro@example.com"}}}
	body := delivery.BytesBody("From: shop@example.jp\r\nTo: taro@example.com\r\nSubject: hello\r\n\r\nHello.\r\n")
	res, _ := transport.Send(context.Background(), env, body)
	for _, r := range res.Recipients {
		for _, a := range r.Attempts {
			fmt.Println(a) // mx.example.com:25 at 192.0.2.1: deferred at dial: connection refused (the path failed; then next host)
		}
		if r.Outcome == delivery.Deferred {
			fmt.Println("to be tried again later:", r.Address, r.Err)
		}
	}
}
