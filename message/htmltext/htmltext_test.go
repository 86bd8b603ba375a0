package htmltext_test

import (
	"fmt"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"golang.org/x/net/html"

	"github.com/qdmail/qdmail/message/htmltext"
)

func rep(s string, n int) string { return strings.Repeat(s, n) }

func TestText(t *testing.T) {
	for _, v := range []struct{ name, in, want string }{
		// The number is that of the test vectors that the library keeps since its
		// PHP predecessor.
		{"31", `<p>A&amp;B</p><style>x</style><a href="https://e.jp/">リンク</a>`, "A&B\n\nリンク <https://e.jp/>"},
		{"empty", "", ""},
		{"no HTML", "a < b > c & d", "a < b > c & d"},
		{"entities", "&lt;&#x3042;&#12356;&hearts;&copy&nosuch;", "<あい♥©&nosuch;"},

		{"paragraphs", "<p>a</p><p>b</p>c", "a\n\nb\n\nc"},
		{"paragraphs without end tags", "<p>a<p>b<div>c</div>", "a\n\nb\n\nc"},
		{"headings", "<h1>a</h1>b<h2>c</h2><p>d</p>", "a\n\nb\n\nc\n\nd"},
		{"blocks", "<div>a</div><div>b</div>c<div><div>d</div></div>", "a\nb\nc\nd"},
		{"br", "a<br>b<br/>c<br><br>d</br>e", "a\nb\nc\n\nd\ne"},
		{"br at the end of a block", "<div>a<br></div><div>b</div>", "a\nb"},
		{"br between blocks", "<div>a</div><br><div>b</div>", "a\n\nb"},
		{"many br", "a" + rep("<br>", 9) + "b", "a\n\n\nb"},
		{"empty blocks", "a<div></div><p></p><div> </div>b", "a\n\nb"},
		{"spacers", "<div>a</div><div>&nbsp;</div><div>b</div><p>　</p>c", "a\n\nb\n\n\nc"},
		{"nothing around", "<br><br><p> </p>a<p>&nbsp;</p><br>", "a"},
		{"hr", "a<hr>b", "a\n" + rep("-", 40) + "\nb"},

		{"white space", " a \t\n b<b> c </b> <i> d</i>\f", "a b c d"},
		{"inline at the edges", "<p> <b> a </b> </p>", "a"},
		{"no-break space", "a&nbsp;&nbsp;b &nbsp; c&nbsp;<br>&nbsp; d", "a  b   c\n  d"},
		{"full-width space", "　a　b　<br>　c", "　a　b\n　c"},
		{"line break in Japanese", "これは\n  日本語<b>\nです</b>。\nはい", "これは日本語です。はい"},
		{"space in Japanese", "山田 太郎", "山田 太郎"},
		{"line break beside ASCII", "日本\nQdmail\nです", "日本 Qdmail です"},
		{"line break beside a mark", "はい…\nそして※\n注", "はい…そして※注"},
		{"line break in Korean", "한국\n말", "한국 말"},
		{"line break in Russian", "да\nнет", "да нет"},
		{"line break after decomposed kana", "か\u3099\nき", "か\u3099き"},
		{"invisible", "a&shy;b&#8203;c\ufeffd\x00\x1b\x7f&#x9d;e", "abcde"},
		{"joiner", "👨\u200d👩", "👨\u200d👩"},
		{"not UTF-8", "a\xffb", "a\uFFFDb"},
		{"CRLF", "a\r\nb<pre>c\r\nd</pre>", "a b\n\nc\nd"},

		{"unseen elements", `<head><title>t</title><script>s<p></script><style>s</style></head>a<template>b<p>c</p></template>` +
			`<svg><title>d</title><path/>e</svg><select><option>f</select><textarea>g</textarea><iframe>h</iframe><!-- i -->j`, "aj"},
		{"noscript", "<noscript><b>a</b></noscript>", "a"},
		{"conditional comments", "<!--[if mso]><p>a</p><![endif]--><![if !mso]>b<![endif]>", "b"},
		{"declarations", `<?xml version="1.0"?><!DOCTYPE html>a`, "a"},
		{"head without an end tag", "<head><meta charset=utf-8><p>a", "a"},
		{"svg without an end tag", "<svg><g><path/><p>a", "a"},
		{"svg in a block", "<div><svg><g></div>a", "a"},

		{"preheader", `<div style="DISPLAY : none !important; color:red">a<div>b</div>c</div>d`, "d"},
		{"preheader in a span", `<span style="display:none">a<span>b</span>c</span>d`, "d"},
		{"flat preheader", `<div style="max-height:0;overflow:hidden">a</div>b`, "b"},
		{"hidden", `<p hidden>a<p>b<p style=visibility:hidden>c<br>d</p>e`, "b\n\ne"},
		{"hidden cell", `<table><tr><td style="display:none"><span>a<td>b</table>`, "b"},
		{"hidden to the end of the block", `<div><span hidden>a</div>b`, "b"},
		{"hidden image and link", `<img hidden alt=a><a hidden href=https://b.jp>c</a><a style="display:none">d</a>e`, "e"},
		{"shown", `<p style="display:block; x:none; ;:">a</p>`, "a"},

		{"image", `a <img src=x alt=" logo
			large "> b<img src=y><img alt="">`, "a logo large b"},
		{"superscript and others", "x<sup>2</sup> <del>y</del><unknown>z</unknown>", "x2 yz"},
		{"wbr", "foo<wbr>bar", "foobar"},
		{"figure", "a<figure><img alt=b><figcaption>c</figcaption></figure>d", "a\n\nb\nc\n\nd"},
	} {
		t.Run(v.name, func(t *testing.T) { check(t, v.in, v.want) })
	}
}

