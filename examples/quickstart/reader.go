package main

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net/mail"
	"strings"

	"golang.org/x/text/encoding/japanese"
)

// printRaw prints a message as it travels, with the escape character of
// ISO-2022-JP made visible and long files shortened.
func printRaw(out io.Writer, raw []byte) {
	const most = 2 // lines of base64
	shown := 0
	text := strings.TrimSuffix(string(raw), "\r\n")
	for line := range strings.SplitSeq(text, "\r\n") {
		if len(line) == 76 && !strings.ContainsAny(line, " \x1b<") {
			if shown++; shown > most {
				continue
			}
		} else {
			if shown > most {
				fmt.Fprintf(out, "... (%d more lines)\n", shown-most)
			}
			shown = 0
		}
		fmt.Fprintln(out, strings.ReplaceAll(line, "\x1b", "␛"))
	}
}

// printReader prints what a mail program shows. It reads the message with Go's
// standard library and x/text alone, none of which knows how it was made.
func printReader(out io.Writer, raw []byte) error {
	m, err := mail.ReadMessage(bytes.NewReader(raw))
	if err != nil {
		return err
	}
	for _, name := range []string{"From", "To", "Subject", "Date"} {
		v, err := words.DecodeHeader(m.Header.Get(name))
		if err != nil {
			return err
		}
		fmt.Fprintf(out, "%-8s %s\n", name+":", v)
	}
	return printPart(out, m.Header.Get, m.Body)
}

var words = mime.WordDecoder{CharsetReader: func(label string, r io.Reader) (io.Reader, error) {
	if !strings.EqualFold(label, "ISO-2022-JP") {
		return nil, fmt.Errorf("unexpected charset %q", label)
	}
	return japanese.ISO2022JP.NewDecoder().Reader(r), nil
}}

func printPart(out io.Writer, header func(string) string, body io.Reader) error {
	mediaType, params, err := mime.ParseMediaType(header("Content-Type"))
	if err != nil {
		return err
	}
	if strings.HasPrefix(mediaType, "multipart/") {
		parts := multipart.NewReader(body, params["boundary"])
		for {
			p, err := parts.NextRawPart()
			if err == io.EOF {
				return nil
			}
			if err != nil {
				return err
			}
			if err := printPart(out, p.Header.Get, p); err != nil {
				return err
			}
		}
	}
	switch header("Content-Transfer-Encoding") {
	case "base64":
		body = base64.NewDecoder(base64.StdEncoding, body)
	case "quoted-printable":
		body = quotedprintable.NewReader(body)
	}
	if strings.HasPrefix(mediaType, "text/") {
		if strings.EqualFold(params["charset"], "ISO-2022-JP") {
			body = japanese.ISO2022JP.NewDecoder().Reader(body)
		}
		text, err := io.ReadAll(body)
		fmt.Fprintf(out, "\n[%s]\n%s", mediaType, bytes.ReplaceAll(text, []byte("\r"), nil))
		return err
	}
	disposition, dispositionParams, err := mime.ParseMediaType(header("Content-Disposition"))
	if err != nil {
		return err
	}
	size, err := io.Copy(io.Discard, body)
	fmt.Fprintf(out, "\n[%s] %s, %s, %d octets %s\n", disposition, dispositionParams["filename"], mediaType, size, header("Content-ID"))
	return err
}
