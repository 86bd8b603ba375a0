package smtp_test

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"net/textproto"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/qdmail/qdmail/delivery"
	"github.com/qdmail/qdmail/smtp"
)

// chunked gives its text in pieces of the given lengths, again and again.
type chunked struct {
	text    string
	lengths []int
	n       int
}

func (c *chunked) Read(p []byte) (int, error) {
	if c.text == "" {
		return 0, io.EOF
	}
	n := min(c.lengths[c.n%len(c.lengths)], len(p), len(c.text))
	c.n++
	copy(p, c.text[:n])
	c.text = c.text[n:]
	return n, nil
}

func TestDotStuffing(t *testing.T) {
	for in, want := range map[string]string{
		"":                                "",
		"a":                               "a\r\n",
		"a\r\n":                           "a\r\n",
		"\r\n":                            "\r\n",
		".":                               "..\r\n",
		".\r\n":                           "..\r\n",
		".\r\n.\r\n.foo\r\n\r\nx":         "..\r\n..\r\n..foo\r\n\r\nx\r\n",
		"..\r\n":                          "...\r\n",
		"a.b.\r\n":                        "a.b.\r\n",
		"\r\n.\r\n":                       "\r\n..\r\n",
		"a\r\n.\r\nMAIL FROM:<e@x>\r\n":   "a\r\n..\r\nMAIL FROM:<e@x>\r\n",
		strings.Repeat("x", 998) + "\r\n": strings.Repeat("x", 998) + "\r\n",
		"." + strings.Repeat("x", 997):    ".." + strings.Repeat("x", 997) + "\r\n",
	} {
		for _, lengths := range [][]int{{1 << 20}, {1}, {2}, {3, 1}} {
			got, err := smtp.SendBody(&chunked{text: in, lengths: lengths}, int64(len(in)), false)
			if err != nil || got != want {
				t.Errorf("%.40q: got %.40q, %v; want %.40q", in, got, err, want)
			}
		}
	}
}

// The longest output that a block can give fits into its buffer.
func TestDotStuffingGrowth(t *testing.T) {
	for _, in := range []string{strings.Repeat(".\r\n", 100_000), "\r\n" + strings.Repeat(".\r\n", 100_000), strings.Repeat(".\r\n", 64<<10/3) + "."} {
		got, err := smtp.SendBody(strings.NewReader(in), int64(len(in)), false)
		if want := strings.ReplaceAll(in, ".", ".."); err != nil || strings.TrimSuffix(got, "\r\n") != strings.TrimSuffix(want, "\r\n") {
			t.Errorf("%d octets became %d, %v", len(in), len(got), err)
		}
	}
}

func TestMalformedBody(t *testing.T) {
	for name, in := range map[string]string{
		"vector 37":            ".\r\n.\r\n.foo\r\n\nx\r",
		"bare LF":              "a\nb\r\n",
		"bare LF at first":     "\n",
		"LF dot LF":            "a\n.\nb\r\n",
		"LF dot CRLF":          "a\n.\r\nb\r\n",
		"CR dot CRLF":          "a\r.\r\nb\r\n",
		"bare CR":              "a\rb\r\n",
		"CR at the end":        "a\r",
		"CR CRLF":              "a\r\r\n",
		"CR dot CR":            "a\r\n.\r",
		"NUL":                  "a\r\n\x00.\r\n",
		"8-bit":                "caf\xc3\xa9\r\n",
		"a line too long":      strings.Repeat("x", 999) + "\r\n",
		"a last line too long": "a\r\n" + strings.Repeat("x", 999),
	} {
		for _, before := range []string{"", strings.Repeat("0123456789\r\n", 10_000)} {
			in := before + in
			for _, lengths := range [][]int{{1 << 20}, {1}, {3, 7}} {
				out, err := smtp.SendBody(&chunked{text: in, lengths: lengths}, int64(len(in)), false)
				if !errors.Is(err, delivery.ErrMalformedBody) {
					t.Errorf("%s: %v", name, err)
				}
				if strings.Contains(out, "foo") || strings.Contains(out, "caf") || strings.Contains(out, "x") {
					t.Errorf("%s: the block with the fault was written", name)
				}
			}
		}
	}
	if out, err := smtp.SendBody(strings.NewReader("caf\xc3\xa9"), 5, true); err != nil || out != "caf\xc3\xa9\r\n" {
		t.Errorf("8-bit that was announced: %q, %v", out, err)
	}
}

