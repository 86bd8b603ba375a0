package smtp_test

import (
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"
	"unicode"
	"unicode/utf8"

	"github.com/qdmail/qdmail/delivery"
	"github.com/qdmail/qdmail/smtp"
)

func TestReadReply(t *testing.T) {
	for _, tt := range []struct{ name, in, want string }{
		{"one line", "250 ok\r\n", "250 ok"},
		{"no text", "250 \r\n", "250"},
		{"no space", "250\r\n", "250"},
		{"bare LF", "250 ok\n", "250 ok"},
		{"several lines", "250-a\r\n250-b\r\n250 c\r\n", "250 a / b / c"},
		{"no text at the end", "250-a\r\n250\r\n", "250 a / "},
		{"last code of a class wins", "450-a\r\n451 b\r\n", "451 a / b"},
		{"enhanced", "550 5.1.1 no such user\r\n", "550 5.1.1 no such user"},
		{"enhanced, all lines", "550-5.1.1 no\r\n550 5.1.1 such user\r\n", "550 5.1.1 no / such user"},
		{"enhanced, second line", "550-no\r\n550 5.1.1 such user\r\n", "550 5.1.1 no / such user"},
		{"enhanced, alone", "250 2.1.5\r\n", "250 2.1.5"},
		{"enhanced, big numbers", "550 5.999.999 x\r\n", "550 5.999.999 x"},
		{"the rest belongs to the next reply", "250 a\r\n250 b\r\n", "250 a"},
		{"control characters", "550 a\x00b\x1b[31mc\x7fd\x08\r\n", "550 a b [31mc d"},
		{"C1 and separators", "550 a\u0085b\u009bc\u2028d\r\n", "550 a b c d"},
		{"CR within", "550 a\rb\r\n", "550 a b"},
		{"not UTF-8", "550 \xff\xfe日本\r\n", "550 \uFFFD日本"},
		{"second digit out of range", "299 odd\r\n", "299 odd"},
	} {
		for _, oneByte := range []bool{false, true} {
			var in io.Reader = strings.NewReader(tt.in)
			if oneByte {
				in = iotest.OneByteReader(in)
			}
			r, _, err := smtp.ReadReply(in)
			if err != nil || r.String() != tt.want {
				t.Errorf("%s: got %q, %v; want %q", tt.name, r, err, tt.want)
			}
		}
	}
}

func TestEnhancedCode(t *testing.T) {
	for text, want := range map[string]string{
		"5.1.1 x":    "5.1.1",
		"4.1.1 x":    "", // another class than the reply
		"5.1.1x":     "",
		"5.1 x":      "",
		"5.1.1.1 x":  "",
		"5.1.1. x":   "",
		"5..1 x":     "",
		"5.1000.1 x": "",
		"55.1.1 x":   "",
		" 5.1.1 x":   "",
		"x 5.1.1":    "",
		"-5.1.1 x":   "",
		"5.1.+1 x":   "",
	} {
		r, _, err := smtp.ReadReply(strings.NewReader("550 " + text + "\r\n"))
		if err != nil || r.Enhanced.String() != want {
			t.Errorf("%q: got %q, %v; want %q", text, r.Enhanced, err, want)
		} else if want == "" && r.Text != text {
			t.Errorf("%q: text is %q", text, r.Text)
		}
	}
}

func TestReadReplyProtocolErrors(t *testing.T) {
	long := strings.Repeat("x", smtp.MaxReplyLine)
	for name, in := range map[string]string{
		"1xx":                     "150 wait\r\n",
		"6xx":                     "650 what\r\n",
		"letters":                 "SSH-2.0-OpenSSH_9.2\r\n",
		"HTTP":                    "HTTP/1.1 400 Bad Request\r\n",
		"two digits":              "25 ok\r\n",
		"four digits":             "2500 ok\r\n",
		"no separator":            "250ok\r\n",
		"tab":                     "250\tok\r\n",
		"empty line":              "\r\n",
		"leading space":           " 250 ok\r\n",
		"wide digits":             "２５０ ok\r\n",
		"minus":                   "-50 ok\r\n",
		"class changes":           "250-a\r\n550 b\r\n",
		"class changes and back":  "250-a\r\n550-b\r\n250 c\r\n",
		"garbage within":          "250-a\r\nxyz\r\n",
		"1xx within":              "250-a\r\n150 b\r\n",
		"overlong line":           "250 " + long + "\r\n",
		"overlong, no end":        "250 " + long,
		"overlong second line":    "250-a\r\n250 " + long + "\r\n",
		"too many lines":          strings.Repeat("250-x\r\n", smtp.MaxReplyLines) + "250 x\r\n",
		"endless":                 strings.Repeat("250-x\r\n", 10000),
		"too many octets":         strings.Repeat("250-"+long[:4000]+"\r\n", 20) + "250 x\r\n",
		"ten megabytes, no lines": strings.Repeat("2", 10<<20),
	} {
		r, _, err := smtp.ReadReply(strings.NewReader(in))
		if !errors.Is(err, delivery.ErrProtocol) || r != nil {
			t.Errorf("%s: got %v, %v", name, r, err)
		}
	}
}

