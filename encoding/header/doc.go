// Package header writes the header fields of a message: encoded-words (RFC
// 2047), parameters (RFC 2231), quoted strings and folding (RFC 5322 section
// 2.2.3).
//
// A [Builder] appends fields to one buffer. It is the choke point through which
// every octet of a header goes: it refuses CR, LF and NUL in whatever it is
// given, so no value can become a second field, and it folds at 78 columns where
// a line can fold and never lets one exceed 998 octets.
//
//	var b header.Builder
//	b.Field("Subject")
//	b.Text("お見積りの件", charset.ISO2022JP)
//	b.End()
//
// What was given is what a reader decodes: no space is inserted into a long
// word, none is lost, and a text that looks like an encoded-word stays text.
//
// Read check.go, then builder.go, fixed.go, words.go, address.go and param.go.
package header
