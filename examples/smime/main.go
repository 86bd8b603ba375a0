// Command smime signs a Japanese mail, shows it, verifies it, shows what happens
// when somebody changes it on the way, and encrypts it to its recipients.
//
// It takes no arguments, reads no files and sends nothing: keys and certificates
// are made in memory and thrown away. A real program gets its Signer from
// smime.LoadPEM, smime.LoadEncryptedPEM or smime.LoadPFX.
package main

import (
	"bytes"
	"crypto/x509"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/qdmail/qdmail/delivery"
	"github.com/qdmail/qdmail/message"
	"github.com/qdmail/qdmail/smime"
)

func main() {
	if err := run(os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "smime:", err)
		os.Exit(1)
	}
}

// compose returns the mail.
func compose() *message.Message {
	return &message.Message{
		From:    message.Address{Name: "営業部 佐藤", Address: "sato@shop.example.jp"},
		To:      []message.Address{{Name: "山田 太郎", Address: "taro@example.jp"}},
		Bcc:     []message.Address{{Name: "監査室", Address: "audit@shop.example.jp"}},
		Subject: "ご請求の件",
		Text:    "山田様\n\nご請求額は 48,000円 です。\n",
		Charset: message.ISO2022JP,
	}
}

func run(out io.Writer) error {
	ca, err := newAuthority("Throw-away CA")
	if err != nil {
		return err
	}
	sato, err := ca.issue("sato@shop.example.jp")
	if err != nil {
		return err
	}
	signer, err := smime.New(sato.key, sato.cert)
	if err != nil {
		return err
	}
	msg := compose()
	if err := signer.CheckFrom(msg.From.Address); err != nil {
		return err
	}
	var encoder message.Encoder
	body, err := encoder.Encode(msg)
	if err != nil {
		return err
	}

	signed, err := signer.Seal(body.Open)
	if err != nil {
		return err
	}
	mail, err := read(signed)
	if err != nil {
		return err
	}
	fmt.Fprintln(out, "━━━ The signed mail")
	fmt.Fprint(out, strings.ReplaceAll(strings.ReplaceAll(string(mail), "\x1b", "␛"), "\r\n", "\n"))

	fmt.Fprintln(out, "\n━━━ Verification")
	verifier := &smime.Verifier{Roots: ca.pool()}
	report(out, "as it was sent", verifier, mail)
	report(out, "with another amount", verifier, bytes.Replace(mail, []byte("48,000"), []byte("98,000"), 1))
	report(out, "by a reader who doesn't know the CA", &smime.Verifier{Roots: x509.NewCertPool()}, mail)
	if verified, err := verifier.Verify(mail); err == nil {
		fmt.Fprintln(out, "as a mail of the CEO:", verified.CheckFrom("ceo@shop.example.jp"))
	}
	return encrypted(out, ca, signer, msg, body)
}

// report prints what a verifier says of a mail.
func report(out io.Writer, what string, v *smime.Verifier, mail []byte) {
	verified, err := v.Verify(mail)
	if err != nil {
		fmt.Fprintf(out, "%s: %v\n", what, err)
		return
	}
	for _, s := range verified.Signatures {
		fmt.Fprintf(out, "%s: good, by %s with %v\n", what, strings.Join(smime.Addresses(s.Certificate), ", "), s.Hash)
	}
}

// encrypted signs and encrypts the mail, a copy for each envelope.
func encrypted(out io.Writer, ca *authority, signer *smime.Signer, msg *message.Message, body delivery.Body) error {
	fmt.Fprintln(out, "\n━━━ Encrypted copies")
	readers := map[string]*holder{}
	var certs []*x509.Certificate
	for _, a := range append(msg.To, msg.Bcc...) {
		h, err := ca.issue(a.Address)
		if err != nil {
			return err
		}
		readers[a.Address], certs = h, append(certs, h.cert)
	}
	encrypter := &smime.Encrypter{Find: smime.Among(certs...), Signer: signer}
	copies, err := encrypter.For([]string{msg.To[0].Address}, []string{msg.Bcc[0].Address})
	if err != nil {
		return err
	}
	for _, c := range copies {
		sealed, err := c.Seal(body.Open)
		if err != nil {
			return err
		}
		mail, err := read(sealed)
		if err != nil {
			return err
		}
		for _, address := range []string{msg.To[0].Address, msg.Bcc[0].Address} {
			h := readers[address]
			opened, err := smime.Decrypt(mail, h.cert, h.key)
			if err != nil {
				fmt.Fprintf(out, "the copy for %s, read by %s: %v\n", c.Recipients, address, err)
				continue
			}
			report(out, fmt.Sprintf("the copy for %s, read by %s", c.Recipients, address), &smime.Verifier{Roots: ca.pool()}, opened.Entity)
		}
	}
	return nil
}

func read(body delivery.Body) ([]byte, error) {
	r, err := body.Open()
	if err != nil {
		return nil, err
	}
	defer r.Close()
	return io.ReadAll(r)
}
