package charset_test

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"github.com/qdmail/qdmail/encoding/charset"
)

func TestClean(t *testing.T) {
	for _, v := range []struct{ name, in, jis, utf8 string }{
		{"nothing", "日本 abc\r\n\t😀", "日本 abc\r\n\t😀", "日本 abc\r\n\t😀"},
		{"file name of a Mac", norm.NFD.String("プログラムがヾÉ.pdf"), "プログラムがヾÉ.pdf", "プログラムがヾÉ.pdf"},
		{"Hangul", norm.NFD.String("한국어"), "한국어", "한국어"},
		{"Vietnamese", norm.NFD.String("Tiếng Việt"), "Tiếng Việt", "Tiếng Việt"},
		{"marks in another order", "a\u0323\u0302 a\u0302\u0323", "ậ ậ", "ậ ậ"},
		{"compatibility ideographs", "\uFA19\uFA10\U0002F800", "\uFA19\uFA10\U0002F800", "\uFA19\uFA10\U0002F800"},
		{"mark at one of them", "\uFA19\u0323\u0302か\u3099", "\uFA19\u0323\u0302が", "\uFA19\u0323\u0302が"},
		{"angstrom, ohm, kelvin", "\u212B\u2126\u212A", "\u212BΩK", "ÅΩK"},
		{"zero width space", "山\u200b田", "山田", "山\u200b田"},
		{"and a mark behind", "か\u200b\u3099", "が", "か\u200b\u3099"},
		{"byte order mark", "\ufeff山\ufeff田", "山田", "山田"},
		{"byte order mark and a mark", "か\ufeff\u3099", "が", "が"},
		{"word joiner", "a\u2060b", "ab", "a\u2060b"},
		{"soft hyphen", "Donau\u00addampfer", "Donaudampfer", "Donau\u00addampfer"},
		{"joiner between kanji", "山\u200d田\u200c子", "山田子", "山\u200d田\u200c子"},
		{"joiner between emoji", "👨\u200d👩\u200d👧 🏃\u200d♂\ufe0f", "👨\u200d👩\u200d👧 🏃\u200d♂", "👨\u200d👩\u200d👧 🏃\u200d♂\ufe0f"},
		{"joiner behind an emoji", "👨\u200d山", "👨山", "👨\u200d山"},
		{"rainbow flag", "🏳\ufe0f\u200d🌈", "🏳\ufe0f\u200d🌈", "🏳\ufe0f\u200d🌈"},
		{"joiner in Persian", "می\u200cخواهم", "می\u200cخواهم", "می\u200cخواهم"},
		{"joiner in Hindi", "क्\u200dष", "क्\u200dष", "क्\u200dष"},
		{"variation selector behind JIS", "★\ufe0e→\ufe0f山\ufe00", "★→山", "★\ufe0e→\ufe0f山\ufe00"},
		{"behind what has a substitute", "㊗\ufe0f©\ufe0f", "㊗©", "㊗\ufe0f©\ufe0f"},
		{"behind an emoji", "❤\ufe0f", "❤\ufe0f", "❤\ufe0f"},
		{"behind nothing", "\ufe0f山\n\ufe0f", "山\n", "\ufe0f山\n\ufe0f"},
		{"keycap", "1\ufe0f\u20e3", "1\ufe0f\u20e3", "1\ufe0f\u20e3"},
		{"ideographic", "葛\U000E0100城 邉\U000E0101", "葛城 邉", "葛\U000E0100城 邉\U000E0101"},
		{"spaces", "a\u00a0b\u202fc\u2007d\u3000e\u2003f", "a b c d\u3000e\u3000f", "a\u00a0b\u202fc\u2007d\u3000e\u2003f"},
		{"line breaks", "a\u2028b\u2029c\u0085d\ve", "a\nb\nc\nd\ne", "a\nb\nc\nd\ne"},
		{"number of a Mac", "\u202d03-1234-5678\u202c", "03-1234-5678", "\u202d03-1234-5678\u202c"},
		{"path of Windows", "\u202aC:\\temp", "C:\\temp", "\u202aC:\\temp"},
		{"isolated name", "\u2068山田\u2069さん\u200e", "山田さん", "\u2068山田\u2069さん\u200e"},
		{"override stays", "\u202egpj.exe", "\u202egpj.exe", "\u202egpj.exe"},
		{"controls stay", "a\x00\x07\x1b\x7f\u0080\f", "a\x00\x07\x1b\x7f\u0080\f", "a\x00\x07\x1b\x7f\u0080\f"},
		{"octets that aren't valid", "か\u3099\xcc\ufeff\x80", "か\u3099\xcc\ufeff\x80", "か\u3099\xcc\ufeff\x80"},
		{"replacement character", "\ufffd\u0301\ufeff\ufffd", "\ufffd\u0301\ufffd", "\ufffd\u0301\ufffd"},
		{"empty", "", "", ""},
	} {
		t.Run(v.name, func(t *testing.T) {
			for c, want := range map[charset.Charset]string{charset.ISO2022JP: v.jis, charset.CP50220: v.jis, charset.UTF8: v.utf8} {
				got, changes := charset.Clean(c, v.in)
				if got != want {
					t.Errorf("%s: got  %+q\nwant %+q", c, got, want)
				}
				checkClean(t, c, v.in)
				if got == v.in && !reports(changes) {
					t.Errorf("%s: %v, but nothing was changed", c, changes)
				}
			}
		})
	}
}

