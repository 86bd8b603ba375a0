package route_test

import (
	"context"
	"fmt"
	"time"

	"github.com/qdmail/qdmail/delivery"
	"github.com/qdmail/qdmail/route"
)

// A carrier's dedicated host is for the mail of one sender, from one address.
// Everybody else's mail to that carrier, and all other mail, goes elsewhere.
func Example() {
	routes, err := route.Parse(`
docomo.ne.jp    hosts:mx.carrier.example:25  from=news.example.co.jp source=192.0.2.7 ehlo=out7.example.co.jp tls=opportunistic concurrency=2 recipients=1 rate=1/s
docomo.ne.jp    direct                       concurrency=1 recipients=1
old.example.jp  refuse                       reply="550 5.1.2 that domain is gone"
*               relay:main
`)
	if err != nil {
		fmt.Println(err) // each mistake with its line and column
		return
	}
	urls := route.URLs{Open: open, Relays: map[string]string{"main": "smtp://user:password@relay.example.jp"}}
	table, err := route.New(route.Config{Routes: routes, Open: urls.OpenTarget})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer table.Close()
	for _, mail := range [][2]string{
		{"bounce@news.example.co.jp", "taro@docomo.ne.jp"},
		{"shop@example.co.jp", "taro@docomo.ne.jp"},
		{"shop@example.co.jp", "hanako@example.com"},
	} {
		r, err := table.Find(context.Background(), mail[0], mail[1])
		fmt.Println(r.Target, err)
	}
	// Output:
	// hosts:mx.carrier.example:25 <nil>
	// direct <nil>
	// relay:main <nil>
}

// Any transport can be paced.
func ExamplePaced() {
	paced := &route.Paced{Transport: transport, Rate: route.Rate{Count: 100, Per: time.Second}}
	env := &delivery.Envelope{From: "shop@example.jp", Recipients: []delivery.Recipient{{Address: "a@example.jp"}, {Address: "b@example.jp"}}}
	start := time.Now()
	res, err := paced.Send(context.Background(), env, delivery.BytesBody("Subject: hello\r\n\r\nHello.\r\n"))
	fmt.Println(res.Count(delivery.Accepted), err, time.Since(start) >= 10*time.Millisecond)
	// Output: 2 <nil> true
}

// open stands for qdmail.OpenTransport, or what the comment of Scheme shows.
func open(string) (delivery.Transport, error) { return transport, nil }

var transport = accept
