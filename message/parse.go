package message

import (
	"strings"
	"unicode/utf8"

	"github.com/qdmail/qdmail/encoding/header"
	"github.com/qdmail/qdmail/encoding/mime"
)

const (
	maxAddressInput = 8 << 10 // octets for one address, with its name and comments
	maxListInput    = 1 << 20 // octets for a list
	maxComments     = 16      // nesting
)

// ParseAddress reads one address as a person or a program wrote it: RFC 5322 with
// a name, quotes and comments, in UTF-8 or in encoded-words, and beyond it the
// addresses of Japanese mobile carriers whose local part has dots where the RFC
// allows none (a..b@docomo.ne.jp). The address itself is kept as it was written,
// quotes included; nothing is decoded in it and nothing repaired. Control
// characters, source routes, full-width letters and more than 8 KiB are refused.
// The error is an *AddressError.
func ParseAddress(s string) (Address, error) {
	if len(s) > maxAddressInput {
		return Address{}, &AddressError{Address: s[:64], Reason: "the input exceeds 8 KiB"}
	}
	p := addressParser{s: s}
	if err := p.begin(); err != nil {
		return Address{}, err
	}
	a, err := p.mailbox()
	if err != nil {
		return Address{}, err
	}
	if p.i < len(s) {
		return Address{}, p.fail("there is more behind the address")
	}
	return a, nil
}

// ParseAddressList reads addresses separated by commas; groups ("team: a@example.jp,
// b@example.jp;") are taken apart. Empty elements are skipped. At most 1 MiB is
// read.
func ParseAddressList(s string) ([]Address, error) {
	if len(s) > maxListInput {
		return nil, &AddressError{Address: s[:64], Reason: "the input exceeds 1 MiB"}
	}
	p := addressParser{s: s}
	if err := p.begin(); err != nil {
		return nil, err
	}
	var list []Address
	group := false
	for {
		if err := p.space(); err != nil {
			return nil, err
		}
		switch {
		case p.i == len(s):
			if group {
				return nil, p.fail("the group has no end")
			}
			if len(list) == 0 {
				return nil, p.fail("there is no address")
			}
			return list, nil
		case s[p.i] == ',':
			p.i++
		case s[p.i] == ';' && group:
			group = false
			p.i++
		case !group && p.groupName():
			group = true
		default:
			a, err := p.mailbox()
			if err != nil {
				return nil, err
			}
			list = append(list, a)
			if p.i < len(s) && s[p.i] != ',' && !(group && s[p.i] == ';') {
				return nil, p.fail("a comma is missing")
			}
		}
	}
}

// addressParser reads s from i. It never goes back further than one name, so its
// work grows with the length of the input and not faster.
type addressParser struct {
	s       string
	i       int
	comment string // the last one, which old programs put the name in
}

func (p *addressParser) fail(reason string) error {
	e := &AddressError{Address: p.s, Reason: reason, Offset: p.i}
	if p.i < len(p.s) {
		e.Rune, _ = utf8.DecodeRuneInString(p.s[p.i:])
	}
	return e
}

// begin refuses what may stand nowhere.
func (p *addressParser) begin() error {
	if err := header.CheckText(p.s); err != nil {
		he := err.(*header.Error)
		return &AddressError{p.s, he.Err.Error(), "", he.Rune, he.Offset}
	}
	for i := range len(p.s) {
		if p.s[i] < ' ' && p.s[i] != '\t' || p.s[i] == 0x7F {
			p.i = i
			return p.fail("control characters are not allowed")
		}
	}
	return nil
}

// space skips white space and comments.
func (p *addressParser) space() error {
	for p.i < len(p.s) {
		switch {
		case p.s[p.i] == ' ' || p.s[p.i] == '\t':
			p.i++
		case strings.HasPrefix(p.s[p.i:], "\u3000"):
			p.i += len("\u3000")
		case p.s[p.i] == '(':
			if err := p.skipComment(); err != nil {
				return err
			}
		default:
			return nil
		}
	}
	return nil
}

func (p *addressParser) skipComment() error {
	start, depth := p.i, 0
	for ; p.i < len(p.s); p.i++ {
		switch p.s[p.i] {
		case '\\':
			p.i++
		case '(':
			if depth++; depth > maxComments {
				return p.fail("the comments are nested too deeply")
			}
		case ')':
			if depth--; depth == 0 {
				p.comment = strings.TrimSpace(unescape(p.s[start+1 : p.i]))
				p.i++
				return nil
			}
		}
	}
	p.i = start
	return p.fail("the comment has no end")
}

