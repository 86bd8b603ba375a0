//go:build integration

package agreement_test

import (
	"cmp"
	"fmt"
	"html"
	"math/rand/v2"
	"net/url"
	"strings"
	"time"

	"github.com/qdmail/qdmail/message"
)

// letter is a message, with what its texts need from their charsets.
type letter struct {
	message.Message
	header, text, html need
	files              []file
}

type file struct {
	name string
	cid  string
	data []byte
}

// writer makes up letters.
type writer struct{ words }

// write returns the nth letter of a seed. Each can be made again without the
// others.
func write(seed uint64, n int) *letter {
	w := writer{words{Rand: rand.New(rand.NewPCG(seed, uint64(n)))}}
	l := &letter{}
	w.charsets(l, n)
	if l.Unencodable == message.UnencodableTransliterate {
		w.without = "Ⅳⅳ" // whose substitutes depend on what stands beside them
	}
	body := n / len(mixes) % len(bodies)
	w.addresses(l)
	l.Subject = w.subject(l)
	if bodies[body].text {
		t := w.body(w.most(l, l.Message.Charset, 25))
		l.Text, l.text = t.string, t.need
	}
	for range [...]int{0, 0, 0, 1, 1, 2, 3, 4}[n/len(mixes)/len(bodies)%8] {
		w.file(l)
	}
	if bodies[body].html {
		w.html(l)
	}
	w.rest(l, n)
	return l
}

// mixes are the combinations of charsets, each of which meets each of the bodies
// and each number of files.
var mixes = []message.Message{
	{Charset: message.ISO2022JP},
	{Charset: message.UTF8},
	{HeaderCharset: message.ISO2022JP, Charset: message.UTF8},
	{Charset: message.ISO2022JP, Unencodable: message.UnencodableVendor},
	{Charset: message.ISO2022JP, Unencodable: message.UnencodableTransliterate},
	{Charset: message.ISO2022JP, HTMLCharset: message.UTF8},
	{Charset: message.UTF8, HTMLCharset: message.ISO2022JP, HeaderCharset: message.ISO2022JP},
	{Charset: message.ISO2022JP, HeaderCharset: message.UTF8},
}

var bodies = []struct{ text, html bool }{{true, false}, {false, true}, {true, true}, {true, true}, {false, false}}

func (w writer) charsets(l *letter, n int) {
	mix := mixes[n%len(mixes)]
	l.Charset, l.HeaderCharset, l.HTMLCharset, l.Unencodable = mix.Charset, mix.HeaderCharset, mix.HTMLCharset, mix.Unencodable
	if w.oneIn(12) {
		l.Structure = message.StructureDocomo + message.Structure(w.IntN(3))
	}
	l.Date = time.Unix(1_700_000_000+w.Int64N(1e8), 0).In(time.FixedZone("", 60*(w.IntN(48)-24)*30))
}

// most is what the texts in a charset of l may need. Nearly always that is what
// the charset has, and else the whole message has to fall back; one text in rare
// is such.
func (w writer) most(l *letter, c message.Charset, rare int) need {
	switch {
	case c != message.ISO2022JP:
		return needUTF8
	case l.Unencodable == message.UnencodableTransliterate:
		return needVendor // beyond that, substitutes are a matter of taste
	case w.oneIn(rare):
		return needUTF8
	case l.Unencodable != message.UnencodableFallback || w.oneIn(rare):
		return needVendor
	case w.oneIn(6):
		return needClean
	}
	return needJIS
}

// inHeader returns a line that stands in the header of l.
func (w writer) inHeader(l *letter, atoms int) string {
	// There are so many that each has to be careful.
	t := w.line(atoms, w.most(l, cmp.Or(l.HeaderCharset, l.Message.Charset), 150))
	l.header = max(l.header, t.need)
	return t.string
}

func (w writer) subject(l *letter) string {
	switch w.IntN(14) {
	case 0:
		return ""
	case 1:
		return w.longWord()
	case 2:
		return w.longWord() + " " + w.inHeader(l, 2)
	case 3:
		return w.inHeader(l, 60)
	}
	return w.inHeader(l, 1+w.IntN(14))
}

var endings = []string{"\n", "\n", "\n", "\r\n", "\r"}

