package message_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/iotest"
	"time"

	"github.com/qdmail/qdmail/delivery"
	"github.com/qdmail/qdmail/message"
)

// Sources of every kind give the same message each time, in pieces of any size.
func TestBodyReopens(t *testing.T) {
	dir := t.TempDir()
	content := bytes.Repeat([]byte("0123456789"), 5000)
	if err := os.WriteFile(filepath.Join(dir, "資料.bin"), content, 0o600); err != nil {
		t.Fatal(err)
	}
	var opened atomic.Int32
	m := sample()
	m.Attachments = []message.Attachment{
		message.File(filepath.Join(dir, "資料.bin")),
		message.FS(os.DirFS(dir), "資料.bin"),
		message.Bytes("b", content),
		message.Open("o", func() (io.ReadCloser, error) {
			opened.Add(1)
			return io.NopCloser(iotest.OneByteReader(bytes.NewReader(content))), nil
		}),
	}
	var e message.Encoder
	body, err := e.Encode(m)
	if err != nil {
		t.Fatal(err)
	}
	var first []byte
	for i := range 3 {
		r, err := body.Open()
		if err != nil {
			t.Fatal(err)
		}
		var src io.Reader = r
		if i == 1 {
			src = iotest.HalfReader(r)
		}
		b, err := io.ReadAll(src)
		if err != nil || int64(len(b)) != body.Size() {
			t.Fatalf("%d octets of %d, %v", len(b), body.Size(), err)
		}
		if i == 0 {
			first = b
			continue
		}
		if !bytes.Equal(b, first) {
			t.Error("another message")
		}
	}
	if n := opened.Load(); n != 4 {
		t.Errorf("opened %d times", n)
	}
	for i, p := range read(t, string(first)).parts[1:] {
		if !bytes.Equal(p.body, content) {
			t.Errorf("attachment %d differs", i)
		}
	}
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			r, _ := body.Open()
			if b, err := io.ReadAll(r); !bytes.Equal(b, first) {
				t.Errorf("%v", err)
			}
			r.Close()
		})
	}
	wg.Wait()
}

// A source that is no longer what it was is an error, never a shorter mail.
func TestChangedAttachments(t *testing.T) {
	dir := t.TempDir()
	name := filepath.Join(dir, "f")
	write := func(s string, at time.Time) {
		if err := os.WriteFile(name, []byte(s), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(name, at, at); err != nil {
			t.Fatal(err)
		}
	}
	then := time.Now().Add(-time.Hour)
	for what, change := range map[string]func(){
		"shorter":   func() { write("1", then) },
		"longer":    func() { write("12345678", then) },
		"same size": func() { write("4321", then.Add(time.Second)) },
		"gone":      func() { os.Remove(name) },
	} {
		write("1234", then)
		m := sample()
		m.Attachments = []message.Attachment{message.File(name)}
		checkBroken(t, what, m, change)
	}
	for what, second := range map[string]io.Reader{
		"shorter":   strings.NewReader("123"),
		"longer":    strings.NewReader("12345"),
		"same size": strings.NewReader("1235"),
		"broken":    io.MultiReader(strings.NewReader("12"), iotest.ErrReader(io.ErrUnexpectedEOF)),
	} {
		m := sample()
		next := io.Reader(strings.NewReader("1234"))
		m.Attachments = []message.Attachment{message.Open("o", func() (io.ReadCloser, error) { return io.NopCloser(next), nil })}
		checkBroken(t, "Open "+what, m, func() { next = second })
	}
}

func checkBroken(t *testing.T, what string, m *message.Message, change func()) {
	t.Helper()
	var e message.Encoder
	body, err := e.Encode(m)
	if err != nil {
		t.Fatalf("%s: %v", what, err)
	}
	change()
	r, err := body.Open()
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(r)
	if err == nil {
		t.Errorf("%s: no error, %d octets of %d", what, len(b), body.Size())
	}
	if !errors.Is(err, delivery.ErrBodyChanged) && !errors.Is(err, os.ErrNotExist) && !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("%s: %v", what, err)
	}
	if _, again := r.Read(make([]byte, 1)); again == nil || again == io.EOF {
		t.Errorf("%s: then %v", what, again)
	}
	r.Close()
}

