package mime_test

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"mime/multipart"
	"mime/quotedprintable"
	"net/mail"
	"slices"
	"strings"
	"testing"

	stdmime "mime"

	"golang.org/x/text/encoding/japanese"

	"github.com/qdmail/qdmail/encoding/charset"
	"github.com/qdmail/qdmail/encoding/header"
	"github.com/qdmail/qdmail/encoding/mime"
	"github.com/qdmail/qdmail/encoding/transfer"
)

// composer writes well-formed messages by chance.
type composer struct {
	*rand.Rand
	header.Builder
	boundaries int
}

var vocabulary = []string{
	"", "plain", "Re: two words", "日本語の件名", strings.Repeat("長い件名です。", 12), "é à la carte", "a=b?c_d=?", "見積書 (最終).pdf",
	`quo"te\d.txt`, "semi;colon='x'.txt", "100% =?utf-8?q?no?=", strings.Repeat("x", 200), "٪ ％ %41.txt",
}

func (c *composer) text() string { return vocabulary[c.IntN(len(vocabulary))] }

func (c *composer) charset() charset.Charset {
	return []charset.Charset{charset.UTF8, charset.ISO2022JP}[c.IntN(2)]
}

// write appends a field, and says whether the charset has the text.
func (c *composer) write(name string, value func(charset.Charset)) {
	before := slices.Clone(c.Bytes())
	for _, cs := range []charset.Charset{c.charset(), charset.UTF8} {
		c.Field(name)
		value(cs)
		c.End()
		if c.Err() == nil {
			return
		}
		c.Reset(slices.Clone(before))
	}
	panic("UTF-8 has everything")
}

func (c *composer) raw(s string) { c.Reset(append(c.Bytes(), s...)) }

func (c *composer) entity(depth int) {
	for range c.IntN(3) {
		c.write([]string{"Subject", "X-Text", "Received"}[c.IntN(3)], func(cs charset.Charset) { c.Text(c.text(), cs) })
	}
	switch {
	case depth > 0 && c.IntN(2) == 0:
		c.multipart(depth)
	case depth > 0 && c.IntN(4) == 0:
		c.raw("Content-Type: message/rfc822\r\n\r\n")
		c.entity(depth - 1)
	default:
		c.leaf()
	}
}

func (c *composer) multipart(depth int) {
	c.boundaries++
	boundary := fmt.Sprintf("=_b%d", c.boundaries)
	if c.IntN(2) == 0 {
		boundary = strings.Repeat("b", c.boundaries) // each one the beginning of the next
	}
	c.write("Content-Type", func(charset.Charset) {
		c.Token("multipart/mixed")
		c.Param("boundary", boundary)
	})
	c.raw("\r\n" + []string{"", "preamble\r\n"}[c.IntN(2)])
	for range 1 + c.IntN(3) {
		c.raw("--" + boundary + "\r\n")
		c.entity(depth - 1)
		c.raw("\r\n")
	}
	c.raw("--" + boundary + "--\r\n" + []string{"", "epilogue\r\n"}[c.IntN(2)])
}

func (c *composer) leaf() {
	c.write("Content-Type", func(cs charset.Charset) {
		c.Token([]string{"text/plain", "application/x-test", "Image/PNG"}[c.IntN(3)])
		c.Param("charset", "utf-8")
		c.Param("name", c.text())
		c.Param("x-other", c.text())
	})
	if c.IntN(2) == 0 {
		c.write("Content-Disposition", func(charset.Charset) {
			c.Token("attachment")
			c.Param("filename", c.text())
		})
	}
	body := strings.Repeat(c.text()+"\r\n", c.IntN(5))
	switch c.IntN(4) {
	case 0:
		c.raw("Content-Transfer-Encoding: base64\r\n\r\n")
		c.Reset(transfer.AppendBase64(c.Bytes(), body))
	case 1:
		c.raw("Content-Transfer-Encoding: quoted-printable\r\n\r\n")
		c.Reset(transfer.AppendQuotedPrintable(c.Bytes(), body))
	default:
		c.raw("Content-Transfer-Encoding: 8bit\r\n\r\n" + body)
	}
}

