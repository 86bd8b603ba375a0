package charset

import (
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// A style says how the characters of a compatRange are written.
type style uint8

const (
	asIs      style = iota // the compatibility form (NFKC): Ⅲ as III, ㌔ as キロ
	bracketed              // the same in parentheses: ③ as (3), ㊤ as (上)
	counted                // a number in parentheses, counted from first: ❸ as (3)
)

// compatRanges are blocks whose characters stand for a text in a frame or in a
// square. A member whose text JIS X 0208 lacks (those with Hangul) has no
// substitute. Source: the compatibility decompositions of UnicodeData.txt; for
// the counted ones, which have none, the character names.
var compatRanges = []struct {
	lo, hi rune
	style  style
	first  int
}{
	{0x00BC, 0x00BE, asIs, 0},      // ¼½¾
	{0x0132, 0x0133, asIs, 0},      // Ĳĳ
	{0x01C7, 0x01CC, asIs, 0},      // Ǉ to ǌ
	{0x01F1, 0x01F3, asIs, 0},      // Ǳǲǳ
	{0x2100, 0x2101, asIs, 0},      // ℀℁
	{0x2105, 0x2106, asIs, 0},      // ℅℆
	{0x2109, 0x2109, asIs, 0},      // ℉
	{0x2120, 0x2122, bracketed, 0}, // ℠™; ℡ stands in symbols
	{0x213B, 0x213B, asIs, 0},      // ℻
	{0x2150, 0x215E, asIs, 0},      // ⅐ to ⅞
	{0x2160, 0x217F, asIs, 0},      // Ⅰ to ⅿ
	{0x2189, 0x2189, asIs, 0},      // ↉
	{0x2460, 0x2473, bracketed, 0}, // ① to ⑳
	{0x2474, 0x24B5, asIs, 0},      // ⑴ to ⒇, ⒈ to ⒛, ⒜ to ⒵
	{0x24B6, 0x24EA, bracketed, 0}, // Ⓐ to ⓩ, ⓪
	{0x24EB, 0x24F4, counted, 11},  // ⓫ to ⓴
	{0x24F5, 0x24FE, counted, 1},   // ⓵ to ⓾
	{0x24FF, 0x24FF, counted, 0},   // ⓿
	{0x2776, 0x277F, counted, 1},   // ❶ to ❿
	{0x2780, 0x2789, counted, 1},   // ➀ to ➉
	{0x278A, 0x2793, counted, 1},   // ➊ to ➓
	{0x2F00, 0x2FD5, asIs, 0},      // Kangxi radicals, which text copied from a PDF has for kanji
	{0x309F, 0x309F, asIs, 0},      // ゟ
	{0x30FF, 0x30FF, asIs, 0},      // ヿ
	{0x3220, 0x3243, asIs, 0},      // ㈠ to ㉃
	{0x3244, 0x3247, bracketed, 0}, // ㉄ to ㉇
	{0x3250, 0x3250, asIs, 0},      // ㉐
	{0x3251, 0x325F, bracketed, 0}, // ㉑ to ㉟
	{0x3280, 0x32BF, bracketed, 0}, // ㊀ to ㊰, ㊱ to ㊿
	{0x32C0, 0x32CF, asIs, 0},      // ㋀ to ㋋, ㋌ to ㋏
	{0x32D0, 0x32FE, bracketed, 0}, // ㋐ to ㋾
	{0x32FF, 0x33FF, asIs, 0},      // ㋿, ㌀ to ㏿
	{0xFB00, 0xFB06, asIs, 0},      // ﬀ to ﬆ
	{0xFFE8, 0xFFEE, asIs, 0},      // ￨ to ￮
}

// symbols are pairs of a character and what is written for it. Beyond the
// undisputed nothing is in it: no ✓ (in Japanese schools the mark of a wrong
// answer), no ☎, no hearts, no ¿, no currency that has no code in common use.
// The question marks below are those of the characters themselves.
const symbols = `
	№ No.  ℡ TEL  ℓ L  ㏍ K.K.  © (C)  ® (R)  € EUR  ℗ (P)  µ μ  ∑ Σ  ∏ Π  ∆ Δ  ς σ  ϕ φ  ϵ ε
	≤ ≦  ≥ ≧  ⩽ ≦  ⩾ ≧  ≈ ≒  ∗ *  ∼ 〜  ✕ ×  ✖ ×  º °  ª a  ¯ ￣  ¦ |  ￤ |  ＇ '  ＂ "  ˆ ^  ˜ ~
	„ “  ‟ “  ‚ ‘  ‛ ‘  « 《  » 》  ‹ 〈  › 〉  ⟨ 〈  ⟩ 〉  〝 “  〞 ”  〟 ”  ʼ ’  ʻ ‘  ‴ ′′′
	• ・  · ・  ‧ ・  ∙ ・  ⋅ ・  ◦ ○  ▪ ■  ▫ □  ⋯ …  ‼ !!  ⁇ ??  ⁈ ?!  ⁉ !?
	➔ →  ➙ →  ➜ →  ➝ →  ➞ →  ➡ →  ⟶ →  ⇨ →  ⬅ ←  ⟵ ←  ⇦ ←  ⬆ ↑  ⇧ ↑  ⬇ ↓  ⇩ ↓  ⟹ ⇒  ⟺ ⇔
	⁰ 0  ¹ 1  ² 2  ³ 3  ⁴ 4  ⁵ 5  ⁶ 6  ⁷ 7  ⁸ 8  ⁹ 9  ⁺ +  ⁻ -
	₀ 0  ₁ 1  ₂ 2  ₃ 3  ₄ 4  ₅ 5  ₆ 6  ₇ 7  ₈ 8  ₉ 9  ₊ +  ₋ -
	ß ss  ẞ SS  æ ae  Æ AE  œ oe  Œ OE  ø o  Ø O  ł l  Ł L  đ d  Đ D  ð d  Ð D  þ th  Þ Th
	ħ h  Ħ H  ŧ t  Ŧ T  ı i  ſ s  ŉ 'n  ƒ f
	ゔ ヴ  ゕ ヵ  ゖ ヶ  ヷ ヴァ  ヸ ヴィ  ヹ ヴェ  ヺ ヴォ  〼 ます
	ㇰ ク  ㇱ シ  ㇲ ス  ㇳ ト  ㇴ ヌ  ㇵ ハ  ㇶ ヒ  ㇷ フ  ㇸ ヘ  ㇹ ホ  ㇺ ム  ㇻ ラ  ㇼ リ  ㇽ ル  ㇾ レ  ㇿ ロ
`

// lookalikes are the symbols that can't be told apart in print.
//
// The dashes of Latin typography become the ASCII hyphen-minus rather than one
// of JIS X 0208, where a hyphen (‐) and a minus (−) are as wide as a kanji. An
// en dash nearly always is a hyphen-minus that a word processor improved, in
// "10–20" or a telephone number: a minus would make it a subtraction, and
// neither could be copied into a dialler.
var lookalikes = []struct {
	r  rune
	to string
}{
	{0x00C5, "\u212B"}, // Å, which JIS X 0208 has, as the unit
	{0x00A0, " "},      // no-break space
	{0x2000, " "},      // en quad
	{0x2001, "\u3000"}, // em quad, as wide as a kanji
	{0x2002, " "},      // en space
	{0x2003, "\u3000"}, // em space
	{0x2004, " "},      // and narrower ones
	{0x2005, " "},
	{0x2006, " "},
	{0x2007, " "}, // figure space
	{0x2008, " "},
	{0x2009, " "},
	{0x200A, " "},
	{0x202F, " "}, // narrow no-break space
	{0x205F, " "},
	{0x2011, "-"}, // non-breaking hyphen
	{0x2012, "-"}, // figure dash
	{0x2013, "-"}, // en dash
	{0x2043, "-"}, // hyphen bullet
	{0x2E3A, "――"},
	{0x2E3B, "―――"},
	{0x2044, "/"}, // fraction slash
	{0x2215, "/"}, // division slash
	{0x30A0, "＝"}, // katakana double hyphen, between the parts of foreign names
}

// kanjiForms are pairs of a kanji and the form of it that JIS X 0208 has. A pair
// is in it only if both are one character to a reader, in the name of a person
// too: so no 閒 for 間 (the writer 百閒), no 喆 for 哲, no 曺 for 曹, no 陈 for 陳.
//
// Sources, for the table as a whole: Unihan 15.0 (kJinmeiyoKanji, kJoyoKanji,
// kZVariant, kSemanticVariant); the forms of the Kangxi dictionary in the Jōyō
// list (常用漢字表, 2010) and the second table of the Jinmeiyō list; the
// printing standard for other kanji (表外漢字字体表, 2000); ISO/IEC 10646 Annex
// S, which names characters kept apart for the sake of older character sets
// only; Mozc's and SKK's lists of variants (異体字); UCD
// EquivalentUnifiedIdeograph.txt. Six that none of these relates, 𠮷 槗 靍 靏 﨟 鳯,
// are common knowledge.
const kanjiForms = `` +
	// Old forms of kanji in general use and of those for given names.
	`
	增増 寬寛 德徳 悅悦 敎教 橫横 淸清 瀨瀬 甁瓶 綠緑 緖緒 薰薫 賴頼 郞郎 鄕郷 鄉郷 靑青 黑黒 黃黄
	倂併 卽即 巢巣 徵徴 戾戻 揭掲 揷挿 擊撃 晚晩 曆暦 歷歴 槪概 槩概 步歩 每毎 涉渉 淚涙 渴渇 溫温
	狀状 硏研 緣縁 虛虚 錄録 鍊錬 內内 剝剥 吳呉 吴呉 姬姫 娛娯 娱娯 尙尚 强強 彥彦 戶戸 户戸 歲歳
	產産 稅税 絕絶 脫脱 說説 銳鋭 閱閲 值値 吿告 屢屡 瘦痩 麵麺 雞鶏 頰頬 塡填 𠮟叱 旣既 鬭闘
	` +
	// The printing standard.
	`
	俠侠 俱倶 啞唖 嚙噛 囊嚢 噓嘘 姸妍 屛屏 幷并 搔掻 摑掴 攢攅 潑溌 瀆涜 焰焔 禱祷 簞箪 繡繍 繫繋
	萊莱 蔣蒋 蟬蝉 蠟蝋 贗贋 軀躯 醬醤 醱醗 顚顛 驒騨 鷗鴎 鹼鹸 麴麹 蔥葱
	` +
	// Kept apart by older character sets.
	`
	别別 查査 污汚 汙汚 剎刹 吞呑 俞兪 偷偸 兑兌 兊兌 净浄 凈浄 删刪 吕呂 喻喩 媪媼 宫宮 巔巓 彚彙
	彞彝 愠慍 拋抛 摇揺 揑捏 栅柵 殁歿 毁毀 溉漑 秃禿 兹茲 玆茲 衮袞 頹頽 麽麼 啟啓 鳯鳳 逬迸 蜕蛻
	荔茘 毗毘 妒妬 减減 凑湊 鎻鎖 鐮鎌 腁胼 蒞莅
	` +
	// In names.
	`
	髙高 﨑崎 𠮷吉 濵浜 栁柳 桺柳 桒桑 槗橋 𣘺橋 圡土 𡈽土 㐂喜 㔟勢 㓛功 𠀋丈 䏮脇 𦚰脇 𡌛野 𡧃宇
	廽廻 𢌞廻 𣳾泰 𣷹添 𨺓隆 𨓜逸 𨿸鶏 勈勇 柗松 杦杉 曻昇 昻昂 冝宜 宐宜 咊和 凮風 凢凡 卧臥 廹迫
	煑煮 畱留 棃梨 秌秋 隂陰 贒賢 羡羨 羗羌 靍鶴 靏鶴 﨟臈 凞熙 朙明 㟁岸 𡶜岸 徤健 匇匆 鈆鉛 倐倏
	𥡴稽 賔賓 軰輩 頥頤 鼔鼓
	` +
	// Radicals that text copied from a PDF has for kanji.
	`
	⺐尢 ⺒巳 ⺓幺 ⺟母 ⺠民 ⺬示 ⺶羊 ⻁虎 ⻄西 ⻆角 ⻑長 ⻗雨 ⻘青 ⻝食 ⻣骨 ⻤鬼 ⻨麦 ⻩黄 ⻫斉
	⻭歯 ⻯竜 ⻱龜 ⻲亀
	`

// substitutes holds symbols, lookalikes and kanjiForms. It is built at the first
// character that isn't in the charset.
var substitutes = sync.OnceValue(func() map[rune]string {
	m := make(map[rune]string, 512)
	for _, l := range lookalikes {
		m[l.r] = l.to
	}
	fields := strings.Fields(symbols)
	for i := 0; i+1 < len(fields); i += 2 {
		r, _ := utf8.DecodeRuneInString(fields[i])
		m[r] = fields[i+1]
	}
	for _, pair := range strings.Fields(kanjiForms) {
		r, n := utf8.DecodeRuneInString(pair)
		m[r] = pair[n:]
	}
	return m
})

// substitute returns what is written for r, always something that ISO2022JP can
// express, or "" if there is nothing that a reader takes for the same.
func substitute(r rune) string {
	to, ok := substitutes()[r]
	if !ok {
		to = derived(r)
	}
	if to == "" || ISO2022JP.Encodable(to) {
		return to
	}
	// A radical or a compatibility ideograph may lead to an old form: ⿈, 黃, 黄.
	if v, n := utf8.DecodeRuneInString(to); n == len(to) {
		return substitutes()[v]
	}
	return ""
}

// derived returns what the rules of Unicode give for r: the text in a frame, the
// canonical form (the kanji of a compatibility ideograph), the base of an
// accented Latin letter.
func derived(r rune) string {
	for _, c := range compatRanges {
		if r >= c.lo && r <= c.hi {
			return framed(r, c.style, c.first+int(r-c.lo))
		}
	}
	s := string(r)
	if to := norm.NFC.String(s); to != s {
		return to
	}
	if !unicode.Is(unicode.Latin, r) {
		return ""
	}
	base, _ := utf8.DecodeRuneInString(norm.NFD.String(s))
	switch {
	case base == r:
		return ""
	case base < utf8.RuneSelf:
		return string(base)
	}
	return substitutes()[base] // ǿ: ø: o
}