func TestReadReplyAtItsLimits(t *testing.T) {
	line := "250 " + strings.Repeat("x", smtp.MaxReplyLine-len("250 \r\n")) + "\r\n"
	if r, lines, err := smtp.ReadReply(strings.NewReader(line)); err != nil || len(lines[0]) != smtp.MaxReplyLine-6 {
		t.Errorf("the longest line: %v, %v", r, err)
	} else if len(r.Text) != smtp.MaxReplyText {
		t.Errorf("%d octets of text are kept", len(r.Text))
	}
	most := strings.Repeat("250-x\r\n", smtp.MaxReplyLines-1) + "250 x\r\n"
	if _, lines, err := smtp.ReadReply(strings.NewReader(most)); err != nil || len(lines) != smtp.MaxReplyLines {
		t.Errorf("the most lines: %d, %v", len(lines), err)
	}
	wide := "250 " + strings.Repeat("漢", 1000) + "\r\n"
	if r, _, err := smtp.ReadReply(strings.NewReader(wide)); err != nil || !utf8.ValidString(r.Text) || len(r.Text) != 1023 {
		t.Errorf("cut within a character: %v, %q", err, r.Text)
	}
}

// What came before the connection failed is returned beside the error.
func TestReadReplyPartly(t *testing.T) {
	for _, tt := range []struct {
		in   string
		code int
		err  error
	}{
		{"", 0, io.EOF},
		{"25", 0, io.ErrUnexpectedEOF},
		{"250 ok", 0, io.ErrUnexpectedEOF},
		{"250 ok\r", 0, io.ErrUnexpectedEOF},
		{"250-ok\r\n", 250, io.EOF},
		{"250-ok\r\n250", 250, io.ErrUnexpectedEOF},
		{"550-5.1.1 no\r\n", 550, io.EOF},
		{"250-ok\r\n550 x", 250, io.ErrUnexpectedEOF},
	} {
		r, _, err := smtp.ReadReply(strings.NewReader(tt.in))
		if !errors.Is(err, tt.err) || (r == nil) != (tt.code == 0) || r != nil && r.Code != tt.code {
			t.Errorf("%q: got %v, %v", tt.in, r, err)
		}
	}
}

// A server that quotes what it was sent doesn't bring a credential into reports.
func TestReadReplyHidesCredentials(t *testing.T) {
	for _, in := range []string{
		"500 5.5.1 Command unrecognized: \"AUTH PLAIN AHVzZXIAcGFzcw==\"\r\n",
		"535-AHVzZXIAcGFzcw==\r\n535 no hunter2 here\r\n",
		"AUTH PLAIN AHVzZXIAcGFzcw==\r\n",
		"535 " + strings.Repeat("x", smtp.MaxReplyText-5) + "hunter2\r\n",
	} {
		r, _, err := smtp.ReadReply(strings.NewReader(in), "AHVzZXIAcGFzcw==", "hunter2")
		text := r.String()
		if err != nil {
			text += err.Error()
		}
		if strings.Contains(text, "AHVz") || strings.Contains(text, "hunt") {
			t.Errorf("%q: %s", in, text)
		}
	}
}

func FuzzReadReply(f *testing.F) {
	for _, seed := range []string{
		"250 ok\r\n", "250-a\r\n250 b\r\n", "550 5.1.1 no\n", "250-a\r\n550 b\r\n", "1", "", "334 \r\n", "250\r\n",
		"250-\x00\x1b[0m\u2028\xff\r\n250 \u0085\r\n", "250-" + strings.Repeat("x", 5000),
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, in string) {
		src := strings.NewReader(in)
		r, lines, err := smtp.ReadReply(src)
		if r == nil {
			if err == nil {
				t.Fatal("neither reply nor error")
			}
			return
		}
		if r.Code < 200 || r.Code > 599 || len(r.Text) > smtp.MaxReplyText || len(lines) > smtp.MaxReplyLines {
			t.Fatalf("out of bounds: %+v", r)
		}
		if !utf8.ValidString(r.Text) || strings.ContainsFunc(r.Text, func(c rune) bool { return c != '\n' && unicode.IsControl(c) }) {
			t.Fatalf("unclean text: %q", r.Text)
		}
		if e := r.Enhanced; e != (delivery.EnhancedCode{}) && e[0] != r.Code/100 {
			t.Fatalf("class differs: %+v", r)
		}
		if err != nil {
			return
		}
		// The first digits of the input, and nothing else, gave the class.
		if in[0] != byte('0'+r.Code/100) {
			t.Fatalf("%q became %v", in, r)
		}
	})
}
