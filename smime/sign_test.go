package smime_test

import (
	"bytes"
	"crypto"
	"encoding/base64"
	"errors"
	"io"
	"mime"
	"net/mail"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"testing/iotest"

	"go.mozilla.org/pkcs7"

	"github.com/qdmail/qdmail/smime"
)

// judgeDetached has Go's standard library take a multipart/signed entity apart,
// and pkcs7 verify it.
func judgeDetached(t *testing.T, out []byte) (content []byte, p7 *pkcs7.PKCS7, params map[string]string) {
	t.Helper()
	m, err := mail.ReadMessage(bytes.NewReader(out))
	must(t, err)
	mediaType, params, err := mime.ParseMediaType(m.Header.Get("Content-Type"))
	must(t, err)
	if mediaType != "multipart/signed" || params["protocol"] != "application/pkcs7-signature" {
		t.Fatalf("%s; %v", mediaType, params)
	}
	parts := strings.Split(string(out), "--"+params["boundary"])
	if len(parts) != 4 || parts[3] != "--\r\n" {
		t.Fatalf("%d parts, the last %q", len(parts), parts[len(parts)-1])
	}
	content = []byte(strings.TrimSuffix(strings.TrimPrefix(parts[1], "\r\n"), "\r\n"))
	sig, err := mail.ReadMessage(strings.NewReader(strings.TrimPrefix(parts[2], "\r\n")))
	must(t, err)
	der, err := io.ReadAll(base64.NewDecoder(base64.StdEncoding, sig.Body))
	must(t, err)
	p7, err = pkcs7.Parse(der)
	must(t, err)
	p7.Content = content
	must(t, p7.Verify())
	return content, p7, params
}

func TestDetached(t *testing.T) {
	micalgs := map[string]string{"rsa2048": "sha-256", "rsa4096": "sha-256", "p256": "sha-256", "p384": "sha-384", "p521": "sha-512"}
	for _, kind := range goodKinds {
		for hash, micalg := range map[crypto.Hash]string{0: micalgs[kind], crypto.SHA512: "sha-512"} {
			s := newSigner(t, kind)
			s.Hash = hash
			content, p7, params := judgeDetached(t, signed(t, s, entity))
			if string(content) != entity {
				t.Errorf("%s: signed was %q", kind, content)
			}
			if params["micalg"] != micalg {
				t.Errorf("%s: micalg is %s, want %s", kind, params["micalg"], micalg)
			}
			if len(p7.Certificates) != 2 || !p7.Certificates[1].Equal(s.Chain()[0]) {
				t.Errorf("%s: %d certificates, want leaf and authority", kind, len(p7.Certificates))
			}
			got, err := verifier(t).Verify(signed(t, s, entity))
			must(t, err)
			if sig := got.Signatures[0]; string(got.Entity) != entity || !sig.Time.Equal(moment) ||
				!sig.Certificate.Equal(s.Certificate()) || len(sig.Chains[0]) != 3 {
				t.Errorf("%s: %q, %+v", kind, got.Entity, got.Signatures)
			}
		}
	}
}

func TestOpaque(t *testing.T) {
	for _, size := range []int{0, 1, 110, 127, 128, 255, 256, 65535, 65536, 1 << 20} {
		s := newSigner(t, "p256")
		s.Opaque = true
		want := strings.Repeat(strings.Repeat("x", 62)+"\r\n", size/64) + strings.Repeat("y", size%64)
		out := signed(t, s, want)
		if !bytes.HasPrefix(out, []byte("Content-Type: application/pkcs7-mime; smime-type=signed-data;\r\n")) {
			t.Fatalf("%q", out[:100])
		}
		got, err := verifier(t).Verify(out)
		must(t, err)
		if string(got.Entity) != want {
			t.Errorf("%d octets: got %d", size, len(got.Entity))
		}
		for line := range bytes.Lines(out) {
			if len(line) > 78 {
				t.Fatalf("a line of %d octets", len(line))
			}
		}
	}
}

// What is frozen is signed once: each reading gives the same octets, of the size
// that was told.
func TestFreeze(t *testing.T) {
	s := newSigner(t, "p256") // ECDSA signatures differ each time
	for _, opaque := range []bool{false, true} {
		s.Opaque = opaque
		open, size, err := s.Freeze(from(entity))
		must(t, err)
		var all [][]byte
		for range 2 {
			r, err := open()
			must(t, err)
			b, err := io.ReadAll(iotest.OneByteReader(r))
			must(t, err)
			must(t, r.Close())
			all = append(all, b)
		}
		if !bytes.Equal(all[0], all[1]) || int64(len(all[0])) != size {
			t.Errorf("opaque %v: %d and %d octets, the size is %d", opaque, len(all[0]), len(all[1]), size)
		}
		if _, err := verifier(t).Verify(all[0]); err != nil {
			t.Error(err)
		}
	}
}