func TestLinks(t *testing.T) {
	for _, v := range []struct{ name, in, want string }{
		{"link", `<p>詳しくは<a href="https://e.jp/a?b=1&amp;c=2">こちら</a>を。</p>`, "詳しくはこちら <https://e.jp/a?b=1&c=2>を。"},
		{"spaces around", `a <a href=https://e.jp> b </a> c`, "a b <https://e.jp> c"},
		{"line break after it", "<a href=https://e.jp>日本</a>\nです", "日本 <https://e.jp>です"},
		{"text is the URL", `<a href="https://e.jp/">https://e.jp</a> <a href=http://e.jp/a>e.jp/a</a> <a href=https://e.jp/>HTTPS://E.JP/</a>`,
			"https://e.jp e.jp/a HTTPS://E.JP/"},
		{"text is another URL", `<a href=https://evil.example>https://e.jp</a>`, "https://e.jp <https://evil.example>"},
		{"mail address", `<a href="mailto:a@e.jp?subject=x">a@e.jp</a> <a href=mailto:a@e.jp>mail</a>`, "a@e.jp mail <mailto:a@e.jp>"},
		{"telephone", `<a href=tel:0312345678>03-1234-5678</a> <a href=tel:0312345678>電話</a>`, "03-1234-5678 電話 <tel:0312345678>"},
		{"nowhere", `<a href="#top">a</a><a href="cid:x">b</a><a href=" jAva&#9;script:x()">c</a><a href="data:text/html,x">d</a><a href>e</a><a name=x>f</a>`, "abcdef"},
		{"relative", `<a href="//e.jp/x">a</a> <a href="{{.URL}}">b</a> <a href="%url%">c</a>`, "a <https://e.jp/x> b <{{.URL}}> c <%url%>"},
		{"characters that end a URL", "<a href=' https://e.jp/a b\n>c<d\"　'>x</a>", "x <https://e.jp/a%20b%3Ec%3Cd%22%E3%80%80>"},
		{"Japanese in a URL", `<a href="https://日本.jp/あ?い=う">x</a>`, "x <https://日本.jp/%E3%81%82?%E3%81%84=%E3%81%86>"},
		{"block in a link", `<a href=https://e.jp><div>a</div><p>b</p></a><p>c</p>`, "a\n\nb <https://e.jp>\n\nc"},
		{"image", `<a href=https://e.jp><img alt=店></a>`, "店 <https://e.jp>"},
		{"image without text", `<a href=https://e.jp><img src=x></a>`, "<https://e.jp>"},
		{"empty", `a<a href=https://e.jp></a>b`, "ab"},
		{"nothing to see", `a<a href=https://e.jp>&nbsp;</a><p>b`, "a\n\nb"},
		{"without an end tag", `<a href=https://e.jp>a<a href=https://f.jp>b`, "a <https://e.jp>b <https://f.jp>"},
		{"ends with its cell", `<table><tr><td><a href=https://e.jp>a<td>b</table>`, "a <https://e.jp>\tb"},
		{"ends with its item", `<ul><li><a href=https://e.jp>a<li>b</ul>`, "・a <https://e.jp>\n・b"},
		{"hidden within", `<a href=https://e.jp>a<span hidden><a href=https://f.jp>b</a></span>c</a>`, "ac <https://e.jp>"},
		{"in a heading", `<h1><a href=https://e.jp>a</a></h1>b`, "a <https://e.jp>\n\nb"},
	} {
		t.Run(v.name, func(t *testing.T) { check(t, v.in, v.want) })
	}
}

