//go:build integration

package integration_test

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"golang.org/x/text/encoding/japanese"

	"github.com/qdmail/qdmail/internal/integration/realserver"
	"github.com/qdmail/qdmail/message"
)

var (
	seed  = flag.Uint64("seed", 1, "seed of the first random mail")
	mails = flag.Int("mails", 20, "number of random mails")
)

// TestRandomMails sends mails that nobody thought of. Each is made from its own
// seed, which is in the name of its subtest. To bring one back:
//
//	go test -tags integration -run Random ./internal/integration -seed 7 -mails 1
func TestRandomMails(t *testing.T) {
	host := startedHost(t)
	mailer := open(t, startTLS(host, realserver.Sender))
	for s := *seed; s < *seed+uint64(*mails); s++ {
		t.Run(fmt.Sprintf("seed=%d", s), func(t *testing.T) {
			l := newWriter(s).letter()
			for _, m := range deliver(t, host, mailer, l) {
				if want := l.charset(); m.Text != nil && m.Text.Charset != want {
					t.Errorf("the text is in %s, want %s", m.Text.Charset, want)
				}
			}
		})
	}
}

// writer makes up mails.
type writer struct {
	*rand.Rand
	extra bool // with characters that JIS X 0208 lacks
}

func newWriter(seed uint64) *writer { return &writer{Rand: rand.New(rand.NewPCG(seed, 0))} }

func (w *writer) letter() *letter {
	l := &letter{}
	if w.IntN(2) == 0 {
		l.Charset = message.ISO2022JP
	}
	// Also when ISO-2022-JP is asked for: the message then falls back.
	w.extra = w.IntN(3) == 0
	l.From = message.Address{Name: w.name(), Address: realserver.Sender.Address}
	if w.IntN(3) == 0 {
		l.ReplyTo = []message.Address{{Name: w.name(), Address: "reply@sender.test"}}
	}
	for i, n := range w.Perm(len(realserver.Recipients))[:1+w.IntN(3)] {
		a := message.Address{Name: w.name(), Address: realserver.Recipients[n].Address}
		if kind := w.IntN(4); kind == 2 && i > 0 {
			l.Cc = append(l.Cc, a)
		} else if kind == 3 {
			l.Bcc = append(l.Bcc, a)
		} else {
			l.To = append(l.To, a)
		}
	}
	l.Subject = w.line(1 + w.IntN(60))
	kind := w.IntN(3)
	if kind != 1 {
		l.Text = w.text()
	}
	if kind != 0 {
		l.HTML = "<p>" + strings.ReplaceAll(w.text(), "\n", "</p>\n<p>") + "</p>\n"
	}
	for i := range w.IntN(4) {
		f := file{name: w.fileName(), data: w.bytes()}
		if kind != 0 && w.IntN(3) == 0 {
			f.cid = fmt.Sprintf("part%d@sender.test", i)
		}
		l.attach(f)
	}
	if w.extra && l.Charset == message.ISO2022JP {
		// At least one, wherever the others went.
		l.Subject += "髙"
	}
	return l
}

// charset is the one in which the letter has to arrive.
func (l *letter) charset() string {
	switch {
	case isASCII(l.Text):
		return "us-ascii"
	case l.Charset == message.ISO2022JP && !strings.Contains(l.Subject, "髙"):
		return "iso-2022-jp"
	}
	return "utf-8"
}

func isASCII(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r > 126 })
}

// name is that of a person: kanji, kana or letters, sometimes with characters
// that mean something in an address.
func (w *writer) name() string {
	switch w.IntN(5) {
	case 0:
		return ""
	case 1:
		return w.pick(`Doe, John "Jack"`, `back\slash`, "O'Brien (Tokyo)", "a@b <c>", "=?UTF-8?B?44GC?=", "Plain Name")
	case 2:
		return w.runes(1+w.IntN(5)) + " " + w.runes(1+w.IntN(5))
	case 3:
		return w.runes(1+w.IntN(4)) + ", " + w.pick("Inc.", "株式会社", `"部長"`)
	}
	return w.runes(1 + w.IntN(40))
}

func (w *writer) fileName() string {
	ext := w.pick(".pdf", ".txt", ".png", ".bin", ".日本", "")
	switch w.IntN(4) {
	case 0:
		return "report " + fmt.Sprint(w.IntN(1000)) + w.pick("'", ";", `"`, "%41", "()", "") + ext
	case 1:
		return w.runes(30+w.IntN(40)) + ext
	}
	return w.runes(1+w.IntN(12)) + w.pick("", " v2", "_最終") + ext
}

// bytes are 0 to 300 KB of anything.
func (w *writer) bytes() []byte {
	b := make([]byte, w.pickInt(0, 1, 57, w.IntN(3000), w.IntN(300<<10)))
	for i := range b {
		b[i] = byte(w.Uint32())
	}
	return b
}

// text has lines short and long, empty ones, and some that mean something to a
// mail server.
func (w *writer) text() string {
	var b strings.Builder
	for range 1 + w.pickInt(w.IntN(10), w.IntN(10), w.IntN(10), w.IntN(1000)) {
		switch w.IntN(12) {
		case 0:
			b.WriteString(w.pick(".", "..", ".dot", "From here", "", "-- ", "--", "ends in blanks  "))
		case 1:
			b.WriteString(w.line(200 + w.IntN(600)))
		default:
			b.WriteString(w.line(w.IntN(40)))
		}
		b.WriteByte('\n')
	}
	if w.IntN(4) == 0 {
		return b.String() + "no line ending"
	}
	return b.String()
}

// line has n units of Japanese and ASCII. It doesn't begin or end with a blank
// and has no two in a row, since not every reader of header fields keeps those.
func (w *writer) line(n int) string {
	var b strings.Builder
	for b.Len() < n {
		switch w.IntN(4) {
		case 0:
			b.WriteString(w.pick("Re: ", "No. 42 ", "a", "100%", "[info] ", "x=y ", "_?_ ", "1-2-3 "))
		default:
			b.WriteString(w.runes(1 + w.IntN(12)))
		}
	}
	return strings.TrimSpace(b.String())
}

func (w *writer) runes(n int) string {
	var b strings.Builder
	for range n {
		switch w.IntN(10) {
		case 0, 1, 2:
			b.WriteRune('ぁ' + rune(w.IntN('ん'-'ぁ'+1)))
		case 3:
			b.WriteRune('ァ' + rune(w.IntN('ヶ'-'ァ'+1)))
		case 4:
			b.WriteString(w.pick("、", "。", "ー", "「", "」", "〜", "～", "−", "―", "Ａ", "９", "ｱ", "ｶﾞ", "ﾊﾟ", "ｲﾝｰ"))
		case 5:
			if w.extra {
				b.WriteString(w.pick("髙", "﨑", "①", "㈱", "🍣", "é", "한", "𠮷", "か\u3099"))
				continue
			}
			fallthrough
		default:
			b.WriteString(w.kanji())
		}
	}
	return b.String()
}

// kanji is any one of JIS X 0208, whose rows 16 to 84 hold them with gaps.
func (w *writer) kanji() string {
	for {
		code := []byte{byte(0xa0 + 16 + w.IntN(84-16+1)), byte(0xa1 + w.IntN(94))}
		s, err := japanese.EUCJP.NewDecoder().Bytes(code)
		if err == nil && !strings.ContainsRune(string(s), '\ufffd') {
			return string(s)
		}
	}
}

func (w *writer) pick(list ...string) string { return list[w.IntN(len(list))] }

func (w *writer) pickInt(list ...int) int { return list[w.IntN(len(list))] }