// Line endings are made CRLF before anything is signed, however they are cut.
func TestCanonicalLineEndings(t *testing.T) {
	s := newSigner(t, "p256")
	for _, bare := range []string{"a: b\n\nc\n", "a: b\r\n\nc\n", "\n", "\n\r\n\n", "x\r\n\ny"} {
		want := strings.ReplaceAll(strings.ReplaceAll(bare, "\r\n", "\n"), "\n", "\r\n")
		for _, cut := range []func(io.Reader) io.Reader{
			func(r io.Reader) io.Reader { return r }, iotest.OneByteReader, iotest.DataErrReader, iotest.HalfReader,
		} {
			var out bytes.Buffer
			must(t, s.Sign(&out, func() (io.ReadCloser, error) { return io.NopCloser(cut(strings.NewReader(bare))), nil }))
			if content, _, _ := judgeDetached(t, out.Bytes()); string(content) != want {
				t.Errorf("%q became %q", bare, content)
			}
		}
	}
}

func TestUnfitEntities(t *testing.T) {
	s := newSigner(t, "p256")
	for name, bad := range map[string]string{
		"8-bit":          "a: b\r\n\r\n\xe3\x81\x82\r\n",
		"NUL":            "a: b\r\n\r\n\x00\r\n",
		"CR alone":       "a: b\r\n\r\nx\ry\r\n",
		"CR at the end":  "a: b\r\n\r\nx\r",
		"two CR":         "a: b\r\n\r\nx\r\r\n",
		"line too long":  strings.Repeat("x", 999) + "\r\n",
		"long, unended":  strings.Repeat("x", 999),
		"long with tabs": strings.Repeat("\t", 999) + "\r\n",
	} {
		for _, cut := range []func(io.Reader) io.Reader{func(r io.Reader) io.Reader { return r }, iotest.OneByteReader} {
			var out bytes.Buffer
			err := s.Sign(&out, func() (io.ReadCloser, error) { return io.NopCloser(cut(strings.NewReader(bad))), nil })
			if !errors.Is(err, smime.ErrEntity) || out.Len() > 0 {
				t.Errorf("%s: %v, %d octets written", name, err, out.Len())
			}
		}
	}
	for _, good := range []string{"", strings.Repeat("x", 998), strings.Repeat("x", 998) + "\r\n", "\x1b\x07\x7f"} {
		if content, _, _ := judgeDetached(t, signed(t, s, good)); string(content) != good {
			t.Errorf("%q became %q", good, content)
		}
	}
}

// An entity that changes between its readings makes no mail with a signature
// that is wrong.
func TestChangedEntity(t *testing.T) {
	for _, opaque := range []bool{false, true} {
		s := newSigner(t, "p256")
		s.Opaque = opaque
		for _, second := range []string{"a: b\r\n\r\nother\r\n", entity + "more\r\n", entity[:len(entity)-2], ""} {
			contents, n := []string{entity, second}, 0
			var out bytes.Buffer
			err := s.Sign(&out, func() (io.ReadCloser, error) {
				n++
				return io.NopCloser(strings.NewReader(contents[n-1])), nil
			})
			if !errors.Is(err, smime.ErrChanged) {
				t.Errorf("opaque %v, %q: %v", opaque, second, err)
			}
			if n != 2 {
				t.Errorf("it was read %d times", n)
			}
			if _, err := verifier(t).Verify(out.Bytes()); err == nil {
				t.Error("what was written verifies")
			}
		}
	}
}

// Errors of what is read come through, and everything that was opened is closed.
func TestEntityErrors(t *testing.T) {
	s := newSigner(t, "p256")
	broken := errors.New("broken")
	var open atomic.Int32
	for fails := range 3 {
		n := 0
		err := s.Sign(io.Discard, func() (io.ReadCloser, error) {
			if n++; fails == 0 {
				return nil, broken
			}
			open.Add(1)
			var r io.Reader = strings.NewReader(entity)
			if n == fails {
				r = io.MultiReader(strings.NewReader(entity[:10]), iotest.ErrReader(broken))
			}
			return closer{r, func() { open.Add(-1) }}, nil
		})
		if !errors.Is(err, broken) || open.Load() != 0 {
			t.Errorf("reading %d: %v, %d open", fails, err, open.Load())
		}
	}
	if err := s.Sign(brokenWriter{broken}, from(entity)); !errors.Is(err, broken) {
		t.Error(err)
	}
	s.Rand = iotest.ErrReader(broken)
	if err := s.Sign(io.Discard, from(entity)); !errors.Is(err, broken) {
		t.Errorf("without randomness: %v", err)
	}
}

