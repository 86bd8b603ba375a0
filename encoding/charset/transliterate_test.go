package charset_test

import (
	"slices"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/qdmail/qdmail/encoding/charset"
)

func TestTransliterate(t *testing.T) {
	for _, v := range []struct{ name, in, want string }{
		{"circled", "①⑨⑩⑳㉑㉟㊱㊿⓪", "(1)(9)(10)(20)(21)(35)(36)(50)(0)"},
		{"negative circled", "❶❿⓫⓴⓿", "(1)(10)(11)(20)(0)"},
		{"other circles", "➀➓⓵⓾", "(1)(10)(1)(10)"},
		{"circled letters", "ⒶⓏⓐⓩ", "(A)(Z)(a)(z)"},
		{"parenthesised", "⑴⒇⒜⒵㈠㈩", "(1)(20)(a)(z)(一)(十)"},
		{"with full stop", "⒈⒛", "1.20."},
		{"Roman", "Ⅰ Ⅳ Ⅻ ⅳ ⅹ 第Ⅲ章", "I IV XII iv x 第III章"},
		{"Roman in a row", "ⅠⅡⅢ ⅩⅣ ⅩⅩⅠ ⅰⅱ", "I II III XIV XXI i ii"},
		{"company", "㈱山田㈲㈹㈳㈶", "(株)山田(有)(代)(社)(財)"},
		{"company, squared", "㍿", "株式会社"},
		{"circled kanji", "㊤㊥㊦㊧㊨㊙㊗㊊㊐㊞", "(上)(中)(下)(左)(右)(秘)(祝)(月)(日)(印)"},
		{"circled katakana", "㋐㋾", "(ア)(ヲ)"},
		{"squared words", "㍉㌔㌢㍍㌘㌧㌃㌶㍑㍗㌍㌦㌣㌫㍊㌻", "ミリキロセンチメートルグラムトンアールヘクタールリットルワットカロリードルセントパーセントミリバールページ"},
		{"units", "㎜㎝㎞㎎㎏㏄㎡㎥㎢㏍㏋", "mmcmkmmgkgccm2m3km2K.K.HP"},
		{"unit by unit", "㎧ ㎨ ㎛ ㏀ ℓ ℉", "m/s m/s2 μm kΩ L °F"},
		{"signs", "℡03 №5 ℻", "TEL03 No.5 FAX"},
		{"eras", "㍾㍽㍼㍻㋿元年", "明治大正昭和平成令和元年"},
		{"months and days", "㋀㋋㏠㏾㍘", "1月12月1日31日0点"},
		{"months behind a year", "2026㋀㏠", "2026 1月1日"},
		{"kanji of the vendor rows", "髙橋 﨑 德 濵 栁 瀨 黑 橫 淸 增 寬 敎 郞 靑", "高橋 崎 徳 浜 柳 瀬 黒 横 清 増 寛 教 郎 青"},
		{"kanji beyond the BMP", "𠮷野家 𡈽 𠮟", "吉野家 土 叱"},
		{"other kanji", "吳 剝 塡 頰 麴 槗 㐂 桒", "呉 剥 填 頬 麹 橋 喜 桑"},
		{"compatibility ideographs", "\uFA19\uFA10\uFA16\uFA1B\uFA44\uFA15\uF92C", "神塚猪福梅熙郎"},
		{"radicals from a PDF", "⽇本 ⾼⽥ ⿊⽊ ⻑野 ⻘⽊ ⻄⻄", "日本 高田 黒木 長野 青木 西西"},
		{"kept quotes", "“あ”‘い’…", "“あ”‘い’…"},
		{"Latin quotes", "„a“ ‚b‘ «c» ‹d›", "“a“ ‘b‘ 《c》 〈d〉"},
		{"dashes", "10–20 a‑b ― —", "10-20 a-b ― —"},
		{"bullets", "• a · b ▪", "・ a ・ b ■"},
		{"rights", "© ® ™ ℠", "(C) (R) (TM) (SM)"},
		{"money", "€100 ¥100 £5", "EUR100 ¥100 £5"},
		{"accents", "Café Ångström Łódź naïve Đặng Škoda", "Cafe \u212Bngstrom Lodz naive Dang Skoda"},
		{"Latin that isn't accented", "Straße Ærø œuvre Þór ıſ ǿ", "Strasse AEro oeuvre Thor is o"},
		{"decomposed", "Cafe\u0301 e\u0302\u0301", "Cafe e"},
		{"long vowels", "Tōkyō Ōsaka", "Tokyo Osaka"},
		{"ligatures", "ﬁle oﬃce", "file office"},
		{"fractions", "½ 1½ ¾ ⅓ １½", "1/2 1 1/2 3/4 1/3 １ 1/2"},
		{"fraction before a digit", "½2", "1/2 2"},
		{"superscripts", "m² cm³ 10² 10¹² 10⁻³ (a+b)² m⁻² x²½", "m2 cm3 10^2 10^12 10^-3 (a+b)^2 m-2 x2 1/2"},
		{"subscripts", "H₂O CO₂2個 C₁₂", "H2O CO2 2個 C12"},
		{"subscript of a number stays", "10₂ 10₁₂", "10₂ 10₁₂"},
		{"spaces", "a\u00a0b\u202fc\u2007d\u2003e", "a b c d\u3000e"},
		{"arrows", "→⇒ ➡ ➜ ⬅", "→⇒ → → ←"},
		{"comparison", "≤ ≥ ≈", "≦ ≧ ≒"},
		{"exclamation", "えっ‼ ⁉", "えっ!! !?"},
		{"kana", "ゔ ヷ ㇰ ゟ ヿ ジャン゠ジャック", "ヴ ヴァ ク より コト ジャン＝ジャック"},
		{"nothing for", "😀 ✓ ☎ 한 ₿ ⓪😀 ㈀ ㉠ 閒 喆 ¿", "😀 ✓ ☎ 한 ₿ (0)😀 ㈀ ㉠ 閒 喆 ¿"},
		{"half-width stays", "ｱｶﾞ", "ｱｶﾞ"},
		{"octets that aren't valid", "①\xff\ufffd\xe3", "(1)\xff\ufffd\xe3"},
		{"empty", "", ""},
	} {
		t.Run(v.name, func(t *testing.T) {
			got, changes := charset.Transliterate(charset.ISO2022JP, v.in)
			if got != v.want {
				t.Errorf("got  %q\nwant %q", got, v.want)
			}
			checkTransliterate(t, charset.ISO2022JP, v.in, got, changes)
			if got, changes := charset.Transliterate(charset.UTF8, v.in); got != v.in || changes != nil {
				t.Errorf("UTF-8: %q %v", got, changes)
			}
		})
	}
}

