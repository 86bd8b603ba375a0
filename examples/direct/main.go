// Command direct delivers a mail to the recipient's own server, without a relay,
// and prints the path that it took: once with the first of two mail exchangers
// dead, and once with both of them dead and a relay as the fallback.
//
// Everything runs in this process, the DNS included.
package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"

	"github.com/qdmail/qdmail"
	"github.com/qdmail/qdmail/direct"
	"github.com/qdmail/qdmail/message"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "direct:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, out io.Writer) error {
	net, err := startInternet()
	if err != nil {
		return err
	}
	defer net.close()

	net.mx1.Close()
	fmt.Fprintln(out, "━━━ The first mail exchanger is dead")
	if err := send(ctx, out, net); err != nil {
		return err
	}

	net.mx2.Close()
	fmt.Fprintln(out, "\n━━━ Both are dead, so the relay gets it")
	if err := send(ctx, out, net); err != nil {
		return err
	}

	fmt.Fprintln(out, "\n━━━ Who has how many mails")
	fmt.Fprintf(out, "mx1.example.jp %d, mx2.example.jp %d, relay.example.net %d\n",
		len(net.mx1.Messages()), len(net.mx2.Messages()), len(net.relay.Messages()))
	return nil
}

// send sends one mail by a transport of its own, which doesn't know yet who is
// dead.
func send(ctx context.Context, out io.Writer, net *internet) error {
	transport := &direct.Transport{
		Resolver:  net.names,
		Dial:      net.dial, // a real program leaves these two out
		LocalName: "mail.example.com",
		TLSConfig: net.roots,
		Fallback:  net.client,
		Observer: direct.Observer{
			TLS: func(_ context.Context, r direct.TLSReport) { printTLS(out, r) },
		},
	}
	defer transport.Close()
	mailer := &qdmail.Mailer{Transport: transport}
	res, err := mailer.Send(ctx, &message.Message{
		From:    message.Address{Name: "営業部", Address: "sales@example.com"},
		To:      []message.Address{{Name: "山田 太郎", Address: "taro@example.jp"}},
		Subject: "ご注文ありがとうございます",
		Text:    "山田様\n\nご注文を承りました。\n",
		Charset: message.ISO2022JP,
	})
	if err != nil {
		return err
	}
	for _, r := range res.Recipients {
		fmt.Fprintf(out, "  %s is %s by %s (%s), on this path:\n", r.Address, r.Outcome, r.Host, r.Reply)
		for _, a := range r.Attempts {
			fmt.Fprintf(out, "  → %s\n", a)
		}
	}
	return nil
}

// printTLS prints what a server's certificate was worth.
func printTLS(out io.Writer, r direct.TLSReport) {
	result := "fine"
	if r.Result != "" {
		result = string(r.Result)
	}
	fmt.Fprintf(out, "  TLS with %s (%s): %s\n", r.Host, r.PolicyType, result)
}
