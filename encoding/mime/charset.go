package mime

import (
	"bytes"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding/japanese"

	"github.com/qdmail/qdmail/encoding/charset"
)

// codec is a charset that can be read.
type codec uint8

const (
	ascii codec = iota
	utf8Codec
	iso2022JP
	shiftJIS
	eucJP
	windows1252
)

// codecs has the names that charsets go by in mail, in lower case: those that
// IANA lists and those that programs invented.
var codecs = map[string]codec{
	"": ascii, "us-ascii": ascii, "ascii": ascii, "ansi_x3.4-1968": ascii, "iso-ir-6": ascii,
	"iso646-us": ascii, "iso_646.irv:1991": ascii, "646": ascii, "cp367": ascii, "7bit": ascii,

	"utf-8": utf8Codec, "utf8": utf8Codec, "unicode-1-1-utf-8": utf8Codec, "csutf8": utf8Codec,

	"iso-2022-jp": iso2022JP, "iso2022-jp": iso2022JP, "iso2022jp": iso2022JP, "csiso2022jp": iso2022JP,
	"iso-2022-jp-1": iso2022JP, "iso-2022-jp-2": iso2022JP, "iso-2022-jp-3": iso2022JP, "iso-2022-jp-ms": iso2022JP, "jis": iso2022JP,
	"cp50220": iso2022JP, "cp50221": iso2022JP, "x-windows-iso2022jp": iso2022JP,

	"shift_jis": shiftJIS, "shift-jis": shiftJIS, "shiftjis": shiftJIS, "sjis": shiftJIS, "x-sjis": shiftJIS,
	"ms_kanji": shiftJIS, "csshiftjis": shiftJIS, "windows-31j": shiftJIS, "cswindows31j": shiftJIS,
	"cp932": shiftJIS, "ms932": shiftJIS, "x-ms-cp932": shiftJIS, "sjis-win": shiftJIS,

	"euc-jp": eucJP, "eucjp": eucJP, "x-euc-jp": eucJP, "x-euc": eucJP, "ujis": eucJP,
	"cseucpkdfmtjapanese": eucJP, "eucjp-win": eucJP, "eucjp-ms": eucJP, "cp51932": eucJP,
	"extended_unix_code_packed_format_for_japanese": eucJP,

	"iso-8859-1": windows1252, "iso8859-1": windows1252, "iso_8859-1": windows1252,
	"iso_8859-1:1987": windows1252, "iso-ir-100": windows1252, "latin1": windows1252, "latin-1": windows1252,
	"l1": windows1252, "cp819": windows1252, "ibm819": windows1252, "csisolatin1": windows1252,
	"windows-1252": windows1252, "cp1252": windows1252, "x-cp1252": windows1252, "cswindows1252": windows1252,
}

// longestName bounds what is looked up.
const longestName = 64

// lookup finds the codec of a charset name. No name at all is US-ASCII.
func lookup(name string) (codec, bool) {
	name = strings.Trim(name, " \t\r\n\"'")
	if len(name) > longestName {
		return 0, false
	}
	c, ok := codecs[strings.ToLower(name)]
	return c, ok
}

// decode returns the text of b. It reports false if b has octets that the charset
// doesn't have or that can be read in more than one way; those it can't read are
// U+FFFD then.
func (c codec) decode(b []byte) (string, bool) {
	switch c {
	case iso2022JP:
		return decodeJIS(b)
	case shiftJIS:
		return japaneseText(japanese.ShiftJIS.NewDecoder().Bytes(b))
	case eucJP:
		return japaneseText(japanese.EUCJP.NewDecoder().Bytes(b))
	case windows1252:
		return decodeWindows1252(b)
	case ascii:
		// QUIRK: many programs write no charset; what can't be anything else is
		// read as what it is: ISO-2022-JP by its escape sequences, and UTF-8.
		if bytes.IndexByte(b, 0x1B) >= 0 {
			if s, err := charset.CP50220.Decode(b); err == nil {
				return s, true
			}
		}
	}
	s := string(b)
	if utf8.ValidString(s) {
		return s, true
	}
	return strings.ToValidUTF8(s, replacement), false
}

// strict is decode of what stands alone: ISO-2022-JP has to begin and end in
// ASCII.
func (c codec) strict(b []byte) (string, bool) {
	if c == iso2022JP {
		s, err := charset.CP50220.Decode(b)
		return s, err == nil
	}
	return c.decode(b)
}

const replacement = "\uFFFD"

// japaneseText judges what a decoder of x/text gave. It never fails, and no code
// of these charsets is U+FFFD.
func japaneseText(b []byte, err error) (string, bool) {
	return string(b), err == nil && !bytes.Contains(b, []byte(replacement))
}

// highHalf are the characters 0x80 to 0x9F of windows-1252; zero where there is
// none.
var highHalf = [32]rune{
	'€', 0, '‚', 'ƒ', '„', '…', '†', '‡', 'ˆ', '‰', 'Š', '‹', 'Œ', 0, 'Ž', 0,
	0, '‘', '’', '“', '”', '•', '–', '—', '˜', '™', 'š', '›', 'œ', 0, 'ž', 'Ÿ',
}

// decodeWindows1252 reads windows-1252 and ISO-8859-1.
//
// QUIRK: ISO-8859-1 has control characters at 0x80 to 0x9F, which nobody writes;
// what says so and has them is windows-1252, as the Encoding Standard of the
// web knows.
func decodeWindows1252(b []byte) (string, bool) {
	var out strings.Builder
	out.Grow(len(b) + len(b)/8)
	clean := true
	for _, ch := range b {
		r := rune(ch)
		if ch >= 0x80 && ch <= 0x9F {
			if r = highHalf[ch-0x80]; r == 0 {
				r, clean = utf8.RuneError, false
			}
		}
		out.WriteRune(r)
	}
	return out.String(), clean
}
