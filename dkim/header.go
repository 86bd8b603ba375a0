package dkim

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"strings"
)

// maxHeader bounds what of a message is held in memory, in octets.
const maxHeader = 4 << 20

// field is a header field without its line breaks.
type field struct{ name, value string }

type header []field

// readHeader reads as far as the blank line after the header, or to the end of a
// message that has no body. It unfolds the fields, as both relaxed
// canonicalization and reading them want it.
func readHeader(r *bufio.Reader) (header, error) {
	var text []byte // unfolded, with an LF before each field
	for {
		size := len(text)
		line, err := r.ReadSlice('\n')
		if len(line) == 0 {
			if err == io.EOF {
				break
			}
			return nil, err
		}
		if len(text) == 0 || line[0] != ' ' && line[0] != '\t' {
			text = append(text, '\n')
		}
		for ; err == bufio.ErrBufferFull && len(text) <= maxHeader; line, err = r.ReadSlice('\n') {
			text = append(text, line...)
		}
		text = append(text, line...)
		switch {
		case err == io.EOF || errors.Is(err, bufio.ErrBufferFull):
			return nil, ErrHeader
		case err != nil:
			return nil, err
		case len(text) > maxHeader:
			return nil, ErrHeader
		}
		text = bytes.TrimSuffix(text[:len(text)-1], []byte("\r"))
		if len(text) == size+1 && text[size] == '\n' {
			text = text[:size]
			break
		}
	}
	return parseHeader(string(text))
}

// parseHeader makes fields of what readHeader joined.
func parseHeader(text string) (header, error) {
	if text == "" {
		return nil, nil
	}
	h := make(header, 0, strings.Count(text, "\n"))
	for line := range strings.SplitSeq(text[1:], "\n") {
		name, value, ok := strings.Cut(line, ":")
		name = strings.TrimRight(name, " \t")
		if !ok || !isFieldName(name) || strings.ContainsRune(value, '\r') {
			return nil, ErrHeader
		}
		h = append(h, field{name, value})
	}
	return h, nil
}

// isFieldName follows RFC 5322 section 3.6.8.
func isFieldName(s string) bool {
	for _, c := range []byte(s) {
		if c <= ' ' || c > '~' || c == ':' {
			return false
		}
	}
	return s != ""
}
