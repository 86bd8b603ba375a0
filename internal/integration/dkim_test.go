//go:build integration

package integration_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/qdmail/qdmail"
	"github.com/qdmail/qdmail/delivery"
	"github.com/qdmail/qdmail/dkim"
	"github.com/qdmail/qdmail/internal/integration/realserver"
	"github.com/qdmail/qdmail/message"
)

// verifyDKIM is dkimpy with a DNS of its own: it prints for each signature of a
// message whether it is valid.
const verifyDKIM = `
import dkim, json, sys
keys = dict(line.rstrip("\n").split(" ", 1) for line in open(sys.argv[1]))
def txt(name, timeout=5):
    name = name.decode() if isinstance(name, bytes) else name
    return keys[name.rstrip(".")].encode()
message = open(sys.argv[2], "rb").read()
count = sum(1 for name, _ in dkim.rfc822_parse(message)[0] if name.lower() == b"dkim-signature")
def valid(i):
    try:
        return dkim.DKIM(message).verify(idx=i, dnsfunc=txt)
    except dkim.DKIMException:
        return False
print(json.dumps([valid(i) for i in range(count)]))
`

// Both are named in full: they are Debian's, and a Python of somebody else's has no
// dkimpy.
const debianPython, debianOpenDKIM = "/usr/bin/python3", "/usr/sbin/opendkim"

// dkimJudge asks dkimpy and OpenDKIM, who know the records of some keys.
type dkimJudge struct{ dir string }

func newDKIMJudge(t *testing.T, keys ...dkim.Key) *dkimJudge {
	t.Helper()
	j := &dkimJudge{t.TempDir()}
	var zone strings.Builder
	for _, k := range keys {
		r, err := k.Record()
		must(t, err)
		fmt.Fprintln(&zone, r.Name, strings.Join(r.Strings(), ""))
	}
	must(t, os.WriteFile(j.file("zone"), []byte(zone.String()), 0o600))
	must(t, os.WriteFile(j.file("conf"), []byte("TestPublicKeys "+j.file("zone")+"\n"), 0o600))
	return j
}

func (j *dkimJudge) file(name string) string { return filepath.Join(j.dir, name) }

// verdicts returns for each signature of a message whether it is valid. The judges
// must agree.
func (j *dkimJudge) verdicts(t *testing.T, mail []byte) []bool {
	t.Helper()
	must(t, os.WriteFile(j.file("mail"), mail, 0o600))
	out, err := run(within(t), nil, debianPython, "-c", verifyDKIM, j.file("zone"), j.file("mail"))
	must(t, err)
	var python, open []bool
	must(t, json.Unmarshal(out, &python))
	// OpenDKIM reports about one signature, so it gets them one at a time.
	for _, one := range withOneDKIM(mail) {
		must(t, os.WriteFile(j.file("one"), one, 0o600))
		out, err := run(within(t), nil, debianOpenDKIM, "-x", j.file("conf"), "-f", "-t", j.file("one"))
		must(t, err)
		good, bad := bytes.Contains(out, []byte(") succeeded")), bytes.Contains(out, []byte(" failed: "))
		if good == bad {
			t.Fatalf("OpenDKIM says %q", out)
		}
		open = append(open, good)
	}
	if !slices.Equal(python, open) {
		t.Errorf("dkimpy says %v, OpenDKIM %v", python, open)
	}
	return python
}

// withOneDKIM returns mail once for each of its DKIM-Signature fields, without
// the others.
func withOneDKIM(mail []byte) [][]byte {
	header, body, _ := bytes.Cut(mail, []byte("\r\n\r\n"))
	text := strings.ReplaceAll(string(header), "\r\n ", "\x00 ")
	text = strings.ReplaceAll(text, "\r\n\t", "\x00\t")
	var signatures, others []string
	for field := range strings.SplitSeq(text, "\r\n") {
		if strings.HasPrefix(field, "DKIM-Signature:") {
			signatures = append(signatures, field)
		} else {
			others = append(others, field)
		}
	}
	var mails [][]byte
	for _, s := range signatures {
		fields := strings.Join(append([]string{s}, others...), "\r\n")
		mails = append(mails, slices.Concat([]byte(strings.ReplaceAll(fields, "\x00", "\r\n")), []byte("\r\n\r\n"), body))
	}
	return mails
}

// want fails unless the mail has n signatures, all valid or all invalid.
func (j *dkimJudge) want(t *testing.T, mail []byte, n int, valid bool) {
	t.Helper()
	got := j.verdicts(t, mail)
	if len(got) != n || slices.Contains(got, !valid) {
		t.Errorf("valid are %v, want %d times %v", got, n, valid)
	}
	header, _, _ := bytes.Cut(mail, []byte("\r\n\r\n"))
	for line := range strings.SplitSeq(string(header), "\r\n") {
		if len(line) > 998 || len(line) > 78 && strings.Contains(strings.TrimSpace(line), " ") {
			t.Errorf("a line of %d octets: %q", len(line), line)
		}
	}
}

