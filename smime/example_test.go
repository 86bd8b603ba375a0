package smime_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"errors"
	"fmt"
	"log"
	"math/big"
	"os"
	"strings"
	"time"

	"github.com/qdmail/qdmail/smime"
)

// selfSigned makes what an authority would give out.
func selfSigned(address string) (*ecdsa.PrivateKey, *x509.Certificate) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		log.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber:   big.NewInt(1),
		EmailAddresses: []string{address},
		NotBefore:      time.Now().Add(-time.Hour),
		NotAfter:       time.Now().Add(time.Hour),
		KeyUsage:       x509.KeyUsageDigitalSignature | x509.KeyUsageKeyAgreement,
		ExtKeyUsage:    []x509.ExtKeyUsage{x509.ExtKeyUsageEmailProtection},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		log.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		log.Fatal(err)
	}
	return key, cert
}

// A signed entity verifies; nothing else does, and the certificate says who signed
// it.
func ExampleSigner() {
	key, cert := selfSigned("sales@example.co.jp")
	signer, err := smime.New(key, cert)
	if err != nil {
		log.Fatal(err)
	}
	var mail strings.Builder
	if err := signer.Sign(&mail, from("Content-Type: text/plain\r\n\r\nHello.\r\n")); err != nil {
		log.Fatal(err)
	}

	roots := x509.NewCertPool()
	roots.AddCert(cert)
	verifier := &smime.Verifier{Roots: roots}
	verified, err := verifier.Verify([]byte(mail.String()))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%q\n", verified.Entity)
	fmt.Println(verified.CheckFrom("sales@example.co.jp"), errors.Is(verified.CheckFrom("ceo@example.co.jp"), smime.ErrAddress))

	_, err = verifier.Verify([]byte(strings.Replace(mail.String(), "Hello", "Hallo", 1)))
	fmt.Println(errors.Is(err, smime.ErrSignature))
	// Output:
	// "Content-Type: text/plain\r\n\r\nHello.\r\n"
	// <nil> true
	// true
}

// A Bcc recipient gets a copy of their own, and nobody without a certificate gets
// one in clear.
func ExampleEncrypter() {
	key, taro := selfSigned("taro@example.jp")
	_, hanako := selfSigned("hanako@example.jp")
	e := &smime.Encrypter{Find: smime.Among(taro, hanako)}
	copies, err := e.For([]string{"taro@example.jp"}, []string{"hanako@example.jp"})
	if err != nil {
		log.Fatal(err)
	}
	for _, c := range copies {
		var mail strings.Builder
		if err := c.Sign(&mail, from("Content-Type: text/plain\r\n\r\nHello.\r\n")); err != nil {
			log.Fatal(err)
		}
		_, err := smime.Decrypt([]byte(mail.String()), taro, key)
		fmt.Println(c.Recipients, "- Taro reads it:", err == nil)
	}
	_, err = e.For([]string{"jiro@example.jp"}, nil)
	fmt.Println(err)
	// Output:
	// [taro@example.jp] - Taro reads it: true
	// [hanako@example.jp] - Taro reads it: false
	// smime: jiro@example.jp: there is no certificate
}

// What is wrong with a key is said by errors that can be told apart.
func ExampleLoadEncryptedPEM() {
	_, err := smime.LoadEncryptedPEM("testdata/cert.pem", "testdata/pkcs8-aes256.pem", "guess")
	switch {
	case errors.Is(err, os.ErrNotExist):
		fmt.Println("no such file")
	case errors.Is(err, smime.ErrPassword):
		fmt.Println(err)
	}
	// Output:
	// smime: testdata/pkcs8-aes256.pem: wrong password
}
