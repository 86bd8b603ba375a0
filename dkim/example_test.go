package dkim_test

import (
	"bytes"
	"crypto/ed25519"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/qdmail/qdmail/dkim"
)

// keyFile is what openssl genpkey writes; this one is in RFC 8032 section 7.1, so
// it is nobody's.
func keyFile() []byte {
	seed := [ed25519.SeedSize]byte{
		0x9d, 0x61, 0xb1, 0x9d, 0xef, 0xfd, 0x5a, 0x60, 0xba, 0x84, 0x4a, 0xf4, 0x92, 0xec, 0x2c, 0xc4,
		0x44, 0x49, 0xc5, 0x69, 0x7b, 0x32, 0x69, 0x19, 0x70, 0x3b, 0xac, 0x03, 0x1c, 0xae, 0x7f, 0x60,
	}
	der, err := x509.MarshalPKCS8PrivateKey(ed25519.NewKeyFromSeed(seed[:]))
	if err != nil {
		panic(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
}

// A message goes in, the field that belongs before it comes out.
func ExampleSigner_SignMessage() {
	private, err := dkim.ParsePEM(keyFile())
	if err != nil {
		panic(err)
	}
	signer, err := dkim.New(dkim.Config{Keys: []dkim.Key{
		{Domain: "example.jp", Selector: "s2026", Private: private},
	}})
	if err != nil {
		panic(err)
	}
	message := []byte("From: shop@example.jp\r\nSubject: Hello\r\n\r\nHello.\r\n")
	field, err := signer.SignMessage(func() (io.ReadCloser, error) {
		return io.NopCloser(bytes.NewReader(message)), nil
	})
	if err != nil {
		panic(err)
	}
	for _, line := range strings.Split(field, "\r\n")[:3] {
		fmt.Println(line)
	}
	// Output:
	// DKIM-Signature: a=ed25519-sha256;
	//  bh=yZQq1c8wjBl0fZ4Wc/oraMCAG1mZJv5v/hlvyFy+t6A=; c=relaxed/relaxed;
	//  d=example.jp; h=From: From: To: Cc: Reply-To:Subject: Subject: MIME-Version:
}

// The record goes into the DNS once; Check tells whether it is there.
func ExampleKey_Record() {
	private, err := dkim.ParsePEM(keyFile())
	if err != nil {
		panic(err)
	}
	key := dkim.Key{Domain: "example.jp", Selector: "s2026", Private: private}
	record, err := key.Record()
	if err != nil {
		panic(err)
	}
	fmt.Println(record)

	_, err = key.Check([]string{record.Value})
	fmt.Println(err)
	_, err = key.Check([]string{"v=DKIM1; p="})
	fmt.Println(err, errors.Is(err, dkim.ErrRevoked))
	// Output:
	// s2026._domainkey.example.jp. IN TXT ( "v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=" )
	// <nil>
	// dkim: s2026._domainkey.example.jp: the key is revoked true
}
