//go:build integration

package integration_test

import (
	"bytes"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/qdmail/qdmail/delivery"
	"github.com/qdmail/qdmail/internal/integration/realserver"
	"github.com/qdmail/qdmail/message"
	"github.com/qdmail/qdmail/smime"
)

// TestSignedThroughPostfix sends signed mails of all shapes through a real relay.
func TestSignedThroughPostfix(t *testing.T) {
	host := startedHost(t)
	signedThrough(t, host, open(t, startTLS(host, realserver.Sender)).Transport)
}

// TestSignedThroughSendmail hands them to Postfix's sendmail program.
func TestSignedThroughSendmail(t *testing.T) {
	host := startedHost(t)
	signedThrough(t, host, &postfixProgram(t).transport)
}

// signedThrough sends signed mails of all shapes through a transport that ends in
// the Maildirs, and lets the judges verify and read what arrives.
func signedThrough(t *testing.T, host *realserver.Host, transport delivery.Transport) {
	t.Helper()
	p, judges := testPKI(t), newSignatureJudges(t)
	sources := []struct{ source, kind string }{{"PEM", "rsa2048"}, {"PFX", "p256"}, {"opaque signer", "p384"}}
	letters := signedLetters(t)
	for i, shape := range slices.Sorted(maps.Keys(letters)) {
		from, l := sources[i%len(sources)], letters[shape]
		t.Run(from.kind+"/"+shape, func(t *testing.T) {
			signer, err := keySources[from.source](t, p.sender(from.kind))
			must(t, err)
			l.Bcc = []message.Address{{Name: "鈴木 次郎", Address: "jiro@dest.test"}}
			for _, file := range sendSealed(t, host, transport, signer, l) {
				mail, err := os.ReadFile(file)
				must(t, err)
				content, openSSL, gnuPG := judges.verify(within(t), t, mail)
				if openSSL != nil || gnuPG != nil {
					t.Fatal(openSSL, gnuPG)
				}
				if bytes.Contains(content, []byte("jiro@dest.test")) {
					t.Error("the signed part names the Bcc recipient")
				}
				l.compare(t, read(t, unwrapped(t, mail, content)))
			}
		})
	}
}

// sendSealed sends a mail to all its recipients and returns their files.
func sendSealed(t *testing.T, host *realserver.Host, transport delivery.Transport, signer sealer, l *letter) []string {
	t.Helper()
	var e message.Encoder
	body, err := e.Encode(&l.Message)
	must(t, err)
	mail, err := signer.Seal(body.Open)
	must(t, err)
	env, err := l.Envelope()
	must(t, err)
	return arrived(t, host, transport, env, mail, body)
}

// arrived delivers a mail and returns the file of each recipient.
func arrived(t *testing.T, host *realserver.Host, transport delivery.Transport, env *delivery.Envelope, mail, plain delivery.Body) []string {
	t.Helper()
	res, err := transport.Send(within(t), env, mail)
	must(t, err)
	id := plain.(interface{ MessageID() string }).MessageID()
	var files []string
	for _, r := range res.Recipients {
		if r.Outcome != delivery.Accepted {
			t.Fatalf("%s: %v", r.Address, r.Outcome)
		}
		user := realserver.User{Address: r.Address}
		file, err := host.Await(within(t), user, id)
		must(t, err)
		files = append(files, file)
	}
	return files
}

// unwrapped writes the mail with what was signed or encrypted as its content, as
// a mail program shows it.
func unwrapped(t *testing.T, mail, content []byte) string {
	t.Helper()
	header, _, _ := bytes.Cut(mail, []byte("\n\n"))
	var out strings.Builder
	skip := false
	for line := range strings.Lines(string(header) + "\n") {
		if line[0] != ' ' && line[0] != '\t' {
			skip = strings.HasPrefix(line, "Content-")
		}
		if !skip {
			out.WriteString(line)
		}
	}
	out.Write(bytes.ReplaceAll(content, []byte("\r\n"), []byte("\n")))
	file := filepath.Join(t.TempDir(), "unwrapped.eml")
	must(t, os.WriteFile(file, []byte(out.String()), 0o600))
	return file
}

// TestEncryptedThroughPostfix sends each copy to its recipients. Nobody can see
// that there was a Bcc recipient, and each opens the copy that is theirs.
func TestEncryptedThroughPostfix(t *testing.T) {
	host, p, judges := startedHost(t), testPKI(t), newSignatureJudges(t)
	transport := open(t, startTLS(host, realserver.Sender)).Transport
	signer, err := keySources["PEM"](t, p.sender("p384"))
	must(t, err)
	visible, hidden := p.of("taro@dest.test", "rsa2048"), p.of("hanako@dest.test", "p256")
	e := smime.Encrypter{Signer: signer, Find: smime.Among(visible.cert, hidden.cert), Missing: smime.MissingClear}
	copies, err := e.For([]string{"taro@dest.test"}, []string{"hanako@dest.test", "jiro@dest.test"})
	must(t, err)
	l := order(t)
	l.Cc, l.Bcc = nil, []message.Address{{Address: "hanako@dest.test"}, {Address: "jiro@dest.test"}}
	var encoder message.Encoder
	body, err := encoder.Encode(&l.Message)
	must(t, err)
	for _, c := range copies {
		mail, err := c.Seal(body.Open)
		must(t, err)
		env := &delivery.Envelope{From: l.From.Address}
		for _, r := range c.Recipients {
			env.Recipients = append(env.Recipients, delivery.Recipient{Address: r})
		}
		for i, file := range arrived(t, host, transport, env, mail, body) {
			raw, err := os.ReadFile(file)
			must(t, err)
			h := map[string]*holder{"taro@dest.test": visible, "hanako@dest.test": hidden}[c.Recipients[i]]
			if (h == nil) != c.Clear {
				t.Fatalf("a copy for %s, in clear: %v", c.Recipients[i], c.Clear)
			}
			if h == nil {
				_, openSSL, gnuPG := judges.verify(within(t), t, raw)
				if openSSL != nil || gnuPG != nil {
					t.Error(openSSL, gnuPG)
				}
				continue
			}
			wantOneRecipient(t, file, h)
			inner, err := h.decryptOpenSSL(t, raw)
			must(t, err)
			content, openSSL, gnuPG := judges.verify(within(t), t, inner)
			if openSSL != nil || gnuPG != nil {
				t.Fatal(openSSL, gnuPG)
			}
			l.compare(t, read(t, unwrapped(t, raw, content)))
		}
	}
	if len(copies) != 3 {
		t.Errorf("%d copies", len(copies))
	}
}

// wantOneRecipient fails if an encrypted mail names anybody but h.
func wantOneRecipient(t *testing.T, file string, h *holder) {
	t.Helper()
	out := string(openssl(t, "cms", "-cmsout", "-print", "-in", file))
	serial := fmt.Sprint("serialNumber: ", h.cert.SerialNumber)
	if n := strings.Count(out, "serialNumber: "); n != 1 || !strings.Contains(out, serial) {
		t.Errorf("%d recipients, want %s:\n%s", n, serial, out)
	}
}
