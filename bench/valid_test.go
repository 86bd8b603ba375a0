package bench_test

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net/mail"
	"os"
	"reflect"
	"strings"
	"testing"

	"golang.org/x/text/encoding/japanese"

	"github.com/qdmail/qdmail/encoding/charset"
)

// testSize keeps the tests quick; nothing of what they check depends on it.
var testSize = size{100_000, 300_000}

// TestSameMail reads what each library wrote with the standard library's parsers:
// whoever takes part in the benchmarks has to deliver the whole mail.
func TestSameMail(t *testing.T) {
	for _, l := range letters(t, testSize) {
		for _, lib := range libraries {
			if !lib.can(l) {
				continue
			}
			write := build(t, &lib, l)
			checkMail(t, lib.name+", "+l.name, l, write())
			if l.path == "" { // as when only the writing is measured
				checkMail(t, lib.name+", "+l.name+", written again", l, write())
			}
		}
	}
}

// build makes the message and returns what writes it.
func build(t *testing.T, lib *library, l *letter) func() []byte {
	m, err := lib.build(l)
	if err != nil {
		t.Fatalf("%s, %s: %v", lib.name, l.name, err)
	}
	return func() []byte {
		var buf bytes.Buffer
		if _, err := m.WriteTo(&buf); err != nil {
			t.Fatalf("%s, %s: %v", lib.name, l.name, err)
		}
		return buf.Bytes()
	}
}

func checkMail(t *testing.T, what string, want *letter, raw []byte) {
	t.Helper()
	got, err := parse(raw)
	if err != nil {
		t.Errorf("%s: %v\n%.3000s", what, err, raw)
		return
	}
	data := want.data
	if want.path != "" {
		if data, err = os.ReadFile(want.path); err != nil {
			t.Fatal(err)
		}
	}
	same := func(field string, got, want any) {
		t.Helper()
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %s is %.200q, want %.200q", what, field, got, want)
		}
	}
	same("From", got.from, want.from)
	same("To", got.to, want.to)
	same("Subject", got.subject, want.subject)
	same("the text", lines(got.text), lines(want.text))
	same("the HTML", lines(got.html), lines(want.html))
	same("the file name", got.fileName, want.fileName)
	if !bytes.Equal(got.data, data) {
		t.Errorf("%s: the attachment has %d octets and differs, want %d", what, len(got.data), len(data))
	}
}

// lines makes line endings the same and ignores those at the end, which some
// libraries add.
func lines(s string) string {
	return strings.TrimRight(strings.ReplaceAll(s, "\r\n", "\n"), "\n")
}

var words = &mime.WordDecoder{CharsetReader: func(charset string, r io.Reader) (io.Reader, error) {
	if !strings.EqualFold(charset, "iso-2022-jp") {
		return nil, fmt.Errorf("charset %s", charset)
	}
	return japanese.ISO2022JP.NewDecoder().Reader(r), nil
}}

func parse(raw []byte) (*letter, error) {
	m, err := mail.ReadMessage(bytes.NewReader(raw))
	if err != nil {
		return nil, err
	}
	if _, err := m.Header.Date(); err != nil {
		return nil, fmt.Errorf("Date: %w", err)
	}
	if v := m.Header.Get("MIME-Version"); v != "1.0" {
		return nil, fmt.Errorf("MIME-Version: %q", v)
	}
	got := new(letter)
	p := mail.AddressParser{WordDecoder: words}
	from, err := p.Parse(m.Header.Get("From"))
	if err != nil {
		return nil, fmt.Errorf("From: %w", err)
	}
	got.from = *from
	to, err := p.ParseList(m.Header.Get("To"))
	if err != nil {
		return nil, fmt.Errorf("To: %w", err)
	}
	for _, a := range to {
		got.to = append(got.to, *a)
	}
	if got.subject, err = words.DecodeHeader(m.Header.Get("Subject")); err != nil {
		return nil, fmt.Errorf("Subject: %w", err)
	}
	return got, got.parsePart(m.Header.Get, m.Body)
}

func (l *letter) parsePart(get func(string) string, body io.Reader) error {
	mediaType, params, err := mime.ParseMediaType(get("Content-Type"))
	if err != nil {
		return fmt.Errorf("Content-Type: %w", err)
	}
	if strings.HasPrefix(mediaType, "multipart/") {
		return l.parseParts(multipart.NewReader(body, params["boundary"]))
	}
	content, err := io.ReadAll(decoder(get("Content-Transfer-Encoding"), body))
	if err != nil {
		return fmt.Errorf("the content of %s: %w", mediaType, err)
	}
	if d := get("Content-Disposition"); strings.HasPrefix(d, "attachment") {
		l.data = content
		_, params, err := mime.ParseMediaType(d)
		if err != nil {
			return fmt.Errorf("Content-Disposition: %w", err)
		}
		l.fileName, err = words.DecodeHeader(params["filename"])
		return err
	}
	switch strings.ToLower(params["charset"]) {
	case "iso-2022-jp":
		if content, err = japanese.ISO2022JP.NewDecoder().Bytes(content); err != nil {
			return err
		}
	case "utf-8", "us-ascii", "":
	default:
		return fmt.Errorf("charset %s", params["charset"])
	}
	if mediaType == "text/html" {
		l.html = string(content)
	} else {
		l.text = string(content)
	}
	return nil
}

func (l *letter) parseParts(r *multipart.Reader) error {
	for {
		p, err := r.NextRawPart()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		if err := l.parsePart(p.Header.Get, p); err != nil {
			return err
		}
	}
}

func decoder(encoding string, r io.Reader) io.Reader {
	switch strings.ToLower(encoding) {
	case "base64":
		return base64.NewDecoder(base64.StdEncoding, r)
	case "quoted-printable":
		return quotedprintable.NewReader(r)
	}
	return r
}

// TestSameBase64 reads what every way to write base64 lines gives.
func TestSameBase64(t *testing.T) {
	for _, n := range []int{0, 1, 2, 3, 56, 57, 58, 114, 100_000} {
		data := octets(n)
		var want bytes.Buffer
		for _, v := range base64Ways(n) {
			var got bytes.Buffer
			if err := v.write(&got, data); err != nil {
				t.Fatalf("%s: %v", v.name, err)
			}
			back, err := io.ReadAll(base64.NewDecoder(base64.StdEncoding, bytes.NewReader(got.Bytes())))
			if err != nil || !bytes.Equal(back, data) {
				t.Errorf("%s: %d octets don't come back: %v", v.name, n, err)
			}
			for line := range bytes.Lines(got.Bytes()) {
				if len(line) > lineOut+2 || !bytes.HasSuffix(line, []byte("\r\n")) {
					t.Errorf("%s: line %q", v.name, line)
				}
			}
			if want.Len() == 0 {
				want = got
			} else if !bytes.Equal(got.Bytes(), want.Bytes()) {
				t.Errorf("%s: %d octets become something else than with %s", v.name, n, "the first")
			}
		}
	}
}

// TestSameISO2022JP compares the octets that the two converters give.
func TestSameISO2022JP(t *testing.T) {
	ours, err := charset.ISO2022JP.Append(nil, novel())
	if err != nil {
		t.Fatal(err)
	}
	theirs, err := toJIS(novel())
	if err != nil || string(ours) != theirs {
		t.Errorf("%.100q, %v\n%.100q", ours, err, theirs)
	}
}
