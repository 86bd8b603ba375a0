//go:build integration

package integration_test

import (
	"bytes"
	"io"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/qdmail/qdmail/delivery"
	"github.com/qdmail/qdmail/message"
	"github.com/qdmail/qdmail/smime"
)

// signedLetters are mails of all shapes that are signed: what relays like to
// change stands in each of them.
func signedLetters(t *testing.T) map[string]*letter {
	t.Helper()
	out := map[string]*letter{}
	for _, cs := range []message.Charset{message.UTF8, message.ISO2022JP} {
		for _, shape := range []string{"text", "alternative", "everything"} {
			l := order(t)
			l.Charset = cs
			l.Text += "From here on, a line with blanks at its end: \n-- \n" + strings.Repeat("長い行", 60) + "\n"
			if shape != "everything" {
				l.Attachments, l.files, l.HTML = nil, nil, "<p>ご注文</p>\n"
			}
			if shape == "text" {
				l.HTML = ""
			}
			out[cs.String()+" "+shape] = l
		}
	}
	return out
}

// sealer is a Signer, or a Copy that an Encrypter makes.
type sealer interface {
	Seal(func() (io.ReadCloser, error)) (*smime.Sealed, error)
}

// sealed signs a mail as it goes to the wire.
func sealed(t *testing.T, signer sealer, l *letter) []byte {
	t.Helper()
	var e message.Encoder
	body, err := e.Encode(&l.Message)
	must(t, err)
	mail, err := signer.Seal(body.Open)
	must(t, err)
	return octets(t, mail)
}

func octets(t *testing.T, body delivery.Body) []byte {
	t.Helper()
	r, err := body.Open()
	must(t, err)
	defer r.Close()
	data, err := io.ReadAll(r)
	must(t, err)
	if int64(len(data)) != body.Size() {
		t.Errorf("the mail has %d octets and says %d", len(data), body.Size())
	}
	return data
}

// TestSignatures shows that both judges verify what every kind of key from every
// source signs, in every shape.
func TestSignatures(t *testing.T) {
	p, judges, letters := testPKI(t), newSignatureJudges(t), signedLetters(t)
	for _, kind := range keyKinds {
		for _, source := range slices.Sorted(maps.Keys(keySources)) {
			signer, err := keySources[source](t, p.sender(kind))
			must(t, err)
			for _, shape := range slices.Sorted(maps.Keys(letters)) {
				t.Run(kind+"/"+source+"/"+shape, func(t *testing.T) {
					l := letters[shape]
					must(t, signer.CheckFrom(l.From.Address))
					mail := sealed(t, signer, l)
					checkLines(t, mail)
					content, openSSL, gnuPG := judges.verify(within(t), t, mail)
					if openSSL != nil || gnuPG != nil {
						t.Fatal(openSSL, gnuPG)
					}
					if bytes.Contains(content, []byte("Subject:")) {
						t.Error("the header is in the signed part")
					}
				})
			}
		}
	}
}

// checkLines fails if a line is too long to travel, or one of the outer header
// longer than it has to be.
func checkLines(t *testing.T, mail []byte) {
	t.Helper()
	header := true
	for line := range strings.SplitSeq(string(mail), "\r\n") {
		if line == "" {
			header = false
		}
		if len(line) > 998 || header && len(line) > 78 {
			t.Errorf("a line has %d octets: %s", len(line), clip(line))
		}
	}
}
