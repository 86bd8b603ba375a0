package mime

import (
	"encoding/base64"
	"strings"
)

// DecodeHeader decodes the encoded-words of a header value (RFC 2047). It is for
// showing the value, not for parsing what comes out.
//
// It takes them where the RFC has none too: amid a word, in a quoted string,
// longer than 75 octets, with spaces inside, with base64 that lacks its padding.
// White space between two of them vanishes, and if a character was split between
// two of one charset, they are put together. One that can't be decoded stays as it
// is: broken ones such as "=?==?b?==?=", unknown charsets, octets that the charset
// doesn't have, and text with CR, LF or NUL in it, which no header has.
//
// Text outside of encoded-words that is ISO-2022-JP by its escape sequences is
// decoded too. Octets beyond ASCII stay as they are; they are UTF-8 in an
// internationalized header (RFC 6532) and anything in a broken one.
func DecodeHeader(s string) string {
	if !strings.Contains(s, "=?") {
		return plainText(s)
	}
	var out strings.Builder
	var run []word // adjacent words that aren't written yet
	done := 0      // what is written or in run
	for from := 0; ; {
		i := strings.Index(s[from:], "=?")
		if i < 0 {
			break
		}
		i += from
		w, ok := parseWord(s, i)
		if !ok {
			from = i + len("=?")
			continue
		}
		if between := s[done:i]; len(run) == 0 || strings.Trim(between, " \t\r\n") != "" {
			writeWords(&out, s, run)
			out.WriteString(plainText(between))
			run = run[:0]
		}
		run = append(run, w)
		done, from = w.end, w.end
	}
	writeWords(&out, s, run)
	out.WriteString(plainText(s[done:]))
	return out.String()
}

// plainText decodes text outside of encoded-words.
func plainText(s string) string {
	if strings.IndexByte(s, 0x1B) >= 0 {
		if text, ok := iso2022JP.strict([]byte(s)); ok {
			return text
		}
	}
	return s
}

// word is an encoded-word.
type word struct {
	codec      codec
	octets     []byte
	start, end int

	text    string
	decoded bool
}

// parseWord reads the encoded-word that begins at start with "=?". It looks no
// further than the next "=?", so that all calls together are linear.
func parseWord(s string, start int) (word, bool) {
	i := start + len("=?")
	for i < len(s) && s[i] > ' ' && s[i] < 0x7F && s[i] != '?' && s[i] != '=' {
		i++
	}
	if i+len("?B?") > len(s) || s[i] != '?' || s[i+2] != '?' {
		return word{}, false
	}
	name, _, _ := strings.Cut(s[start+len("=?"):i], "*") // RFC 2231 section 5: a language may follow
	codec, known := lookup(name)
	from := i + len("?B?")
	end := wordEnd(s, from)
	if name == "" || !known || end < 0 {
		return word{}, false
	}
	w := word{codec: codec, start: start, end: end + len("?=")}
	var ok bool
	switch s[i+1] {
	case 'B', 'b':
		w.octets, ok = wordB(s[from:end])
	case 'Q', 'q':
		w.octets, ok = wordQ(s[from:end])
	}
	return w, ok
}

// wordEnd returns where the "?=" stands that ends a word; -1 if there is none
// before the next "=?".
func wordEnd(s string, from int) int {
	for i := from; ; i++ {
		n := strings.IndexByte(s[i:], '?')
		if n < 0 {
			return -1
		}
		i += n
		if i+1 < len(s) && s[i+1] == '=' {
			return i
		}
		if i > from && s[i-1] == '=' {
			return -1
		}
	}
}

func wordB(s string) ([]byte, bool) {
	if strings.ContainsAny(s, " \t") {
		s = strings.NewReplacer(" ", "", "\t", "").Replace(s)
	}
	data := strings.TrimRight(s, "=")
	if pads := len(s) - len(data); pads > 2 || strings.ContainsAny(data, "\r\n") {
		return nil, false
	}
	octets, err := base64.RawStdEncoding.DecodeString(data)
	return octets, err == nil && (len(data) > 0 || s == "")
}

func wordQ(s string) ([]byte, bool) {
	octets := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		switch ch := s[i]; ch {
		case '_':
			octets = append(octets, ' ')
		case '=':
			octet, ok := fromHex(s[i+1:])
			if !ok {
				return nil, false
			}
			octets = append(octets, octet)
			i += 2
		default:
			octets = append(octets, ch)
		}
	}
	return octets, true
}

// writeWords writes adjacent words of s without the white space between them, but
// keeps it beside one that stays as it is.
func writeWords(out *strings.Builder, s string, run []word) {
	for i := 0; i < len(run); {
		first := i
		for i < len(run) && run[i].codec == run[first].codec {
			i++
		}
		decodeWords(run[first:i])
	}
	for i, w := range run {
		if i > 0 && !(w.decoded && run[i-1].decoded) {
			out.WriteString(s[run[i-1].end:w.start])
		}
		if w.decoded {
			out.WriteString(w.text)
		} else {
			out.WriteString(s[w.start:w.end])
		}
	}
}

// decodeWords decodes words of one charset: each for itself, as RFC 2047 section
// 5 wants them made, or if one doesn't stand alone, all together, or if they don't
// make sense together, as many of them as do.
func decodeWords(run []word) {
	codec, all := run[0].codec, true
	var joined []byte
	for i := range run {
		w := &run[i]
		w.text, w.decoded = fit(codec.strict(w.octets))
		all = all && w.decoded
		joined = append(joined, w.octets...)
	}
	if all {
		return
	}
	if text, ok := fit(codec.strict(joined)); ok {
		for i := range run {
			run[i].text, run[i].decoded = "", true
		}
		run[0].text = text
		return
	}
	open := false // the last word may have ended outside of ASCII
	for i := range run {
		w := &run[i]
		if w.decoded && !open {
			continue
		}
		wasOpen := open
		open = !w.decoded && codec == iso2022JP
		if wasOpen && len(w.octets) > 0 && w.octets[0] != 0x1B {
			w.decoded = false // it could be read in two ways
			continue
		}
		w.text, w.decoded = fit(codec.decode(w.octets))
	}
}

// fit refuses text that can't be in a header.
func fit(s string, ok bool) (string, bool) {
	return s, ok && !strings.ContainsAny(s, "\r\n\x00")
}
