package message_test

import (
	"bytes"
	"encoding/base64"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net/mail"
	"strings"
	"testing"

	"github.com/qdmail/qdmail/encoding/charset"
	"github.com/qdmail/qdmail/message"
)

// part is what the standard library's readers make of a message.
type part struct {
	mediaType string
	params    map[string]string
	header    map[string][]string
	body      []byte
	parts     []*part
}

func (p *part) get(name string) string {
	if v := p.header[name]; len(v) > 0 {
		return v[0]
	}
	return ""
}

// find returns the leaves of the given type, in order.
func (p *part) find(mediaType string) (found []*part) {
	if p.mediaType == mediaType {
		found = append(found, p)
	}
	for _, c := range p.parts {
		found = append(found, c.find(mediaType)...)
	}
	return found
}

// shape is the structure in one line.
func (p *part) shape() string {
	if len(p.parts) == 0 {
		return p.mediaType
	}
	var s []string
	for _, c := range p.parts {
		s = append(s, c.shape())
	}
	return strings.TrimPrefix(p.mediaType, "multipart/") + "{" + strings.Join(s, ", ") + "}"
}

// text is the body of a text part, decoded.
func (p *part) text(t testing.TB) string {
	t.Helper()
	c := charset.UTF8
	if p.params["charset"] == "ISO-2022-JP" {
		c = charset.CP50220
	}
	s, err := c.Decode(p.body)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func (p *part) fileName(t testing.TB) string {
	t.Helper()
	_, params, err := mime.ParseMediaType(p.get("Content-Disposition"))
	if err != nil {
		t.Fatal(err)
	}
	if n := decodeWords(t, p.params["name"]); n != params["filename"] {
		t.Errorf("name %q, filename %q", n, params["filename"])
	}
	return params["filename"]
}

var wordDecoder = &mime.WordDecoder{CharsetReader: func(_ string, r io.Reader) (io.Reader, error) {
	b, err := io.ReadAll(r)
	if err != nil {
		return nil, err
	}
	s, err := charset.CP50220.Decode(b)
	return strings.NewReader(s), err
}}

func decodeWords(t testing.TB, s string) string {
	t.Helper()
	out, err := wordDecoder.DecodeHeader(s)
	if err != nil {
		t.Fatalf("%q: %v", s, err)
	}
	return out
}

// wire encodes m and checks what holds for every message.
func wire(t testing.TB, m *message.Message) string {
	t.Helper()
	var e message.Encoder
	body, err := e.Encode(m)
	if err != nil {
		t.Fatal(err)
	}
	r, err := body.Open()
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	if int64(len(b)) != body.Size() {
		t.Fatalf("Size says %d, %d octets read", body.Size(), len(b))
	}
	var w bytes.Buffer
	if n, err := body.(io.WriterTo).WriteTo(&w); err != nil || n != body.Size() || !bytes.Equal(w.Bytes(), b) {
		t.Fatalf("WriteTo gave %d octets, %v; Open gave %d", n, err, len(b))
	}
	checkWire(t, b)
	return string(b)
}

func checkWire(t testing.TB, b []byte) {
	t.Helper()
	if !bytes.HasSuffix(b, []byte("\r\n")) {
		t.Error("the last line has no ending")
	}
	for line := range bytes.SplitSeq(b, []byte("\r\n")) {
		if len(line) > 998 {
			t.Errorf("%d octets in a line", len(line))
		}
		if bytes.ContainsAny(line, "\r\n\x00") {
			t.Errorf("bare CR, LF or NUL in %q", line)
		}
		for _, ch := range line {
			if ch >= 0x80 {
				t.Fatalf("8-bit octet in %q", line)
			}
		}
	}
}

func read(t testing.TB, raw string) *part {
	t.Helper()
	m, err := mail.ReadMessage(strings.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	return readPart(t, m.Header, m.Body)
}

func readPart(t testing.TB, h map[string][]string, r io.Reader) *part {
	t.Helper()
	p := &part{header: h}
	var err error
	if p.mediaType, p.params, err = mime.ParseMediaType(p.get("Content-Type")); err != nil {
		t.Fatal(err)
	}
	if strings.HasPrefix(p.mediaType, "multipart/") {
		mr := multipart.NewReader(r, p.params["boundary"])
		for {
			c, err := mr.NextRawPart()
			if err == io.EOF {
				return p
			}
			if err != nil {
				t.Fatal(err)
			}
			p.parts = append(p.parts, readPart(t, c.Header, c))
		}
	}
	switch cte := p.get("Content-Transfer-Encoding"); cte {
	case "base64":
		r = base64.NewDecoder(base64.StdEncoding, r)
	case "quoted-printable":
		r = quotedprintable.NewReader(r)
	case "7bit":
	default:
		t.Fatalf("Content-Transfer-Encoding %q", cte)
	}
	if p.body, err = io.ReadAll(r); err != nil {
		t.Fatal(err)
	}
	return p
}

func sample() *message.Message {
	return &message.Message{
		From:    message.Address{Name: "営業部", Address: "sales@example.co.jp"},
		To:      []message.Address{{Name: "山田 太郎", Address: "taro@example.jp"}},
		Subject: "お見積りの件",
		Text:    "本文です。\n",
		Charset: message.ISO2022JP,
	}
}

func headerOf(raw string) string {
	h, _, _ := strings.Cut(raw, "\r\n\r\n")
	return h + "\r\n"
}

func field(raw, name string) string {
	for _, f := range fields(raw) {
		if v, ok := strings.CutPrefix(f, name+": "); ok {
			return v
		}
	}
	return ""
}

// fields are the unfolded fields of the header.
func fields(raw string) []string {
	h := strings.ReplaceAll(headerOf(raw), "\r\n ", " ")
	return strings.Split(strings.TrimSuffix(h, "\r\n"), "\r\n")
}
