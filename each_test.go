package qdmail_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/qdmail/qdmail"
	"github.com/qdmail/qdmail/delivery"
	"github.com/qdmail/qdmail/message"
)

// outbox is a transport that keeps what it is given.
type outbox struct {
	mu     sync.Mutex
	mails  map[string][]byte // by recipient
	copies []string
	most   atomic.Int32 // mails under way at a time
	now    atomic.Int32
	delay  time.Duration
	refuse string
}

func (o *outbox) Send(ctx context.Context, env *delivery.Envelope, body delivery.Body) (*delivery.Result, error) {
	res := delivery.NewResult(env)
	n := o.now.Add(1)
	defer o.now.Add(-1)
	for m := o.most.Load(); n > m && !o.most.CompareAndSwap(m, n); m = o.most.Load() {
	}
	select {
	case <-time.After(o.delay):
	case <-ctx.Done():
		for i := range res.Recipients {
			res.Recipients[i].Err = ctx.Err()
		}
		return res, res.Err()
	}
	r, err := body.Open()
	if err != nil {
		return res, err
	}
	defer r.Close()
	raw, err := io.ReadAll(r)
	if err != nil {
		return res, err
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.mails == nil {
		o.mails = map[string][]byte{}
	}
	for i := range env.Recipients {
		to := env.Recipients[i].Address
		if i == 0 && to == o.refuse {
			res.Recipients[i].Outcome, res.Recipients[i].Err = delivery.Rejected, delivery.ErrProtocol
			continue
		}
		if i == 0 {
			o.mails[to] = raw
		} else {
			o.copies = append(o.copies, to)
		}
		res.Recipients[i].Outcome = delivery.Accepted
	}
	return res, res.Err()
}

func rows(n int) iter.Seq[message.Row] {
	return func(yield func(message.Row) bool) {
		for i := range n {
			to := message.Address{Name: fmt.Sprintf("会員%d", i), Address: fmt.Sprintf("m%d@example.jp", i)}
			if !yield(message.Row{To: to, Values: map[string]string{"point": fmt.Sprint(i)}}) {
				return
			}
		}
	}
}

func mergeMessage() *message.Message {
	return &message.Message{
		From: message.Address{Address: "shop@example.jp"}, Subject: "%name% %point%", Text: "%point%",
		Attachments: []message.Attachment{message.Bytes("案内.pdf", bytes.Repeat([]byte("x"), 10_000))},
	}
}

func TestSendEach(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		box := &outbox{delay: time.Second, refuse: "m3@example.jp"}
		mailer := &qdmail.Mailer{Transport: box}
		opened := 0
		tmpl := mergeMessage()
		tmpl.Attachments = append(tmpl.Attachments, message.Open("o", func() (io.ReadCloser, error) {
			opened++
			return io.NopCloser(strings.NewReader("o")), nil
		}))
		ids := map[string]bool{}
		failed := 0
		for row, d := range mailer.SendEach(t.Context(), tmpl, rows(50), qdmail.Each{Concurrency: 7}) {
			if d.Err != nil {
				failed++
				if row.To.Address != "m3@example.jp" || d.Result.Recipients[0].Outcome != delivery.Rejected {
					t.Errorf("%v: %v", row.To, d.Err)
				}
				continue
			}
			ids[d.Result.MessageID] = true
		}
		if failed != 1 || len(box.mails) != 49 || len(ids) != 49 || box.most.Load() != 7 || opened != 2 {
			t.Errorf("%d failed, %d mails, %d identifiers, %d at a time, opened %d times", failed, len(box.mails), len(ids), box.most.Load(), opened)
		}
		for to, raw := range box.mails {
			if strings.Count(string(raw), "@example.jp>") < 2 || !strings.Contains(string(raw), "<"+to+">") || strings.Count(string(raw), "To:") != 1 {
				t.Errorf("%s:\n%s", to, raw)
			}
		}
	})
}

func TestSendEachBreak(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		box := &outbox{delay: time.Minute}
		mailer := &qdmail.Mailer{Transport: box}
		read := 0
		counted := func(yield func(message.Row) bool) {
			for row := range rows(1000) {
				read++
				if !yield(row) {
					return
				}
			}
		}
		n := 0
		for range mailer.SendEach(t.Context(), mergeMessage(), counted, qdmail.Each{}) {
			if n++; n == 3 {
				break
			}
		}
		if read > 20 || box.now.Load() != 0 {
			t.Errorf("%d rows read, %d under way", read, box.now.Load())
		}
		ctx, cancel := context.WithTimeout(t.Context(), 90*time.Second)
		defer cancel()
		accepted, stopped := 0, 0
		for _, d := range mailer.SendEach(ctx, mergeMessage(), rows(1000), qdmail.Each{}) {
			switch {
			case d.Err == nil:
				accepted++
			case errors.Is(d.Err, context.DeadlineExceeded):
				stopped++
			default:
				t.Error(d.Err)
			}
		}
		if accepted != 4 || stopped == 0 || stopped > 20 {
			t.Errorf("%d accepted, %d stopped", accepted, stopped)
		}
	})
}

func TestSendEachCopies(t *testing.T) {
	for _, v := range []struct {
		copies qdmail.Copies
		want   int // copies of 3 mails to 2 addresses
		ok     bool
	}{{qdmail.CopiesRefused, 0, false}, {qdmail.CopiesFirst, 2, true}, {qdmail.CopiesEach, 6, true}, {9, 0, false}} {
		box := &outbox{}
		mailer := &qdmail.Mailer{Transport: box}
		tmpl := mergeMessage()
		tmpl.Cc = []message.Address{{Address: "cc@example.jp"}}
		tmpl.Bcc = []message.Address{{Address: "bcc@example.jp"}}
		n := 0
		for row, d := range mailer.SendEach(t.Context(), tmpl, rows(3), qdmail.Each{Copies: v.copies}) {
			n++
			if (d.Err == nil) != v.ok || d.Result == nil || row.To.Address == "" {
				t.Errorf("%d: %v", v.copies, d.Err)
			}
			if v.copies == qdmail.CopiesRefused && !errors.Is(d.Err, qdmail.ErrCopies) {
				t.Error(d.Err)
			}
		}
		if n != 3 || len(box.copies) != v.want {
			t.Errorf("%d: %d results, %d copies", v.copies, n, len(box.copies))
		}
	}
}

func TestSendEachFaults(t *testing.T) {
	box := &outbox{}
	mailer := &qdmail.Mailer{Transport: box}
	tmpl := mergeMessage()
	tmpl.To = []message.Address{{Address: "a@example.jp"}}
	tmpl.Attachments = append(tmpl.Attachments, message.File("no-such-file"))
	for _, d := range mailer.SendEach(t.Context(), tmpl, rows(1), qdmail.Each{}) {
		var errs message.Errors
		if !errors.As(d.Err, &errs) || len(errs) != 2 {
			t.Error(d.Err)
		}
	}
	bad := []message.Row{{To: message.Address{Address: "nobody"}}, {To: message.Address{Address: "a@example.jp"}}}
	var outcomes []string
	for row, d := range mailer.SendEach(t.Context(), mergeMessage(), slices.Values(bad), qdmail.Each{}) {
		outcomes = append(outcomes, fmt.Sprint(row.To.Address, d.Err == nil))
	}
	slices.Sort(outcomes)
	if got := strings.Join(outcomes, " "); got != "a@example.jptrue nobodyfalse" {
		t.Error(got)
	}
}
