package qdmail

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"time"

	"github.com/qdmail/qdmail/delivery"
	"github.com/qdmail/qdmail/message"
)

// Mailer sends messages through one transport. Open makes one from a URL; a
// literal with a Transport does as well. A Mailer may be used from many
// goroutines at once; its fields must not change after its first use.
type Mailer struct {
	// Transport delivers. Required.
	Transport delivery.Transport
	// Encoder turns messages into octets. Default: the zero Encoder.
	Encoder message.Encoder
	// From is the author of messages that have none. Default: none.
	From message.Address
	// ReturnPath is the envelope sender of messages that have none. Default:
	// none, and so the address of From.
	ReturnPath string
	// Charset is the charset of messages that leave it open. Default:
	// message.UTF8.
	Charset message.Charset
	// Bcc gets a copy of every message. Default: none.
	Bcc []message.Address
	// Logger gets a record of each delivery, without any content: one at level
	// Info when all recipients are accepted, and otherwise one at Warn for each
	// that isn't. Faulty messages aren't logged; they are the caller's error.
	// Default: nothing is logged.
	Logger *slog.Logger
}

// ErrNoTransport: the Mailer has no Transport.
var ErrNoTransport = errors.New("qdmail: the mailer has no transport")

// Send prepares msg and delivers it. The Result is never nil and has an entry for
// each recipient. The error is a message.Errors if msg is faulty, and then nothing
// was connected to; otherwise it is what the transport returned, nil if every
// recipient's mail was accepted or queued.
func (m *Mailer) Send(ctx context.Context, msg *message.Message) (*delivery.Result, error) {
	env, body, err := m.Prepare(msg)
	if err != nil {
		return notSent(msg, err), err
	}
	return m.Deliver(ctx, env, body)
}

// Prepare checks and encodes msg with the defaults of m filled in, and connects to
// nothing. What it returns can be delivered any number of times, stored, or handed
// to another transport. The error is a message.Errors that lists every fault, or an
// error of the Encoder's random source.
func (m *Mailer) Prepare(msg *message.Message) (*delivery.Envelope, delivery.Body, error) {
	if msg == nil {
		return nil, nil, message.Errors{{Field: "Message", Index: -1, Err: message.ErrRequired}}
	}
	full := *msg
	if full.From == (message.Address{}) {
		full.From = m.From
	}
	if full.ReturnPath == "" {
		full.ReturnPath = m.ReturnPath
	}
	if full.Charset == 0 {
		full.Charset = m.Charset
	}
	if len(m.Bcc) > 0 {
		full.Bcc = append(full.Bcc[:len(full.Bcc):len(full.Bcc)], m.Bcc...)
	}
	env, envErr := full.Envelope()
	body, err := m.Encoder.Encode(&full)
	if err := merge(envErr, err); err != nil {
		return nil, nil, err
	}
	return env, body, nil
}

// merge puts the faults of envelope and message into one list, each once.
func merge(errs ...error) error {
	var all message.Errors
	seen := map[string]bool{}
	for _, err := range errs {
		var list message.Errors
		if err == nil {
			continue
		}
		if !errors.As(err, &list) {
			return err
		}
		for _, fe := range list {
			if text := fe.Error(); !seen[text] {
				seen[text] = true
				all = append(all, fe)
			}
		}
	}
	if len(all) == 0 {
		return nil
	}
	return all
}

// notSent is the Result for a message that couldn't be prepared.
func notSent(msg *message.Message, err error) *delivery.Result {
	res := &delivery.Result{}
	if msg == nil {
		return res
	}
	res.MessageID = msg.MessageID
	for _, list := range [][]message.Address{msg.To, msg.Cc, msg.Bcc} {
		for _, a := range list {
			res.Recipients = append(res.Recipients, delivery.RecipientResult{Address: a.Address, Err: err})
		}
	}
	return res
}

// Deliver hands a prepared message to the transport. Result and error are those
// of delivery.Transport; the Result has the message identifier as well.
func (m *Mailer) Deliver(ctx context.Context, env *delivery.Envelope, body delivery.Body) (*delivery.Result, error) {
	if m.Transport == nil {
		res := delivery.NewResult(env)
		for i := range res.Recipients {
			res.Recipients[i].Err = ErrNoTransport
		}
		return res, res.Err()
	}
	start := time.Now()
	res, err := m.Transport.Send(ctx, env, body)
	if b, ok := body.(interface{ MessageID() string }); ok && res != nil && res.MessageID == "" {
		res.MessageID = b.MessageID()
	}
	if m.Logger != nil && res != nil {
		m.log(ctx, res, body.Size(), time.Since(start))
	}
	return res, err
}

func (m *Mailer) log(ctx context.Context, res *delivery.Result, size int64, took time.Duration) {
	failed := 0
	for i := range res.Recipients {
		r := &res.Recipients[i]
		if r.Outcome.OK() {
			continue
		}
		failed++
		m.Logger.LogAttrs(ctx, slog.LevelWarn, "mail not accepted",
			slog.String("message_id", res.MessageID), slog.String("recipient", r.Address),
			slog.String("outcome", r.Outcome.String()), slog.Any("error", r.Err))
	}
	if failed == 0 {
		m.Logger.LogAttrs(ctx, slog.LevelInfo, "mail accepted",
			slog.String("message_id", res.MessageID), slog.Int("recipients", len(res.Recipients)),
			slog.Int64("size", size), slog.Duration("took", took))
	}
}

// Close closes the transport, if it is one that can be closed.
func (m *Mailer) Close() error {
	if c, ok := m.Transport.(io.Closer); ok {
		return c.Close()
	}
	return nil
}
