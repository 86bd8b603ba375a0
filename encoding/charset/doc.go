// Package charset converts between Unicode and the charsets that Japanese mail
// travels in: ISO-2022-JP (RFC 1468) beside UTF-8.
//
// ISO-2022-JP here is the real one: ASCII and JIS X 0208, nothing else.
// Characters outside are refused, never replaced by a question mark. What the
// usual tables leave out or get wrong stands in one place, table.go:
//
//   - both Unicode spellings of the characters that the JIS and the Microsoft
//     mapping disagree on (WAVE DASH and FULLWIDTH TILDE, MINUS SIGN and
//     FULLWIDTH HYPHEN-MINUS, and so on) give the same JIS octets;
//   - half-width katakana, which ISO-2022-JP doesn't have, become full-width
//     ones, joined with the voiced mark that follows;
//   - decomposed kana (a base and a combining voiced mark, as macOS file names
//     have them) are composed.
//
// The vendor characters of NEC and IBM (circled digits, 髙, 﨑) are refused by
// [ISO2022JP] and passed by [CP50220], which writes them the way Microsoft's
// code page 50220 does, under the same label.
//
// Text that ISO-2022-JP lacks a character for can be made to fit in two steps:
// [Clean] takes away what nobody sees, and [Transliterate] replaces what a reader
// takes for the same. Both list what they did.
//
// Read charset.go, then table.go, encode.go and decode.go; traits.go, clean.go,
// transliterate_table.go and transliterate.go stand beside them.
package charset
