package dkim_test

import (
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"

	"github.com/qdmail/qdmail/dkim"
)

// message.HeaderSigner, without importing it.
var _ interface {
	SignMessage(open func() (io.ReadCloser, error)) (field string, err error)
} = (*dkim.Signer)(nil)

func TestValid(t *testing.T) {
	const head = "From: a@example.jp\r\nSubject: s\r\n"
	messages := map[string]string{
		"letter":            letter,
		"empty body":        head + "\r\n",
		"blank body":        head + "\r\n\r\n\r\n",
		"trailing blanks":   head + "\r\nx\r\n\r\n \r\n\t\r\n\r\n",
		"leading blanks":    head + "\r\n\r\n\r\nx\r\n",
		"no last line end":  head + "\r\nx",
		"white space":       head + "\r\n a  b\t \tc \r\n\r\n  \r\n.\r\n",
		"UTF-8":             head + "\r\n日本語\r\n",
		"international":     "From: 太郎@example.jp\r\nSubject: 日本語\r\n\r\nx\r\n",
		"long lines":        head + "\r\n" + strings.Repeat(strings.Repeat("x", 998)+"\r\n", 30),
		"folded":            "From:\r\n \"a,\r\n\tb\"\r\n\t <a@example.jp>\r\nSubject:\r\n  a\r\n \t b \r\nTo: " + strings.Repeat("taro@example.com,\r\n\t", 3000) + "b@example.com\r\n\r\nx\r\n",
		"spelling":          "FROM : a@Example.JP\r\nsubject:s\r\nmime-version:\r\n\r\nx\r\n",
		"fields in between": "Received: x\r\nReturn-Path: <>\r\n" + head + "X-Y: z\r\nTo: b@example.com\r\n\r\nx\r\n",
	}
	for name, message := range messages {
		t.Run(name, func(t *testing.T) {
			for _, keys := range [][]dkim.Key{{rsaOne()}, {edOne()}, {rsaOne(), edOne()}, {edOne(), rsaOne()}} {
				field := sign(t, newSigner(t, dkim.Config{Keys: keys}), message)
				for i, v := range wantValid(t, field+message, len(keys), keys...) {
					if v.Domain != "example.jp" || !v.Expiration.IsZero() || v.Identifier != "@example.jp" {
						t.Errorf("signature %d is %+v", i, v)
					}
				}
			}
		})
	}
}

// A message that consists of header fields has an empty body.
func TestHeaderOnly(t *testing.T) {
	const message = "From: a@example.jp\r\nSubject: s\r\n"
	field := sign(t, newSigner(t, dkim.Config{Keys: []dkim.Key{edOne()}}), message)
	wantValid(t, field+message+"\r\n", 1, edOne())
}

func TestChanged(t *testing.T) {
	keys := []dkim.Key{rsaOne(), edOne()}
	signed := sign(t, newSigner(t, dkim.Config{Keys: keys, Fields: []string{"X-Ours"}}), letter) + letter
	replace := func(from, to string) string {
		changed := strings.Replace(signed, from, to, 1)
		if changed == signed {
			t.Fatalf("%q isn't in the message", from)
		}
		return changed
	}
	broken := map[string]string{
		"body changed":    replace("Yours", "yours"),
		"body cut":        replace("\r\n\r\nYours\r\n", "\r\n"),
		"body longer":     signed + "x\r\n",
		"text in front":   replace("\r\n\r\n", "\r\n\r\nx\r\n"),
		"To changed":      replace("taro@", "jiro@"),
		"Subject changed": replace("OSVIG", "OSVJG"),
	}
	for _, name := range strings.Fields("From To Cc Reply-To Subject Date Message-ID MIME-Version Content-Type" +
		" Content-Transfer-Encoding List-Unsubscribe List-Unsubscribe-Post X-Ours") {
		broken[name+" added in front"] = name + ": x@example.com\r\n" + signed
		broken[name+" added behind"] = replace("\r\n\r\n", "\r\n"+name+": x@example.com\r\n\r\n")
		if strings.Contains(letter, "\r\n"+name+": ") {
			broken[name+" removed"] = replace("\r\n"+name+": ", "\r\nX-"+name+": ")
		}
	}
	for name, message := range broken {
		t.Run(name, func(t *testing.T) {
			for _, v := range verify(t, message, keys...) {
				if v.Err == nil {
					t.Errorf("still valid")
				}
			}
		})
	}
	for name, message := range map[string]string{
		"trace fields":    "Return-Path: <a@example.jp>\r\nReceived: from a\r\n\tby b\r\n" + signed,
		"unfolded":        replace("=\r\n =?", "= =?"),
		"folded":          replace("charset", "\r\n\tcharset"),
		"trailing blanks": signed + "\r\n\r\n",
		"list":            replace("\r\nX-Ours: ", "\r\nList-Id: <l.example>\r\nX-Ours: "),
	} {
		t.Run(name, func(t *testing.T) { wantValid(t, message, 2, keys...) })
	}
}

