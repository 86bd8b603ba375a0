//go:build integration

package integration_test

import (
	"os"
	"strings"
	"testing"

	"github.com/qdmail/qdmail/dkim"
	"github.com/qdmail/qdmail/internal/integration/realserver"
)

// TestBothSignatures sends a mail that is signed by S/MIME and then by DKIM, both
// by the Mailer, through Postfix. All four judges accept what arrives.
func TestBothSignatures(t *testing.T) {
	host := startedHost(t)
	keys := dkimKeys(t, "r2048", "ed")
	signer, err := keySources["PEM"](t, testPKI(t).sender("p256"))
	must(t, err)
	header, err := dkim.New(dkim.Config{Keys: keys})
	must(t, err)
	mailer := open(t, startTLS(host, realserver.Sender))
	mailer.Encoder.Signer, mailer.Encoder.HeaderSigner = signer, header
	l := dkimLetter(t)
	l.MessageID = newMessageID()
	_, err = mailer.Send(within(t), &l.Message)
	must(t, err)
	file, err := host.Await(within(t), realserver.Recipients[0], l.MessageID)
	must(t, err)
	arrived, err := os.ReadFile(file)
	must(t, err)
	// A Maildir has the line endings of the system.
	mail := []byte(strings.ReplaceAll(string(arrived), "\n", "\r\n"))
	newDKIMJudge(t, keys...).want(t, mail, 2, true)
	content, openSSL, gnuPG := newSignatureJudges(t).verify(within(t), t, arrived)
	if openSSL != nil || gnuPG != nil {
		t.Fatal(openSSL, gnuPG)
	}
	l.compare(t, read(t, unwrapped(t, arrived, content)))
}
