// Command routes sends mails to Japanese carriers and to others by a table of routes,
// and prints which mail went where, and when. The table is the file routes.
//
// Everything runs in this process, the DNS included.
package main

import (
	"context"
	_ "embed"
	"fmt"
	"io"
	"net/url"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/qdmail/qdmail"
	"github.com/qdmail/qdmail/message"
	"github.com/qdmail/qdmail/route"
)

//go:embed routes
var routes string

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "routes:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, out io.Writer) error {
	net, err := startInternet()
	if err != nil {
		return err
	}
	defer net.close()
	mailURL, remove, err := setUp(net.relay)
	if err != nil {
		return err
	}
	defer remove()

	mailer, err := qdmail.Open(mailURL, route.Scheme(net.open))
	if err != nil {
		return err
	}
	defer mailer.Close()

	fmt.Fprint(out, "━━━ The file\n", routes)
	if err := ask(ctx, out, mailer.Transport.(*route.Table)); err != nil {
		return err
	}
	send(ctx, out, mailer, "news@news.example.co.jp")
	send(ctx, out, mailer, "shop@example.co.jp")

	fmt.Fprintln(out, "\n━━━ Who has how many mails")
	for _, s := range net.servers {
		var hello []string
		for _, c := range s.Connections() {
			hello = append(hello, c.Hello)
		}
		slices.Sort(hello)
		fmt.Fprintf(out, "%-18s %d, from %s\n", s.Name, len(s.Messages()), strings.Join(slices.Compact(hello), " "))
	}
	return nil
}

// setUp writes the file and makes the one URL that says everything. A real program
// has that in its environment, such as in MAIL_URL.
func setUp(relay string) (mailURL string, remove func(), err error) {
	dir, err := os.MkdirTemp("", "routes")
	if err != nil {
		return "", nil, err
	}
	remove = func() { os.RemoveAll(dir) }
	file := filepath.Join(dir, "routes")
	if err := os.WriteFile(file, []byte(routes), 0o600); err != nil {
		remove()
		return "", nil, err
	}
	keys := url.Values{"relay.main": {relay}, "direct": {"mx:?ehlo=mail.example.co.jp"}}
	return "route://" + (&url.URL{Path: filepath.ToSlash(file)}).String() + "?" + keys.Encode(), remove, nil
}

// ask tells which route a mail would take, and sends nothing.
func ask(ctx context.Context, out io.Writer, table *route.Table) error {
	fmt.Fprintln(out, "\n━━━ Which way would it go?")
	for _, from := range []string{"news@news.example.co.jp", "shop@example.co.jp"} {
		r, err := table.Find(ctx, from, "taro@docomo.ne.jp")
		if err != nil {
			return err
		}
		fmt.Fprintf(out, "from %s to taro@docomo.ne.jp: %s\n", from, r.Target)
	}
	return nil
}

// send sends a mail to each of the members and prints the results as they come.
func send(ctx context.Context, out io.Writer, mailer *qdmail.Mailer, from string) {
	members := []string{
		"taro@docomo.ne.jp", "hanako@docomo.ne.jp", "jiro@docomo.ne.jp",
		"a@au.com", "b@ezweb.ne.jp", "c@au.com", "d@ezweb.ne.jp", "e@au.com",
		"yuki@example.com", "ken@example.net", "nobody@old.example.jp",
	}
	rows := func(yield func(message.Row) bool) {
		for _, address := range members {
			if !yield(message.Row{To: message.Address{Address: address}}) {
				return
			}
		}
	}
	fmt.Fprintf(out, "\n━━━ From %s\n", from)
	msg := &message.Message{From: message.Address{Address: from}, Subject: "お知らせ", Text: "本文\n", Charset: message.ISO2022JP}
	start := time.Now()
	// As many at a time as there are, so that those who wait for au keep nobody else waiting.
	for row, d := range mailer.SendEach(ctx, msg, rows, qdmail.Each{Concurrency: len(members)}) {
		fmt.Fprintf(out, "after %.2f s: ", time.Since(start).Seconds())
		if d.Result == nil {
			fmt.Fprintf(out, "%s: %v\n", row.To.Address, d.Err)
			continue
		}
		r := d.Result.Recipients[0]
		who := "the table itself"
		if r.Host != "" {
			who = r.Host
		}
		fmt.Fprintf(out, "%-21s %s by %s (%s)\n", r.Address, r.Outcome, who, r.Reply)
	}
}