// TestAgainstStandardLibrary reads well-formed messages with the packages of the
// standard library and finds the same in them, and no defects.
func TestAgainstStandardLibrary(t *testing.T) {
	parts := 0
	for seed := range uint64(400) {
		c := composer{Rand: rand.New(rand.NewPCG(seed, 7))}
		c.raw("From: a@example.jp\r\n")
		c.entity(3)
		in := c.Bytes()
		if err := c.Err(); err != nil {
			t.Fatal(err)
		}
		root := parse(t, string(in))
		m, err := mail.ReadMessage(bytes.NewReader(in))
		if err != nil {
			t.Fatalf("%v\n%s", err, in)
		}
		same(t, root, m.Header, m.Body)
		root.Walk(func(p *mime.Part) bool {
			parts++
			for _, d := range p.Defects() {
				if d.Kind != mime.DuplicateField { // Subject, by chance
					t.Errorf("%v\n%s", d, p.Raw())
				}
			}
			return true
		})
		if t.Failed() {
			t.Fatalf("seed %d:\n%s", seed, in)
		}
	}
	if parts < 1000 {
		t.Errorf("only %d parts", parts)
	}
}

var decoder = stdmime.WordDecoder{CharsetReader: func(name string, r io.Reader) (io.Reader, error) {
	if !strings.EqualFold(name, "iso-2022-jp") {
		return nil, fmt.Errorf("charset %s", name)
	}
	return japanese.ISO2022JP.NewDecoder().Reader(r), nil
}}

func same(t *testing.T, p *mime.Part, h map[string][]string, r io.Reader) {
	t.Helper()
	for name, values := range h {
		var got []string
		for _, v := range p.Header.Values(name) {
			got = append(got, mime.DecodeHeader(strings.Join(strings.Fields(v), " ")))
		}
		for i, v := range values {
			if name != "Content-Type" {
				values[i], _ = decoder.DecodeHeader(strings.Join(strings.Fields(v), " "))
			}
		}
		if name != "Content-Type" && !slices.Equal(got, values) {
			t.Errorf("%s: %q, want %q", name, got, values)
		}
	}
	value := func(name string) string { return strings.Join(append(h[name], ""), "") }
	mediaType, params, err := stdmime.ParseMediaType(value("Content-Type"))
	if err != nil {
		t.Fatal(err)
	}
	if p.MediaType != mediaType || !maps.Equal(p.Params, params) {
		t.Errorf("%s %q, want %s %q", p.MediaType, p.Params, mediaType, params)
	}
	if disposition := p.Header.Get("Content-Disposition"); disposition != "" {
		kind, params, err := stdmime.ParseMediaType(disposition)
		if err != nil || p.Disposition != kind || !maps.Equal(p.DispositionParams, params) {
			t.Errorf("%s %q, want %s %q, %v", p.Disposition, p.DispositionParams, kind, params, err)
		}
	}
	switch {
	case strings.HasPrefix(mediaType, "multipart/"):
		parts := multipart.NewReader(r, params["boundary"])
		n := 0
		for ; ; n++ {
			part, err := parts.NextRawPart()
			if err == io.EOF {
				break
			}
			if err != nil || n >= len(p.Parts) {
				t.Fatalf("part %d: %v", n, err)
			}
			same(t, p.Parts[n], part.Header, part)
		}
		if n != len(p.Parts) {
			t.Errorf("%d parts, want %d", len(p.Parts), n)
		}
	case mediaType == "message/rfc822":
		m, err := mail.ReadMessage(r)
		if err != nil {
			t.Fatal(err)
		}
		same(t, p.Parts[0], m.Header, m.Body)
	default:
		body, _ := io.ReadAll(r)
		want := body
		switch value("Content-Transfer-Encoding") {
		case "base64":
			want, err = io.ReadAll(base64.NewDecoder(base64.StdEncoding, bytes.NewReader(body)))
		case "quoted-printable":
			want, err = io.ReadAll(quotedprintable.NewReader(bytes.NewReader(body)))
		}
		content, ours := p.Content()
		if err != nil || ours != nil || !bytes.Equal(p.Body(), body) || !bytes.Equal(content, want) {
			t.Errorf("%q, %v, want %q, %v", content, ours, want, err)
		}
		text, err := p.Text()
		if text != string(want) || err != nil {
			t.Errorf("%q, %v", text, err)
		}
	}
}
