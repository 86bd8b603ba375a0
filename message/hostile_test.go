package message_test

import (
	"bytes"
	"cmp"
	"errors"
	"io"
	"maps"
	"mime"
	"net/mail"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/qdmail/qdmail/message"
)

// The attacks on mail libraries that became known, by the names under which they
// did. Each has to end in an error that names its field, or in a message that is
// the same as one with an innocent value but for that value.

// injectionPlaces set what becomes part of a header, by the names of the fields in
// errors.
var injectionPlaces = map[string]func(m *message.Message, s string){
	"Subject":                 func(m *message.Message, s string) { m.Subject = s },
	"From.Name":               func(m *message.Message, s string) { m.From.Name = s },
	"To.Name":                 func(m *message.Message, s string) { m.To[0].Name = s },
	"ReplyTo.Name":            func(m *message.Message, s string) { m.ReplyTo = []message.Address{{Name: s, Address: "r@example.jp"}} },
	"Bcc.Name":                func(m *message.Message, s string) { m.Bcc = []message.Address{{Name: s, Address: "r@example.jp"}} },
	"Headers.Name":            func(m *message.Message, s string) { m.Headers = []message.Header{{Name: s, Value: "x"}} },
	"Headers.Value":           func(m *message.Message, s string) { m.Headers = []message.Header{{Name: "User-Agent", Value: s}} },
	"Attachments.Name":        func(m *message.Message, s string) { attach(m, "application/pdf").Name = s },
	"Attachments.ContentType": func(m *message.Message, s string) { attach(m, s) },
	"Attachments.ContentID":   func(m *message.Message, s string) { attach(m, "").ContentID = s },
	"Calendar.Method":         func(m *message.Message, s string) { m.Calendar.Method = s },
	"MessageID":               func(m *message.Message, s string) { m.MessageID = s },
	"InReplyTo":               func(m *message.Message, s string) { m.InReplyTo = []string{s} },
	"References":              func(m *message.Message, s string) { m.References = []string{"a@b", s} },
	"ListUnsubscribe":         func(m *message.Message, s string) { m.ListUnsubscribe = []string{s} },
	"AutoSubmitted":           func(m *message.Message, s string) { m.AutoSubmitted = s },
	"DSN.ENVID":               func(m *message.Message, s string) { m.DSN.ENVID = s },
	"ReturnPath":              func(m *message.Message, s string) { m.ReturnPath = s },
	"From.Address":            func(m *message.Message, s string) { m.From.Address = s },
	"ReplyTo.Address":         func(m *message.Message, s string) { m.ReplyTo = []message.Address{{Address: s}} },
	"Charset":                 func(m *message.Message, s string) { m.Charset = message.Charset(len(s)) },
}

func attach(m *message.Message, contentType string) *message.Attachment {
	m.Attachments = []message.Attachment{message.Bytes("x.txt", []byte("content of the file\r\n"))}
	m.Attachments[0].ContentType = contentType
	return &m.Attachments[0]
}

func hostileBase() *message.Message {
	return &message.Message{
		From:     message.Address{Name: "A", Address: "a@example.jp"},
		To:       []message.Address{{Name: "B", Address: "b@example.jp"}},
		Subject:  "x",
		Text:     "the text\r\n",
		Calendar: &message.Calendar{Method: "REQUEST", Data: []byte("BEGIN:VCALENDAR\r\nMETHOD:REQUEST\r\nEND:VCALENDAR\r\n")},
	}
}

const crlfBcc = "x\r\nBcc: e@x"