func TestTransliterateChanges(t *testing.T) {
	_, got := charset.Transliterate(charset.ISO2022JP, "㈱髙橋😀①e\u0301")
	want := []charset.Change{{0, "㈱", "(株)"}, {3, "髙", "高"}, {13, "①", "(1)"}, {17, "\u0301", ""}}
	if !slices.Equal(got, want) {
		t.Errorf("got %v", got)
	}
}

func TestTransliterateCP50220(t *testing.T) {
	got, changes := charset.Transliterate(charset.CP50220, "①㈱髙﨑Ⅰ №㎏ é𠮷㉑")
	if want := "①㈱髙﨑Ⅰ №㎏ e吉(21)"; got != want || len(changes) != 3 {
		t.Errorf("got %q %v", got, changes)
	}
}

// Every entry is needed, is there once, and leads to what ISO-2022-JP can
// express.
func TestTransliterateTable(t *testing.T) {
	table, kanji := charset.Substitutes(), 0
	for r, to := range table {
		if charset.ISO2022JP.Encodable(string(r)) {
			t.Errorf("%c %U needs no substitute", r, r)
		}
		if to == "" || !charset.ISO2022JP.Encodable(to) {
			t.Errorf("%c %U: %q can't be expressed", r, r, to)
		}
		if unicode.Is(unicode.Han, r) {
			if n := utf8.RuneCountInString(to); n != 1 || !unicode.Is(unicode.Han, []rune(to)[0]) {
				t.Errorf("%c %U: %q isn't one kanji", r, r, to)
			}
			kanji++
		}
	}
	if len(table) != charset.SubstitutePairs() {
		t.Errorf("%d entries of %d pairs", len(table), charset.SubstitutePairs())
	}
	if kanji < 200 {
		t.Errorf("%d kanji", kanji)
	}
}

