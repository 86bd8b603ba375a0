package transfer_test

import (
	"bytes"
	"cmp"
	"encoding/base64"
	"errors"
	"io"
	"math/rand/v2"
	"mime/quotedprintable"
	"strings"
	"sync"
	"testing"
	"testing/iotest"

	"github.com/qdmail/qdmail/encoding/transfer"
)

func TestQuotedPrintable(t *testing.T) {
	for _, v := range []struct{ name, in, want string }{
		{"33 tab", "a\tb", "a=09b"},
		{"33 trailing space", "a \r\nb ", "a=20\r\nb=20"},
		{"33 equals", "a=b", "a=3Db"},
		{"33 JIS", "\x1b$B$\"\x1b(B", "=1B$B$\"=1B(B"},
		{"inner space", "a b", "a b"},
		{"bare CR and LF", "a\rb\nc", "a=0Db=0Ac"},
		{"lone dot", ".\r\n.\r\n.a", "=2E\r\n=2E\r\n.a"},
		{"From", "From me\r\nFrom", "=46rom me\r\nFrom"},
		{"76 at the end of a line", strings.Repeat("x", 76) + "\r\n", strings.Repeat("x", 76) + "\r\n"},
		{"77", strings.Repeat("x", 77), strings.Repeat("x", 75) + "=\r\nxx"},
		{"soft break before a character", strings.Repeat("x", 70) + "あ", strings.Repeat("x", 70) + "=\r\n=E3=81=82"},
		{"escape in the last columns", strings.Repeat("x", 73) + "=\r\n", strings.Repeat("x", 73) + "=3D\r\n"},
		{"From after a soft break", strings.Repeat("x", 75) + "From here", strings.Repeat("x", 75) + "=\r\n=46rom here"},
		{"empty", "", ""},
	} {
		t.Run(v.name, func(t *testing.T) {
			if got := string(transfer.AppendQuotedPrintable(nil, v.in)); got != v.want {
				t.Errorf("got  %q\nwant %q", got, v.want)
			}
		})
	}
}

func checkQP(t testing.TB, in, out string) {
	t.Helper()
	for l := range strings.SplitSeq(out, "\r\n") {
		if len(l) > 76 {
			t.Fatalf("%d octets: %q", len(l), l)
		}
		if strings.HasSuffix(l, " ") || strings.HasSuffix(l, "\t") {
			t.Fatalf("white space at the end of %q", l)
		}
		if strings.ContainsAny(l, "\r\n") {
			t.Fatalf("bare CR or LF in %q", l)
		}
	}
	got, err := io.ReadAll(quotedprintable.NewReader(strings.NewReader(out)))
	if err != nil || string(got) != in {
		t.Fatalf("%q\nbecame %q\nread as %q, %v", in, out, got, err)
	}
}

func FuzzQuotedPrintable(f *testing.F) {
	for _, s := range []string{"a b ", "\r\n.\r\n", "From x", "あいう", strings.Repeat("=", 80), "a\rb\n", "\x80\xe3", " \r\n\t\r\n"} {
		f.Add(s, uint64(1))
	}
	f.Fuzz(func(t *testing.T, in string, cut uint64) {
		out := string(transfer.AppendQuotedPrintable(nil, in))
		checkQP(t, in, out)
		if got := string(transfer.AppendQuotedPrintable([]byte("x"), []byte(in))); got != "x"+out {
			t.Fatalf("bytes gave %q", got)
		}
		var b bytes.Buffer
		w := transfer.NewQuotedPrintableWriter(&b)
		inPieces(w, in, cut)
		if err := w.Close(); err != nil || b.String() != out {
			t.Fatalf("in pieces %q\nwhole %q", b.String(), out)
		}
	})
}

// inPieces writes s cut at random places.
func inPieces(w io.Writer, s string, seed uint64) {
	r := rand.New(rand.NewPCG(seed, 1))
	for s != "" {
		n := min(len(s), r.IntN(9))
		io.WriteString(w, s[:n])
		s = s[n:]
	}
}

func FuzzBase64(f *testing.F) {
	f.Add([]byte("hello"), uint64(1))
	f.Add(bytes.Repeat([]byte{0xFF}, 57*3), uint64(2))
	f.Add([]byte{}, uint64(3))
	f.Fuzz(func(t *testing.T, in []byte, cut uint64) {
		checkBase64(t, in, cut)
	})
}

