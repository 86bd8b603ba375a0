// Package htmltext makes plain text of HTML: the text/plain part of a mail for
// which only HTML was written.
//
//	text := htmltext.Text(html)
//
// It reads HTML as browsers do, as far as that decides what a reader sees, and
// writes what a person would: paragraphs with a blank line between them, the URL
// after the text of a link, lists, quotes. Nothing is ever opened, neither a URL
// nor a file.
//
// Read htmltext.go, then page.go for how text becomes lines, and open.go,
// element.go, attribute.go and link.go for what the elements do.
package htmltext
