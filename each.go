package qdmail

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"sync"

	"github.com/qdmail/qdmail/delivery"
	"github.com/qdmail/qdmail/message"
)

// Each says how SendEach sends. The zero value works.
type Each struct {
	// Merge says how the rows are filled in.
	Merge message.Merge
	// Concurrency is how many mails are under way at a time. Default: 4.
	Concurrency int
	// Copies says what becomes of the Cc and Bcc of the message. Default:
	// CopiesRefused.
	Copies Copies
	// Preload is up to how many octets the content of an attachment is kept in
	// memory, encoded, instead of being read for each mail. Default: 4 MiB;
	// negative: none.
	Preload int64
}

// Copies says what a mail merge does with Cc and Bcc.
type Copies uint8

const (
	// CopiesRefused: they are an error, because nobody wants one copy per row by
	// accident.
	CopiesRefused Copies = iota
	// CopiesFirst: they get the mail of the first row.
	CopiesFirst
	// CopiesEach: they get the mail of every row.
	CopiesEach
)

// ErrCopies: a mail merge has Cc or Bcc recipients and doesn't say what becomes of
// them.
var ErrCopies = errors.New("can't be used with SendEach, unless Each.Copies says how")

// Delivery is what became of one row.
type Delivery struct {
	// Result and Err are those of Mailer.Send.
	Result *delivery.Result
	Err    error
}

// SendEach sends one mail per row: tmpl with the values of the row filled in,
// addressed to the row alone, each with its own Message-ID. Results come as the
// mails are done, not in the order of the rows. A row that fails doesn't stop the
// others. Messages that have To recipients of their own are refused, and so are Cc
// and Bcc, unless opt.Copies says otherwise; the Bcc of the Mailer gets every mail.
//
// The rows are read as they are needed, so they may come from a database cursor;
// the iterator runs on a goroutine of its own, one row at a time. Breaking the
// loop, or the end of ctx, cancels what is under way, and no further row is read;
// rows that were read and not sent are yielded with the error of the context
// unless the loop was broken. When the loop ends, nothing is running any more.
//
//	for row, d := range mailer.SendEach(ctx, tmpl, slices.Values(rows), qdmail.Each{}) {
//		if d.Err != nil {
//			log.Println(row.To.Address, d.Err)
//		}
//	}
func (m *Mailer) SendEach(ctx context.Context, tmpl *message.Message, rows iter.Seq[message.Row], opt Each) iter.Seq2[message.Row, Delivery] {
	return func(yield func(message.Row, Delivery) bool) {
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		e := each{m: m, opt: opt, done: make(chan finished)}
		var tmplErr error
		e.tmpl, tmplErr = prepareEach(tmpl, opt)
		var wg sync.WaitGroup
		wg.Go(func() { e.run(ctx, rows, tmplErr) })
		defer wg.Wait()
		for f := range e.done {
			if !yield(f.row, f.Delivery) {
				cancel()
				for range e.done { // let the others end
				}
				return
			}
		}
	}
}

type finished struct {
	row message.Row
	Delivery
}

type each struct {
	m    *Mailer
	tmpl *message.Message
	opt  Each
	done chan finished
}

// prepareEach does what is the same for all rows.
func prepareEach(tmpl *message.Message, opt Each) (*message.Message, error) {
	var errs message.Errors
	if opt.Copies == CopiesRefused {
		for _, f := range []struct {
			name string
			list []message.Address
		}{{"Cc", tmpl.Cc}, {"Bcc", tmpl.Bcc}} {
			if len(f.list) > 0 {
				errs = append(errs, &message.FieldError{Field: f.name, Index: -1, Err: ErrCopies})
			}
		}
	}
	if opt.Copies > CopiesEach {
		errs = append(errs, &message.FieldError{Field: "Each.Copies", Index: -1, Err: message.ErrInvalid})
	}
	if len(tmpl.To) > 0 {
		errs = append(errs, &message.FieldError{Field: "To", Index: -1,
			Err: fmt.Errorf("%w: the recipients of SendEach are its rows", message.ErrInvalid)})
	}
	most := opt.Preload
	if most == 0 {
		most = 4 << 20
	}
	shared := *tmpl
	shared.Attachments = make([]message.Attachment, len(tmpl.Attachments))
	for i, a := range tmpl.Attachments {
		var err error
		if shared.Attachments[i], err = message.Preload(a, most); err != nil {
			errs = append(errs, &message.FieldError{Field: "Attachments", Index: i, Err: err})
		}
	}
	if len(errs) > 0 {
		return nil, errs
	}
	return &shared, nil
}

// run hands the rows to the workers.
func (e *each) run(ctx context.Context, rows iter.Seq[message.Row], broken error) {
	defer close(e.done)
	n := e.opt.Concurrency
	if n <= 0 {
		n = 4
	}
	places := make(chan struct{}, n)
	var wg sync.WaitGroup
	defer wg.Wait()
	first := true
	for row := range rows {
		copies := e.opt.Copies == CopiesEach || e.opt.Copies == CopiesFirst && first
		first = false
		places <- struct{}{}
		wg.Go(func() {
			f := finished{row: row}
			if f.Result, f.Err = e.send(ctx, row, copies, broken); f.Result == nil {
				f.Result = &delivery.Result{Recipients: []delivery.RecipientResult{{Address: row.To.Address, Err: f.Err}}}
			}
			e.done <- f
			<-places
		})
		if ctx.Err() != nil {
			return
		}
	}
}

func (e *each) send(ctx context.Context, row message.Row, copies bool, broken error) (*delivery.Result, error) {
	if broken != nil {
		return nil, broken
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	msg, err := e.tmpl.Merge(row, e.opt.Merge)
	if err != nil {
		return nil, err
	}
	if copies {
		msg.Cc, msg.Bcc = e.tmpl.Cc, e.tmpl.Bcc
	}
	return e.m.Send(ctx, msg)
}
