package wrap

import "sync"

// rule is a set of what holds for a character beside its class.
type rule uint16

const (
	noStart    rule = 1 << iota // may not begin a line
	noEnd                       // may not end a line
	hangs                       // may stand beyond the end of a line
	together                    // not to be parted from another one of its kind
	digit                       // of a number
	separator                   // between the digits of a number
	beforeNum                   // not to be parted from the number that follows
	afterNum                    // not to be parted from the number before
	multiplier                  // makes a longer number of the number before: 3万
	glue                        // no break on either side
)

// kinsoku holds the characters that aren't ASCII. The classes are those of the
// W3C's "Requirements for Japanese Text Layout" (JLREQ, appendix A), which
// follow JIS X 4051; which of them may not begin or end a line stands in its
// sections 3.1.7 and 3.1.8, what isn't parted in 3.1.10. The half-width forms of
// JIS X 0201 and the spellings of Microsoft's code page 932 go with the
// characters that they stand for.
var kinsoku = []struct {
	rule  rule
	chars string
}{
	{noEnd, "‘“（〔［｛〈《「『【｟⦅〘〖«〝｢"},                  // cl-01 opening brackets
	{noStart, "’”）〕］｝〉》」』】｠⦆〙〗»〟｣"},                // cl-02 closing brackets
	{noStart, "‐〜～゠–"},                             // cl-03 hyphens
	{noStart, "！？‼⁇⁈⁉"},                            // cl-04 dividing punctuation marks
	{noStart | separator, "：・"},                    // cl-05 middle dots, which part the digits of times
	{noStart, "；･"},                                // cl-05, the others
	{noStart | hangs, "。｡"},                        // cl-06 full stops
	{noStart | hangs | separator, "．"},             // cl-06, in numbers too
	{noStart | hangs, "、､"},                        // cl-07 commas
	{noStart | hangs | separator, "，"},             // cl-07, in numbers too
	{together, "—―…‥〳〴〵"},                          // cl-08 inseparable characters
	{noStart, "ヽヾゝゞ々〻"},                            // cl-09 iteration marks
	{noStart, "ーｰ"},                                // cl-10 prolonged sound mark
	{noStart, "ぁぃぅぇぉっゃゅょゎゕゖ"},                      // cl-11 small kana
	{noStart, "ァィゥェォッャュョヮヵヶ"},                      // cl-11
	{noStart, "ㇰㇱㇲㇳㇴㇵㇶㇷㇸㇹㇺㇻㇼㇽㇾㇿ"},                  // cl-11
	{noStart, "ｧｨｩｪｫｬｭｮｯ"},                         // cl-11
	{noStart, "゛゜ﾞﾟ"},                              // voiced sound marks, parts of the kana before
	{beforeNum, "￥¥＄￡£＃€№"},                        // cl-12 prefixed abbreviations
	{beforeNum, "＋－−±×"},                           // signs, which belong to their number as well
	{afterNum, "°′″℃￠¢％‰㏋ℓ"},                       // cl-13 postfixed abbreviations
	{afterNum, "㌃㌍㌔㌘㌢㌣㌦㌧㌫㌶㌻㍉㍊㍍㍑㍗㎎㎏㎜㎝㎞㎡㏄"},          // cl-13
	{afterNum, "円年月日時分秒"},                          // ours: prices, dates and times
	{multiplier, "百千万億兆"},                          // ours: the same
	{digit, "０１２３４５６７８９"},                          // cl-24 grouped numerals
	{glue, "\u00a0\u202f\u2060\ufeff\u200e\u200f"}, // no-break spaces, word joiners, direction marks
}

// kinsokuASCII holds the ASCII characters. Between two of them there is no break
// anyway, so this is about their Japanese neighbours and about spaces.
var kinsokuASCII = []struct {
	rule  rule
	chars string
}{
	{noEnd, "([{<"},
	{noStart, ")]}>!?;/"},
	{noStart | separator, ",.:"},
	{beforeNum, "$#\\+-"},
	{afterNum, "%"},
	{digit, "0123456789"},
	{glue, "\"'`"}, // either end of a quotation
}

// ruleTable holds the rules by code point, all of which are in the BMP, in pages
// of 256.
type ruleTable [256]*[256]rule

// rules is built at the first use.
var rules = sync.OnceValue(func() *ruleTable {
	var t ruleTable
	for _, k := range kinsoku {
		for _, r := range k.chars {
			if t[r>>8] == nil {
				t[r>>8] = new([256]rule)
			}
			t[r>>8][r&0xFF] |= k.rule
		}
	}
	return &t
})

// of returns the rules for r.
func (t *ruleTable) of(r rune) rule {
	if r > 0xFFFF || t[r>>8] == nil {
		return 0
	}
	return t[r>>8][r&0xFF]
}

var rulesASCII = func() (t [128]rule) {
	for _, k := range kinsokuASCII {
		for _, r := range k.chars {
			t[r] |= k.rule
		}
	}
	return t
}()