func checkBase64(t testing.TB, in []byte, cut uint64) {
	t.Helper()
	out := string(transfer.AppendBase64([]byte("x"), in))[1:]
	if int64(len(out)) != transfer.Base64Len(int64(len(in))) {
		t.Fatalf("%d octets became %d, not %d", len(in), len(out), transfer.Base64Len(int64(len(in))))
	}
	if out != "" && !strings.HasSuffix(out, "\r\n") {
		t.Fatalf("%q", out)
	}
	for l := range strings.SplitSeq(out, "\r\n") {
		if len(l) > 76 {
			t.Fatalf("%d octets", len(l))
		}
	}
	got, err := base64.StdEncoding.DecodeString(out)
	if err != nil || !bytes.Equal(got, in) {
		t.Fatalf("%x, %v", got, err)
	}
	var b strings.Builder
	w := transfer.NewBase64Writer(&b)
	inPieces(w, string(in), cut)
	if err := w.Close(); err != nil || b.String() != out {
		t.Fatalf("writer in pieces: %q\nwhole: %q", b.String(), out)
	}
	for _, r := range []io.Reader{bytes.NewReader(in), iotest.OneByteReader(bytes.NewReader(in)), iotest.DataErrReader(bytes.NewReader(in))} {
		got, err := io.ReadAll(transfer.NewBase64Reader(r))
		if err != nil || string(got) != out {
			t.Fatalf("reader: %q, %v\nwhole: %q", got, err, out)
		}
	}
	var b2 strings.Builder
	n, err := transfer.NewBase64Reader(iotest.OneByteReader(bytes.NewReader(in))).WriteTo(&b2)
	if err != nil || n != int64(len(out)) || b2.String() != out {
		t.Fatalf("WriteTo: %d, %q, %v\nwhole: %q", n, b2.String(), err, out)
	}
}

func TestBase64AllSizes(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	in := make([]byte, 57*300)
	for i := range in {
		in[i] = byte(r.Uint32())
	}
	for n := range 200 {
		checkBase64(t, in[:n], uint64(n))
	}
	checkBase64(t, in, 7)
	checkBase64(t, in[:57*256], 8)
}

// What a broken source gave is no complete base64 text.
func TestBase64ReaderBrokenSource(t *testing.T) {
	for _, boom := range []error{errors.New("boom"), io.ErrUnexpectedEOF} {
		src := io.MultiReader(strings.NewReader(strings.Repeat("x", 58)), iotest.ErrReader(boom))
		got, err := io.ReadAll(transfer.NewBase64Reader(src))
		if !errors.Is(err, boom) || len(got) != 78 {
			t.Errorf("%d octets, %v", len(got), err)
		}
	}
}

// A writer that fails or takes less than it is given ends WriteTo; the rest can be
// read.
func TestBase64ReaderToBadWriter(t *testing.T) {
	in := bytes.Repeat([]byte("x"), 100_000)
	whole := string(transfer.AppendBase64(nil, in))
	for _, w := range []*limited{{room: 30_000, err: io.ErrClosedPipe}, {room: 30_000}} {
		r := transfer.NewBase64Reader(bytes.NewReader(in))
		n, err := r.WriteTo(w)
		if want := cmp.Or(w.err, io.ErrShortWrite); err != want || n != 30_000 || w.String() != whole[:n] {
			t.Errorf("%d octets, %v, want %v", n, err, want)
		}
		rest, err := io.ReadAll(r)
		if err != nil || w.String()+string(rest) != whole {
			t.Errorf("%d octets behind it, %v", len(rest), err)
		}
	}
}

// limited takes so many octets.
type limited struct {
	strings.Builder
	room int
	err  error
}

func (l *limited) Write(p []byte) (int, error) {
	k := min(len(p), l.room)
	l.room -= k
	l.Builder.Write(p[:k])
	if k < len(p) {
		return k, l.err
	}
	return k, nil
}

// Readers that are used at once and one after the other don't meet in the room that
// they share.
func TestBase64ReadersAtOnce(t *testing.T) {
	var all sync.WaitGroup
	for k := range 8 {
		all.Go(func() {
			for n := range 200 {
				in := bytes.Repeat([]byte{byte('a' + k)}, n*37)
				var src io.Reader = bytes.NewReader(in)
				if n%5 == 0 {
					src = io.MultiReader(src, iotest.ErrReader(io.ErrUnexpectedEOF))
				}
				r := transfer.NewBase64Reader(src)
				got, err := io.ReadAll(r)
				if _, again := r.Read(make([]byte, 1)); err == nil && again != io.EOF || err != nil && again != err {
					t.Errorf("after the end: %v, then %v", err, again)
				}
				if want := string(transfer.AppendBase64(nil, in)); err == nil && string(got) != want || !strings.HasPrefix(want, string(got)) {
					t.Errorf("%d octets of %c: %.80q", len(in), 'a'+k, got)
				}
			}
		})
	}
	all.Wait()
}

type failing struct{ after int }

func (f *failing) Write(p []byte) (int, error) {
	if f.after--; f.after < 0 {
		return 0, io.ErrClosedPipe
	}
	return len(p), nil
}

