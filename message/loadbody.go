package message

import (
	"fmt"

	"github.com/qdmail/qdmail/delivery"
	"github.com/qdmail/qdmail/encoding/mime"
	"github.com/qdmail/qdmail/encoding/transfer"
)

// LoadBody takes a finished message, such as an .eml file or one from a spool, as it
// is, and returns it with an envelope made of its header: From (or Sender) and the
// recipients of To, Cc and Bcc. Signatures survive: the only changes are that lines
// which end in LF get CRLF and that Bcc fields are taken out. The envelope says
// whether the message needs 8BITMIME or SMTPUTF8.
//
// A message that can't be sent as it is (a line over 998 octets, NUL, a CR that
// stands alone) is an error that wraps delivery.ErrMalformedBody. The result shares
// memory with raw.
func LoadBody(raw []byte) (delivery.Body, *delivery.Envelope, error) {
	f := transfer.Scan(raw)
	var what string
	switch {
	case f.NUL:
		what = "a NUL"
	case f.LongLine:
		what = "a line over 998 octets"
	case f.BareCR:
		what = "a CR without LF"
	}
	if what != "" {
		return nil, nil, fmt.Errorf("message: %w: it has %s", delivery.ErrMalformedBody, what)
	}
	if f.BareLF > 0 {
		raw = transfer.AppendCRLF(make([]byte, 0, len(raw)+int(f.BareLF)), string(raw))
	}
	h, n, err := mime.ParseHeader(raw, mime.Limits{})
	if err != nil {
		return nil, nil, err
	}
	if n == 0 || len(h) == 0 || h[0].Name() == "" {
		return nil, nil, fmt.Errorf("message: %w: its first line is no header field", delivery.ErrMalformedBody)
	}
	env, err := headerEnvelope(h)
	if err != nil {
		return nil, nil, err
	}
	env.EightBit = f.EightBit > 0
	for _, c := range raw[:n] {
		env.SMTPUTF8 = env.SMTPUTF8 || c >= 0x80 // RFC 6532
	}
	id := ""
	if ids := identifiers(h.Get("Message-ID")); len(ids) > 0 {
		id = ids[0]
	}
	return loadedBody{delivery.BytesBody(withoutBcc(raw, h)), id}, env, nil
}

// loadedBody knows the identifier of its message, for reports.
type loadedBody struct {
	delivery.BytesBody
	messageID string
}

// MessageID is the message identifier, without brackets; empty if there is none.
func (b loadedBody) MessageID() string { return b.messageID }

func headerEnvelope(h mime.Header) (*delivery.Envelope, error) {
	l := loader{m: &Message{}}
	var from []Address
	l.addresses(h, "From", &from)
	if len(from) != 1 { // RFC 5322 section 3.6.2: several authors need a Sender
		from = nil
		l.addresses(h, "Sender", &from)
	}
	if len(from) > 0 {
		l.m.From = from[0]
	}
	l.addresses(h, "To", &l.m.To)
	l.addresses(h, "Cc", &l.m.Cc)
	l.addresses(h, "Bcc", &l.m.Bcc)
	if err := l.errs.err(); err != nil {
		return nil, err
	}
	return l.m.Envelope()
}

// withoutBcc takes the Bcc fields out of a message.
func withoutBcc(raw []byte, h mime.Header) []byte {
	var out []byte
	at := 0
	for _, f := range h {
		if f.Is("Bcc") || f.Is("Resent-Bcc") {
			out = append(out, raw[at:f.Offset()]...)
			at = f.Offset() + len(f.Raw())
		}
	}
	if at == 0 {
		return raw
	}
	return append(out, raw[at:]...)
}