func TestStructure(t *testing.T) {
	for _, v := range []struct{ name, in, want string }{
		{"list", "a<ul><li>b</li><li>c</ul>d", "a\n\n・b\n・c\n\nd"},
		{"numbers", "<ol><li>a<li>b<li value=9>c<li>d</ol>", "1. a\n2. b\n9. c\n10. d"},
		{"start", "<ol start=3><li>a<li value=x>b</ol><ol start=99999999999><li>c</ol>", "3. a\n4. b\n\n1. c"},
		{"lines of an item", "<ul><li>a<br>b</ul><ol><li>c<br>d</ol>", "・a\n  b\n\n1. c\n   d"},
		{"paragraphs of an item", "<ul><li><p>a</p><p>b</p><li>c</ul>", "・a\n\n  b\n\n・c"},
		{"lists in lists", "<ul><li>a<ul><li>b<li>c</ul><li>d<ol><li>e</ol></ul>f", "・a\n  ・b\n  ・c\n・d\n  1. e\n\nf"},
		{"list at once in an item", "<ul><li><ul><li>a<li>b</ul></ul>", "・・a\n  ・b"},
		{"empty item", "<ol><li>a<li> <li>b</ol>", "1. a\n3. b"},
		{"item without a list", "<li>a<li>b", "・a\n・b"},
		{"definitions", "<dl><dt>a<dd>b<br>c<dt>d<dd>e</dl>f", "a\n  b\n  c\nd\n  e\n\nf"},

		{"quotation", "a<blockquote>b<br>c<p>d</p></blockquote>e", "a\n\n> b\n> c\n>\n> d\n\ne"},
		{"quotations in quotations", "<blockquote>a<blockquote>b</blockquote>c</blockquote>", "> a\n>\n> > b\n>\n> c"},
		{"one quotation after another", "<blockquote>a</blockquote><blockquote>b</blockquote>", "> a\n\n> b"},
		{"list in a quotation", "<blockquote><ul><li>a<br>b</ul></blockquote>", "> ・a\n>   b"},
		{"quotation in a list", "<ul><li>a<blockquote>b</blockquote>c</ul>", "・a\n\n  > b\n\n  c"},

		{"pre", "a<pre>\n  b  \n\n\n\n\tc<b>  d</b>\n</pre>e", "a\n\n  b\n\n\n\n\tc  d\n\ne"},
		{"pre with a first line break of its own", "<pre><b>\na</b></pre>x<pre>\n\na</pre>", "a\n\nx\n\n\na"},
		{"pre in a quotation", "<blockquote>a<pre>b\n\nc</pre></blockquote>", "> a\n>\n> b\n>\n> c"},
		{"pre-wrap", `<span style="white-space:pre-wrap">a  b</span>  c<div style="white-space: pre">d
e</div>`, "a  b c\nd\ne"},
		{"xmp", "<xmp><b>a</b></xmp>", "<b>a</b>"},

		{"table", "<table><tr><th>品名</th><th>数量</th></tr><tr><td>りんご</td><td>2</td></tr></table>", "品名\t数量\nりんご\t2"},
		{"table without end tags", "a<table><caption>b<thead><tr><th>c<th>d<tbody><tr><td>e<td>f</table>g", "a\nb\nc\td\ne\tf\ng"},
		{"table without rows", "<p>x<table><td>a<td>b</table>", "x\n\na\tb"},
		{"cells with blocks", "<table><tr><td><p>a</p></td><td><div>b</div></td><td><p>c</table>d", "a\tb\tc\n\nd"},
		{"cells with lines", "<table><tr><td>a<br>b</td><td>c<br>d</td></tr></table>", "a\nb\nc\nd"},
		{"empty cells", "<table><tr><td></td><td>a</td><td>&nbsp;</td><td>b</td><td></td></tr><tr><td>c</table>", "a\tb\nc"},
		{"layout", "<table><tr><td><h1>a</h1></td></tr><tr><td>&nbsp;</td></tr><tr><td><p>b</p><p>c</p></td></tr></table>", "a\n\n\nb\n\nc"},
		{"tables in tables", "<table><tr><td><table><tr><td>a<td>b</table></td><td>c</td></tr><tr><td>d<td><table><tr><td>e<tr><td>f</table><td>g</table>",
			"a\tb\tc\nd\te\nf\ng"},
		{"item in a cell", "<table><tr><td>a<td><ul><li>b</ul></table>", "a\t・b"},
		{"div across cells", "<div>a<table><tr><td>b</div><td>c</table></div>d", "a\nb\tc\nd"},

		{"ruby", "<ruby>漢字<rp>(</rp><rt>かんじ</rt><rp>)</rp></ruby>を", "漢字(かんじ)を"},
		{"ruby without brackets", "<ruby>漢<rt>かん<rt></rt>字<rt>じ</ruby>を", "漢(かん)字(じ)を"},
		{"ruby with brackets of its own", "<ruby>漢字<rp>（<rt>かんじ<rp>）</ruby>\nを", "漢字（かんじ）を"},
		{"ruby on several lines", "その\n<ruby>\n 漢字\n <rp>(</rp>\n <rt>\nかんじ\n</rt>\n <rp>)</rp>\n</ruby>\nを", "その漢字(かんじ)を"},
		{"ruby twice", "<ruby>漢\n<rt>かん</rt>\n字\n<rt>じ</rt></ruby>", "漢(かん)字(じ)"},
	} {
		t.Run(v.name, func(t *testing.T) { check(t, v.in, v.want) })
	}
}