func TestWriterErrorsStick(t *testing.T) {
	for name, w := range map[string]io.WriteCloser{
		"base64": transfer.NewBase64Writer(&failing{1}),
		"qp":     transfer.NewQuotedPrintableWriter(&failing{1}),
	} {
		big := bytes.Repeat([]byte("x"), 100_000)
		if _, err := w.Write(big); err != io.ErrClosedPipe {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := w.Write(big); err != io.ErrClosedPipe {
			t.Errorf("%s again: %v", name, err)
		}
		if err := w.Close(); err != io.ErrClosedPipe {
			t.Errorf("%s Close: %v", name, err)
		}
	}
}

func TestAppendCRLF(t *testing.T) {
	for _, v := range [][2]string{
		{"a\nb\r\nc\rd", "a\r\nb\r\nc\r\nd"},
		{"\r\r\n\n", "\r\n\r\n\r\n"},
		{"\n\r", "\r\n\r\n"},
		{"", ""},
		{"none", "none"},
	} {
		got := string(transfer.AppendCRLF(nil, v[0]))
		if got != v[1] {
			t.Errorf("%q: %q", v[0], got)
		}
		if !transfer.IsCRLF(got) || transfer.IsCRLF(v[0]) != (v[0] == v[1]) {
			t.Errorf("IsCRLF of %q", v[0])
		}
	}
}

func TestScan(t *testing.T) {
	for _, v := range []struct {
		in   string
		want transfer.Facts
	}{
		{"", transfer.Facts{}},
		{"a\r\n", transfer.Facts{}},
		{"a", transfer.Facts{Dangling: true}},
		{"a\nb\r\n", transfer.Facts{BareLF: 1}},
		{"a\rb\r\n", transfer.Facts{BareCR: true}},
		{"a\r", transfer.Facts{BareCR: true, Dangling: true}},
		{"\r\r\n", transfer.Facts{BareCR: true}},
		{"あ\r\n", transfer.Facts{EightBit: 3}},
		{"\x1b$B\x7f\x01\r\n", transfer.Facts{Escapes: 1, Controls: 2}},
		{"\x00=\r\n", transfer.Facts{Controls: 1, NUL: true, Equals: 1}},
		{"From x\r\n", transfer.Facts{From: true}},
		{"x\r\nFrom x\r\n", transfer.Facts{From: true}},
		{"FFrom x\r\nFrox \r\n", transfer.Facts{Trailing: true}},
		{"a \r\n", transfer.Facts{Trailing: true}},
		{"a\t", transfer.Facts{Trailing: true, Dangling: true}},
		{"a \n", transfer.Facts{Trailing: true, BareLF: 1}},
		{strings.Repeat("x", 998) + "\r\n", transfer.Facts{}},
		{strings.Repeat("x", 999) + "\r\n", transfer.Facts{LongLine: true}},
		{strings.Repeat("x", 999), transfer.Facts{LongLine: true, Dangling: true}},
		{"a\tb\r\n", transfer.Facts{}},
	} {
		v.want.Octets = int64(len(v.in))
		if got := transfer.Scan(v.in); got != v.want {
			t.Errorf("%q:\n got %+v\nwant %+v", v.in, got, v.want)
		}
		for cut := range uint64(20) {
			var s transfer.Scanner
			inPieces(&s, v.in, cut)
			if got := s.Facts(); got != v.want {
				t.Errorf("%q in pieces:\n got %+v\nwant %+v", v.in, got, v.want)
			}
		}
	}
}

func BenchmarkBase64(b *testing.B) {
	in := make([]byte, 1<<20)
	b.Run("ours", func(b *testing.B) {
		dst := make([]byte, 0, transfer.Base64Len(int64(len(in))))
		b.SetBytes(int64(len(in)))
		b.ReportAllocs()
		for b.Loop() {
			transfer.AppendBase64(dst, in)
		}
	})
	b.Run("encoding-base64-no-lines", func(b *testing.B) {
		dst := make([]byte, base64.StdEncoding.EncodedLen(len(in)))
		b.SetBytes(int64(len(in)))
		b.ReportAllocs()
		for b.Loop() {
			base64.StdEncoding.Encode(dst, in)
		}
	})
}

func BenchmarkScan(b *testing.B) {
	in := strings.Repeat(strings.Repeat("x", 76)+"\r\n", 1000)
	b.SetBytes(int64(len(in)))
	b.ReportAllocs()
	for b.Loop() {
		transfer.Scan(in)
	}
}

// TestScanEveryOctet puts every octet at every place of a line and of a pair of
// them, and looks at each octet by itself.
func TestScanEveryOctet(t *testing.T) {
	for c := range 256 {
		for at := range 20 {
			for _, second := range []byte{'a', '=', 0xFF, 0x7F, '\r', '\n'} {
				in := []byte("From aaaaaaaaaaaaaaaaaaaaaa\r\n")
				in[at], in[at+1] = byte(c), second
				var one transfer.Scanner
				for i := range in {
					one.Write(in[i : i+1])
				}
				got, want := transfer.Scan(in), transfer.Facts{Octets: int64(len(in))}
				for i, c := range in {
					switch {
					case c >= 0x80:
						want.EightBit++
					case c == 0x1B:
						want.Escapes++
					case c == '=':
						want.Equals++
					case c == '\n' && (i == 0 || in[i-1] != '\r'):
						want.BareLF++
					case c == '\r' && in[i+1] != '\n':
						want.BareCR = true
					case c < ' ' && c != '\t' && c != '\r' && c != '\n', c == 0x7F:
						want.Controls++
						want.NUL = want.NUL || c == 0
					}
				}
				want.From, want.Trailing = one.Facts().From, one.Facts().Trailing
				if got != want || got != one.Facts() {
					t.Fatalf("%q: %+v, want %+v, one by one %+v", in, got, want, one.Facts())
				}
			}
		}
	}
}
