package qdmail_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	msgauth "github.com/emersion/go-msgauth/dkim"

	"github.com/qdmail/qdmail"
	"github.com/qdmail/qdmail/dkim"
	"github.com/qdmail/qdmail/internal/testsmtp"
	"github.com/qdmail/qdmail/message"
	"github.com/qdmail/qdmail/smime"
)

// keyFiles makes a certificate for sales@example.co.jp with its key, and a key for
// DKIM, and returns the query that names them and the DKIM key in public.
func keyFiles(t *testing.T) (query string, cert *x509.Certificate, public ed25519.PublicKey) {
	t.Helper()
	dir := t.TempDir()
	write := func(name, kind string, der []byte, err error) string {
		if err != nil {
			t.Fatal(err)
		}
		file := filepath.Join(dir, name)
		if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
			t.Fatal(err)
		}
		return file
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "Sales"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageEmailProtection},
		EmailAddresses: []string{"sales@example.co.jp"},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	certFile := write("cert.pem", "CERTIFICATE", der, err)
	if cert, err = x509.ParseCertificate(der); err != nil {
		t.Fatal(err)
	}
	der, err = x509.MarshalPKCS8PrivateKey(key)
	keyFile := write("private.pem", "PRIVATE KEY", der, err)
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err = x509.MarshalPKCS8PrivateKey(private)
	dkimFile := write("dkim.pem", "PRIVATE KEY", der, err)
	return "smime-cert=" + certFile + "&smime-key=" + keyFile +
		"&dkim-key=" + dkimFile + "&dkim-selector=s1&dkim-domain=example.co.jp", cert, public
}

// A URL can name the keys; what is sent then carries both signatures, each of
// which verifies on the other side.
func TestOpenWithKeys(t *testing.T) {
	srv := &testsmtp.Server{}
	defer srv.Close()
	addr, err := srv.Listen()
	if err != nil {
		t.Fatal(err)
	}
	query, cert, public := keyFiles(t)
	opt := qdmail.Options{Keys: []qdmail.Keys{smime.Keys(), dkim.Keys()}}
	m, err := qdmail.OpenWith("smtp://"+addr+"?timeouts=interactive&"+query, opt)
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	msg := &message.Message{
		From: message.Address{Name: "営業部", Address: "sales@example.co.jp"}, To: []message.Address{{Address: "taro@example.jp"}},
		Bcc: []message.Address{{Address: "secret@example.jp"}}, Subject: "見積", Text: "本文\n", Charset: message.ISO2022JP,
		ListUnsubscribe: []string{"https://example.co.jp/u"}, OneClickUnsubscribe: true,
		Attachments: []message.Attachment{message.Bytes("資料.pdf", bytes.Repeat([]byte("x"), 1000))},
	}
	if _, err := m.Send(t.Context(), msg); err != nil {
		t.Fatal(err)
	}
	whole := srv.Messages()[0].Data
	if bytes.Contains(whole, []byte("secret")) {
		t.Error("Bcc shows")
	}
	record := "v=DKIM1; k=ed25519; p=" + base64.StdEncoding.EncodeToString(public)
	results, err := msgauth.VerifyWithOptions(bytes.NewReader(whole), &msgauth.VerifyOptions{
		LookupTXT: func(string) ([]string, error) { return []string{record}, nil },
	})
	if err != nil || len(results) != 1 || results[0].Err != nil {
		t.Errorf("%+v, %v", results, err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(cert)
	if _, err := (&smime.Verifier{Roots: roots}).Verify(whole); err != nil {
		t.Error(err)
	}
	// A message can go without, and one that the certificate isn't for is refused.
	msg.Signer = message.Unsigned{}
	if _, err := m.Send(t.Context(), msg); err != nil || bytes.Contains(srv.Messages()[1].Data, []byte("multipart/signed")) {
		t.Error(err)
	}
	msg.Signer = nil
	msg.From.Address = "other@example.co.jp"
	if _, err := m.Send(t.Context(), msg); err == nil || !strings.Contains(err.Error(), "From") || len(srv.Messages()) != 2 {
		t.Error(err)
	}
}

func TestOpenWithKeysRefusals(t *testing.T) {
	opt := qdmail.Options{Keys: []qdmail.Keys{smime.Keys(), dkim.Keys()}}
	for _, q := range []string{
		"smime-cert=/no/such/file", "dkim-key=/no/such/file&dkim-selector=s&dkim-domain=d.example", "smime-pfx=a&smime-pfx=b",
		"smime-opaque=true", "dkim-parents=true", "smime-cert=", "colour=red",
	} {
		if m, err := qdmail.OpenWith("smtp://h?"+q, opt); err == nil || m != nil {
			t.Errorf("%s: %v", q, err)
		}
	}
	if _, err := qdmail.Open("smtp://h?smime-cert=x"); err == nil || !strings.Contains(err.Error(), "unknown key") {
		t.Error(err)
	}
}
