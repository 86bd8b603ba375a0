package message

import (
	"fmt"
	"strings"

	"github.com/qdmail/qdmail/delivery"
)

// Envelope returns the envelope of the message: its ReturnPath, its To, Cc and
// Bcc recipients in this order, each once, and its DSN wishes. Domains are in
// A-labels. Faults of the addresses are reported as Errors.
func (m *Message) Envelope() (*delivery.Envelope, error) {
	var errs Errors
	env := &delivery.Envelope{DSN: m.DSN}
	m.checkDSN(&errs)

	switch {
	case m.ReturnPath == "<>":
	case m.ReturnPath != "":
		env.From = m.envelopeAddress(env, &errs, "ReturnPath", -1, m.ReturnPath)
	case m.From.Address == "":
		errs.add("From.Address", -1, ErrRequired)
	default:
		env.From = m.envelopeAddress(env, &errs, "From.Address", -1, m.From.Address)
	}

	n := len(m.To) + len(m.Cc) + len(m.Bcc)
	if n == 0 {
		errs.add("To", -1, ErrRequired)
	}
	env.Recipients = make([]delivery.Recipient, 0, n)
	var seen map[string]bool
	if n > 1 {
		seen = make(map[string]bool, n)
	}
	for _, l := range m.recipientLists() {
		for i, a := range l.list {
			addr := m.envelopeAddress(env, &errs, l.field+".Address", i, a.Address)
			if seen != nil {
				key := sameMailbox(addr)
				if seen[key] {
					continue
				}
				seen[key] = true
			}
			env.Recipients = append(env.Recipients, delivery.Recipient{Address: addr, Notify: m.DSN.Notify})
		}
	}
	// RFC 6531 section 3.2: an address in the header counts, too.
	for _, l := range [][]Address{{m.From, m.Sender}, m.ReplyTo, m.DispositionNotificationTo} {
		for _, a := range l {
			if _, utf8Local, err := wireAddress(a.Address); err == nil && utf8Local {
				env.SMTPUTF8 = true
			}
		}
	}
	if err := errs.err(); err != nil {
		return nil, err
	}
	return env, nil
}

type addressList struct {
	field string
	list  []Address
}

func (m *Message) recipientLists() [3]addressList {
	return [3]addressList{{"To", m.To}, {"Cc", m.Cc}, {"Bcc", m.Bcc}}
}

func (m *Message) envelopeAddress(env *delivery.Envelope, errs *Errors, field string, i int, addr string) string {
	wire, utf8Local, err := wireAddress(addr)
	if err != nil {
		errs.add(field, i, err)
	}
	env.SMTPUTF8 = env.SMTPUTF8 || utf8Local
	return wire
}

// sameMailbox is the key under which two spellings of one address meet: the
// domain is compared without case, the local part octet by octet.
func sameMailbox(addr string) string {
	at := strings.LastIndexByte(addr, '@')
	if at < 0 {
		return addr
	}
	return addr[:at] + strings.ToLower(addr[at:])
}

func (m *Message) checkDSN(errs *Errors) {
	switch m.DSN.RET {
	case "", delivery.RETFull, delivery.RETHeaders:
	default:
		errs.add("DSN.RET", -1, fmt.Errorf("%w: %q is neither FULL nor HDRS", ErrInvalid, string(m.DSN.RET)))
	}
	if !m.DSN.Notify.Valid() {
		errs.add("DSN.Notify", -1, fmt.Errorf("%w: NEVER stands alone", ErrInvalid))
	}
	octets := 0
	for i, r := range m.DSN.ENVID {
		if r < ' ' || r > '~' {
			errs.add("DSN.ENVID", -1, fmt.Errorf("%w: only printable ASCII is allowed (octet %d)", ErrInvalid, i))
			return
		}
		if octets++; r == '+' || r == '=' || r == ' ' {
			octets += 2 // xtext writes them as +XX, RFC 3461 section 4
		}
	}
	if octets > 100 {
		errs.add("DSN.ENVID", -1, fmt.Errorf("%w: it exceeds 100 octets", ErrInvalid))
	}
}