func TestCovered(t *testing.T) {
	s := newSigner(t, dkim.Config{Keys: []dkim.Key{edOne()}, Fields: []string{"X-Ours", "subject", "X-None"}})
	message := "X-Ours: 2\r\n" + letter
	v := wantValid(t, sign(t, s, message)+message, 1, edOne())[0]
	want := strings.Fields("From From To To Cc Reply-To Subject Subject Date Date Message-ID Message-ID MIME-Version MIME-Version" +
		" Content-Type Content-Type Content-Transfer-Encoding Content-Transfer-Encoding" +
		" List-Unsubscribe List-Unsubscribe List-Unsubscribe-Post List-Unsubscribe-Post X-Ours X-Ours X-Ours")
	if !slices.Equal(v.HeaderKeys, want) {
		t.Errorf("covers %q\n want %q", v.HeaderKeys, want)
	}
}

func TestFolding(t *testing.T) {
	long := strings.Repeat("d", 60)
	far := dkim.Key{Domain: long + "." + long + "." + long + ".example.jp", Selector: long + "." + long, Private: rsaKey(), Identity: "@" + long + "." + long + "." + long + ".example.jp"}
	extra := "X-" + strings.Repeat("y", 74)
	for name, c := range map[string]struct {
		message string
		config  dkim.Config
	}{
		"RSA":        {letter, dkim.Config{Keys: []dkim.Key{rsaOne()}}},
		"Ed25519":    {letter, dkim.Config{Keys: []dkim.Key{edOne()}, Lifetime: time.Hour}},
		"long names": {strings.Replace(letter, "example.jp", far.Domain, 1), dkim.Config{Keys: []dkim.Key{far}}},
		"repeated":   {strings.Repeat(extra+": 1\r\n", 10) + letter, dkim.Config{Keys: []dkim.Key{rsaOne()}, Fields: []string{extra}}},
	} {
		t.Run(name, func(t *testing.T) {
			field := sign(t, newSigner(t, c.config), c.message)
			wantValid(t, field+c.message, len(c.config.Keys), c.config.Keys...)
			lines, ok := strings.CutSuffix(field, "\r\n")
			if !ok || !strings.HasPrefix(field, "DKIM-Signature: ") {
				t.Fatalf("not a field: %q", field)
			}
			for i, line := range strings.Split(lines, "\r\n") {
				if i > 0 && !strings.HasPrefix(line, " ") || strings.ContainsAny(line, "\r\n") {
					t.Errorf("line %d isn't a continuation: %q", i, line)
				}
				if len(line) > 998 || len(line) > 78 && strings.Contains(strings.TrimSpace(line), " ") {
					t.Errorf("line %d has %d octets: %q", i, len(line), line)
				}
			}
		})
	}
}