func TestBrokenSourcesFailAtEncode(t *testing.T) {
	for what, a := range map[string]message.Attachment{
		"missing": message.File(filepath.Join(t.TempDir(), "none")),
		"folder":  message.File(t.TempDir()),
		"open":    message.Open("x", func() (io.ReadCloser, error) { return nil, io.ErrNoProgress }),
		"read":    message.Open("x", func() (io.ReadCloser, error) { return io.NopCloser(iotest.ErrReader(io.ErrNoProgress)), nil }),
		"zero":    {Name: "x"},
	} {
		m := sample()
		m.Attachments = []message.Attachment{message.Bytes("fine", nil), a}
		_, err := m.WriteTo(io.Discard)
		var fe *message.FieldError
		if !errors.As(err, &fe) || fe.Field != "Attachments" || fe.Index != 1 {
			t.Errorf("%s: %v", what, err)
		}
	}
}

func TestReaderAfterClose(t *testing.T) {
	m := sample()
	m.Attachments = []message.Attachment{message.Bytes("x", make([]byte, 1<<20))}
	var e message.Encoder
	body, _ := e.Encode(m)
	r, _ := body.Open()
	io.CopyN(io.Discard, r, 100_000)
	if err := r.Close(); err != nil {
		t.Error(err)
	}
	if _, err := r.Read(make([]byte, 10)); err == nil {
		t.Error("read after Close")
	}
	if err := r.Close(); err != nil {
		t.Error(err)
	}
}

// The size of an attachment never shows in memory: everything that is allocated
// on the way of 100 MB is a small fraction of it.
func TestLargeAttachmentStreams(t *testing.T) {
	name := sparse(t, 100<<20)
	m := sample()
	m.Attachments = []message.Attachment{message.File(name)}
	for _, how := range []func(delivery.Body) (int64, error){
		func(b delivery.Body) (int64, error) { return b.(io.WriterTo).WriteTo(io.Discard) },
		func(b delivery.Body) (int64, error) {
			r, err := b.Open()
			if err != nil {
				return 0, err
			}
			defer r.Close()
			return io.CopyBuffer(struct{ io.Writer }{io.Discard}, r, make([]byte, 64<<10))
		},
	} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		var e message.Encoder
		body, err := e.Encode(m)
		if err != nil {
			t.Fatal(err)
		}
		n, err := how(body)
		runtime.ReadMemStats(&after)
		if err != nil || n != body.Size() || n < 136<<20 {
			t.Fatalf("%d octets, %v", n, err)
		}
		if got := after.TotalAlloc - before.TotalAlloc; got > 1<<20 {
			t.Errorf("%d octets allocated", got)
		}
	}
}

// sparse makes a file of zeros that takes no room on the disk.
func sparse(t testing.TB, size int64) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "large.bin")
	f, err := os.Create(name)
	if err == nil {
		err = f.Truncate(size)
	}
	if err == nil {
		err = f.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	return name
}

func BenchmarkEncode(b *testing.B) {
	small := &message.Message{
		From:    message.Address{Name: "Example Shop", Address: "shop@example.com"},
		To:      []message.Address{{Name: "Taro Yamada", Address: "taro@example.jp"}},
		Subject: "Your order has been shipped",
		Text:    "Hello,\r\n\r\nyour order 2026-0042 has been shipped.\r\n",
	}
	both := *small
	both.Text = strings.Repeat("ご注文ありがとうございます。\r\n", 10)
	both.HTML = "<html><body>" + strings.Repeat("<p>ご注文ありがとうございます。</p>\r\n", 10) + "</body></html>"
	both.Subject = "ご注文ありがとうございます"
	file := *small
	file.Attachments = []message.Attachment{message.Bytes("見積書.pdf", make([]byte, 1<<20))}
	many := *small
	many.To = nil
	for i := range 100 {
		many.To = append(many.To, message.Address{Name: "山田 太郎", Address: fmt.Sprintf("taro%d@example.jp", i)})
	}
	jis := *small
	jis.Subject, jis.Charset = both.Subject, message.ISO2022JP
	jis.Text = strings.Repeat("吾輩は猫である。名前はまだ無い。どこで生れたかとんと見当がつかぬ。\r\n", 100)

	for _, v := range []struct {
		name string
		m    *message.Message
	}{{"small", small}, {"text+HTML", &both}, {"1MiB", &file}, {"100-recipients", &many}, {"ISO-2022-JP-10KB", &jis}} {
		b.Run(v.name, func(b *testing.B) {
			var e message.Encoder
			b.ReportAllocs()
			for b.Loop() {
				body, err := e.Encode(v.m)
				if err != nil {
					b.Fatal(err)
				}
				n, err := body.(io.WriterTo).WriteTo(io.Discard)
				if err != nil {
					b.Fatal(err)
				}
				b.SetBytes(n)
			}
		})
	}
}

