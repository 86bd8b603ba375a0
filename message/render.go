package message

import (
	"encoding/base32"
	"slices"
	"strings"
	"time"

	"github.com/qdmail/qdmail/delivery"
	"github.com/qdmail/qdmail/encoding/charset"
	"github.com/qdmail/qdmail/encoding/header"
)

// renderer writes one message. It may render several times, with other charsets.
type renderer struct {
	m                      *Message // as it is written
	given                  *Message // as it was given, for the report
	parts                  []attached
	charset, headerCharset charset.Charset
	htmlCharset            charset.Charset
	date                   time.Time
	random                 [30]byte // 15 for the identifier, 15 for the boundaries

	plain     bool // all texts are ASCII
	fallback  bool // everything in UTF-8
	useVendor bool // CP50220 instead of ISO-2022-JP
	edits     []delivery.Note
	notes     []delivery.Note // of one rendering

	b       header.Builder
	out     *frozen
	depth   int // of multipart entities that are open
	scratch []byte
	err     error
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
				return i >= e.Offset && i < e.Offset+len(e.From) && e.From != e.To
			})
			if !gone {
				errs.add(f.field, f.index, &charset.Error{Charset: c, Rune: ch, Offset: i})
			}
		}
	}
	return errs.err()
}

func (r *renderer) render() (*frozen, error) {
	r.err, r.notes = nil, nil
	r.out = new(frozen)
	r.b.Reset(make([]byte, 0, r.estimate()))
	r.header()
	r.content()
	if err := r.b.Err(); err != nil {
		r.fail(err)
	}
	if r.err != nil {
		return nil, r.err
	}
	out := r.out
	r.out = nil
	out.buf = r.b.Bytes()
	out.seal()
	return out, nil
}

func (r *renderer) note(n delivery.Note) { r.notes = append(r.notes, n) }

func (r *renderer) fail(err error) {
	if r.err == nil {
		r.err = err
	}
}

// estimate is the room that header and texts will probably take.
func (r *renderer) estimate() int {
	m := r.m
	text := len(m.Text) + len(m.HTML)
	if r.charset == UTF8 {
		text += text * 3 / 8 // base64
	}
	n := 400 + text + text/16 + 2*len(m.Subject) + 450*len(m.Attachments)
	if m.Text != "" && m.HTML != "" {
		n += 350
	}
	return n + 110*(len(m.To)+len(m.Cc)+len(m.ReplyTo)) + 160*len(m.Headers)
}

func (r *renderer) header() {
	m, b := r.m, &r.b
	var scratch [32]byte
	r.line("Date", string(appendDate(scratch[:0], r.date)))
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
	r.line("MIME-Version", "1.0")
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
	wire, err := checkedAddress(a.Address)
	if err != nil {
		r.fail(err)
		return
	}
	r.b.Mailbox(a.Name, wire, r.headerCharset)
}

// idAlphabet has no upper case, because some systems fold it.
var idAlphabet = base32.NewEncoding("abcdefghijklmnopqrstuvwxyz234567").WithPadding(base32.NoPadding)

func (r *renderer) identifiers() {
	var scratch [128]byte
	b := append(scratch[:0], '<')
	if r.m.MessageID != "" {
		b = append(b, r.m.MessageID...)
	} else {
		b = idAlphabet.AppendEncode(b, r.random[:15])
		b = append(b, '@')
		b = append(b, r.fromDomain()...)
	}
	id := string(append(b, '>'))
	r.out.messageID = id[1 : len(id)-1]
	r.line("Message-ID", id)
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
	wire, err := checkedAddress(r.m.From.Address)
	if err != nil {
		return "localhost"
	}
	domain := wire[strings.LastIndexByte(wire, '@')+1:]
	if domain[0] == '[' {
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
