// Command quickstart composes a Japanese mail in ISO-2022-JP, sends it over SMTP
// and shows the dialogue, the raw message and what its reader sees.
//
// With no arguments it sends to a server of its own on the loopback interface.
// With MAIL_URL, MAIL_FROM and MAIL_TO in the environment it sends through that
// server instead:
//
//	MAIL_URL=smtp://user:password@mail.example.jp MAIL_FROM=me@example.jp MAIL_TO=you@example.jp \
//	    go run ./examples/quickstart
package main

import (
	"bytes"
	"context"
	"embed"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"

	"github.com/qdmail/qdmail"
	"github.com/qdmail/qdmail/delivery"
	"github.com/qdmail/qdmail/message"
)

//go:embed 見積書.pdf logo.png
var files embed.FS

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "quickstart:", err)
		os.Exit(1)
	}
}

// compose returns the mail.
func compose(from, to message.Address) *message.Message {
	return &message.Message{
		From:    from,
		To:      []message.Address{to},
		Subject: "お見積りの件〜ｻﾝﾌﾟﾙ（2026年度）",
		Text: "山田様\n\nいつもお世話になっております。\n" +
			"お見積書をお送りいたします。ご確認のほど、よろしくお願いいたします。\n",
		HTML: `<p>山田様</p><p>いつもお世話になっております。<br>` +
			`お見積書をお送りいたします。ご確認のほど、よろしくお願いいたします。</p>` +
			`<p><img src="cid:logo@quickstart" alt="ロゴ"></p>`,
		Charset: message.ISO2022JP,
		Attachments: []message.Attachment{
			message.Inline("logo@quickstart", message.FS(files, "logo.png")),
			message.FS(files, "見積書.pdf"),
		},
	}
}

func run(ctx context.Context, out io.Writer) error {
	mailURL := os.Getenv("MAIL_URL")
	from := message.Address{Name: "営業部 佐藤", Address: "sato@shop.example.jp"}
	to := message.Address{Name: "山田 太郎", Address: "taro@example.jp"}
	var received func() ([]byte, error)
	if mailURL == "" {
		s, err := startServer()
		if err != nil {
			return err
		}
		defer s.Close()
		mailURL, received = s.url, s.message
	} else {
		if os.Getenv("MAIL_FROM") == "" || os.Getenv("MAIL_TO") == "" {
			return errors.New("with MAIL_URL, set MAIL_FROM and MAIL_TO as well")
		}
		var err error
		if from.Address, err = address("MAIL_FROM"); err != nil {
			return err
		}
		if to.Address, err = address("MAIL_TO"); err != nil {
			return err
		}
	}

	mailer, err := qdmail.Open(mailURL)
	if err != nil {
		return err
	}
	defer mailer.Close()
	env, body, err := mailer.Prepare(compose(from, to))
	if err != nil {
		return err
	}

	fmt.Fprintln(out, "━━━ The SMTP dialogue")
	res, err := mailer.Deliver(delivery.WithHooks(ctx, dialogue(out, body.Size())), env, body)
	if err != nil {
		return err
	}

	raw, err := read(body)
	if err != nil {
		return err
	}
	fmt.Fprintln(out, "\n━━━ The message on the wire")
	printRaw(out, raw)
	if received != nil { // from here on, what came out on the other side
		got, err := received()
		if err != nil {
			return err
		}
		if !bytes.Equal(got, raw) {
			return errors.New("the server received something else than was sent")
		}
		raw = got
	}
	fmt.Fprintln(out, "\n━━━ What the reader sees")
	if err := printReader(out, raw); err != nil {
		return err
	}
	fmt.Fprintln(out, "\n━━━ The outcome")
	for _, r := range res.Recipients {
		fmt.Fprintf(out, "%s: %s by %s (%s)\n", r.Address, r.Outcome, r.Host, r.Reply)
	}
	return nil
}

// address reads an address from the environment.
func address(name string) (string, error) {
	a, err := message.ParseAddress(os.Getenv(name))
	if err != nil {
		return "", fmt.Errorf("%s: %w", name, err)
	}
	return a.Address, nil
}

// dialogue returns hooks that print the conversation. They never see a password.
func dialogue(out io.Writer, size int64) *delivery.Hooks {
	return &delivery.Hooks{
		Command: func(_ context.Context, line string) { fmt.Fprintln(out, "C:", line) },
		Reply: func(_ context.Context, r *delivery.Reply) {
			lines := strings.Split(r.Text, "\n")
			for i, l := range lines {
				sep := "-"
				if i == len(lines)-1 {
					sep = " "
				}
				if e := r.Enhanced.String(); e != "" {
					l = e + " " + l
				}
				fmt.Fprintf(out, "S: %d%s%s\n", r.Code, sep, l)
			}
		},
		TLS: func(_ context.Context, version, suite string) {
			fmt.Fprintf(out, "-- %s, %s\n", version, suite)
		},
		BeforeEnd: func(context.Context, []int) error {
			fmt.Fprintf(out, "C: (the message, %d octets)\nC: .\n", size)
			return nil
		},
	}
}

func read(body delivery.Body) ([]byte, error) {
	r, err := body.Open()
	if err != nil {
		return nil, err
	}
	defer r.Close()
	return io.ReadAll(r)
}