func TestWhoSigns(t *testing.T) {
	news := dkim.Key{Domain: "news.example.jp", Selector: "n1", Private: edKey()}
	wide := dkim.Key{Domain: "例え.jp.", Selector: "J1", Private: edKey()}
	keys := []dkim.Key{edOne(), rsaOne(), news, wide}
	for _, c := range []struct {
		from    string
		parents bool
		want    string // the domain that signs
		count   int
	}{
		{"a@example.jp", false, "example.jp", 2},
		{"A <a@EXAMPLE.jp.>", false, "example.jp", 2},
		{"a@news.example.jp", true, "news.example.jp", 1},
		{"a@old.news.example.jp", true, "news.example.jp", 1},
		{"a@www.example.jp", true, "example.jp", 2},
		{"a@www.example.jp", false, "", 0},
		{"a@myexample.jp", true, "", 0},
		{"a@jp", true, "", 0},
		{"a@[192.0.2.1]", true, "", 0},
		{"a@xn--r8jz45g.jp", false, "xn--r8jz45g.jp", 1},
		{"a@例え.jp", false, "xn--r8jz45g.jp", 1},
	} {
		message := "From: " + c.from + "\r\n\r\nx\r\n"
		config := dkim.Config{Keys: keys, Parents: c.parents}
		field, err := newSigner(t, config).SignMessage(opener(message))
		if c.count == 0 {
			e, ok := errors.AsType[*dkim.Error](err)
			if field != "" || !errors.Is(err, dkim.ErrNoKey) || !ok || e.Domain == "" {
				t.Errorf("%s: %q, %v", c.from, field, err)
			}
			config.AllowUnsigned = true
			if field, err := newSigner(t, config).SignMessage(opener(message)); field != "" || err != nil {
				t.Errorf("%s, unsigned: %q, %v", c.from, field, err)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", c.from, err)
			continue
		}
		for _, v := range wantValid(t, field+message, c.count, keys...) {
			if v.Domain != c.want {
				t.Errorf("%s: signed by %s, want %s", c.from, v.Domain, c.want)
			}
		}
	}
}

func TestIdentity(t *testing.T) {
	for given, want := range map[string]string{
		"@example.jp":           "@example.jp",
		"sales@News.Example.jp": "sales@news.example.jp",
	} {
		k := edOne()
		k.Identity = given
		v := wantValid(t, sign(t, newSigner(t, dkim.Config{Keys: []dkim.Key{k}}), letter)+letter, 1, k)
		if v[0].Identifier != want {
			t.Errorf("i=%s, want %s", v[0].Identifier, want)
		}
	}
}

func TestTimes(t *testing.T) {
	rsaKey() // outside of the bubble
	synctest.Test(t, func(t *testing.T) {
		s := newSigner(t, dkim.Config{Keys: []dkim.Key{edOne()}, Lifetime: 36 * time.Hour})
		field := sign(t, s, letter)
		// A bubble begins at the start of the year 2000.
		if !strings.Contains(field, " t=946684800;") || !strings.Contains(field, " x=946814400;") {
			t.Errorf("the times are wrong: %q", field)
		}
	})
}

// TestReadFaults: whatever keeps a message from being read comes back as it is,
// the key is left alone, and no goroutine stays behind, of which the bubble would
// complain.
func TestReadFaults(t *testing.T) {
	rsaKey()
	boom := errors.New("boom")
	calls := 0
	r, e := rsaOne(), edOne()
	r.Private = opaque{Signer: rsaKey(), calls: &calls}
	e.Private = opaque{Signer: edKey(), calls: &calls}
	s := newSigner(t, dkim.Config{Keys: []dkim.Key{r, e}})
	big := letter + strings.Repeat("x\r\n", 10000)
	for _, n := range []int{0, 1, 30, 100, strings.Index(letter, "\r\n\r\n") + 2, len(letter), 4096, 9000, len(big)} {
		synctest.Test(t, func(t *testing.T) {
			closed := 0
			_, err := s.SignMessage(func() (io.ReadCloser, error) {
				return struct {
					io.Reader
					io.Closer
				}{io.MultiReader(strings.NewReader(big[:n]), iotest.ErrReader(boom)), closer(func() { closed++ })}, nil
			})
			if err != boom || closed != 1 {
				t.Errorf("after %d octets: %v, closed %d times", n, err, closed)
			}
		})
	}
	if _, err := s.SignMessage(func() (io.ReadCloser, error) { return nil, boom }); err != boom {
		t.Errorf("open: %v", err)
	}
	if calls != 0 {
		t.Errorf("the keys were used %d times", calls)
	}
}

type closer func()

func (c closer) Close() error { c(); return nil }

// TestKeyFaults: one key that fails fails the message, and leaves nothing behind.
func TestKeyFaults(t *testing.T) {
	boom := errors.New("boom")
	bad := func(k dkim.Key, with opaque) dkim.Key {
		with.Signer = k.Private
		k.Private = with
		return k
	}
	for _, c := range []struct {
		keys     []dkim.Key
		want     error
		selector string
	}{
		{[]dkim.Key{bad(rsaOne(), opaque{fail: boom}), edOne()}, boom, "r1"},
		{[]dkim.Key{rsaOne(), bad(edOne(), opaque{fail: boom})}, boom, "e1"},
		{[]dkim.Key{bad(rsaOne(), opaque{wrong: true})}, dkim.ErrSignature, "r1"},
		{[]dkim.Key{bad(edOne(), opaque{wrong: true})}, dkim.ErrSignature, "e1"},
	} {
		synctest.Test(t, func(t *testing.T) {
			field, err := newSigner(t, dkim.Config{Keys: c.keys}).SignMessage(opener(letter))
			e, ok := errors.AsType[*dkim.Error](err)
			if field != "" || !errors.Is(err, c.want) || !ok || e.Domain != "example.jp" || e.Selector != c.selector {
				t.Errorf("%q, %v; want %v", field, err, c.want)
			}
		})
	}
	keys := []dkim.Key{bad(rsaOne(), opaque{}), bad(edOne(), opaque{})}
	wantValid(t, sign(t, newSigner(t, dkim.Config{Keys: keys}), letter)+letter, 2, keys...)
}

func TestMalformed(t *testing.T) {
	s := newSigner(t, dkim.Config{Keys: []dkim.Key{edOne()}, AllowUnsigned: true, Fields: []string{"X-Ours"}})
	for message, want := range map[string]error{
		"":                                   dkim.ErrNoFrom,
		"\r\nbody":                           dkim.ErrNoFrom,
		"Subject: s\r\n\r\n":                 dkim.ErrNoFrom,
		"From: nobody\r\n\r\n":               dkim.ErrNoFrom,
		"From: a@example.jp":                 dkim.ErrHeader,
		"From a@b 10:00:00\r\nTo: x\r\n\r\n": dkim.ErrHeader,
		" From: a@example.jp\r\n\r\n":        dkim.ErrHeader,
		"From: a@example.jp\r\nx\r\n\r\n":    dkim.ErrHeader,
		"From: a@example.jp\r\n: x\r\n\r\n":  dkim.ErrHeader,
		"From: a@example.jp\rTo: x\r\n\r\n":  dkim.ErrHeader,
		"From: a@example.jp\r\nFrom: a@example.jp\r\n\r\n":                      dkim.ErrHeader,
		"From: a@example.jp\r\nSubject: s\r\nsubject: s\r\n\r\n":                dkim.ErrHeader,
		"From: a@example.jp\r\n" + strings.Repeat("X-Ours: 1\r\n", 11) + "\r\n": dkim.ErrHeader,
		"From: a@example.jp\r\nTo: " + strings.Repeat("x", 5<<20) + "\r\n\r\n":  dkim.ErrHeader,
		"From: a@example.jp\r\n" + strings.Repeat("X-Y: 1\r\n", 1<<20) + "\r\n": dkim.ErrHeader,
	} {
		field, err := s.SignMessage(opener(message))
		if _, ok := errors.AsType[*dkim.Error](err); field != "" || !errors.Is(err, want) || !ok {
			t.Errorf("%.60q: %q, %v; want %v", message, field, err, want)
		}
	}
}