func TestHostileValuesAreRefused(t *testing.T) {
	for _, v := range []struct {
		id, place string
		in        []string
	}{
		{"PHPMailer CVE-2012-0796", "Subject", []string{crlfBcc, "x\nBcc: e@x", "x\rBcc: e@x", "x\r\n\r\nbody", "x\r\n Bcc: e@x", "x\x00"}},
		{"Nodemailer GHSA-268h-hp4c-crq3", "From.Name", []string{crlfBcc, "x\r\n\tBcc: e@x"}},
		{"Nodemailer GHSA-268h-hp4c-crq3", "To.Name", []string{crlfBcc, "\"x\"\n", "x\x00y"}},
		{"mimetext#81", "ReplyTo.Name", []string{crlfBcc}},
		{"mimetext#81", "Bcc.Name", []string{crlfBcc}},
		{"reply address", "ReplyTo.Address", []string{"r@example.jp\r\nBcc: e@x", "r@example.jp>", "r@example.jp, e"}},
		{"message identifier", "MessageID", []string{crlfBcc, "a@b>\r\nX: 1", "a@b> <c@d", "a@b c", "a", "<a@b>", "a\x00@b"}},
		{"In-Reply-To", "InReplyTo", []string{crlfBcc, "a@b>\r\nX: 1"}},
		{"References", "References", []string{crlfBcc, "a@b>\r\n\tX: 1"}},
		{"User-Agent, Organization", "Headers.Value", []string{crlfBcc, "x\n\nbody", "\r", "\n", "\x00"}},
		{"header name", "Headers.Name", []string{"X-A\r\nX-B", "X A", "X:", "", "X-日本", "X\x00", "X\x7f", "Bcc", "bCC", "Content-Type", "Return-Path", "DKIM-Signature:"}},
		{"List-Unsubscribe", "ListUnsubscribe", []string{"http://x\r\nX-Inj: 1", "https://x>, <https://y", "https://x y", "javascript:alert(1)", "https://"}},
		{"Auto-Submitted", "AutoSubmitted", []string{crlfBcc, "auto generated", "a\x00"}},
		{"Content-ID", "Attachments.ContentID", []string{"x>\r\nX: 1", "x> <y", "x y", "x\x00", "日本@x"}},
		{"content type", "Attachments.ContentType", []string{"image/png\r\nX: 1", "image/png; a=\"b\r\nX: 1\"", "image", "image/png; name=\"x.exe\"", "text/plain; charset=\"utf-8\r\nX\""}},
		{"enmime#384", "Attachments.ContentType", []string{`text/plain; a="b"c"; x=y`, `text/plain; a="b`}},
		{"dotnet/runtime#131820", "Attachments.ContentType", []string{"multipart/mixed; boundary=\"b\r\nX\"", "multipart/mixed; boundary=b"}},
		{"attachment name", "Attachments.Name", []string{"資料\"\r\nX-Inj: 3.pdf", "a\x00.pdf", "a\nb", "", ".", "..", "a/", "a\xff.pdf", "\xed\xa0\x80.pdf"}},
		{"RIGHT-TO-LEFT OVERRIDE", "Attachments.Name", []string{"invoice\u202efdp.exe", "a\u202db", "a\u2067b"}},
		{"iCalendar method", "Calendar.Method", []string{"REQUEST\r\nX", "REQUEST; x=y", "", "REQUEST\x00"}},
		{"charset", "Charset", []string{strings.Repeat("x", 200)}},
		{"Nodemailer GHSA-c7w3-x93f-qmm8", "DSN.ENVID", []string{"1\r\nRCPT TO:<e@x>", "1\x00", "é", strings.Repeat("=", 34)}},
		{"PHPMailer CVE-2015-8476", "From.Address", []string{"r@ex.com>\r\nDATA\r\nInjected\r\n.\r\nQUIT\r\n", "a@b>", "a", "@b", "a@"}},
		{"golang/go#21159", "ReturnPath", []string{"r@ex.com>\r\nDATA\r\nInjected\r\n.\r\nQUIT\r\n", "<>\r\nX", "<a@b>"}},
	} {
		t.Run(v.id, func(t *testing.T) {
			for _, in := range v.in {
				m := hostileBase()
				injectionPlaces[v.place](m, in)
				_, err := m.WriteTo(io.Discard)
				var fe *message.FieldError
				if !errors.As(err, &fe) || fe.Field != v.place {
					t.Errorf("%s = %q: %v", v.place, in, err)
				}
			}
		})
	}
}