func check(t *testing.T, in, want string) {
	t.Helper()
	got := htmltext.Text(in)
	if got != want {
		t.Errorf("%s\ngot\n%q\nwant\n%q", in, got, want)
	}
	checkForm(t, got)
}

// checkForm holds a text against what the package promises for every one.
func checkForm(t testing.TB, text string) {
	t.Helper()
	if !utf8.ValidString(text) {
		t.Fatalf("%q is not UTF-8", text)
	}
	if strings.HasPrefix(text, "\n") || strings.HasSuffix(text, "\n") {
		t.Fatalf("blank lines around %q", text)
	}
	for line := range strings.SplitSeq(text, "\n") {
		if strings.TrimRight(line, " \t　") != line {
			t.Fatalf("white space at the end of %q", line)
		}
		for _, r := range line {
			if r != '\t' && unicode.IsControl(r) {
				t.Fatalf("%q in %q", r, line)
			}
		}
	}
	// As pre a text stays what it is.
	if again := htmltext.Text("<pre>" + html.EscapeString(text) + "</pre>"); again != text {
		t.Fatalf("%q\nas pre became %q", text, again)
	}
}

// Inputs that cost some programs their stack, or a time that grows with the
// square of the length.
func TestHostile(t *testing.T) {
	const n, deep = 20_000, 100_000
	var attributes strings.Builder
	for i := range n {
		fmt.Fprintf(&attributes, " %x", i)
	}
	for _, in := range []string{
		rep("<div>", deep) + "a" + rep("</div>", deep),
		rep("<blockquote>", n) + rep("a<br>", n),
		rep("<ul><li>", n) + rep("a<br>", n),
		rep("<table><tr><td>", n) + "a",
		rep("<table><td>a", n),
		rep("<b>", n) + "a" + rep("</i>", n),
		rep("<p><td>", n) + rep("</p>", n),
		rep("<span hidden>", n) + rep("</b>", n),
		rep("<a href=https://e.jp>", n) + "a",
		rep("<ruby><rt>", n) + "a",
		rep("<pre>\n\n", n) + "a",
		rep("</p>", n) + rep("</div>", n) + "a",
		rep("<br>", n) + "a" + rep("<br>", n) + "b",
		rep("&nbsp;", n) + "a" + rep("&nbsp;", n),
		"a" + rep(" ", n) + "b",
		rep("<", n) + rep("&", n) + rep("</", n),
		rep("<a ", n), rep("<!--", n), rep("<![CDATA[", n), rep("<script>", n), rep("&#", n),
		"<a" + attributes.String() + ">" + rep("<b x>", n) + "a",
		"<style" + attributes.String() + "></style>" + rep("<b x>", n) + "a",
		`<p style="` + rep("display:none;", n) + `">a`,
		`<a href="` + rep("javascript:", n) + `">a</a>`,
		`<a href="` + rep(" ", n) + rep("あ", n) + `">a</a>`,
		`<img alt="` + rep(" あ", n) + `">`,
		rep("\u0301", n) + rep("\n\u0301", n),
		rep("<svg>", n) + rep("<p>", n) + "a",
		rep("<template>", n) + rep("</template>", n) + "a",
	} {
		out := htmltext.Text(in)
		if len(out) > 20*len(in) {
			t.Errorf("%.40q grew from %d to %d octets", in, len(in), len(out))
		}
		checkForm(t, out)
	}
}

