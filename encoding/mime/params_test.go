package mime_test

import (
	"maps"
	"testing"

	"github.com/qdmail/qdmail/encoding/mime"
)

func TestParams(t *testing.T) {
	type m = map[string]string
	for _, v := range []struct {
		in, mediaType string
		params        m
		defect        mime.Kind
	}{
		{`text/plain`, "text/plain", nil, 0},
		{`Text/HTML; Charset=UTF-8`, "text/html", m{"charset": "UTF-8"}, 0},
		{`text/plain; charset=us-ascii (Plain text)`, "text/plain", m{"charset": "us-ascii"}, 0},
		{`text/plain (a;b="c(d)\)"); (x) charset = (y) "us-ascii" (z) ; `, "text/plain", m{"charset": "us-ascii"}, 0},
		{`text/plain;; ;charset=a;`, "text/plain", m{"charset": "a"}, 0},
		{`text/plain; a="b;c=d"; e="\"\\"`, "text/plain", m{"a": "b;c=d", "e": `"\`}, 0},
		{`text/plain; a="C:\dir\x"`, "text/plain", m{"a": `C:\dir\x`}, 0},
		{`text/plain; a=""`, "text/plain", m{"a": ""}, 0},
		{`text/plain; a=`, "text/plain", m{"a": ""}, mime.BadParameter},
		{`text/plain; a=1; A=2`, "text/plain", m{"a": "1"}, mime.BadParameter},
		{`text/plain; a`, "text/plain", m{}, mime.BadParameter},
		{`text/plain; a; b=c`, "text/plain", m{"b": "c"}, mime.BadParameter},
		{`text/plain; "a=b"; c=d`, "text/plain", m{"c": "d"}, mime.BadParameter},
		{`text/plain; a b=c; d=e`, "text/plain", m{"d": "e"}, mime.BadParameter},
		{`text/plain charset=x; a=b`, "text/plain", m{"a": "b"}, mime.BadParameter},
		{`text/plain; charset=x format=flowed; a=b`, "text/plain", m{"charset": "x", "a": "b"}, mime.BadParameter},
		{`text/plain; name=my file (1).txt; a=b`, "text/plain", m{"name": "my file (1).txt", "a": "b"}, mime.BadParameter},
		{`text/plain; boundary=----=_x=_ ;a=b`, "text/plain", m{"boundary": "----=_x=_", "a": "b"}, mime.BadParameter},
		{`text/plain; a="b" c; d=e`, "text/plain", m{"a": "b", "d": "e"}, mime.BadParameter},
		{`text/plain; a="b; c=d`, "text/plain", m{"a": "b; c=d"}, mime.BadParameter},
		{`text/plain; (a=b`, "text/plain", nil, 0},
		{`charset=utf-8; a=b`, "text/plain", m{"charset": "utf-8", "a": "b"}, mime.BadContentType},
		{``, "text/plain", nil, mime.BadContentType},
		{`unkown; a=b`, "text/plain", m{"a": "b"}, mime.BadContentType},
		{`text/plain/x`, "text/plain", nil, mime.BadContentType},
		{`/`, "text/plain", nil, mime.BadContentType},

		// RFC 2231.
		{`text/plain; a*=utf-8'ja'%e3%81%82`, "text/plain", m{"a": "あ"}, 0},
		{`text/plain; a*=''x%20y`, "text/plain", m{"a": "x y"}, 0},
		{`text/plain; a*=%E3%81%82`, "text/plain", m{"a": "あ"}, 0},
		{`text/plain; a*="utf-8''%E3%81%82"`, "text/plain", m{"a": "あ"}, 0},
		{`text/plain; a*=shift_jis''%95%5C`, "text/plain", m{"a": "表"}, 0},
		{`text/plain; a*=iso-2022-jp''%1B$B$%22%1B%28B`, "text/plain", m{"a": "あ"}, 0},
		{`text/plain; a*=utf-8''100%`, "text/plain", m{"a": "100%"}, mime.BadParameter},
		{`text/plain; a*0=x; a*1="y z"; a*2=w`, "text/plain", m{"a": "xy zw"}, 0},
		{`text/plain; a*2=w; a*1=y; a*0=x`, "text/plain", m{"a": "xyw"}, 0},
		{`text/plain; a*0*=utf-8''%E3; a*1*=%81; a*2*=%82; b=c`, "text/plain", m{"a": "あ", "b": "c"}, 0},
		{`text/plain; a*0*=utf-8''%E3%81%82; a*1="%41"`, "text/plain", m{"a": "あ%41"}, 0},
		{`text/plain; a*0=x; a*1*=%E3%81%82`, "text/plain", m{"a": "xあ"}, 0},
		{`text/plain; a*0=x; a*2=z`, "text/plain", m{"a": "x"}, mime.BadParameter},
		{`text/plain; a*1=x; a=y`, "text/plain", m{"a": "y"}, mime.BadParameter},
		{`text/plain; a*1=x`, "text/plain", m{"a": ""}, mime.BadParameter},
		{`text/plain; a*0=x; a*0=y; a*1=z`, "text/plain", m{"a": "xz"}, mime.BadParameter},
		{`text/plain; a*00=x; a*+1=y; a**=z; a*-1=w; a*99999999999=v; *=u; *0=t`, "text/plain", nil, mime.BadParameter},
		{`text/plain; a=1; a*0=2; a*=utf-8''3`, "text/plain", m{"a": "3"}, 0},
		{`text/plain; a=1; a*0=2`, "text/plain", m{"a": "2"}, 0},
		{`text/plain; a=1; a*=koi8-r''%C1`, "text/plain", m{"a": "1"}, mime.UnknownCharset},
		{`text/plain; a*=koi8-r''%C1`, "text/plain", m{"a": "koi8-r''%C1"}, mime.UnknownCharset},
		{`text/plain; a*0=2; a*=koi8-r''%C1`, "text/plain", m{"a": "2"}, mime.UnknownCharset},
		{`text/plain; a*0*=koi8-r''%C1; a*1=x`, "text/plain", m{"a": "koi8-r''%C1x"}, mime.UnknownCharset},
		{`text/plain; a*=utf-8''%C1`, "text/plain", m{"a": "utf-8''%C1"}, mime.BadCharset},

		// Encoded-words, in the names of files only.
		{`text/plain; name="=?utf-8?q?=E3=81=82?="; a="=?utf-8?q?b?="`, "text/plain", m{"name": "あ", "a": "=?utf-8?q?b?="}, 0},
		{"text/plain; name=\"=?ISO-2022-JP?B?GyRCJCIbKEI=?=\r\n =?ISO-2022-JP?B?GyRCJCQbKEI=?=\"", "text/plain", m{"name": "あい"}, 0},
		{`text/plain; name==?utf-8?b?44GC?=`, "text/plain", m{"name": "あ"}, mime.BadParameter},
		{`text/plain; name*0="=?utf-8?b?44"; name*1="GC?="`, "text/plain", m{"name": "あ"}, 0},
	} {
		root := parse(t, "Content-Type: "+v.in+"\r\n\r\n")
		if root.MediaType != v.mediaType || !maps.Equal(root.Params, v.params) {
			t.Errorf("%s: %s %q", v.in, root.MediaType, root.Params)
		}
		if v.defect != 0 && !has(root, v.defect) {
			t.Errorf("%s: %v", v.in, root.Defects())
		}
		for _, k := range []mime.Kind{mime.BadParameter, mime.BadContentType} {
			if v.defect == 0 && has(root, k) {
				t.Errorf("%s: %v", v.in, root.Defects())
			}
		}
	}
}

func TestFileName(t *testing.T) {
	const (
		nameStar     = "; name*=utf-8''1"
		name         = "; name=2"
		filenameStar = "; filename*=utf-8''3"
		filename     = "; filename=4"
	)
	for _, v := range []struct{ contentType, disposition, want string }{
		{nameStar + name, filename + filenameStar, "3"},
		{nameStar + name, filename, "4"},
		{name + nameStar, "", "1"},
		{name, "", "2"},
		{"", "", ""},
		{name, `; filename=""`, "2"},
	} {
		root := parse(t, "Content-Type: image/png"+v.contentType+"\r\nContent-Disposition: Attachment"+v.disposition+"\r\n\r\n")
		if got := root.FileName(); got != v.want || root.Disposition != "attachment" {
			t.Errorf("%s %s: %q, %s", v.contentType, v.disposition, got, root.Disposition)
		}
	}
	root := parse(t, "Content-Disposition: filename=a.txt\r\n\r\n")
	if root.FileName() != "a.txt" || root.Disposition != "" {
		t.Errorf("%q %q", root.FileName(), root.Disposition)
	}
}

func TestEncoding(t *testing.T) {
	for in, want := range map[string]string{
		"": "7bit", "Content-Transfer-Encoding: BASE64\r\n": "base64", "Content-Transfer-Encoding: (x) 8bit (y)\r\n": "8bit",
		"Content-Transfer-Encoding: base64;\r\n": "base64", "Content-Transfer-Encoding:\r\n": "",
	} {
		if got := parse(t, in+"\r\n").Encoding; got != want {
			t.Errorf("%q: %q", in, got)
		}
	}
}
