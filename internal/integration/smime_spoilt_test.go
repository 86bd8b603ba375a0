//go:build integration

package integration_test

import (
	"bytes"
	"errors"
	"testing"
	"time"

	"github.com/qdmail/qdmail/message"
	"github.com/qdmail/qdmail/smime"
)

// TestSpoiltSignatures changes one octet of each part of signed mails, in its
// header and in its body. Both judges and our own Verifier must object each time,
// and to nothing else.
func TestSpoiltSignatures(t *testing.T) {
	p, judges := testPKI(t), newSignatureJudges(t)
	for _, kind := range []string{"rsa2048", "p384"} {
		signer, err := keySources["PEM"](t, p.sender(kind))
		must(t, err)
		for _, cs := range []message.Charset{message.UTF8, message.ISO2022JP} {
			l := order(t)
			l.Charset = cs
			mail := sealed(t, signer, l)
			places := placesToSpoil(t, mail)
			for _, at := range append([]int{-1}, places...) {
				spoilt := bytes.Clone(mail)
				if at >= 0 {
					spoilt[at] ^= 1
				}
				_, openSSL, gnuPG := judges.verify(within(t), t, spoilt)
				_, own := (&smime.Verifier{Roots: judges.pool}).Verify(spoilt)
				for who, err := range map[string]error{"openssl": openSSL, "gpgsm": gnuPG, "we": own} {
					if (err != nil) != (at >= 0) {
						t.Errorf("%s, %v, octet %d in %q: %s: %v", kind, cs, at, around(mail, at), who, err)
					}
				}
			}
		}
	}
}

func around(mail []byte, at int) []byte {
	return mail[max(at-10, 0):min(max(at, 0)+10, len(mail))]
}

// placesToSpoil returns the positions of one octet in the header and one in the
// body of each part, and one of the signature.
func placesToSpoil(t *testing.T, mail []byte) []int {
	t.Helper()
	signature := bytes.Index(mail, []byte("application/pkcs7-signature; name"))
	var places []int
	for at := 0; ; {
		i := bytes.Index(mail[at:], []byte("\r\nContent-Transfer-Encoding: "))
		if i < 0 {
			break
		}
		at += i + len("\r\nContent-T")
		body := at + bytes.Index(mail[at:], []byte("\r\n\r\n")) + 4
		if at < signature {
			places = append(places, at)
		}
		// Somewhere in the body, on a letter that stays one.
		for body += 40; mail[body] < 'B' || mail[body] > 'Y'; body++ {
		}
		places = append(places, body)
	}
	if len(places) != 2*5-1 { // text, HTML, image, PDF; the signature
		t.Fatalf("%d places to spoil", len(places))
	}
	return places
}

// TestRefusedIdentities: what must not be sent isn't signed, and the judges would
// have minded.
func TestRefusedIdentities(t *testing.T) {
	p, judges := testPKI(t), newSignatureJudges(t)
	h, other := p.sender("rsa2048"), p.sender("p256")
	cert, _ := h.files(t)
	_, key := other.files(t)
	if _, err := smime.LoadPEM(cert, key); !errors.Is(err, smime.ErrKeyMismatch) {
		t.Errorf("a key of another certificate: %v", err)
	}
	if _, err := smime.LoadPFX(pfx(t, h), pkiPassword+"x"); !errors.Is(err, smime.ErrPassword) {
		t.Errorf("a wrong password: %v", err)
	}
	signer, err := smime.LoadPEM(h.files(t))
	must(t, err)
	if err := signer.CheckFrom("someone@else.test"); !errors.Is(err, smime.ErrAddress) {
		t.Errorf("another author: %v", err)
	}
	signer.Clock = func() time.Time { return h.cert.NotAfter.Add(time.Hour) }
	if err := signer.Check(); !errors.Is(err, smime.ErrExpired) {
		t.Errorf("an expired certificate: %v", err)
	}
	signer.InsecureExpired = true
	if _, openSSL, gnuPG := judges.verify(within(t), t, sealed(t, signer, order(t))); openSSL != nil || gnuPG != nil {
		t.Error(openSSL, gnuPG) // they look at their own clocks
	}
}