// A text, written as HTML in a plain way, is read as what it was.
func TestRoundTrip(t *testing.T) {
	text := "拝啓\n\n　このたびは A&B <商店> をご利用いただき、\n\"ありがとう\"ございます。\n\n\n敬具"
	if got := htmltext.Text(strings.ReplaceAll(html.EscapeString(text), "\n", "<br />\r\n")); got != text {
		t.Errorf("got\n%q\nwant\n%q", got, text)
	}
}

func FuzzText(f *testing.F) {
	for _, s := range []string{
		`<p>A&amp;B</p><style>x</style><a href="https://e.jp/">リンク</a>`,
		"<table><tr><td>a<td>&nbsp;<td><table><tr><td>b<br>c</table><ul><li>d</table>",
		"<blockquote>a<pre>\n b\n\n</pre><ol start=9><li>c<li>d</ol></blockquote>",
		"<ruby>漢字<rp>(</rp><rt>かんじ</rt><rp>)</rp></ruby>\nを<br>　<hr>",
		`<div style="display:none">a<svg><p>b</div><a href=x><img></a><a href=y>&nbsp;`,
		"<dl><dt>a<dd>b</dl><template><td></template><noscript>c</noscript>\x00\xff",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		checkForm(t, htmltext.Text(s))
		// Text alone is read as it is, but for white space.
		if strings.ContainsFunc(s, func(r rune) bool { return r > '~' || r < ' ' }) {
			return
		}
		if got, want := htmltext.Text(html.EscapeString(s)), strings.Join(strings.Fields(s), " "); got != want {
			t.Fatalf("%q became %q", s, got)
		}
	})
}

func BenchmarkText(b *testing.B) {
	row := `<tr><td style="padding:0 8px"><p>ご注文番号：<b>12345</b></p></td><td align="right"><a href="https://example.jp/orders/12345">注文の
		確認</a>&nbsp;&copy;</td></tr>`
	source := "<html><head><style>p{margin:0}</style></head><body><table>" + rep(row, 500) + "</table></body></html>"
	b.SetBytes(int64(len(source)))
	b.ReportAllocs()
	for b.Loop() {
		htmltext.Text(source)
	}
}

func ExampleText() {
	fmt.Println(htmltext.Text(`
		<h1>ご注文ありがとうございます</h1>
		<p>ご注文の内容は<a href="https://example.jp/orders/1">注文の
		確認</a>でご覧ください。</p>
		<ul><li>りんご 2個<li>みかん 3個</ul>`))
	// Output:
	// ご注文ありがとうございます
	//
	// ご注文の内容は注文の確認 <https://example.jp/orders/1>でご覧ください。
	//
	// ・りんご 2個
	// ・みかん 3個
}
