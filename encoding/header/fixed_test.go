package header_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/qdmail/qdmail/encoding/charset"
	"github.com/qdmail/qdmail/encoding/header"
)

func TestFixed(t *testing.T) {
	var b header.Builder
	b.Field("MIME-Version")
	b.Token("1.0")
	b.End()
	fixed := b.Fixed()
	b.Reset(nil)
	b.Field("Subject")
	b.Text(strings.Repeat("あ", 30), charset.UTF8)
	b.End()
	before := len(b.Bytes())
	b.Put(fixed)
	b.Put(fixed)
	b.Field("X-Long")
	b.Text(strings.Repeat("word ", 20)+"end", charset.UTF8)
	b.End()
	const line = "MIME-Version: 1.0\r\n"
	rest := string(b.Bytes()[before:])
	if b.Err() != nil || !strings.HasPrefix(rest, line+line+"X-Long: ") {
		t.Errorf("%q, %v", rest, b.Err())
	}
	checkLines(t, strings.TrimPrefix(rest, line+line))
}

func TestFixedMisplaced(t *testing.T) {
	var whole header.Builder
	whole.Field("A")
	whole.Token("1")
	whole.End()
	fixed := whole.Fixed()

	var open header.Builder
	open.Field("A")
	open.Token("1")
	for what, put := range map[string]func(b *header.Builder){
		"within a field": func(b *header.Builder) { b.Field("X"); b.Put(fixed) },
		"not ended":      func(b *header.Builder) { b.Put(open.Fixed()) },
		"never made":     func(b *header.Builder) { b.Put(header.Fixed{}) },
	} {
		var b header.Builder
		put(&b)
		var he *header.Error
		if !errors.As(b.Err(), &he) || strings.Contains(string(b.Bytes()), "A: 1") {
			t.Errorf("%s: %q, %v", what, b.Bytes(), b.Err())
		}
	}
	open.Token("\r")
	open.End()
	if open.Fixed() != (header.Fixed{}) {
		t.Error("fixed in spite of an error")
	}
}

func TestTokenBytes(t *testing.T) {
	var a, b header.Builder
	for _, s := range []string{"<a@b>", "", strings.Repeat("x", 90), "é", "a\r\nb", "\x00", "\xff"} {
		a.Reset(nil)
		b.Reset(nil)
		a.Field("Message-ID")
		b.Field("Message-ID")
		a.Token(s)
		b.TokenBytes([]byte(s))
		if string(a.Bytes()) != string(b.Bytes()) || (a.Err() == nil) != (b.Err() == nil) {
			t.Errorf("%q: %q, %v and %q, %v", s, a.Bytes(), a.Err(), b.Bytes(), b.Err())
		}
	}
}

func TestIsPlainAddrSpec(t *testing.T) {
	l64, l63 := strings.Repeat("l", 64), strings.Repeat("l", 63)
	host := strings.Repeat("abcdefg.", 31) + "abcdefg" // 255 octets
	for _, s := range []string{"a@b", "taro.yamada+x@example.co.jp", "a@b_c.jp", "a@x--y.jp", "!#$%&'*+-/=?^_`{|}~@b.jp", "1@2",
		l64 + "@b.jp", "a@" + l63 + ".jp", "a@" + host} {
		if !header.IsPlainAddrSpec(s) {
			t.Errorf("%q isn't plain", s)
		}
	}
	for _, s := range []string{"", "a", "@", "a@", "@b", "a@@b", "a@b@c", ".a@b", "a.@b", "a..b@c", "a b@c", `"a"@b`, "(c)a@b", "é@b", "a@é",
		"a@.b", "a@b.", "a@b..c", "a@-b", "a@b-", "a@b-.c", "a@b.-c", "a@b/c", "a@[192.0.2.1]", "a@b ", " a@b", "a@b\r", "a\x00@b", "a@b\x7f",
		l64 + "l@b.jp", "a@" + l63 + "l.jp", "a@" + host + "h"} {
		if header.IsPlainAddrSpec(s) {
			t.Errorf("%q is plain", s)
		}
	}
}
