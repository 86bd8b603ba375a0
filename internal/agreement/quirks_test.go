//go:build integration

package agreement_test

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"
	"unicode"
)

// quirk is a place where a reader is wrong itself, or does less than the standard
// asks for. What it explains is no fault of the message. Each has the narrowest
// condition under which it shows, and the test prints how often it did.
type quirk struct {
	readers string // whose it is
	fields  string // where it shows; empty: anywhere
	what    string
	// explains reports whether the reader, given what was built, says just this.
	explains func(claim) bool
}

func (q quirk) of(v claim) bool {
	return has(q.readers, v.reader) && (q.fields == "" || has(q.fields, v.field))
}

func has(list, s string) bool { return strings.Contains(","+list+",", ","+s+",") }

var quirks = []quirk{
	{"python", "name", "policy.default keeps the white space between two encoded-words of a name and collapses runs of it; " +
		"python-compat32 reads the same name exactly",
		func(v claim) bool { return needsWords(v.want) && solid(v.want) == solid(v.got) }},
	{"python,python-compat32", "List-Unsubscribe", "a fold right behind the colon becomes a space of the value",
		func(v claim) bool { return " "+v.want == v.got }},
	{"python,python-compat32,ruby,perl", "", "it has no table for the vendor characters of code page 50220 and reads another character instead",
		func(v claim) bool { return v.charset == jisLabel && sameButVendor(unix(v.want), unix(v.got)) }},
	{"python", "subject,name,file name,X-Campaign", "policy.default leaves an encoded-word with vendor characters as it is; " +
		"python-compat32 reads what stands around them",
		func(v claim) bool {
			return v.charset == jisLabel && strings.ContainsAny(v.want, vendorRunes) && strings.Contains(v.got, "=?ISO-2022-JP?B?")
		}},
	{"python", "filename,file name", "policy.default reads a token with ', * or % as if it were in the form of RFC 2231",
		func(v claim) bool {
			return isToken(v.want) && strings.ContainsAny(v.want, "'*%") && strings.Contains(v.want, v.got)
		}},
	{"ruby", "name", "a quoted local part becomes the name of the next mailbox that has one",
		func(v claim) bool { return v.quoted != "" && strings.HasPrefix(unquote(v.quoted), v.got+"@") }},
	{"python,python-compat32", "filename", "get_filename takes off the white space at the end",
		func(v claim) bool { return strings.TrimRightFunc(v.want, unicode.IsSpace) == v.got }},
	{"ruby", "filename,file name", "the backslashes of a quoted parameter stay",
		func(v claim) bool {
			return strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(v.want) == v.got
		}},
	{"ruby", "filename", "the sections of a parameter are sorted as text, so that *10* comes before *2*",
		func(v claim) bool { return len(v.want) > 10*15 && sameRunes(v.want, v.got) }},
	{"ruby,perl", "text,HTML", "line endings that no transfer encoding hides become LF",
		func(v claim) bool { return unix(v.want) == unix(v.got) }},
	{"ruby", "text", "a text of nothing but white space is empty",
		func(v claim) bool { return strings.TrimSpace(v.want) == "" && v.got == "" }},
	{"ruby,perl", "content", "line endings of an attached message become LF",
		func(v claim) bool { return v.file.isMessage() && v.file.withLF(v.got) }},
	{"go", "From,Sender,Reply-To,To,Cc", "net/mail knows no tag of an address literal",
		func(v claim) bool { return strings.ReplaceAll(v.want, "[IPv6:", "[") == v.got }},
	{"perl", "To", "Mail::Address knows no groups",
		func(v claim) bool { return v.want == "" && v.got == "undisclosed-recipients:" }},
}

// vendorRunes are the characters of the vendor alphabet that JIS X 0208 lacks.
const vendorRunes = "①⑳㈱髙﨑Ⅳⅳ㍻№㏄德＂＇"

// sameButVendor reports whether got is want with a single other character in the
// place of vendor characters.
func sameButVendor(want, got string) bool {
	w, g := []rune(want), []rune(got)
	differ := false
	for i := range w {
		switch {
		case len(g) != len(w):
			return false
		case w[i] == g[i]:
		case !strings.ContainsRune(vendorRunes, w[i]):
			return false
		default:
			differ = true
		}
	}
	return differ
}

// solid is s without white space.
func solid(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) {
			return -1
		}
		return r
	}, s)
}

func unix(s string) string { return strings.ReplaceAll(s, "\r\n", "\n") }

func sameRunes(a, b string) bool {
	count := map[rune]int{}
	for _, r := range a {
		count[r]++
	}
	for _, r := range b {
		count[r]--
	}
	for _, n := range count {
		if n != 0 {
			return false
		}
	}
	return true
}

// needsWords reports whether a name can't be sent as atoms or a quoted string: for
// its characters, its spaces or a piece that is as long as a line.
func needsWords(s string) bool {
	long := func(piece string) bool { return len(piece) > 70 }
	return strings.IndexFunc(s, func(r rune) bool { return r < ' ' || r > '~' }) >= 0 ||
		strings.TrimSpace(s) != s || strings.Contains(s, "  ") || strings.Contains(s, "=?") ||
		slices.ContainsFunc(strings.Split(s, " "), long)
}

func isToken(s string) bool {
	return strings.IndexFunc(s, func(r rune) bool { return r <= ' ' || r > '~' || strings.ContainsRune(`()<>@,;:\"/[]?=`, r) }) < 0
}

// isMessage reports whether the file is an attached message, which has no transfer
// encoding.
func (a *attachment) isMessage() bool { return strings.HasSuffix(a.Name, ".eml") }

// withLF reports whether sum is that of the content with all its line endings, or
// only the last, made LF.
func (a *attachment) withLF(sum string) bool {
	last, isCRLF := strings.CutSuffix(string(a.data), "\r\n")
	for _, s := range []string{unix(string(a.data)), last + "\n"} {
		if h := sha256.Sum256([]byte(s)); isCRLF && hex.EncodeToString(h[:]) == sum {
			return true
		}
	}
	return false
}
