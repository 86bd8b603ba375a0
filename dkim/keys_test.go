package dkim_test

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/qdmail/qdmail/dkim"
)

func TestKeys(t *testing.T) {
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "key.pem")
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
	const fine = "&dkim-selector=s1&dkim-domain=example.jp"
	for _, tt := range []struct{ query, want string }{
		{"dkim-key=" + file + fine, ""},
		{"dkim-key=" + file + fine + "&dkim-parents=true&dkim-unsigned=false&dkim-lifetime=168h", ""},
		{"", "nothing"},
		{"dkim-key=" + file, "come together"},
		{"dkim-parents=true", "come together"},
		{"dkim-key=" + file + "," + file + fine, "come together"},
		{"dkim-key=/no/such/file" + fine, "no such file"},
		{"dkim-key=" + file + fine + "&dkim-parents=maybe", "dkim-parents"},
		{"dkim-key=" + file + fine + "&dkim-lifetime=1", "dkim-lifetime"},
		{"dkim-key=" + file + "&dkim-selector=&dkim-domain=example.jp", "Selector"},
	} {
		q, err := url.ParseQuery(tt.query)
		if err != nil {
			t.Fatal(err)
		}
		got, err := dkim.Keys().Take(q)
		_, ok := got.(*dkim.Signer)
		switch {
		case tt.want == "nothing":
			if got != nil || err != nil {
				t.Errorf("%v, %v", got, err)
			}
		case tt.want == "":
			if !ok || err != nil {
				t.Errorf("%s: %v, %v", tt.query, got, err)
			}
		case got != nil || err == nil || !strings.Contains(err.Error(), tt.want):
			t.Errorf("%s: %v, %v", tt.query, got, err)
		}
	}
}
