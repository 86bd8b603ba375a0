package smtp

import (
	"errors"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"github.com/qdmail/qdmail/internal/show"
)

// saslPrepare is SASLprep (RFC 4013), which makes a user name or a password the
// same whichever way it was typed. Characters that Unicode 3.2 didn't have are
// let pass, as section 2.5 allows, and so is what mixes the directions of
// writing: the server has its own opinion on both. The error doesn't quote s.
func saslPrepare(s string) (string, error) {
	wrong := errors.New("has characters that SCRAM doesn't allow (SASLprep, RFC 4013)")
	if !utf8.ValidString(s) {
		return "", wrong
	}
	mapped := strings.Map(func(r rune) rune {
		switch {
		case unicode.Is(mappedToNothing, r):
			return -1
		case r > ' ' && unicode.Is(unicode.Zs, r):
			return ' '
		}
		return r
	}, s)
	prepared := norm.NFKC.String(mapped)
	if prepared == "" && s != "" || strings.ContainsFunc(prepared, saslProhibits) {
		return "", wrong
	}
	return prepared, nil
}

// mappedToNothing is table B.1 of RFC 3454.
var mappedToNothing = &unicode.RangeTable{R16: []unicode.Range16{
	{Lo: 0x00AD, Hi: 0x00AD, Stride: 1},
	{Lo: 0x034F, Hi: 0x034F, Stride: 1},
	{Lo: 0x1806, Hi: 0x1806, Stride: 1},
	{Lo: 0x180B, Hi: 0x180D, Stride: 1},
	{Lo: 0x200B, Hi: 0x200D, Stride: 1},
	{Lo: 0x2060, Hi: 0x2060, Stride: 1},
	{Lo: 0xFE00, Hi: 0xFE0F, Stride: 1},
	{Lo: 0xFEFF, Hi: 0xFEFF, Stride: 1},
}, LatinOffset: 1}

// saslProhibits reports what the tables of RFC 4013 section 2.3 have: controls,
// private use, what is no character or none of plain text, and what changes how
// other characters are shown.
func saslProhibits(r rune) bool {
	return r == utf8.RuneError || show.IsControl(r) || unicode.In(r, unicode.Co, unicode.Noncharacter_Code_Point) ||
		0xFFF9 <= r && r <= 0xFFFC || 0x2FF0 <= r && r <= 0x2FFB || 0x0340 <= r && r <= 0x0341 ||
		0x200E <= r && r <= 0x200F || 0x202A <= r && r <= 0x202E || 0x206A <= r && r <= 0x206F ||
		0xE0000 <= r && r <= 0xE007F || r > ' ' && unicode.Is(unicode.Zs, r) || 0x2061 <= r && r <= 0x2063 || r == 0x06DD || r == 0x070F || r == 0x180E
}