// BenchmarkLargeAttachment streams a 100 MB file. B/op is everything that was
// allocated on the way, so the peak is below it; peak-MiB is the high-water mark
// of the whole process, where the system tells it.
func BenchmarkLargeAttachment(b *testing.B) {
	name := sparse(b, 100<<20)
	m := sample()
	m.Attachments = []message.Attachment{message.File(name)}
	b.ReportAllocs()
	b.SetBytes(100 << 20)
	for b.Loop() {
		if _, err := m.WriteTo(io.Discard); err != nil {
			b.Fatal(err)
		}
	}
	if status, err := os.ReadFile("/proc/self/status"); err == nil {
		if _, rest, ok := strings.Cut(string(status), "VmHWM:"); ok {
			var kb float64
			fmt.Sscan(rest, &kb)
			b.ReportMetric(kb/1024, "peak-MiB")
		}
	}
}

// Closing a reader ends a Read that blocks.
func TestCloseInterruptsRead(t *testing.T) {
	r, w := io.Pipe()
	defer w.Close()
	sources := []io.ReadCloser{io.NopCloser(strings.NewReader("x")), r}
	m := sample()
	m.Attachments = []message.Attachment{message.Open("x", func() (io.ReadCloser, error) {
		next := sources[0]
		sources = sources[1:]
		return next, nil
	})}
	var e message.Encoder
	body, err := e.Encode(m)
	if err != nil {
		t.Fatal(err)
	}
	b, _ := body.Open()
	done := make(chan error)
	go func() {
		_, err := io.Copy(io.Discard, b)
		done <- err
	}()
	if _, err := w.Write(nil); err != nil { // returns once the reader is there
		t.Fatal(err)
	}
	b.Close()
	if err := <-done; err == nil {
		t.Error("no error")
	}
}

// What an attachment is made of has to be something.
func TestNilSources(t *testing.T) {
	for name, a := range map[string]message.Attachment{
		"Open(nil)":      message.Open("f", nil),
		"nil, nil":       message.Open("f", func() (io.ReadCloser, error) { return nil, nil }),
		"no constructor": {Name: "f"},
	} {
		m := sample()
		m.Attachments = []message.Attachment{a}
		var fe *message.FieldError
		if _, err := m.WriteTo(io.Discard); !errors.As(err, &fe) || fe.Field != "Attachments" {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestTextAttachmentsNameUTF8(t *testing.T) {
	for _, v := range []struct{ name, content, want string }{
		{"メモ.txt", strings.Repeat("日本語", 30_000), "UTF-8"},
		{"a.csv", "a,b", "UTF-8"},
		{"sjis.csv", "\x93\xfa\x96\x7b", ""},
		{"cut.txt", "日本\xe8\xaa", ""},
		{"a.pdf", "日本", ""},
	} {
		for _, a := range []message.Attachment{
			message.Bytes(v.name, []byte(v.content)),
			message.Open(v.name, func() (io.ReadCloser, error) {
				return io.NopCloser(iotest.OneByteReader(strings.NewReader(v.content))), nil
			}),
		} {
			m := sample()
			m.Attachments = []message.Attachment{a}
			if p := read(t, wire(t, m)).parts[1]; p.params["charset"] != v.want || string(p.body) != v.content {
				t.Errorf("%s: charset %q", v.name, p.params["charset"])
			}
		}
	}
}