// groupName skips "name:" if it stands here.
func (p *addressParser) groupName() bool {
	start := p.i
	for p.i < len(p.s) {
		switch c := p.s[p.i]; {
		case c == ':' && p.i > start:
			p.i++
			return true
		case c == '"':
			if _, err := p.quoted(); err != nil {
				p.i = start
				return false
			}
		case strings.IndexByte("<>@,;:()", c) >= 0:
			p.i = start
			return false
		default:
			p.i++
		}
	}
	p.i = start
	return false
}

// mailbox reads "name <address>" or an address, and the white space behind it.
func (p *addressParser) mailbox() (Address, error) {
	p.comment = ""
	if err := p.space(); err != nil {
		return Address{}, err
	}
	start, words := p.i, []string(nil)
	for {
		if p.i == len(p.s) {
			return Address{}, p.fail("there is no address")
		}
		switch c := p.s[p.i]; c {
		case '<':
			return p.angle(strings.Join(words, " "))
		case '@':
			if len(words) != 1 {
				return Address{}, p.fail("the local part has a space that isn't quoted")
			}
			addr, err := p.domain(p.s[start:p.i])
			if err != nil {
				return Address{}, err
			}
			err = p.space()
			return Address{Name: decodeName(p.comment), Address: addr}, err
		case ',', ';', ':', '>', ')', '[', ']', '\\':
			return Address{}, p.fail("the address can't have this here")
		case '"':
			q, err := p.quoted()
			if err != nil {
				return Address{}, err
			}
			words = append(words, q)
		default:
			words = append(words, p.run(` "(),:;<>@[]\`+"\t"))
		}
		if p.i < len(p.s) && p.s[p.i] == '@' {
			continue
		}
		if err := p.space(); err != nil {
			return Address{}, err
		}
	}
}

// run reads up to one of the given octets.
func (p *addressParser) run(until string) string {
	n := strings.IndexAny(p.s[p.i:], until)
	if n < 0 {
		n = len(p.s) - p.i
	}
	s := p.s[p.i : p.i+n]
	p.i += n
	return s
}

// quoted reads a quoted string and returns what it means.
func (p *addressParser) quoted() (string, error) {
	start := p.i
	for p.i++; p.i < len(p.s); p.i++ {
		switch p.s[p.i] {
		case '\\':
			p.i++
		case '"':
			p.i++
			return unescape(p.s[start+1 : p.i-1]), nil
		}
	}
	p.i = start
	return "", p.fail("the quoted string has no end")
}

func unescape(s string) string {
	if strings.IndexByte(s, '\\') < 0 {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+1 < len(s) {
			i++
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

// angle reads "<address>".
func (p *addressParser) angle(name string) (Address, error) {
	p.i++
	if err := p.space(); err != nil {
		return Address{}, err
	}
	start := p.i
	if p.i < len(p.s) && p.s[p.i] == '"' {
		if _, err := p.quoted(); err != nil {
			return Address{}, err
		}
	} else {
		p.run(` "(),:;<>@[]\` + "\t")
	}
	if p.i == len(p.s) || p.s[p.i] != '@' || p.i == start {
		return Address{}, p.fail("this is not of the form <local-part@domain>")
	}
	addr, err := p.domain(p.s[start:p.i])
	if err != nil {
		return Address{}, err
	}
	if err := p.space(); err != nil {
		return Address{}, err
	}
	if p.i == len(p.s) || p.s[p.i] != '>' {
		return Address{}, p.fail("the closing bracket is missing")
	}
	p.i++
	return Address{Name: decodeName(name), Address: addr}, p.space()
}

// domain reads "@domain" and returns the whole address, checked.
func (p *addressParser) domain(local string) (string, error) {
	p.i++
	start := p.i
	if p.i < len(p.s) && p.s[p.i] == '[' {
		p.run("] \t<>()")
		p.i = min(p.i+1, len(p.s))
	} else {
		p.run(` "(),:;<>@[]\` + "\t")
	}
	addr := local + "@" + p.s[start:p.i]
	if _, _, err := wireAddress(addr); err != nil {
		return "", err
	}
	if local[0] != '"' && !isCarrier(p.s[start:p.i]) &&
		(local[0] == '.' || local[len(local)-1] == '.' || strings.Contains(local, "..")) {
		return "", &AddressError{Address: addr, Reason: "the dots of the local part are not where RFC 5322 allows them",
			Suggestion: `"` + local + `"@` + p.s[start:p.i]}
	}
	return addr, nil
}

// decodeName undoes encoded-words in a display name. What can't be decoded stays
// as it is.
func decodeName(s string) string {
	if !strings.Contains(s, "=?") {
		return s
	}
	return mime.DecodeHeader(s)
}
