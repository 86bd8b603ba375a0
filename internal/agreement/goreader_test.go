//go:build integration

package agreement_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	netmail "net/mail"
	"net/textproto"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/text/encoding/japanese"
)

// fields are the fields that readers report beside addresses and subject.
var fields = []string{
	"Message-ID", "Date", "In-Reply-To", "References", "List-Unsubscribe", "List-Unsubscribe-Post",
	"X-Priority", "Priority", "X-MSMail-Priority", "Importance", "X-Campaign",
}

var wordDecoder = &mime.WordDecoder{CharsetReader: charsetReader}

func charsetReader(label string, r io.Reader) (io.Reader, error) {
	switch strings.ToUpper(label) {
	case jisLabel:
		return japanese.ISO2022JP.NewDecoder().Reader(r), nil
	case utf8Label:
		return r, nil
	}
	return nil, fmt.Errorf("the charset %q", label)
}

// goRead reads the mails of a folder with Go's standard library.
func goRead(folder string) ([]*mail, error) {
	files, err := filepath.Glob(filepath.Join(folder, "*.eml"))
	if err != nil {
		return nil, err
	}
	var mails []*mail
	for _, f := range files {
		raw, err := os.ReadFile(f)
		if err != nil {
			return nil, err
		}
		m := &mail{File: filepath.Base(f), Fields: map[string]string{}}
		if err := m.goRead(raw); err != nil {
			return nil, fmt.Errorf("%s: %w", f, err)
		}
		mails = append(mails, m)
	}
	return mails, nil
}

func (m *mail) goRead(raw []byte) error {
	msg, err := netmail.ReadMessage(bytes.NewReader(raw))
	if err != nil {
		return err
	}
	if m.Subject, err = wordDecoder.DecodeHeader(msg.Header.Get("Subject")); err != nil {
		return err
	}
	for _, name := range fields {
		if values := msg.Header[textproto.CanonicalMIMEHeaderKey(name)]; len(values) > 0 {
			if m.Fields[name], err = wordDecoder.DecodeHeader(values[0]); err != nil {
				return err
			}
		}
	}
	parser := netmail.AddressParser{WordDecoder: wordDecoder}
	for name, list := range m.lists() {
		value := msg.Header.Get(name)
		if value == "" {
			continue
		}
		// net/mail doesn't know the tag of RFC 5321 section 4.1.3.
		addresses, err := parser.ParseList(strings.ReplaceAll(value, "[IPv6:", "["))
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		for _, a := range addresses {
			*list = append(*list, person{a.Name, a.Address})
		}
	}
	return m.goReadPart(textproto.MIMEHeader(msg.Header), msg.Body)
}

// lists are the fields with addresses.
func (m *mail) lists() map[string]*[]person {
	return map[string]*[]person{
		"From": &m.From, "Sender": &m.Sender, "Reply-To": &m.ReplyTo, "To": &m.To, "Cc": &m.Cc, "Bcc": &m.Bcc,
	}
}

func (m *mail) goReadPart(h textproto.MIMEHeader, r io.Reader) error {
	kind, params, err := mime.ParseMediaType(h.Get("Content-Type"))
	if err != nil {
		return err
	}
	if strings.HasPrefix(kind, "multipart/") {
		mr := multipart.NewReader(r, params["boundary"])
		for {
			p, err := mr.NextRawPart()
			if err == io.EOF {
				return nil
			}
			if err != nil {
				return err
			}
			if err := m.goReadPart(p.Header, p); err != nil {
				return err
			}
		}
	}
	switch h.Get("Content-Transfer-Encoding") {
	case "base64":
		r = base64.NewDecoder(base64.StdEncoding, r)
	case "quoted-printable":
		r = quotedprintable.NewReader(r)
	}
	data, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	to := map[string]**body{"text/plain": &m.Text, "text/html": &m.HTML}[kind]
	if to != nil && *to == nil && params["name"] == "" && h.Get("Content-Disposition") == "" {
		*to, err = goText(data, params["charset"])
		return err
	}
	return m.goReadFile(h, params["name"], data)
}

func goText(data []byte, label string) (*body, error) {
	r, err := charsetReader(label, bytes.NewReader(data))
	if err != nil {
		return nil, err
	}
	s, err := io.ReadAll(r)
	return &body{Text: string(s), Charset: label, Raw: data}, err
}

func (m *mail) goReadFile(h textproto.MIMEHeader, name string, data []byte) (err error) {
	var params map[string]string
	if d := h.Get("Content-Disposition"); d != "" {
		if _, params, err = mime.ParseMediaType(d); err != nil {
			return err
		}
	}
	if name, err = wordDecoder.DecodeHeader(name); err != nil {
		return err
	}
	sum := sha256.Sum256(data)
	m.Files = append(m.Files, attachment{
		FileName: params["filename"],
		Name:     name,
		ID:       strings.Trim(h.Get("Content-ID"), "<>"),
		SHA256:   hex.EncodeToString(sum[:]),
	})
	return nil
}