// body returns a text of several lines, whose last may have no ending.
func (w writer) body(most need) text {
	var t text
	if w.oneIn(20) {
		return t
	}
	var b strings.Builder
	lines := 1 + w.IntN(12)
	for i := range lines {
		switch w.IntN(14) {
		case 0:
		case 1:
			b.WriteString([]string{".", "..", ".a", "From here", "--", "-- ", " ", "\t", "=", "a=", "\x1c"}[w.IntN(11)])
		case 2:
			b.WriteString("https://example.jp/" + w.longWord())
		case 3:
			l := w.line(200+w.IntN(300), most)
			b.WriteString(l.string)
			t.need = max(t.need, l.need)
		default:
			l := w.line(1+w.IntN(30), most)
			b.WriteString(l.string)
			t.need = max(t.need, l.need)
		}
		if i < lines-1 || !w.oneIn(3) {
			b.WriteString(w.pick(endings))
		}
	}
	t.string = b.String()
	return t
}

// html writes the HTML, which shows every inline image.
func (w writer) html(l *letter) {
	t := w.body(w.most(l, cmp.Or(l.HTMLCharset, l.Message.Charset), 25))
	var b strings.Builder
	b.WriteString("<p>" + t.string + "</p>")
	for _, f := range l.files {
		if f.cid != "" {
			b.WriteString("\n<img src=\"cid:" + html.EscapeString(url.PathEscape(f.cid)) + "\">")
		}
	}
	l.HTML, l.html = b.String(), t.need
}

var extensions = []string{".pdf", ".txt", ".csv", ".html", ".zip", ".xlsx", ".docx", ".png", ".ics", ".zzz", ""}

// fileName returns a name that doesn't begin like a path and has no character that
// is refused.
func (w writer) fileName(l *letter) string {
	if w.oneIn(8) {
		return w.pick([]string{"a.txt", "logo.png", "a b.pdf", "semi;colon.txt", `quo"te.txt`, `back\slash.txt`, "日本語.txt"})
	}
	w.without += "/\u202e"
	name := w.inHeader(l, []int{1, 2, 4, 8, 8, 30}[w.IntN(6)])
	return "f" + strings.ReplaceAll(name, "\t", "_") + w.pick(extensions)
}

func (w writer) file(l *letter) {
	f := file{name: w.fileName(l), data: w.bytes(w.IntN(4) * w.IntN(900))}
	if w.oneIn(8) {
		f.name += ".eml"
		f.data = []byte("From: a@example.jp\r\nSubject: inner\r\n\r\n.\r\ninner text\r\n")
	}
	if w.oneIn(3) {
		f.cid = fmt.Sprintf(w.pick([]string{"img%d@example.jp", "a.b-%d@mail.example.jp", "plus+%d=x@example.jp", "p%%20%d&c@example.jp"}), len(l.files))
	}
	a := message.Bytes(f.name, f.data)
	if f.cid != "" {
		a = message.Inline(f.cid, a)
	}
	l.Attachments = append(l.Attachments, a)
	l.files = append(l.files, f)
}

func (w writer) rest(l *letter, n int) {
	l.Priority = message.Priority(w.IntN(4))
	l.MessageID = fmt.Sprintf("%d.%d@agreement.example", n, w.Uint32())
	for i := range w.IntN(4) * w.IntN(4) {
		l.References = append(l.References, fmt.Sprintf("ref%d.%d@example.jp", i, w.Uint64()))
	}
	if n := len(l.References); n > 0 {
		l.InReplyTo = l.References[n-1:]
	}
	if w.oneIn(3) {
		l.ListUnsubscribe = []string{"https://example.jp/u/" + w.pick([]string{"1", "a?b=c&d=%3B", strings.Repeat("x", 120)})}
		l.OneClickUnsubscribe = w.oneIn(2)
		if w.oneIn(2) {
			l.ListUnsubscribe = append(l.ListUnsubscribe, "mailto:leave@example.jp?subject=leave")
		}
	}
	if w.oneIn(4) {
		l.Headers = []message.Header{{Name: "X-Campaign", Value: w.inHeader(l, 1+w.IntN(8))}}
	}
}