// TestHostileValuesAreHarmless compares messages with innocent ones.
func TestHostileValuesAreHarmless(t *testing.T) {
	decoded := func(p *part, name string) string { return decodeWords(t, p.get(name)) }
	name := func(field string) func(*part) string {
		return func(p *part) string {
			a, err := (&mail.AddressParser{WordDecoder: wordDecoder}).ParseList(p.get(field))
			if err != nil || len(a) != 1 {
				t.Fatalf("%s: %v, %v", field, a, err)
			}
			return a[0].Name
		}
	}
	fileName := func(p *part) string { return p.parts[1].fileName(t) }
	for _, v := range []struct {
		id, place string
		back      func(*part) string
		in        []string
	}{
		{"encoded-word look-alikes", "Subject", func(p *part) string { return decoded(p, "Subject") }, []string{
			"=?utf-8?q?=0D=0ABcc:=20e@x?=", "=?utf-8?B?DQpCY2M6IGVAeA==?=", "=?", "?=", "=?==?b?==?=", "x\u010d\u010ay",
			"x\u560d\u560aBcc: e@x", "x\u760d\u760ay", "x\x0b\x0cy", " ", "\t", strings.Repeat("x", 5000), strings.Repeat("\\\"", 300)}},
		{"line breaks of Unicode", "Subject", func(p *part) string { // which become spaces
			return strings.Replace(decoded(p, "Subject"), "x Bcc", "x\u2028Bcc", 1)
		}, []string{"x\u2028Bcc: e@x"}},
		{"comments and quotes in a name", "To.Name", name("To"), []string{
			`"B" <e@x>, "C`, `B" <e@x>, "`, "B <e@x>", "e@x, B", "B (", "B)", `\`, `B\`, `B\"`, "g: e@x;", "=?utf-8?q?=22_<e=40x>,?=", ",", ";", "<", "e@x"}},
		{"mailio#227", "From.Name", name("From"), []string{"=?==?b?==?=", "=?x?b?", "=?utf-8?z?AA?="}},
		{"User-Agent", "Headers.Value", func(p *part) string { return decoded(p, "User-Agent") }, []string{
			"x: y", "=?utf-8?q?=0D=0AX:_y?=", strings.Repeat("x", 2000), " x ", "x\ty"}},
		{"gomail#190, mikel/mail#1590", "Attachments.Name", fileName, []string{
			`report.txt"; filename="payload.exe`, `a\".sh;".pdf`, `a.pdf"; x="y`, `a";b.pdf`, "a;filename*=utf-8''b.exe"}},
		{"PHPMailer CVE-2020-13625, unemail#122", "Attachments.Name", fileName, []string{
			`a\`, `"`, `""`, `a\".pdf`, "utf-8''a.exe", "%2e%2e%2fa", "=?utf-8?q?a=2Fb?=.exe", "a b", " a ", "a%0d%0a.pdf", strings.Repeat("長い", 2500), strings.Repeat("x", 5000)}},
		{"Exim CVE-2024-39929", "Attachments.Name", fileName, []string{"payload.exe", "ペイロード.exe", strings.Repeat("x", 60) + ".exe", strings.Repeat("名", 30) + ".exe"}},
		{"content type parameters", "Attachments.ContentType", nil, []string{`text/plain; a="b;c=d"`, `text/plain; a="\"; x=y"`}},
		{"ENVID as xtext", "DSN.ENVID", nil, []string{"1+2=3 4", "+0D+0A"}},
	} {
		t.Run(v.id, func(t *testing.T) {
			innocent := map[string]string{"Attachments.ContentType": "text/plain; a=b"}
			m := hostileBase()
			injectionPlaces[v.place](m, cmp.Or(innocent[v.place], "x"))
			want := skeleton(read(t, wire(t, m)))
			for _, in := range v.in {
				m := hostileBase()
				injectionPlaces[v.place](m, in)
				raw := wire(t, m)
				p := read(t, raw)
				if got := skeleton(p); got != want {
					t.Errorf("%s = %q:\n got %s\nwant %s", v.place, in, got, want)
				}
				if v.back != nil && v.back(p) != in {
					t.Errorf("%s = %q came back as %q", v.place, in, v.back(p))
				}
				if len(in) < 70 && strings.Contains(raw, "filename*0") {
					t.Errorf("%q is split, which filters misread", in)
				}
			}
		})
	}
}

// skeleton is a message without its values: fields, parameters and parts.
func skeleton(p *part) string {
	s := strings.Join(slices.Sorted(maps.Keys(p.header)), " ") + " " + p.mediaType
	_, d, _ := mime.ParseMediaType(p.get("Content-Disposition"))
	for _, params := range []map[string]string{p.params, d} {
		s += " (" + strings.Join(slices.Sorted(maps.Keys(params)), " ") + ")"
	}
	for _, values := range p.header {
		if len(values) != 1 {
			s += " twice!"
		}
	}
	for _, c := range p.parts {
		s += " {" + skeleton(c) + "}"
	}
	return s
}

// The address that a server and a reader get is the one that was given: nothing in
// it is decoded, cut off or taken for something else.
func TestHostileRecipients(t *testing.T) {
	const injected = "r@ex.com>\r\nDATA\r\nInjected\r\n.\r\nQUIT\r\n"
	for _, v := range []struct {
		id, in   string
		accepted bool
		parsed   string // by ParseAddress; empty: refused
	}{
		{"go-mail GHSA-wpwj-69cm-q9c5 (CVE-2025-59937), go-mail#495, symfony#61846",
			`"toni@example.com> ORCPT=admin@admin.com"@example.com`, true, `"toni@example.com> ORCPT=admin@admin.com"@example.com`},
		{"Nodemailer GHSA-mm7p-fcc7-pg87 (CVE-2025-13033), #1766", `"victim@gmail.com x"@internal.domain`, true, `"victim@gmail.com x"@internal.domain`},
		{"MimeKit GHSA-g7hc-96xr-gvvx (CVE-2026-30227)", "\"a\r\nRCPT TO:<evil@x>\r\n\"@ex.com", false, ""},
		{"MimeKit GHSA-g7hc-96xr-gvvx (CVE-2026-30227), quoted pairs", "\"a\\\r\\\nRCPT TO:<evil@x>\"@ex.com", false, ""},
		{"golang/go#21159, PHPMailer CVE-2015-8476, mikel/mail OSVDB-131677 #1097, bpo-43124", injected, false, ""},
		{"Angus CVE-2025-7962", "\"a\u760d\u760ab\"@x.jp", true, "\"a\u760d\u760ab\"@x.jp"},
		{"Angus CVE-2025-7962, two octets", "a\u010d\u010ab@x.jp", true, "a\u010d\u010ab@x.jp"},
		{"Angus CVE-2025-7962, another block", "a\u560d\u560ab@x.jp", true, "a\u560d\u560ab@x.jp"},
		{"splitting the email atom, encoded-word", "=?utf-8?q?=40evil.com=00?=@microsoft.com", true, "=?utf-8?q?=40evil.com=00?=@microsoft.com"},
		{"splitting the email atom, unknown charset", "=?x?q?a=40b.com=3E=20?=@x.jp", true, "=?x?q?a=40b.com=3E=20?=@x.jp"},
		{"splitting the email atom, Punycode", "a@xn--0049.com", true, "a@xn--0049.com"},
		{"splitting the email atom, UUCP", `oastify.com!u\@x.com`, false, ""},
		{"splitting the email atom, percent", "u%evil.com(@x.com", false, ""},
		{"splitting the email atom, comment", "u@x.com(c)", false, "u@x.com"},
		{"simple-java-mail#652, source route", "<@a,@b:u@c>", false, ""},
		{"mikel/mail GHSA-mvxr-6m87-mv2q", "u@x.com\x00", false, ""},
		{"percent-encoded NUL", "u%00@x.com", true, "u%00@x.com"},
		{"percent-encoded NUL in the domain", "u@x%00.com", false, ""},
		{"Mailpit CVE-2026-23829", "a\r@b.com", false, ""},
		{"lone LF", "a\n@b.com", false, ""},
		{"NUL in quotes", "\"a\x00\"@b.com", false, ""},
		{"DEL", "a\x7f@b.com", false, ""},
		{"NEXT LINE", "a\u0085@b.com", false, ""},
		{"LINE SEPARATOR", "a\u2028@b.com", false, ""},
		{"LINE SEPARATOR in the domain", "a@b\u2028.com", false, ""},
		{"PHPMailer CVE-2016-10033, SwiftMailer CVE-2016-10074, mikel/mail CVE-2012-2140",
			`"attacker\" -oQ/tmp/ -X/var/www/x.php some"@email.com`, true, `"attacker\" -oQ/tmp/ -X/var/www/x.php some"@email.com`},
		{"PHPMailer CVE-2016-10045", `'a'.\' -X/tmp/x\'@x.jp`, false, ""},
		{"RUSTSEC-2020-0069", "-oQ/tmp@x.com", true, "-oQ/tmp@x.com"},
		{"mikel/mail CVE-2012-2139", "../../etc/x@y.jp", true, ""},
		{"two addresses", "a@x.jp>, <b@y.jp", false, ""},
		{"group", "g:a@x.jp;", false, ""},
	} {
		t.Run(v.id, func(t *testing.T) {
			m := hostileBase()
			m.To = []message.Address{{Address: v.in}}
			if v.accepted {
				checkAccepted(t, m)
			} else {
				checkRefused(t, m)
			}
			a, err := message.ParseAddress(v.in)
			var ae *message.AddressError
			if (err != nil) != (v.parsed == "") || err != nil && !errors.As(err, &ae) || a.Address != v.parsed {
				t.Errorf("ParseAddress(%q) = %+v, %v; want %q", v.in, a, err, v.parsed)
			}
		})
	}
}

func checkRefused(t *testing.T, m *message.Message) {
	t.Helper()
	_, envErr := m.Envelope()
	_, err := m.WriteTo(io.Discard)
	for _, err := range []error{err, envErr} {
		var fe *message.FieldError
		var ae *message.AddressError
		if !errors.As(err, &fe) || fe.Field != "To.Address" || !errors.As(err, &ae) {
			t.Errorf("%q: %v", m.To[0].Address, err)
		}
	}
}

func checkAccepted(t *testing.T, m *message.Message) {
	t.Helper()
	in := m.To[0].Address
	env, err := m.Envelope()
	if err != nil || len(env.Recipients) != 1 || env.Recipients[0].Address != in {
		t.Errorf("%q in the envelope: %+v, %v", in, env, err)
	}
	var b bytes.Buffer
	if _, err := m.WriteTo(&b); err != nil {
		t.Errorf("%q: %v", in, err)
		return
	}
	meant := in
	if quoted, domain, ok := strings.Cut(in, `"@`); ok {
		meant = strings.NewReplacer(`\\`, `\`, `\"`, `"`).Replace(quoted[1:]) + "@" + domain
	}
	list, err := mail.ParseAddressList(read(t, b.String()).get("To"))
	if err != nil || len(list) != 1 || list[0].Address != meant {
		t.Errorf("%q in the header: %v, %v", in, list, err)
	}
}

func TestHostileBodies(t *testing.T) {
	for _, v := range []struct {
		id string
		in []string
	}{
		{"lettre RUSTSEC-2021-0069", []string{"x\r\n.\r\nMAIL FROM:<a@b>\r\n", ".", ".\r\n", "..\r\n.\r\n", ".\r\n.\r\n.foo\r\n\nx\r"}},
		{"SMTP smuggling CVE-2023-51764, -51765, -51766", []string{"a\n.\nb", "a\n.\r\nb", "a\r.\r\nb", "a\r\n.\rb", "a\r\n\x00.\r\nb", "a\r\n.\n"}},
		{"textproto.DotWriter", []string{"a\r.\r\nb", "a\r\rb\r", "\r", "\r\r\n"}},
		{"NUL and other controls", []string{"a\x00b", "\x00", "a\x1b$B!\x1b(Bb", "a\x0e\x0fb", "a\x7fb"}},
		{"boundaries", []string{"--", "----\r\n--=_mixed_\r\n", "--=_alternative_aaaaaaaaaaaaaaaaaaaaaaaa--\r\n"}},
		{"long lines", []string{strings.Repeat("x", 100_000), strings.Repeat("日本", 5_000), strings.Repeat(" ", 10_000) + "x"}},
	} {
		t.Run(v.id, func(t *testing.T) {
			for _, in := range v.in {
				want := strings.NewReplacer("\r\n", "\r\n", "\r", "\r\n", "\n", "\r\n").Replace(in)
				if !strings.HasSuffix(want, "\r\n") {
					want += "\r\n"
				}
				same := func(got string) bool { // but for line endings, or altogether
					return got == in || strings.TrimSuffix(got, "\r\n") == strings.TrimSuffix(want, "\r\n")
				}
				for _, c := range []message.Charset{message.UTF8, message.ISO2022JP} {
					m := hostileBase()
					m.Calendar, m.Charset, m.Text, m.HTML = nil, c, in, in
					m.Attachments = []message.Attachment{message.Bytes("a.txt", []byte(in)), message.Bytes("a.eml", []byte(in))}
					p := read(t, wire(t, m))
					if got := p.find("text/plain")[0].text(t); got != want {
						t.Errorf("%.80q came back as %.80q", in, got)
					}
					if got := p.find("text/html")[0].text(t); got != want {
						t.Errorf("%.80q came back as %.80q", in, got)
					}
					files := p.parts[1:]
					if len(files) != 2 || string(files[0].body) != in || !same(string(files[1].body)) {
						t.Errorf("%.80q as a file: %s", in, p.shape())
					}
				}
			}
		})
	}
}

// Nothing that a text names is opened: PHPMailer CVE-2017-5223 and CVE-2018-19296,
// Nodemailer GHSA-wqvq-jvpq-h66f and GHSA-p6gq-j5cr-w38f.
func TestHostileTextsOpenNoFiles(t *testing.T) {
	secret := filepath.Join(t.TempDir(), "secret.png")
	if err := os.WriteFile(secret, []byte("the content of the secret"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, in := range []string{
		`<img src="` + secret + `">`, `<img src="file://` + secret + `">`, `<img src='phar://` + secret + `'>`,
		`<link href="` + secret + `"><script src="` + secret + `"></script>`, `<img src="\\host\share\secret.png">`,
		`{"raw": {"path": "` + secret + `"}}`, `raw:` + secret, `<?xml version="1.0"?><!ENTITY x SYSTEM "file://` + secret + `">`,
	} {
		m := hostileBase()
		m.Calendar, m.Text, m.HTML = nil, in, in
		raw := wire(t, m)
		p := read(t, raw)
		if p.shape() != "alternative{text/plain, text/html}" || p.parts[1].text(t) != in+"\r\n" || p.parts[0].text(t) != in+"\r\n" {
			t.Errorf("%s became %s", in, raw)
		}
	}
}

// dotnet/runtime#131820: a boundary is a token of at most 70 characters that nobody
// can guess and no part has.
func TestHostileBoundaries(t *testing.T) {
	m := hostileBase()
	for range 3 {
		p := read(t, wire(t, m))
		b := p.params["boundary"]
		if len(b) > 70 || strings.Trim(b, "abcdefghijklmnopqrstuvwxyz234567_=") != "" || strings.Contains(m.Text, b) {
			t.Fatalf("%q", b)
		}
		if len(p.parts) != 2 {
			t.Errorf("%d parts", len(p.parts))
		}
		m.Text += "--" + b + "\r\nContent-Type: text/html\r\n\r\n--" + b + "--\r\n"
	}
}

// What parsers of others took minutes for.
func TestHostileSizes(t *testing.T) {
	for _, v := range []struct{ id, in string }{
		{"Go net/mail CVE-2026-42499", strings.Repeat("a ", 1<<20) + "<a@b>"},
		{"Go net/mail CVE-2026-39820, #78566", strings.Repeat("(", 1e6)},
		{"Go net/mail CVE-2026-39820, #78566", strings.Repeat("(a", 4000) + strings.Repeat(")", 4000)},
		{"golang/go#75680", "a@[" + strings.Repeat("1", 1<<20) + "]"},
		{"Nodemailer GHSA-rcmh-qjqh-p98v (CVE-2025-14874)", strings.Repeat("g: ", 5000) + "a@b;"},
		{"encoded-words without end", strings.Repeat("=?utf-8?q?", 1<<16) + "<a@b.jp"},
	} {
		if a, err := message.ParseAddress(v.in); err == nil {
			t.Errorf("%s: %+v", v.id, a)
		}
		var ae *message.AddressError
		if list, err := message.ParseAddressList(v.in); !errors.As(err, &ae) {
			t.Errorf("%s: %d addresses, %v", v.id, len(list), err)
		} else if len(err.Error()) > 1000 {
			t.Errorf("%s: an error of %d octets", v.id, len(err.Error()))
		}
	}
	m := hostileBase()
	m.Calendar, m.Wrap = nil, 70
	// ActionMailer CVE-2024-47889; Nodemailer GHSA-9h6g-pr28-7cqp.
	m.Text = strings.Repeat(" ", 1e5) + "x" + strings.Repeat("> ", 1e5) + strings.Repeat("http://", 1e4)
	m.HTML = `<img src="data:image/png;base64,` + strings.Repeat("cid:", 1e5) + strings.Repeat(`="`, 1e5) + strings.Repeat("<meta ", 1e4)
	m.Subject = strings.Repeat("=?", 1e4) + strings.Repeat(" ", 1e4)
	if p := read(t, wire(t, m)); p.parts[1].text(t) != m.HTML+"\r\n" || decodeWords(t, p.get("Subject")) != m.Subject {
		t.Error("large texts came back otherwise")
	}
}
