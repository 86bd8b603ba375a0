package bench_test

import (
	"io"

	"github.com/qdmail/qdmail/message"
)

func buildQdmail(l *letter) (io.WriterTo, error) {
	m := &message.Message{
		From:    message.Address(l.from),
		To:      make([]message.Address, len(l.to)),
		Subject: l.subject,
		Text:    l.text,
		HTML:    l.html,
	}
	for i, a := range l.to {
		m.To[i] = message.Address(a)
	}
	if l.jis {
		m.Charset = message.ISO2022JP
	}
	switch {
	case l.data != nil:
		m.Attachments = []message.Attachment{message.Bytes(l.fileName, l.data)}
	case l.path != "":
		m.Attachments = []message.Attachment{message.File(l.path)}
	}
	return m, nil
}
