//go:build integration

package agreement_test

import (
	"strings"

	"golang.org/x/text/unicode/norm"

	"github.com/qdmail/qdmail/message"
)

// foldLine is fold for a text of the header, which is composed in UTF-8, too, and
// has no byte order mark.
func (l *letter) foldLine(s, label string) string {
	if label != jisLabel {
		return norm.NFC.String(strings.ReplaceAll(s, "\ufeff", ""))
	}
	return l.fold(s, label)
}

// fold does what ISO-2022-JP does to a text: what is invisible is dropped and
// spaces are plain ones; half-width kana become full-width, joined with their
// marks; decomposed kana are composed; characters that JIS X 0208 has once and
// Unicode twice get one spelling. If that was asked for, vendor characters get
// substitutes.
func (l *letter) fold(s, label string) string {
	if label != jisLabel {
		return s
	}
	s = invisible.Replace(s)
	if l.Unencodable == message.UnencodableTransliterate {
		s = substitutes.Replace(s)
	}
	var b strings.Builder
	runes := []rune(s)
	for i := 0; i < len(runes); i++ {
		r := runes[i]
		half := r >= 0xFF61 && r <= 0xFF9F
		if half {
			r = []rune(norm.NFKC.String(string(r)))[0]
		}
		if i+1 < len(runes) {
			mark := runes[i+1]
			if half && (mark == 0xFF9E || mark == 0xFF9F) {
				mark -= 0xFF9E - 0x3099
			}
			if mark == 0x3099 || mark == 0x309A {
				both := []rune(norm.NFC.String(string([]rune{r, mark})))
				if len(both) == 1 && !strings.ContainsRune("ヷヸヹヺゔ", both[0]) {
					r = both[0]
					i++
				}
			}
		}
		switch r { // a mark that joins nothing stands alone
		case 0x3099:
			r = '゛'
		case 0x309A:
			r = '゜'
		}
		b.WriteRune(r)
	}
	return spell(b.String(), label)
}

// spell unifies the characters that JIS X 0208 has once and Unicode twice, since
// decoders are free to choose either.
func spell(s, label string) string {
	if label != jisLabel {
		return s
	}
	return spellings.Replace(s)
}

var (
	invisible = strings.NewReplacer("\u00a0", " ", "\u200b", "", "\u2060", "", "\ufeff", "", "\u200e", "",
		"\u2066", "", "\u2069", "", "\U000e0100", "", "\U000e0103", "")

	substitutes = strings.NewReplacer("①", "(1)", "⑳", "(20)", "㈱", "(株)", "髙", "高", "﨑", "崎", "㍻", "平成",
		"№", "No.", "㏄", "cc", "德", "徳", "＂", `"`, "＇", "'")

	spellings = strings.NewReplacer("〜", "～", "−", "－", "‖", "∥", "¢", "￠", "£", "￡", "¬", "￢",
		"—", "―", "¥", "￥", "‾", "￣")
)