// dkimKinds are what docs/dkim.md has openssl make, by selector, and one in the old
// form.
var dkimKinds = map[string][]string{
	"r2048": {"genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"},
	"r4096": {"genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:4096"},
	"old":   {"genrsa", "-traditional", "2048"},
	"ed":    {"genpkey", "-algorithm", "ed25519"},
}

// dkimKeys makes keys and has openssl say what to publish.
func dkimKeys(t *testing.T, selectors ...string) (keys []dkim.Key) {
	t.Helper()
	for _, selector := range selectors {
		file := filepath.Join(t.TempDir(), "key.pem")
		// Progress goes to standard error, of which run would complain.
		script := []string{"-c", `umask 077; exec openssl "$@" 2>/dev/null >"$0"`, file}
		_, err := run(within(t), nil, "sh", append(script, dkimKinds[selector]...)...)
		must(t, err)
		private, err := dkim.LoadPEM(file)
		must(t, err)
		k := dkim.Key{Domain: "sender.test", Selector: selector, Private: private}
		r, err := k.Record()
		must(t, err)
		der, err := run(within(t), nil, "openssl", "pkey", "-in", file, "-pubout", "-outform", "DER")
		must(t, err)
		if selector == "ed" {
			der = der[len(der)-32:] // the bare key is published (RFC 8463 section 4)
		}
		if want := "; p=" + base64.StdEncoding.EncodeToString(der); !strings.HasSuffix(r.Value, want) {
			t.Errorf("%s is %q, openssl says %q", selector, r.Value, want)
		}
		keys = append(keys, k)
	}
	return keys
}

// dkimBody is a message with its signatures in front.
type dkimBody struct {
	field string
	delivery.Body
}

func signDKIM(t *testing.T, body delivery.Body, keys ...dkim.Key) dkimBody {
	t.Helper()
	s, err := dkim.New(dkim.Config{Keys: keys})
	must(t, err)
	field, err := s.SignMessage(body.Open)
	must(t, err)
	return dkimBody{field, body}
}

func (b dkimBody) Size() int64 { return int64(len(b.field)) + b.Body.Size() }

func (b dkimBody) Open() (io.ReadCloser, error) {
	r, err := b.Body.Open()
	if err != nil {
		return nil, err
	}
	return struct {
		io.Reader
		io.Closer
	}{io.MultiReader(strings.NewReader(b.field), r), r}, nil
}

func dkimOctets(t *testing.T, body delivery.Body) []byte {
	t.Helper()
	r, err := body.Open()
	must(t, err)
	defer r.Close()
	b, err := io.ReadAll(r)
	must(t, err)
	return b
}

// dkimLetter is a letter that can be unsubscribed from.
func dkimLetter(t *testing.T) *letter {
	t.Helper()
	l := order(t)
	l.ListUnsubscribe = []string{"https://sender.test/leave?id=" + strings.Repeat("0123456789", 9)}
	l.OneClickUnsubscribe = true
	return l
}

func TestDKIMDirect(t *testing.T) {
	keys := dkimKeys(t, "r2048", "ed", "r4096", "old")
	judge := newDKIMJudge(t, keys...)
	const head = "From: \"a,\r\n\tb\"\r\n  <a@Sender.Test>\r\nSubject:\r\n x \t y \r\nReceived: z\r\n"
	mailer := &qdmail.Mailer{}
	_, japanese, err := mailer.Prepare(&dkimLetter(t).Message)
	must(t, err)
	big := dkimLetter(t)
	big.Charset = message.UTF8
	big.Attachments = append(big.Attachments, message.Bytes("big.bin", bytes.Repeat([]byte("0123456789"), 750_000)))
	_, large, err := mailer.Prepare(&big.Message)
	must(t, err)
	for name, body := range map[string]delivery.Body{
		"ISO-2022-JP":       japanese,
		"large":             large,
		"handmade":          delivery.BytesBody(handmade),
		"empty body":        delivery.BytesBody(head + "\r\n"),
		"blank body":        delivery.BytesBody(head + "\r\n\r\n\r\n"),
		"trailing blanks":   delivery.BytesBody(head + "\r\nx \t y\r\n \r\n\r\n"),
		"leading blanks":    delivery.BytesBody(head + "\r\n\r\n \r\nx\r\n"),
		"no last line end":  delivery.BytesBody(head + "\r\nx"),
		"many recipients":   delivery.BytesBody(head + "To: a@dest.test" + strings.Repeat(",\r\n\ta@dest.test", 500) + "\r\n\r\nx\r\n"),
		"header not ASCII":  delivery.BytesBody(head + "X-Y: 日本語\r\nTo: 太郎@dest.test\r\n\r\n日本語\r\n"),
		"names in capitals": delivery.BytesBody("FROM: a@sender.test\r\nMIME-VERSION: 1.0\r\n\r\nx\r\n"),
	} {
		t.Run(name, func(t *testing.T) {
			mail := dkimOctets(t, signDKIM(t, body, keys[:2]...))
			if !bytes.HasSuffix(mail, []byte("\r\n")) {
				mail = append(mail, "\r\n"...) // as any transport does
			}
			judge.want(t, mail, 2, true)
		})
	}
	for _, k := range keys {
		t.Run(k.Selector, func(t *testing.T) { judge.want(t, dkimOctets(t, signDKIM(t, japanese, k)), 1, true) })
	}
}

