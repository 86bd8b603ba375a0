package message

import (
	"slices"
	"strings"
	"time"

	"github.com/qdmail/qdmail/delivery"
	"github.com/qdmail/qdmail/encoding/charset"
	"github.com/qdmail/qdmail/encoding/header"
)

// renderer writes one message. It may render several times, with other charsets.
type renderer struct {
	job
	kept
}

// job is what a renderer knows about its message.
type job struct {
	m                      *Message // as it is written
	given                  *Message // as it was given, for the report
	parts                  []attached
	charset, headerCharset charset.Charset
	htmlCharset            charset.Charset
	date                   time.Time
	id                     [15]byte // random, of the identifier
	boundary               [15]byte // random, of all boundaries
	bounded                bool     // there is one
	signed                 bool     // the content is going to be
	entity                 int      // where the content begins

	plain     bool // all texts are ASCII
	asGiven   bool // all addresses are written as they are
	fallback  bool // everything in UTF-8
	useVendor bool // CP50220 instead of ISO-2022-JP
	edits     []delivery.Note
	notes     []delivery.Note // of one rendering

	segments     []segment
	idLen, idEnd int // where the message identifier stands
	depth        int // of multipart entities that are open
	err          error
}

// kept is what a message leaves to the next one.
type kept struct {
	b         header.Builder
	scratch   []byte
	dateField dateField
}

// vendor replaces ISO-2022-JP by its vendor form.
func (r *renderer) vendor() {
	r.useVendor = true
	for _, c := range []*charset.Charset{&r.charset, &r.headerCharset, &r.htmlCharset} {
		if *c == charset.ISO2022JP {
			*c = charset.CP50220
		}
	}
}

// unencodable lists every character that its charset lacks and that cleaning
// doesn't take away.
func (r *renderer) unencodable(m *Message) error {
	var errs Errors
	for f, s := range m.texts {
		c := r.charsetOf(f)
		_, changes := cleanJIS(f)(c, s)
		for i, ch := range c.Unencodable(s) {
			gone := slices.ContainsFunc(changes, func(e charset.Change) bool {
				return i >= e.Offset && i < e.Offset+len(e.From) && e.From != e.To && c.Encodable(e.To)
			})
			if !gone {
				errs.add(f.field, f.index, &charset.Error{Charset: c, Rune: ch, Offset: i})
			}
		}
	}
	return errs.err()
}

// render writes header and texts to the Builder and notes where the attachments
// go.
func (r *renderer) render() error {
	r.err, r.notes, r.segments = nil, nil, nil
	r.b.Reset(r.b.Bytes()[:0])
	r.header()
	r.entity = len(r.b.Bytes())
	r.content()
	if err := r.b.Err(); err != nil {
		r.fail(err)
	}
	return r.err
}

func (r *renderer) note(n delivery.Note) { r.notes = append(r.notes, n) }

func (r *renderer) fail(err error) {
	if r.err == nil {
		r.err = err
	}
}

func (r *renderer) header() {
	m, b := r.m, &r.b
	b.Put(r.dateField.of(r.date))
	r.mailbox("From", m.From)
	if !m.Sender.isZero() {
		r.mailbox("Sender", m.Sender)
	}
	r.mailboxes("Reply-To", m.ReplyTo)
	r.mailboxes("To", m.To)
	r.mailboxes("Cc", m.Cc)
	if len(m.To) == 0 && len(m.Cc) == 0 && len(m.Bcc) > 0 {
		r.line("To", "undisclosed-recipients:;")
	}
	if m.Subject != "" {
		b.Field("Subject")
		b.Text(m.Subject, r.headerCharset)
		b.End()
	}
	r.identifiers()
	r.priority()
	r.mailboxes("Disposition-Notification-To", m.DispositionNotificationTo)
	r.list()
	for i, h := range m.Headers {
		b.Field(h.Name)
		switch {
		case isStructured(strings.ToLower(h.Name)):
			b.Structured(h.Value)
		case header.IsPlainValue(h.Value):
			b.Plain(h.Value)
		default:
			b.Text(h.Value, r.headerCharset)
		}
		b.End()
		if err := b.Err(); err != nil && !isUnencodable(err) {
			var errs Errors
			errs.add("Headers.Value", i, err)
			r.fail(errs)
		}
	}
	b.Put(mimeVersion)
}

