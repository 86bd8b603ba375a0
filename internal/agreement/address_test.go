//go:build integration

package agreement_test

import (
	"fmt"
	"math"

	"github.com/qdmail/qdmail/message"
)

// locals are local parts; a %d keeps the addresses apart.
var locals = []string{
	"user%d", "user%d", "first.last%d", "x+tag%d", "o'brien%d", "!#$&*-/=?^_`{|}~%d",
	`"a b%d"`, `"quo\"te%d"`, `"back\\slash%d"`, `"at@sign%d"`, `"a,b;c:%d"`, `"(%d)"`, `"dot.%d."`,
}

// domains are domains as they are given and as they travel.
var domains = [][2]string{
	{"example.jp", "example.jp"}, {"example.jp", "example.jp"}, {"mail.example.co.jp", "mail.example.co.jp"},
	{"例え.jp", "xn--r8jz45g.jp"}, {"bücher.example", "xn--bcher-kva.example"}, {"EXAMPLE.COM", "EXAMPLE.COM"},
	{"[192.0.2.1]", "[192.0.2.1]"}, {"[IPv6:2001:db8::1]", "[IPv6:2001:db8::1]"},
}

// carriers are addresses that aren't what RFC 5322 allows.
var carriers = []string{"a..b%d@docomo.ne.jp", ".dot%d@docomo.ne.jp", "dot%d.@ezweb.ne.jp", "a...b%d..@softbank.ne.jp"}

func (w writer) address(l *letter, n int) message.Address {
	a := message.Address{Name: w.name(l)}
	if w.oneIn(12) {
		a.Address = fmt.Sprintf(w.pick(carriers), n)
		return a
	}
	a.Address = fmt.Sprintf(w.pick(locals), n) + "@" + domains[w.IntN(len(domains))][0]
	return a
}

func (w writer) name(l *letter) string {
	switch w.IntN(8) {
	case 0:
		return ""
	case 1:
		return w.pick([]string{"Doe, John", "John Doe", `"quoted"`, `back\slash`, "山田, 太郎", "山田　太郎", "(comment)", "a@b.example", "J. R. R.", " ", "営業部 <x>"})
	case 2:
		return w.inHeader(l, 20)
	}
	return w.inHeader(l, 1+w.IntN(6))
}

// addresses fills all fields with addresses. One letter in thirty has no
// recipients but Bcc.
func (w writer) addresses(l *letter) {
	next := 0
	list := func(n int) (out []message.Address) {
		for range n {
			next++
			out = append(out, w.address(l, next))
		}
		return out
	}
	l.From = list(1)[0]
	if w.oneIn(5) {
		l.Sender = list(1)[0]
	}
	l.ReplyTo = list(w.IntN(2) * w.IntN(3))
	header := l.header
	if w.oneIn(30) {
		l.Bcc = list(1 + w.IntN(3))
		l.header = header // in which they don't stand
		return
	}
	l.Bcc = list(w.IntN(2) * w.IntN(3))
	l.header = header
	to := 1 + int(math.Pow(30, w.Float64())) // 2 to 30, the small ones more often
	if w.oneIn(3) {
		to = 1
	}
	l.To = list(min(to, 30))
	l.Cc = list(w.IntN(3) * w.IntN(3))
}