func TestBodyThatChanged(t *testing.T) {
	boom := errors.New("boom")
	big := strings.Repeat("0123456789\r\n", 20_000)
	for name, tt := range map[string]struct {
		r    io.Reader
		size int64
	}{
		"shorter":            {strings.NewReader("abc\r\n"), 6},
		"longer":             {strings.NewReader("abc\r\n"), 4},
		"empty":              {strings.NewReader(""), 1},
		"big and shorter":    {strings.NewReader(big), int64(len(big)) + 1},
		"big and longer":     {strings.NewReader(big), int64(len(big)) - 1},
		"fails":              {iotest.ErrReader(boom), 5},
		"fails midway":       {io.MultiReader(strings.NewReader(big), iotest.ErrReader(boom)), int64(len(big))},
		"fails at EOF":       {iotest.DataErrReader(io.MultiReader(strings.NewReader("abc"), iotest.ErrReader(io.ErrUnexpectedEOF))), 3},
		"never ends":         {silly{0}, 5},
		"lies":               {silly{1 << 30}, 5},
		"lies the other way": {silly{-1}, 5},
	} {
		_, err := smtp.SendBody(tt.r, tt.size, false)
		want := delivery.ErrBodyChanged
		if strings.HasPrefix(name, "fails") || strings.HasPrefix(name, "lies") || name == "never ends" {
			want = delivery.ErrBodyUnreadable
		}
		if !errors.Is(err, want) {
			t.Errorf("%s: %v", name, err)
		}
		if strings.HasPrefix(name, "fails m") && !errors.Is(err, boom) {
			t.Errorf("%s: the cause is lost: %v", name, err)
		}
	}
}

// silly says that it has read n octets.
type silly struct{ n int }

func (s silly) Read([]byte) (int, error) { return s.n, nil }

// The std library's reader of such data, written by others, gives back what was
// sent.
func checkAgainstDotReader(t *testing.T, in, wire string) {
	t.Helper()
	r := textproto.NewReader(bufio.NewReader(strings.NewReader(wire + ".\r\nQUIT\r\n")))
	got, err := io.ReadAll(r.DotReader())
	if err != nil {
		t.Fatal(err)
	}
	want := strings.ReplaceAll(in, "\r\n", "\n") // as DotReader does
	if want != "" && !strings.HasSuffix(want, "\n") {
		want += "\n"
	}
	if string(got) != want {
		t.Fatalf("%.100q came back as %.100q", want, got)
	}
	if rest, err := r.ReadLine(); rest != "QUIT" {
		t.Fatalf("after the dot: %q, %v", rest, err)
	}
}

func TestDotStuffingAgainstStandardLibrary(t *testing.T) {
	for _, in := range []string{
		"", "a", ".", "..", ".\r\n", "\r\n.\r\n", ".\r\n.\r\n.foo\r\n\r\nx", "a\r\n.b\r\n..c\r\n...\r\n.",
		strings.Repeat("line\r\n.dot\r\n", 20_000),
	} {
		wire, err := smtp.SendBody(strings.NewReader(in), int64(len(in)), false)
		if err != nil {
			t.Fatal(err)
		}
		checkAgainstDotReader(t, in, wire)
	}
}

func FuzzDotStuffing(f *testing.F) {
	f.Add("a\r\n.b\r\n", []byte{1})
	f.Add(".\r\n.\r\n.foo\r\n\r\nx", []byte{1, 2})
	f.Add("a\r\n\n.\r\n", []byte{3})
	f.Add("a\r.\r\nb", []byte{5})
	f.Add("x\x00\xff", []byte{})
	f.Fuzz(func(t *testing.T, in string, cuts []byte) {
		lengths := []int{1 << 16}
		for _, c := range cuts {
			lengths = append(lengths, int(c)+1)
		}
		if len(cuts) > 0 {
			lengths = lengths[1:]
		}
		wire, err := smtp.SendBody(&chunked{text: in, lengths: lengths}, int64(len(in)), false)
		bad := strings.ContainsAny(strings.ReplaceAll(in, "\r\n", ""), "\r\n\x00") || !isASCII(in)
		for line := range strings.SplitSeq(in, "\r\n") {
			bad = bad || len(line) > 998
		}
		if bad != (err != nil) {
			t.Fatalf("%q: %v", in, err)
		}
		if err != nil {
			return
		}
		checkAgainstDotReader(t, in, wire)
		if bytes.Contains([]byte("\r\n"+wire), []byte("\r\n.\r\n")) {
			t.Fatalf("%q ends early: %q", in, wire)
		}
	})
}
