package message_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/qdmail/qdmail/message"
)

// variety are messages of many kinds, sizes and faults, all with an identifier and
// a date.
func variety() []*message.Message {
	text := []string{"short\r\n", "日本語の本文\r\n", strings.Repeat("漢字とかな, and ASCII\r\n", 5000), ""}
	var list []*message.Message
	for i := range 48 {
		m := &message.Message{
			From:      message.Address{Name: fmt.Sprint("Sender ", i), Address: "a@example.jp"},
			To:        []message.Address{{Name: "山田 太郎", Address: fmt.Sprintf("b%d@example.jp", i)}},
			Subject:   strings.Repeat("件名 ", i),
			Text:      text[i%4],
			MessageID: fmt.Sprintf("m%d@example.jp", i),
			Date:      time.Unix(1e9+int64(i/7), 0).In(time.FixedZone("", i%3*3600)),
		}
		if i%3 == 0 {
			m.Charset = message.ISO2022JP
		}
		switch i % 8 {
		case 3:
			m.To[0].Address = "b@日本.example.jp"
		case 5:
			m.Subject = "two\r\nlines"
		case 6:
			m.Subject, m.Unencodable = "①e\u0301", message.UnencodableTransliterate
		case 7:
			m.Attachments = []message.Attachment{message.Bytes("見積書.pdf", bytes.Repeat([]byte{byte(i)}, 1000*i))}
		}
		list = append(list, m)
	}
	return list
}

// written is m by an Encoder and, where nothing is random, by WriteTo.
func written(t *testing.T, m *message.Message) string {
	e := message.Encoder{Rand: zeros{}}
	body, err := e.Encode(m)
	if err != nil {
		return err.Error()
	}
	var b, direct strings.Builder
	if _, err := body.(io.WriterTo).WriteTo(&b); err != nil {
		t.Error(err)
	}
	if len(m.Attachments) == 0 {
		if _, err := m.WriteTo(&direct); err != nil || direct.String() != b.String() {
			t.Errorf("WriteTo gives\n%.600s\nand Encode\n%.600s", direct.String(), b.String())
		}
	}
	return b.String()
}

// Messages share memory one after the other, and none has anything of another.
func TestMessagesLeaveNothingBehind(t *testing.T) {
	var wants []string
	for i, m := range variety() {
		want := written(t, m)
		if !strings.Contains(want, fmt.Sprintf("Sender %d <a@example.jp>", i)) && !strings.Contains(want, "Subject: CR, LF") {
			t.Fatalf("%d: %.300s", i, want)
		}
		wants = append(wants, want)
	}
	var all sync.WaitGroup
	for k := range 8 {
		all.Go(func() {
			list := variety()
			for n := range 100 {
				i := (n*(2*k+1) + k) % len(list)
				if got := written(t, list[i]); got != wants[i] {
					t.Errorf("message %d became\n%.600s\nwant\n%.600s", i, got, wants[i])
				}
			}
		})
	}
	all.Wait()
}

// What Encode returns is its own, whatever is written after it.
func TestEncodedMessageStaysWhatItIs(t *testing.T) {
	var e message.Encoder
	var bodies []io.WriterTo
	var wants []string
	for range 2 {
		for _, m := range variety() {
			body, err := e.Encode(m)
			if err != nil {
				continue
			}
			var b strings.Builder
			if _, err := body.(io.WriterTo).WriteTo(&b); err != nil || int64(b.Len()) != body.Size() {
				t.Fatalf("%d octets of %d, %v", b.Len(), body.Size(), err)
			}
			bodies, wants = append(bodies, body.(io.WriterTo)), append(wants, b.String())
		}
	}
	for i, body := range bodies {
		var b strings.Builder
		if _, err := body.WriteTo(&b); err != nil || b.String() != wants[i] {
			t.Errorf("body %d changed, %v", i, err)
		}
	}
}

// A writer that fails has no influence on the next message.
func TestWriteErrors(t *testing.T) {
	want := written(t, variety()[0])
	for _, m := range variety() {
		if _, err := m.WriteTo(brokenWriter{}); err == nil {
			t.Error("no error")
		}
	}
	if got := written(t, variety()[0]); got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

type brokenWriter struct{}

func (brokenWriter) Write(p []byte) (int, error) { return len(p) / 2, errors.New("broken") }