func reports(changes []charset.Change) bool {
	return !slices.ContainsFunc(changes, func(c charset.Change) bool { return c.From != c.To })
}

func TestCleanChanges(t *testing.T) {
	for _, v := range []struct {
		c    charset.Charset
		in   string
		want []charset.Change
	}{
		{charset.ISO2022JP, "山\u200b田か\u200b\u3099\u00a0", []charset.Change{{3, "\u200b", ""}, {9, "か\u200b\u3099", "が"}, {18, "\u00a0", " "}}},
		{charset.ISO2022JP, "a\x00\u202e", []charset.Change{{1, "\x00", "\x00"}, {2, "\u202e", "\u202e"}}},
		{charset.UTF8, "\u202d1\u202e", []charset.Change{{0, "\u202d", "\u202d"}, {4, "\u202e", "\u202e"}}},
		{charset.UTF8, "日本\u200b\u00a0", nil},
	} {
		if _, got := charset.Clean(v.c, v.in); !slices.Equal(got, v.want) {
			t.Errorf("%s %+q: %v", v.c, v.in, got)
		}
	}
}

func TestCleanLine(t *testing.T) {
	got, changes := charset.CleanLine(charset.UTF8, "営業部\u2028山田\v太郎\nx")
	if got != "営業部 山田 太郎\nx" || len(changes) != 2 {
		t.Errorf("%q %v", got, changes)
	}
}

// What a reader sees no difference in goes out in ISO-2022-JP.
func TestCleanAndTransliterate(t *testing.T) {
	for in, want := range map[string]string{
		"\ufeff" + norm.NFD.String("営業部\u00a0髙橋ガク"): "営業部 高橋ガク",
		"\u202a株式会社\u200bドット\u202c ㈱":               "株式会社ドット (株)",
		"葛\U000E0100城市\u2003祝㊗\ufe0f":               "葛城市\u3000祝(祝)",
		norm.NFD.String("Café Ångström") + "\u00ad": "Cafe \u212Bngstrom",
		"う\u3099ぁ\u2011\uFA19戸":                     "ヴぁ-神戸",
	} {
		got, _ := charset.Clean(charset.ISO2022JP, in)
		got, _ = charset.Transliterate(charset.ISO2022JP, got)
		if got != want || !charset.ISO2022JP.Encodable(got) {
			t.Errorf("%+q: %q, want %q", in, got, want)
		}
	}
}

