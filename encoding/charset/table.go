package charset

import (
	"sync"

	"golang.org/x/text/encoding/japanese"
)

// A JIS X 0208 code is written here as the two octets that go on the wire, so
// row 1 cell 1 is 0x2121. Two bits beyond them mark special entries.
const (
	vendor   = 0x8000 // an NEC or IBM extension: CP50220 only
	halfKana = 0x0080 // a half-width katakana, which may join with a voiced mark
)

// table maps both ways. The forward half is a two-level trie over code points of
// the BMP, in blocks of 64, because the last octet of a UTF-8 sequence carries
// six bits: the first octets choose the block without the code point being put
// together.
type table struct {
	index  [1024]uint16
	blocks [][64]uint16
	runes  [94 * 94]uint16 // back: row*94+cell to code point, vendor rows included
}

// tables is built at the first use, in about a fifth of a millisecond.
var tables = sync.OnceValue(buildTable)

// sameCode lists the code points that share the octets of another one. The
// first of each pair is what the octets decode to, as Unicode's own JIS X 0208
// mapping, glibc and Python have it; the second is the spelling of Microsoft's
// code page 932 (or the other way round), which Windows and web browsers
// produce. Neither must be lost.
//
// Source: Unicode's MAPPINGS/OBSOLETE/EASTASIA/JIS/JIS0208.TXT and
// MAPPINGS/VENDORS/MICSFT/WINDOWS/CP932.TXT.
var sameCode = []struct {
	code   uint16
	decode rune
	also   rune
}{
	{0x2131, 0xFFE3, 0x203E}, // ￣ FULLWIDTH MACRON; OVERLINE, which JIS-Roman would put at 0x7E
	{0x213D, 0x2015, 0x2014}, // ― HORIZONTAL BAR; EM DASH
	{0x2140, 0xFF3C, 0},      // ＼ FULLWIDTH REVERSE SOLIDUS, never the ASCII one
	{0x2141, 0x301C, 0xFF5E}, // 〜 WAVE DASH; FULLWIDTH TILDE
	{0x2142, 0x2016, 0x2225}, // ‖ DOUBLE VERTICAL LINE; PARALLEL TO
	{0x215D, 0x2212, 0xFF0D}, // − MINUS SIGN; FULLWIDTH HYPHEN-MINUS
	{0x216F, 0xFFE5, 0x00A5}, // ￥ FULLWIDTH YEN SIGN; YEN SIGN, which JIS-Roman would put at 0x5C
	{0x2171, 0x00A2, 0xFFE0}, // ¢ CENT SIGN; FULLWIDTH CENT SIGN
	{0x2172, 0x00A3, 0xFFE1}, // £ POUND SIGN; FULLWIDTH POUND SIGN
	{0x224C, 0x00AC, 0xFFE2}, // ¬ NOT SIGN; FULLWIDTH NOT SIGN
}

// halfWidth holds the full-width codes of U+FF61 to U+FF9F in order (JIS X 0201
// katakana to JIS X 0208).
var halfWidth = [...]uint16{
	0x2123, 0x2156, 0x2157, 0x2122, 0x2126, 0x2572, 0x2521, 0x2523, // ｡｢｣､･ｦｧｨ
	0x2525, 0x2527, 0x2529, 0x2563, 0x2565, 0x2567, 0x2543, 0x213C, // ｩｪｫｬｭｮｯｰ
	0x2522, 0x2524, 0x2526, 0x2528, 0x252A, 0x252B, 0x252D, 0x252F, // ｱｲｳｴｵｶｷｸ
	0x2531, 0x2533, 0x2535, 0x2537, 0x2539, 0x253B, 0x253D, 0x253F, // ｹｺｻｼｽｾｿﾀ
	0x2541, 0x2544, 0x2546, 0x2548, 0x254A, 0x254B, 0x254C, 0x254D, // ﾁﾂﾃﾄﾅﾆﾇﾈ
	0x254E, 0x254F, 0x2552, 0x2555, 0x2558, 0x255B, 0x255E, 0x255F, // ﾉﾊﾋﾌﾍﾎﾏﾐ
	0x2560, 0x2561, 0x2562, 0x2564, 0x2566, 0x2568, 0x2569, 0x256A, // ﾑﾒﾓﾔﾕﾖﾗﾘ
	0x256B, 0x256C, 0x256D, 0x256F, 0x2573, 0x212B, 0x212C, // ﾙﾚﾛﾜﾝﾞﾟ
}

