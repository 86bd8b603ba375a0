package smime_test

import (
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/qdmail/qdmail/smime"
)

func TestKeys(t *testing.T) {
	password := filepath.Join(t.TempDir(), "password")
	if err := os.WriteFile(password, []byte("test\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		query string
		want  string // in the error; "" is none
	}{
		{"smime-cert=testdata/cert.pem&smime-key=testdata/pkcs8-aes256.pem&smime-password-file=" + password, ""},
		{"smime-pfx=testdata/modern.pfx&smime-password-file=" + password + "&smime-opaque=true", ""},
		{"", "nothing"},
		{"smime-opaque=true", "need"},
		{"smime-pfx=x&smime-cert=y", "in place of"},
		{"smime-cert=/no/such/hunter", "no such file"},
		{"smime-pfx=testdata/modern.pfx&smime-password-file=/hunter2", "no such file"},
		{"smime-cert=testdata/cert.pem&smime-key=testdata/private.pem&smime-opaque=maybe", "smime-opaque"},
	} {
		q, err := url.ParseQuery(tt.query)
		if err != nil {
			t.Fatal(err)
		}
		got, err := smime.Keys().Take(q)
		s, ok := got.(*smime.Signer)
		switch {
		case tt.want == "nothing":
			if got != nil || err != nil {
				t.Errorf("%v, %v", got, err)
			}
		case tt.want == "":
			if !ok || err != nil || s.Opaque != strings.Contains(tt.query, "opaque") {
				t.Errorf("%s: %v, %v", tt.query, got, err)
			}
		case err == nil || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "hunter2"):
			t.Errorf("%s: %v", tt.query, err)
		}
	}
}
