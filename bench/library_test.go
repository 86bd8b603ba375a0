package bench_test

import (
	"bytes"
	"fmt"
	"io"
	"mime"
	"net/mail"
	"os"
	"path/filepath"

	"github.com/jhillyerd/enmime/v2"
	"github.com/jordan-wright/email"
	wneessen "github.com/wneessen/go-mail"
	"golang.org/x/text/encoding/japanese"
	"gopkg.in/gomail.v2"
)

// library is one way to write a letter. Of several ways that a library offers, the
// one that costs it least is taken.
type library struct {
	name string
	// build makes the message; what it returns writes it, as often as wanted.
	build func(*letter) (io.WriterTo, error)
	// jis: it can write ISO-2022-JP, at least if the caller converts the text.
	jis bool
}

var libraries = []library{
	{"qdmail", buildQdmail, true},
	{"go-mail", buildGoMail, true},
	{"gomail", buildGomail, true},
	{"enmime", buildEnmime, false},
	{"email", buildEmail, false},
}

// can reports whether the library is able to write the letter.
func (l *library) can(m *letter) bool { return l.jis || !m.jis }

// toJIS converts as users of libraries do that don't.
func toJIS(s string) (string, error) { return japanese.ISO2022JP.NewEncoder().String(s) }

func buildGoMail(l *letter) (io.WriterTo, error) {
	lean := wneessen.WithNoDefaultUserAgent() // nobody else writes these two fields
	text, subject := l.text, l.subject
	var m *wneessen.Msg
	switch {
	case l.jis:
		// Of its encodings this is the one that leaves ISO-2022-JP as it is.
		m = wneessen.NewMsg(lean, wneessen.WithCharset(wneessen.CharsetISO2022JP), wneessen.WithEncoding(wneessen.NoEncoding))
		var err error
		if text, err = toJIS(text); err != nil {
			return nil, err
		}
		if subject, err = toJIS(subject); err != nil {
			return nil, err
		}
	case l.ascii():
		m = wneessen.NewMsg(lean)
	default:
		m = wneessen.NewMsg(lean, wneessen.WithEncoding(wneessen.EncodingB64))
	}
	m.FromMailAddress(&l.from)
	to := make([]*mail.Address, len(l.to))
	for i := range l.to {
		to[i] = &l.to[i]
	}
	m.ToMailAddress(to...)
	m.Subject(subject)
	m.SetBodyString(wneessen.TypeTextPlain, text)
	if l.html != "" {
		m.AddAlternativeString(wneessen.TypeTextHTML, l.html)
	}
	switch {
	case l.data != nil:
		m.AttachReadSeeker(l.fileName, bytes.NewReader(l.data))
	case l.path != "":
		m.AttachFile(l.path)
	}
	return m, nil
}

func buildGomail(l *letter) (io.WriterTo, error) {
	text, subject, name := l.text, l.subject, l.from.Name
	var m *gomail.Message
	switch {
	case l.jis:
		m = gomail.NewMessage(gomail.SetCharset("ISO-2022-JP"), gomail.SetEncoding(gomail.Unencoded))
		for _, s := range []*string{&text, &subject, &name} {
			var err error
			if *s, err = toJIS(*s); err != nil {
				return nil, err
			}
		}
	case l.ascii():
		m = gomail.NewMessage()
	default:
		m = gomail.NewMessage(gomail.SetEncoding(gomail.Base64))
	}
	m.SetAddressHeader("From", l.from.Address, name)
	to := make([]string, len(l.to))
	for i, a := range l.to {
		name := a.Name
		if l.jis {
			var err error
			if name, err = toJIS(name); err != nil {
				return nil, err
			}
		}
		to[i] = m.FormatAddress(a.Address, name)
	}
	m.SetHeader("To", to...)
	m.SetHeader("Subject", subject)
	m.SetBody("text/plain", text)
	if l.html != "" {
		m.AddAlternative("text/html", l.html)
	}
	switch {
	case l.data != nil:
		// It writes file names as they are; encoding them is left to the caller.
		m.Attach(l.fileName, gomail.Rename(mime.BEncoding.Encode("UTF-8", l.fileName)),
			gomail.SetCopyFunc(func(w io.Writer) error {
				_, err := w.Write(l.data)
				return err
			}))
	case l.path != "":
		m.Attach(l.path, gomail.Rename(mime.BEncoding.Encode("UTF-8", l.fileName)))
	}
	return m, nil
}

func buildEnmime(l *letter) (io.WriterTo, error) {
	b := enmime.Builder().
		From(l.from.Name, l.from.Address).
		ToAddrs(l.to).
		Subject(l.subject).
		Text([]byte(l.text))
	if l.html != "" {
		b = b.HTML([]byte(l.html))
	}
	switch {
	case l.data != nil:
		b = b.AddAttachment(l.data, "application/pdf", l.fileName)
	case l.path != "":
		f, err := os.Open(l.path)
		if err != nil {
			return nil, err
		}
		b = b.AddAttachmentWithReader(f, mime.TypeByExtension(filepath.Ext(l.path)), l.fileName)
		p, err := b.Build()
		return enmimeFile{p, f}, err
	}
	p, err := b.Build()
	return enmimePart{p}, err
}

type enmimePart struct{ *enmime.Part }

func (p enmimePart) WriteTo(w io.Writer) (int64, error) { return 0, p.Encode(w) }

// enmimeFile is good for one time, because a reader can be read once.
type enmimeFile struct {
	*enmime.Part
	f *os.File
}

func (p enmimeFile) WriteTo(w io.Writer) (int64, error) {
	defer p.f.Close()
	return 0, p.Encode(w)
}

func buildEmail(l *letter) (io.WriterTo, error) {
	e := email.NewEmail()
	e.From = fmt.Sprintf("%s <%s>", l.from.Name, l.from.Address)
	e.To = make([]string, len(l.to))
	for i, a := range l.to {
		e.To[i] = fmt.Sprintf("%s <%s>", a.Name, a.Address)
	}
	e.Subject = l.subject
	e.Text = []byte(l.text)
	if l.html != "" {
		e.HTML = []byte(l.html)
	}
	// It writes file names as they are; encoding them is left to the caller.
	var err error
	switch name := mime.BEncoding.Encode("UTF-8", l.fileName); {
	case l.data != nil:
		_, err = e.Attach(bytes.NewReader(l.data), name, "application/pdf")
	case l.path != "":
		var a *email.Attachment
		if a, err = e.AttachFile(l.path); err == nil {
			a.Filename = name
		}
	}
	return emailBytes{e}, err
}

type emailBytes struct{ *email.Email }

func (e emailBytes) WriteTo(w io.Writer) (int64, error) {
	b, err := e.Bytes()
	if err != nil {
		return 0, err
	}
	n, err := w.Write(b)
	return int64(n), err
}

// ascii reports whether the text is nothing but ASCII.
func (l *letter) ascii() bool {
	for i := range len(l.text) {
		if l.text[i] >= 0x80 {
			return false
		}
	}
	return true
}