// Every character of the planes that have any: replaced by something that can be expressed, or left alone.
func TestTransliterateEveryCodePoint(t *testing.T) {
	replaced := 0
	for r := rune(0); r < 0x30000; r++ {
		if !utf8.ValidRune(r) {
			continue
		}
		s := string(r)
		got, changes := charset.Transliterate(charset.ISO2022JP, s)
		switch {
		case got == s && changes == nil:
			continue
		case !charset.ISO2022JP.Encodable(got) || charset.ISO2022JP.Encodable(s) || got == "":
			t.Errorf("%c %U became %q", r, r, got)
		case strings.Contains(got, "?") && !strings.ContainsRune("⁇⁈⁉", r):
			t.Errorf("%c %U became a question mark", r, r)
		}
		replaced++
	}
	if replaced < 2400 {
		t.Errorf("only %d replaced", replaced)
	}
}

// applied makes the changes again, by what they say.
func applied(t *testing.T, s string, changes []charset.Change) string {
	t.Helper()
	var b strings.Builder
	done := 0
	for _, c := range changes {
		if c.Offset < done || c.From == "" || !strings.HasPrefix(s[c.Offset:], c.From) {
			t.Fatalf("%q: change %+v doesn't fit", s, c)
		}
		b.WriteString(s[done:c.Offset] + c.To)
		done = c.Offset + len(c.From)
	}
	return b.String() + s[done:]
}

func checkTransliterate(t *testing.T, c charset.Charset, s, got string, changes []charset.Change) {
	t.Helper()
	if want := applied(t, s, changes); got != want {
		t.Fatalf("%q: got %q, by the changes %q", s, got, want)
	}
	if again, more := charset.Transliterate(c, got); again != got || more != nil {
		t.Fatalf("%q: %q, again %q %v", s, got, again, more)
	}
	if (got == s) != (changes == nil) || c.Encodable(s) && changes != nil {
		t.Fatalf("%q: %q %v", s, got, changes)
	}
	for _, r := range c.Unencodable(got) {
		if !strings.ContainsRune(s, r) {
			t.Fatalf("%q: %q has a new %U", s, got, r)
		}
	}
	for _, change := range changes {
		if strings.Contains(change.To, "?") && !strings.Contains("⁇⁈⁉", change.From) {
			t.Fatalf("%q: %+v", s, change)
		}
	}
}

func FuzzTransliterate(f *testing.F) {
	for _, s := range []string{"", "①㈱髙", "½2", "10²³", "10₂₂", "ⅠⅡⅩⅠ", "㌫\u3099ﾞ", "é e\u0301\u0302", "⿈\uFA19", "\xff①", "😀\u200d", "ⅵ²₂½1"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		for _, c := range []charset.Charset{charset.ISO2022JP, charset.CP50220, charset.UTF8} {
			got, changes := charset.Transliterate(c, s)
			checkTransliterate(t, c, s, got, changes)
		}
	})
}

func BenchmarkTransliterate10KB(b *testing.B) {
	text := strings.Repeat("吾輩は猫である。名前はまだ無い。どこで生れたかとんと見当がつかぬ。\r\n", 100)
	for _, v := range []struct{ name, text string }{{"nothing to do", text}, {"one", text + "①"}} {
		b.Run(v.name, func(b *testing.B) {
			b.SetBytes(int64(len(v.text)))
			b.ReportAllocs()
			for b.Loop() {
				charset.Transliterate(charset.ISO2022JP, v.text)
			}
		})
	}
}