// The common case costs nothing but the look.
func TestNothingToDoDoesNotAllocate(t *testing.T) {
	text := strings.Repeat("吾輩は猫である。Café ガ 😀\r\n", 20)
	jis := strings.ReplaceAll(strings.ReplaceAll(text, "é", "e"), "😀", "")
	n := testing.AllocsPerRun(10, func() {
		charset.Clean(charset.UTF8, text)
		charset.Clean(charset.ISO2022JP, text)
		charset.Transliterate(charset.UTF8, text)
		charset.Transliterate(charset.ISO2022JP, jis)
	})
	if n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// notComposed replaces what Clean keeps out of NFC by something that NFC leaves
// alone too.
func notComposed(c charset.Charset, s string) string {
	return strings.Map(func(r rune) rune {
		if r >= 0xF900 && r <= 0xFAFF || r >= 0x2F800 && r <= 0x2FA1F || r == 0x212B && c.JIS() {
			return '一'
		}
		return r
	}, s)
}

func checkClean(t *testing.T, c charset.Charset, s string) {
	t.Helper()
	for _, clean := range []func(charset.Charset, string) (string, []charset.Change){charset.Clean, charset.CleanLine} {
		got, changes := clean(c, s)
		if want := applied(t, s, changes); got != want {
			t.Fatalf("%s %+q: got %+q, by the changes %+q", c, s, got, want)
		}
		if again, more := clean(c, got); again != got || !reports(more) {
			t.Fatalf("%s %+q: %+q, again %+q %v", c, s, got, again, more)
		}
		if utf8.ValidString(s) && !norm.NFC.IsNormalString(notComposed(c, got)) {
			t.Fatalf("%s %+q: %+q isn't NFC", c, s, got)
		}
		if c.Encodable(s) && !c.Encodable(got) {
			t.Fatalf("%s %+q: %+q can't be expressed any more", c, s, got)
		}
		plain, _ := charset.Transliterate(c, s)
		if both, _ := charset.Transliterate(c, got); c.Encodable(plain) && !c.Encodable(both) {
			t.Fatalf("%s %+q: %+q, without cleaning %+q", c, s, both, plain)
		}
	}
}

// Every character behind another one, against NFC itself.
func TestCleanEveryCharacter(t *testing.T) {
	for r := rune(0xA0); r < 0x30000; r++ {
		s := "か" + string(r)
		got, _ := charset.Clean(charset.UTF8, s)
		if want := norm.NFC.String(s); got != want && notComposed(charset.UTF8, s) == s && !strings.ContainsRune("\u2028\u2029\ufeff", r) {
			t.Errorf("%U: %+q, NFC %+q", r, got, want)
		}
	}
}

// The fuzzer rarely puts two of these side by side.
func TestCleanAndTransliterateAtRandom(t *testing.T) {
	alphabet := []rune("aZ1９ かカｶ山★♂)😀👩❤髙\uFA19\uFA15①½²¹₂₁ⅠⅩ㎡⁻éøÅ\u212Bﬁ㊗©ｶﾞ゛ⓘ⿈\r\n\t\v\x00\x1b" +
		"\u0300\u0301\u030A\u0323\u0327\u0338\u0344\u3099\u309A\u20E3\ufe0f\ufe0e\U000E0100\u200b\u200c\u200d\ufeff\u00ad\u034f" +
		"\u2060\u00a0\u2001\u3000\u2028\u202a\u202d\u202e\u2067\u2126\u2329ᄒ\u1161\u11ab가کक\u093c\u0958\ufb1d\u0f73\u1100\u0dd9\u0dcf\ufffd")
	rnd := rand.New(rand.NewPCG(1, 2))
	for range 5_000 {
		s := make([]rune, 1+rnd.IntN(8))
		for i := range s {
			s[i] = alphabet[rnd.IntN(len(alphabet))]
		}
		for _, c := range []charset.Charset{charset.ISO2022JP, charset.CP50220, charset.UTF8} {
			checkClean(t, c, string(s))
			got, changes := charset.Transliterate(c, string(s))
			checkTransliterate(t, c, string(s), got, changes)
		}
	}
}

func FuzzClean(f *testing.F) {
	for _, s := range []string{"", "か\u200b\u3099", "e\u0301\ufe0f\u0302", "👨\u200d👩", "🏃\u200d♂\ufe0f", "\uFA19\u0301\U000E0100", "\u212B\u0301",
		"ᄒ\u200b\u1161\u11ab", "a\u2028b", "क\u093c\u200dष", "1\ufe0f\u20e3", "\xff\u0301", "\u202e\x00", "가\u11a8", strings.Repeat("\u0301", 40)} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		for _, c := range []charset.Charset{charset.ISO2022JP, charset.CP50220, charset.UTF8} {
			checkClean(t, c, s)
		}
	})
}

func BenchmarkClean10KB(b *testing.B) {
	text := strings.Repeat("吾輩は猫である。名前はまだ無い。どこで生れたかとんと見当がつかぬ。\r\n", 100)
	for _, v := range []struct{ name, text string }{{"nothing to do", text}, {"one", text + "\u200b"}, {"decomposed", norm.NFD.String(text)}} {
		b.Run(v.name, func(b *testing.B) {
			b.SetBytes(int64(len(v.text)))
			b.ReportAllocs()
			for b.Loop() {
				charset.Clean(charset.ISO2022JP, v.text)
			}
		})
	}
}
