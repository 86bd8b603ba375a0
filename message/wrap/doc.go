// Package wrap breaks the long lines of a text for mail, the Japanese way: by the
// columns that characters take on a screen, between any two Japanese characters,
// never in a word, a number or a URL, and with kinsoku, the rules about what may
// not begin or end a line.
//
//	text = wrap.Text(text, wrap.Options{Width: 70})
//
// A break adds a line ending and nothing else, so a reader that takes the added
// endings out again has the text that was given. Lines that are quoted ("> ")
// are the exception: each new line begins with the same quote marks.
//
// Read wrap.go, then fill.go for how a line is filled, rules.go and kinsoku.go
// for where it may be broken, cluster.go for what a character is and how wide,
// and url.go.
package wrap
