// Command merge sends one mail to each member of a list, with name and points
// filled in, and prints the results as they come.
//
// With no arguments it sends to a server of its own on the loopback interface;
// with MAIL_URL in the environment through that server, from MAIL_FROM.
package main

import (
	"bytes"
	"context"
	"fmt"
	"html/template"
	"io"
	"iter"
	"net/mail"
	"os"

	"github.com/qdmail/qdmail"
	"github.com/qdmail/qdmail/encoding/mime"
	"github.com/qdmail/qdmail/internal/testsmtp"
	"github.com/qdmail/qdmail/message"
)

// members come from a database in a real program, row by row as they are needed.
func members() iter.Seq[message.Row] {
	return func(yield func(message.Row) bool) {
		for i, name := range []string{"佐藤 花子", "鈴木 一郎", "髙橋 <太郎>"} {
			row := message.Row{
				To:     message.Address{Name: name, Address: fmt.Sprintf("member%d@example.jp", i+1)},
				Values: map[string]string{"points": fmt.Sprint(100 * (i + 1))},
			}
			if !yield(row) {
				return
			}
		}
	}
}

func main() {
	if err := run(context.Background(), os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "merge:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, out io.Writer) error {
	mailURL, from := os.Getenv("MAIL_URL"), os.Getenv("MAIL_FROM")
	var server testsmtp.Server
	if mailURL == "" {
		addr, err := server.Listen()
		if err != nil {
			return err
		}
		defer server.Close()
		mailURL, from = "smtp://"+addr, "shop@example.jp"
	}
	mailer, err := qdmail.Open(mailURL)
	if err != nil {
		return err
	}
	defer mailer.Close()

	msg := &message.Message{
		From:                message.Address{Name: "ポイント事務局", Address: from},
		Subject:             "%name% 様の今月のポイント",
		Text:                "%name% 様\n\n今月のポイントは %points% です。\n",
		Charset:             message.ISO2022JP,
		ListUnsubscribe:     []string{"https://example.jp/unsubscribe"},
		OneClickUnsubscribe: true,
		AutoSubmitted:       "auto-generated",
	}
	html := template.Must(template.New("").Parse("<p>{{.name}} 様</p><p>今月のポイントは <b>{{.points}}</b> です。</p>"))
	for row, d := range mailer.SendEach(ctx, msg, members(), qdmail.Each{Merge: message.Merge{HTML: html}}) {
		if d.Err != nil {
			fmt.Fprintf(out, "%s: %v\n", row.To.Address, d.Err)
			continue
		}
		fmt.Fprintf(out, "%s: %s, %s\n", row.To.Address, d.Result.Recipients[0].Outcome, d.Result.MessageID)
	}
	for _, got := range server.Messages() {
		if err := show(out, got.Data); err != nil {
			return err
		}
	}
	return nil
}

// show prints what a reader sees.
func show(out io.Writer, raw []byte) error {
	m, err := mail.ReadMessage(bytes.NewReader(raw))
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "\nTo: %s\nSubject: %s\n", mime.DecodeHeader(m.Header.Get("To")), mime.DecodeHeader(m.Header.Get("Subject")))
	root, err := mime.Parse(raw, mime.Limits{})
	if err != nil {
		return err
	}
	root.Walk(func(p *mime.Part) bool {
		if len(p.Parts) == 0 {
			var text string
			if text, err = p.Text(); err == nil {
				fmt.Fprintf(out, "[%s; %s] %s\n", p.MediaType, p.Params["charset"], bytes.TrimSpace([]byte(text)))
			}
		}
		return err == nil
	})
	return err
}
