// Package mime reads a message: octets in, a bounded tree of parts out.
//
//	root, err := mime.Parse(b, mime.Limits{})
//	...
//	subject := root.Header.Text("Subject")
//	root.Walk(func(p *mime.Part) bool {
//		if p.MediaType == "text/plain" {
//			text, err := p.Text()
//			...
//		}
//		return true
//	})
//
// Nothing is lost and nothing is repaired: the parts, fields and bodies are
// windows on the input, so that [Part.Raw] gives back what was read, octet for
// octet. What is wrong with a message is noted in [Part.Defects] and read the way
// that costs least; only a message beyond the [Limits] is refused. The work is
// linear in the size of the input whatever the input is, and no input panics.
//
// Charsets are those of Japanese mail: UTF-8, US-ASCII, ISO-2022-JP, Shift_JIS
// (CP932), EUC-JP, ISO-8859-1 and windows-1252. Text in any other is an error
// that names it, and octets that a charset doesn't have become U+FFFD beside an
// error; nothing is guessed.
//
// A tree is only read after Parse, so that many goroutines may share it. It keeps
// the input, which must not change.
//
// Read part.go for what a reader gets; then parse.go, header.go and describe.go
// for how it comes to be, params.go and words.go for the values of fields, and
// content.go, charset.go and jis.go for bodies. error.go lists the defects.
package mime