type closer struct {
	io.Reader
	close func()
}

func (c closer) Close() error { c.close(); return nil }

type brokenWriter struct{ err error }

func (w brokenWriter) Write([]byte) (int, error) { return 0, w.err }

// The memory that signing takes doesn't depend on what is signed.
func TestStreaming(t *testing.T) {
	s := newSigner(t, "p256")
	line := strings.Repeat("x", 76) + "\r\n"
	large := func() (io.ReadCloser, error) {
		return io.NopCloser(io.LimitReader(&repeat{line: line}, 25<<20/78*78)), nil
	}
	for _, opaque := range []bool{false, true} {
		s.Opaque = opaque
		allocated := allocation(func() { must(t, s.Sign(io.Discard, large)) })
		t.Logf("opaque %v: %d octets", opaque, allocated)
		if allocated > 128<<10 {
			t.Errorf("opaque %v: %d octets allocated for 25 MiB", opaque, allocated)
		}
	}
}

// allocation is what a function allocates altogether, freed or not.
func allocation(do func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	do()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

type repeat struct {
	line string
	at   int
}

func (r *repeat) Read(p []byte) (int, error) {
	n := 0
	for n < len(p) {
		c := copy(p[n:], r.line[r.at:])
		n, r.at = n+c, (r.at+c)%len(r.line)
	}
	return n, nil
}

// Seal signs the content of a finished message and leaves its header alone.
func TestSeal(t *testing.T) {
	s := newSigner(t, "p256")
	const outer = "From: a@example.jp\r\nSubject: =?UTF-8?B?44GC?=\r\n folded\r\n"
	for name, c := range map[string]struct{ in, header, content string }{
		"with MIME": {
			outer + "MIME-Version: 1.0\r\nContent-Type: text/plain;\r\n charset=us-ascii\r\nX-After: 1\r\n\r\nHello\r\n",
			outer + "MIME-Version: 1.0\r\nX-After: 1\r\n", "Content-Type: text/plain;\r\n charset=us-ascii\r\n\r\nHello\r\n",
		},
		"without":    {outer + "\r\nHello\r\n", outer + "MIME-Version: 1.0\r\n", "\r\nHello\r\n"},
		"LF":         {"Subject: x\n\nHello\n", "Subject: x\r\nMIME-Version: 1.0\r\n", "\r\nHello\r\n"},
		"identified": {"Message-ID:\r\n <id@x>\r\n\r\n", "Message-ID:\r\n <id@x>\r\nMIME-Version: 1.0\r\n", "\r\n"},
		"empty body": {"Subject: x\r\n\r\n", "Subject: x\r\nMIME-Version: 1.0\r\n", "\r\n"},
	} {
		sealed, err := s.Seal(from(c.in))
		must(t, err)
		r, err := sealed.Open()
		must(t, err)
		out, err := io.ReadAll(r)
		must(t, err)
		if int64(len(out)) != sealed.Size() || !strings.HasPrefix(string(out), c.header+"Content-Type: multipart/signed;") {
			t.Errorf("%s: size %d of %d\n%s", name, sealed.Size(), len(out), out)
		}
		if id := sealed.MessageID(); (id == "id@x") != (name == "identified") || id != "" && id != "id@x" {
			t.Errorf("%s: the Message-ID is %q", name, id)
		}
		if content, _, _ := judgeDetached(t, out); string(content) != c.content {
			t.Errorf("%s: signed was %q", name, content)
		}
	}
	for _, bad := range []string{"", "Subject: x\r\n", "no field\r\n\r\n", ": x\r\n\r\n", "a: " + strings.Repeat("x", 5000) + "\r\n\r\n"} {
		if _, err := s.Seal(from(bad)); err == nil {
			t.Errorf("%q was sealed", bad)
		}
	}
}

// The boundary is random, and nothing else of an RSA signature is.
func TestOnlyTheBoundaryIsRandom(t *testing.T) {
	s := newSigner(t, "rsa2048")
	one, two := signed(t, s, entity), signed(t, s, entity)
	if bytes.Equal(one, two) {
		t.Error("the same boundary twice")
	}
	s.Rand = bytes.NewReader(make([]byte, 1000))
	one = signed(t, s, entity)
	s.Rand = bytes.NewReader(make([]byte, 1000))
	if two = signed(t, s, entity); !bytes.Equal(one, two) {
		t.Error("something else is random")
	}
}
