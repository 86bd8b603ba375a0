package header

import (
	"strings"
	"unicode/utf8"

	"github.com/qdmail/qdmail/encoding/charset"
)

// Mailbox appends "name <address>", or the bare address if there is no name. The
// name is written as Phrase does. The address is an addr-spec; its local part is
// quoted exactly when it is no dot-atom.
func (b *Builder) Mailbox(name, addr string, c charset.Charset) {
	if !IsPlainAddrSpec(addr) {
		spec, err := AppendAddrSpec(nil, addr)
		if err != nil {
			b.fail(err)
		}
		addr = string(spec)
	}
	if b.err != nil {
		return
	}
	if name == "" {
		if b.gap(len(addr) + len(",")); b.err == nil {
			b.buf = append(b.buf, addr...)
		}
		return
	}
	b.Phrase(name, c)
	if b.err != nil {
		return
	}
	if b.gap(len(addr) + len("<>,")); b.err == nil {
		b.buf = append(b.buf, '<')
		b.buf = append(b.buf, addr...)
		b.buf = append(b.buf, '>')
	}
}

// Phrase appends a display name (RFC 5322 section 3.2.5): as atoms, as a quoted
// string, or as encoded-words in c if it isn't plain ASCII.
func (b *Builder) Phrase(s string, c charset.Charset) {
	if b.err == nil && isPlainPhrase(s) {
		b.spaced(s)
		return
	}
	ascii := b.check(s)
	if b.err != nil || s == "" {
		return
	}
	switch {
	case !ascii || !survives(s):
		b.words(s, c)
	case isPhrase(s):
		b.spaced(s)
	default:
		q := string(appendQuoted(nil, s))
		if !survives(q) { // the backslashes made a word too long
			b.words(s, c)
			return
		}
		if len(q) < softLimit { // in one piece
			b.gap(len(q))
			b.buf = append(b.buf, q...)
			return
		}
		b.spaced(q)
	}
}

// isPlainPhrase reports whether s is what most names in ASCII are: atoms with
// single spaces between them, short, without the "=" of an encoded-word. It looks at
// each octet once.
func isPlainPhrase(s string) bool {
	if s == "" || len(s) >= softLimit || s[len(s)-1] == ' ' {
		return false
	}
	space := true
	for i := range len(s) {
		switch c := s[i]; {
		case class[c]&isAtext != 0 && c != '=':
			space = false
		case c != ' ' || space:
			return false
		default:
			space = true
		}
	}
	return true
}

// isPhrase reports whether s is atoms with single spaces between them.
func isPhrase(s string) bool {
	for i := range len(s) {
		if class[s[i]]&isAtext == 0 && (s[i] != ' ' || s[i+1] == ' ') {
			return false
		}
	}
	return true
}

func appendQuoted[T string | []byte](dst []byte, s T) []byte {
	dst = append(dst, '"')
	for i := range len(s) {
		if s[i] == '"' || s[i] == '\\' {
			dst = append(dst, '\\')
		}
		dst = append(dst, s[i])
	}
	return append(dst, '"')
}

// AppendAddrSpec appends an address in the form that a header wants (RFC 5322
// section 3.4.1). It is split at the last "@". A local part that is a dot-atom
// stays bare; any other is quoted, whether it came quoted or not, so that
// a..b@example.jp becomes "a..b"@example.jp. Characters beyond ASCII stay as they
// are (RFC 6532). Control characters, white space outside of quotes, and an empty
// local part or domain are an *Error.
func AppendAddrSpec(dst []byte, addr string) ([]byte, error) {
	if IsPlainAddrSpec(addr) {
		return append(dst, addr...), nil
	}
	if err := CheckText(addr); err != nil {
		return dst, err
	}
	for i, r := range addr {
		if r < ' ' || r == 0x7F || r >= 0x80 && r < 0xA0 || r == 0x2028 || r == 0x2029 {
			return dst, &Error{ErrAddrSpec, r, i}
		}
	}
	i := strings.LastIndexByte(addr, '@')
	if i <= 0 || i == len(addr)-1 {
		return dst, &Error{Err: ErrAddrSpec, Offset: max(i, 0)}
	}
	local, domain := addr[:i], addr[i+1:]
	for j, r := range domain {
		if strings.ContainsRune(" <>()\"\\,;@", r) || r == 0x3000 || r == 0xA0 {
			return dst, &Error{ErrAddrSpec, r, i + 1 + j}
		}
	}
	var ok bool
	if dst, ok = appendLocalPart(dst, local); !ok {
		return dst, &Error{ErrAddrSpec, '"', 0}
	}
	dst = append(dst, '@')
	return append(dst, domain...), nil
}

// The limits of RFC 5321 section 4.5.3.1 and RFC 1035 section 2.3.4, in octets.
const (
	maxLocalPart = 64
	maxDomain    = 255
	maxLabel     = 63
)

// IsPlainAddrSpec reports whether addr is ASCII with a dot-atom for its local part
// and a host name for its domain, neither of them too long, as nearly all addresses
// are: AppendAddrSpec leaves it as it is, and so does SMTP.
func IsPlainAddrSpec(addr string) bool {
	for i := 0; ; i++ {
		atom := i
		for i < len(addr) && class[addr[i]]&isAtext != 0 {
			i++
		}
		switch {
		case i == atom || i == len(addr):
			return false
		case addr[i] == '@':
			return i <= maxLocalPart && isHostName(addr[i+1:])
		case addr[i] != '.':
			return false
		}
	}
}

// isHostName reports whether s is labels of letters, digits, hyphens and
// underscores, none of them and all of it not too long, with no hyphen at an end.
func isHostName(s string) bool {
	for i := 0; ; i++ {
		first := i
		for i < len(s) && class[s[i]]&isHost != 0 {
			i++
		}
		if !isLabel(s[first:i]) {
			return false
		}
		if i == len(s) {
			return i <= maxDomain
		}
		if s[i] != '.' {
			return false
		}
	}
}

// isLabel looks at the length and the ends of a label.
func isLabel(s string) bool {
	return s != "" && len(s) <= maxLabel && s[0] != '-' && s[len(s)-1] != '-'
}

// appendLocalPart quotes a raw local part if it needs it, and unquotes a quoted
// one if it doesn't.
func appendLocalPart(dst []byte, local string) ([]byte, bool) {
	if local[0] != '"' {
		if isDotAtom(local) {
			return append(dst, local...), true
		}
		return appendQuoted(dst, local), true
	}
	if len(local) < 2 || local[len(local)-1] != '"' {
		return dst, false
	}
	var scratch [64]byte
	raw := scratch[:0]
	inner := local[1 : len(local)-1]
	for i := 0; i < len(inner); i++ {
		switch inner[i] {
		case '\\':
			if i++; i == len(inner) {
				return dst, false
			}
		case '"':
			return dst, false
		}
		raw = append(raw, inner[i])
	}
	if isDotAtom(raw) {
		return append(dst, raw...), true
	}
	return appendQuoted(dst, raw), true
}

func isDotAtom[T string | []byte](s T) bool {
	dot := true
	for i := range len(s) {
		if s[i] == '.' {
			if dot {
				return false
			}
			dot = true
			continue
		}
		if s[i] < utf8.RuneSelf && class[s[i]]&isAtext == 0 {
			return false
		}
		dot = false
	}
	return !dot
}