// TestDKIMSpoilt changes a signed mail in one place at a time; the judges must
// object to all of them, and to nothing that a relay may do.
func TestDKIMSpoilt(t *testing.T) {
	keys := dkimKeys(t, "ed", "r2048")
	l := dkimLetter(t)
	l.HTML, l.Attachments = "", nil
	_, body, err := (&qdmail.Mailer{}).Prepare(&l.Message)
	must(t, err)
	wantDKIMSpoilt(t, newDKIMJudge(t, keys...), string(dkimOctets(t, signDKIM(t, body, keys...))), len(keys))
}

func wantDKIMSpoilt(t *testing.T, judge *dkimJudge, mail string, n int) {
	t.Helper()
	for name, c := range map[string]struct {
		old, new string
		valid    bool
	}{
		"nothing":                  {"", "", true},
		"trace fields":             {"", "Received: from a\r\n\tby b\r\n", true},
		"folded elsewhere":         {"charset=", "\r\n\tcharset=", true},
		"body":                     {"(B\r\n", "(B.\r\n", false},
		"From in front":            {"", "From: x@sender.test\r\n", false},
		"From behind":              {"\r\nMIME-Version", "\r\nFrom: x@sender.test\r\nMIME-Version", false},
		"Subject in front":         {"", "Subject: x\r\n", false},
		"Content-Type behind":      {"\r\nMIME-Version", "\r\nContent-Type: text/html\r\nMIME-Version", false},
		"no List-Unsubscribe":      {"\r\nList-Unsubscribe:", "\r\nX-List-Unsubscribe:", false},
		"no List-Unsubscribe-Post": {"\r\nList-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n", "\r\n", false},
		"two of them":              {"\r\nList-Unsubscribe-Post: ", "\r\nList-Unsubscribe-Post: x\r\nList-Unsubscribe-Post: ", false},
		"To":                       {"\r\nTo: ", "\r\nTo: jiro@dest.test,\r\n ", false},
	} {
		t.Run(name, func(t *testing.T) {
			spoilt := strings.Replace(mail, c.old, c.new, 1)
			if spoilt == mail && name != "nothing" {
				t.Fatal("nothing was spoilt")
			}
			judge.want(t, []byte(spoilt), n, c.valid)
		})
	}
}

// TestDKIMThroughPostfix verifies what lies in the mailbox.
func TestDKIMThroughPostfix(t *testing.T) {
	host := startedHost(t)
	keys := dkimKeys(t, "r2048", "ed")
	judge := newDKIMJudge(t, keys...)
	mailer := open(t, startTLS(host, realserver.Sender))
	signer, err := dkim.New(dkim.Config{Keys: keys})
	must(t, err)
	mailer.Encoder.HeaderSigner = signer
	for name, change := range map[string]func(*letter){
		"ISO-2022-JP": func(l *letter) {},
		"UTF-8":       func(l *letter) { l.Charset = message.UTF8; l.Text += "\n \n\n" },
		"text only":   func(l *letter) { l.HTML, l.Attachments, l.files = "", nil, nil },
		"empty body":  func(l *letter) { l.Text, l.HTML, l.Attachments, l.files = "", "", nil, nil },
		"10 MB":       func(l *letter) { l.attach(file{"big.bin", "", bytes.Repeat([]byte("0123456789"), 735_000)}) },
	} {
		t.Run(name, func(t *testing.T) {
			l := dkimLetter(t)
			change(l)
			l.MessageID = newMessageID()
			env, signed, err := mailer.Prepare(&l.Message)
			must(t, err)
			if name == "10 MB" && signed.Size() < 10_000_000 {
				t.Errorf("%d octets are no 10 MB", signed.Size())
			}
			_, err = mailer.Deliver(within(t), env, signed)
			must(t, err)
			file, err := host.Await(within(t), realserver.Recipients[0], l.MessageID)
			must(t, err)
			l.compare(t, read(t, file))
			arrived, err := os.ReadFile(file)
			must(t, err)
			// A Maildir has the line endings of the system.
			mail := strings.ReplaceAll(string(arrived), "\n", "\r\n")
			if !strings.HasPrefix(mail, "Return-Path: ") || !strings.Contains(mail, "\r\nReceived: ") {
				t.Error("the mail didn't go through Postfix")
			}
			judge.want(t, []byte(mail), 2, true)
			if name == "text only" {
				wantDKIMSpoilt(t, judge, mail, 2)
			}
		})
	}
}
