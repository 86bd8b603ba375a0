package sendmail_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/qdmail/qdmail/delivery"
	"github.com/qdmail/qdmail/sendmail"
)

// The ends of lines come out right wherever a message is cut into pieces.
func TestText(t *testing.T) {
	for in, want := range map[string]string{
		"":                 "",
		"a":                "a\n",
		"a\r\n":            "a\n",
		"\r\n":             "\n",
		"\r\n\r\na\r\n":    "\n\na\n",
		".\r\n..\r\n.a":    ".\n..\n.a\n",
		"From me\r\n":      "From me\n",
		"a \t\r\n\x7f\r\n": "a \t\n\x7f\n",
		strings.Repeat("x", 998) + "\r\n" + strings.Repeat("y", 998): strings.Repeat("x", 998) + "\n" + strings.Repeat("y", 998) + "\n",
	} {
		for cut := range len(in) + 1 {
			pieces := [][]byte{[]byte(in[:cut]), []byte(in[cut:])}
			if got, err := sendmail.Text(false, false, pieces...); err != nil || string(got) != want {
				t.Errorf("%.40q cut at %d: %.40q, %v", in, cut, got, err)
			}
			crlf := strings.ReplaceAll(want, "\n", "\r\n")
			if got, err := sendmail.Text(true, false, pieces...); err != nil || string(got) != crlf {
				t.Errorf("%.40q cut at %d, with CRLF: %.40q, %v", in, cut, got, err)
			}
		}
	}
	for in, where := range map[string]string{
		"a\n": "offset 1", "\n": "offset 0", "a\r": "", "\r": "", "\r\r\n": "offset 1", "a\rb": "offset 2", "ab\x00": "offset 2", "a\xe9": "offset 1",
		"ab\r\n" + strings.Repeat("x", 999): "",
	} {
		for cut := range len(in) + 1 {
			got, err := sendmail.Text(false, false, []byte(in[:cut]), []byte(in[cut:]))
			if !errors.Is(err, delivery.ErrMalformedBody) || !strings.Contains(err.Error(), where) {
				t.Errorf("%.40q cut at %d: %.40q, %v", in, cut, got, err)
			}
		}
	}
}

// FuzzText: what passes has the octets that went in, with other line ends, and
// every piece of it says so.
func FuzzText(f *testing.F) {
	f.Add([]byte("a\r\n.\r\nb"), uint16(3), true)
	f.Add([]byte("a\rb\n\x00\xff"), uint16(1), false)
	f.Fuzz(func(t *testing.T, in []byte, cut uint16, eightBit bool) {
		at := int(cut) % (len(in) + 1)
		lf, err := sendmail.Text(false, eightBit, in[:at], in[at:])
		crlf, err2 := sendmail.Text(true, eightBit, in)
		if (err == nil) != (err2 == nil) {
			t.Fatalf("%q cut at %d: %v, in one piece: %v", in, at, err, err2)
		}
		if err != nil {
			return
		}
		if !bytes.Equal(bytes.ReplaceAll(lf, []byte("\n"), []byte("\r\n")), crlf) {
			t.Fatalf("%q with LF is %q, with CRLF %q", in, lf, crlf)
		}
		if whole := append(in, "\r\n"...); !bytes.Equal(crlf, in) && !bytes.Equal(crlf, whole) {
			t.Fatalf("%q became %q", in, crlf)
		}
		if bytes.ContainsAny(lf, "\r\x00") {
			t.Fatalf("%q became %q", in, lf)
		}
	})
}
