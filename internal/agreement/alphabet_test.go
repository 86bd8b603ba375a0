//go:build integration

package agreement_test

import (
	"math/rand/v2"
	"strings"

	"golang.org/x/text/encoding/japanese"
)

// need says what a text needs from a charset.
type need uint8

const (
	needJIS    need = iota // ASCII, JIS X 0208 and what folds into it
	needClean              // also invisible characters that ISO-2022-JP goes without
	needVendor             // also characters of NEC and IBM
	needUTF8               // anything else
)

// alphabet is a set of atoms that go into a text as wholes.
type alphabet struct {
	need  need
	atoms []string
}

var alphabets = map[string]alphabet{
	"kana": {needJIS, strings.Fields("あ い う え お か が ぱ っ ん ゎ ゐ ア ヴ ヵ ヶ ッ ー ヽ ゞ ひらがな カタカナ")},
	"signs": {needJIS, strings.Fields(
		"、 。 「 」 （ ） ・ … 〜 ～ − － ‖ ∥ ¢ ￠ £ ￡ ¬ ￢ — ― ＼ ￥ ¥ ￣ ‾ § ¶ ° ± × ÷ Ａ ９ ； ％ 々 〆 〇 Ω я ─ ■ ☆ \u3000")},
	"half-width": {needJIS, strings.Fields("ｱ ｲ ｳ ｶﾞ ﾊﾟ ｳﾞ ｳ ﾞ ﾟ ｰ ｡ ｢ ｣ ､ ･ ｯ ｱﾞ ｽﾍﾟｯｸ ﾃｽﾄ ﾜﾞ")},
	"decomposed": {needJIS, []string{"か\u3099", "は\u309a", "ウ\u3099", "ホ\u309a", "ひ\u3099"}},
	"ascii": {needJIS, strings.Fields(
		"a Z 0 Re: abc No.42 x=y a_b _?_ 100% [info] #1 $HOME & && ' '' '' * ~ ^ ` { } | ! + - -- 1-2 e.g. mail user.name")},
	"specials": {needJIS, strings.Fields(
		`" "" \ \\ \" , ,, ( ) () (( ; ;; : : < > <> @ a@b.example <x@y.example> =? ?= =?= ?Q? % %41 %E3%81 UTF-8'' iso-2022-jp'' ` +
			`=?utf-8?B?44GC?= =?ISO-2022-JP?B?GyRCJCIbKEI=?= "; filename="x =41 =3D == & &amp;`)},
	"invisible": {needClean, []string{
		"葛\U000e0100", "辻\U000e0100", "邉\U000e0103", "a\u00a0b", "\u00a0", "\u200b", "\u2014\u2060", "\ufeff", "\u200e", "\u2066x\u2069"}},
	"vendor": {needVendor, strings.Fields("① ⑳ ㈱ 髙 﨑 Ⅳ ⅳ ㍻ № ㏄ 髙橋 德 ＂ ＇")},
	"latin":  {needUTF8, strings.Fields("é ü ß ñ å Ø Æ œ naïve Größe ÿ ¿ « © ®")},
	"emoji": {needUTF8, strings.Fields(
		"😀 🍣 ❤\ufe0f 👍🏽 🤝🏻 🇯🇵 👨\u200d👩\u200d👧\u200d👦 🧑🏿\u200d🚀 🏴\u200d☠\ufe0f 1\ufe0f\u20e3 🏳\ufe0f\u200d🌈")},
	"beyond":    {needUTF8, []string{"𠮷", "𩸽", "𠮷野家", "叱𠮟"}},
	"combining": {needUTF8, []string{"e\u0301", "A\u030a", "か\u309a", "x\u0332\u0304", "ก\u0e33", "เ\u0e01\u0e47", "नि", "\u05e9\u05c1"}},
	"foreign":   {needUTF8, []string{"한국어", "각", "Ελλάς ά", "שלום", "مرحبا", "汉语", "ﬁ", "\U0001f12f", "\u202e"}},
}

// pool is the names of the alphabets, the common ones more than once.
var pool = []string{
	"kanji", "kanji", "kanji", "kanji", "kana", "kana", "kana", "signs", "half-width", "decomposed", "ascii", "ascii",
	"specials", "specials", "invisible", "vendor", "latin", "emoji", "beyond", "combining", "foreign",
}

// western is the pool of texts that are nearly all ASCII, and so are written in
// quoted-printable and its like.
var western = []string{"ascii", "ascii", "ascii", "ascii", "ascii", "ascii", "ascii", "specials", "latin"}

// spaces stand between atoms now and then.
var spaces = []string{" ", " ", " ", "  ", "   ", "\t", " \t ", "\u3000"}

// words makes up texts.
type words struct {
	*rand.Rand
	without string // characters that don't occur
}

// atom returns one atom that needs no more than most, and what it needs.
func (w words) atom(pool []string, most need) (string, need) {
	for {
		name := pool[w.IntN(len(pool))]
		if name == "kanji" {
			return w.kanji(), needJIS
		}
		a := alphabets[name]
		if s := a.atoms[w.IntN(len(a.atoms))]; a.need <= most && !strings.ContainsAny(s, w.without) {
			return s, a.need
		}
	}
}

// text is a string and what it needs.
type text struct {
	string
	need need
}

// line returns n atoms, with spaces at odd places.
func (w words) line(n int, most need) text {
	var b strings.Builder
	var t text
	if w.oneIn(12) {
		b.WriteString(w.pick(spaces))
	}
	from := pool
	if w.oneIn(6) {
		from = western
	}
	for i := range n {
		s, need := w.atom(from, most)
		for range 1 + w.IntN(3)*w.IntN(3) { // runs of one kind
			b.WriteString(s)
		}
		t.need = max(t.need, need)
		if i < n-1 && w.oneIn(4) || w.oneIn(20) {
			b.WriteString(w.pick(spaces))
		}
	}
	t.string = b.String()
	return t
}

// longWord has no place to break.
func (w words) longWord() string {
	const chars = "abcdefghijklmnopqrstuvwxyz0123456789._-/:%=&?"
	var b strings.Builder
	for range 60 + w.IntN(300) {
		b.WriteByte(chars[w.IntN(len(chars))])
	}
	return b.String()
}

// kanji is one or two characters of JIS X 0208, whose rows 16 to 84 hold them with
// gaps.
func (w words) kanji() string {
	for {
		code := make([]byte, 0, 4)
		for range 1 + w.IntN(2) {
			code = append(code, byte(0xa0+16+w.IntN(84-16+1)), byte(0xa1+w.IntN(94)))
		}
		s, err := japanese.EUCJP.NewDecoder().Bytes(code)
		if err == nil && !strings.ContainsRune(string(s), '\ufffd') {
			return string(s)
		}
	}
}

func (w words) pick(list []string) string { return list[w.IntN(len(list))] }

func (w words) oneIn(n int) bool { return w.IntN(n) == 0 }

func (w words) bytes(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(w.Uint32())
	}
	return b
}
