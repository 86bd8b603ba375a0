package cms_test

import (
	"bytes"
	"testing"

	"github.com/qdmail/qdmail/smime/internal/cms"
)

// FuzzNormalize: what comes out stays as it is, and is no longer than what came in
// except for headers that were indefinite.
func FuzzNormalize(f *testing.F) {
	for _, seed := range []string{"\x30\x80\x02\x01\x05\x00\x00", "\x24\x80\x04\x01a\x24\x03\x04\x01b\x00\x00", "\x30\x84\x00\x00\x00\x03\x02\x01\x05"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, ber []byte) {
		der, err := cms.Normalize(ber)
		if err != nil {
			return
		}
		again, err := cms.Normalize(der)
		if err != nil || !bytes.Equal(der, again) {
			t.Errorf("%X became %X, %v", der, again, err)
		}
		if len(der) > 5*len(ber) {
			t.Errorf("%d octets became %d", len(ber), len(der))
		}
	})
}

// FuzzDetach: what comes out has no content any more.
func FuzzDetach(f *testing.F) {
	f.Add([]byte("\x30\x80\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x02\xa0\x80\x30\x80\x02\x01\x01\x31\x00" +
		"\x30\x80\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x01\xa0\x80\x24\x80\x04\x01a\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"))
	f.Fuzz(func(t *testing.T, ber []byte) {
		signed, content, err := cms.Detach(ber)
		if err != nil {
			return
		}
		again, more, err := cms.Detach(signed)
		if err != nil || !bytes.Equal(signed, again) || more != nil {
			t.Errorf("%X became %X with %q, %v (the content is %q)", signed, again, more, err, content)
		}
	})
}