func buildTable() *table {
	t := &table{blocks: make([][64]uint16, 1, 400)} // block 0 stays empty
	standard := func(row int) bool { return row <= 8 || row >= 16 && row <= 84 }
	// x/text gives the Microsoft spelling; sameCode puts it right below. Vendor
	// rows come last, so that a character which also has a standard code keeps
	// that one.
	for _, wantStandard := range []bool{true, false} {
		for row := 1; row <= 94; row++ {
			extension := row == 13 || row >= 89 && row <= 92
			if standard(row) != wantStandard || !wantStandard && !extension {
				continue
			}
			t.addRow(row, wantStandard)
		}
	}
	for _, s := range sameCode {
		t.set(s.decode, s.code)
		if s.also != 0 {
			t.set(s.also, s.code)
		}
		t.runes[cell(s.code)] = uint16(s.decode)
	}
	for i, code := range halfWidth {
		t.set(rune(0xFF61+i), code|halfKana)
	}
	return t
}

// addRow decodes a row of EUC-JP, whose octets are those of JIS X 0208 with the
// high bits set.
func (t *table) addRow(row int, standard bool) {
	dec := japanese.EUCJP.NewDecoder()
	for c := 1; c <= 94; c++ {
		out, err := dec.Bytes([]byte{byte(0xA0 + row), byte(0xA0 + c)})
		if err != nil {
			continue
		}
		r := []rune(string(out))
		if len(r) != 1 || r[0] == 0xFFFD || r[0] > 0xFFFF {
			continue
		}
		code := uint16(0x20+row)<<8 | uint16(0x20+c)
		t.runes[cell(code)] = uint16(r[0])
		if standard {
			t.set(r[0], code)
		} else if t.get(r[0]) == 0 {
			t.set(r[0], code|vendor)
		}
	}
}

func (t *table) get(r rune) uint16 { return t.blocks[t.index[r>>6]][r&63] }

func (t *table) set(r rune, code uint16) {
	if t.index[r>>6] == 0 {
		t.index[r>>6] = uint16(len(t.blocks))
		t.blocks = append(t.blocks, [64]uint16{})
	}
	t.blocks[t.index[r>>6]][r&63] = code
}

// cell is the index of a code in table.runes.
func cell(code uint16) int { return (int(code>>8&0x7F)-0x21)*94 + int(code&0x7F) - 0x21 }

// voiced returns the code of a kana with the voiced mark joined to it, such as ガ
// for カ, and semiVoiced that with the semi-voiced one, such as パ for ハ. Zero: JIS
// X 0208 has none. Voiced kana follow their base directly.
func voiced(code uint16) uint16 {
	switch code {
	case 0x2526: // ウ; the hiragana ゔ is not in JIS X 0208
		return 0x2574
	case 0x2133, 0x2135: // the iteration marks ヽ and ゝ
		return code + 1
	}
	if row := code >> 8; row != 0x24 && row != 0x25 {
		return 0
	}
	switch k := code & 0xFF; {
	case k >= 0x2B && k <= 0x41 && k&1 == 1, // か to ち
		k == 0x44, k == 0x46, k == 0x48, // つ て と
		k == 0x4F, k == 0x52, k == 0x55, k == 0x58, k == 0x5B: // は to ほ
		return code + 1
	}
	return 0
}

func semiVoiced(code uint16) uint16 {
	if row := code >> 8; row != 0x24 && row != 0x25 {
		return 0
	}
	switch code & 0xFF {
	case 0x4F, 0x52, 0x55, 0x58, 0x5B:
		return code + 2
	}
	return 0
}