// line writes a field with one piece of ASCII.
func (r *renderer) line(name, value string) {
	r.b.Field(name)
	r.b.Token(value)
	r.b.End()
}

func (r *renderer) mailbox(field string, a Address) {
	r.b.Field(field)
	r.address(a)
	r.b.End()
}

func (r *renderer) mailboxes(field string, list []Address) {
	if len(list) == 0 {
		return
	}
	r.b.Field(field)
	for i, a := range list {
		if i > 0 {
			r.b.Glue(",")
		}
		r.address(a)
	}
	r.b.End()
}

func (r *renderer) address(a Address) {
	r.b.Mailbox(a.Name, r.wire(a.Address), r.headerCharset)
}

// wire returns an address, which was checked, as it is written.
func (r *renderer) wire(addr string) string {
	if r.asGiven {
		return addr
	}
	wire, _, err := wireAddress(addr)
	if err != nil {
		r.fail(err)
	}
	return wire
}

// appendRandom appends random octets in base32 (RFC 4648 section 6), without upper
// case, because some systems fold it.
func appendRandom(dst []byte, random *[15]byte) []byte {
	const digits = "abcdefghijklmnopqrstuvwxyz234567"
	for r := random[:]; len(r) >= 5; r = r[5:] {
		v := uint64(r[0])<<32 | uint64(r[1])<<24 | uint64(r[2])<<16 | uint64(r[3])<<8 | uint64(r[4])
		dst = append(dst, digits[v>>35&31], digits[v>>30&31], digits[v>>25&31], digits[v>>20&31],
			digits[v>>15&31], digits[v>>10&31], digits[v>>5&31], digits[v&31])
	}
	return dst
}

func (r *renderer) identifiers() {
	id := append(r.scratch[:0], '<')
	if r.m.MessageID != "" {
		id = append(id, r.m.MessageID...)
	} else {
		id = appendRandom(id, &r.id)
		id = append(append(id, '@'), r.fromDomain()...)
	}
	id = append(id, '>')
	r.scratch = id
	r.b.Field("Message-ID")
	r.b.TokenBytes(id)
	r.idLen, r.idEnd = len(id)-len("<>"), len(r.b.Bytes())-len(">")
	r.b.End()
	r.idList("In-Reply-To", r.m.InReplyTo)
	r.idList("References", r.m.References)
}

func (r *renderer) idList(field string, ids []string) {
	if len(ids) == 0 {
		return
	}
	r.b.Field(field)
	for _, id := range ids {
		r.b.Token("<" + id + ">")
	}
	r.b.End()
}

// fromDomain is the right side of identifiers: the domain of From, or one that
// stands for an address literal.
func (r *renderer) fromDomain() string {
	wire := r.wire(r.m.From.Address)
	domain := wire[strings.LastIndexByte(wire, '@')+1:]
	if domain == "" || domain[0] == '[' {
		return "localhost"
	}
	return domain
}

// list writes the fields of mailing lists and of programs that write mail.
func (r *renderer) list() {
	b := &r.b
	if len(r.m.ListUnsubscribe) > 0 {
		b.Field("List-Unsubscribe")
		for i, u := range r.m.ListUnsubscribe {
			if i > 0 {
				b.Glue(",")
			}
			b.Token("<" + u + ">")
		}
		b.End()
	}
	if r.m.OneClickUnsubscribe {
		r.line("List-Unsubscribe-Post", "List-Unsubscribe=One-Click")
	}
	if r.m.AutoSubmitted != "" {
		r.line("Auto-Submitted", r.m.AutoSubmitted)
	}
}

// priority writes the four fields that programs look at. Priority is the one of
// RFC 2156 section 5.3.6; the others are Microsoft's and Eudora's.
func (r *renderer) priority() {
	var number, word, name string
	switch r.m.Priority {
	case PriorityHigh:
		number, word, name = "1", "urgent", "High"
	case PriorityNormal:
		number, word, name = "3", "normal", "Normal"
	case PriorityLow:
		number, word, name = "5", "non-urgent", "Low"
	default:
		return
	}
	r.line("X-Priority", number)
	r.line("Priority", word)
	r.line("X-MSMail-Priority", name)
	r.line("Importance", name)
}
