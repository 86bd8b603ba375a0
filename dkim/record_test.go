package dkim_test

import (
	"bytes"
	"crypto"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"io"
	"reflect"
	"strings"
	"testing"

	"github.com/qdmail/qdmail/dkim"
)

// The key and the record are those of RFC 8463 appendix A.2.
func TestRecordOfRFC8463(t *testing.T) {
	seed, err := base64.StdEncoding.DecodeString("nWGxne/9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A=")
	if err != nil {
		t.Fatal(err)
	}
	k := dkim.Key{Domain: "Football.example.com.", Selector: "Brisbane", Private: ed25519.NewKeyFromSeed(seed)}
	r, err := k.Record()
	if err != nil {
		t.Fatal(err)
	}
	want := `brisbane._domainkey.football.example.com. IN TXT ( "v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=" )`
	if r.String() != want {
		t.Errorf("%s\nwant\n%s", r, want)
	}
}

func TestRecordStrings(t *testing.T) {
	r, err := rsaOne().Record()
	if err != nil {
		t.Fatal(err)
	}
	parts := r.Strings()
	if len(parts) != 2 || len(parts[0]) != 255 || strings.Join(parts, "") != r.Value {
		t.Errorf("%q are the strings of %q", parts, r.Value)
	}
	if want := `r1._domainkey.example.jp. IN TXT ( "` + parts[0] + `" "` + parts[1] + `" )`; r.String() != want {
		t.Errorf("%s\nwant\n%s", r, want)
	}
	if p, err := rsaOne().Check([]string{r.Value}); err != nil || !rsaKey().PublicKey.Equal(p.Key) {
		t.Errorf("%+v, %v", p, err)
	}
	if s := (dkim.Record{Name: "n", Value: `a"b\`}).String(); s != `n. IN TXT ( "a\"b\\" )` {
		t.Errorf("escaped: %s", s)
	}
	bad := rsaOne()
	bad.Private = ofSize(1024)
	if r, err := bad.Record(); !errors.Is(err, dkim.ErrKeySize) || r != (dkim.Record{}) {
		t.Errorf("a short key: %v, %v", r, err)
	}
}

func TestCheck(t *testing.T) {
	spki := func(pub crypto.PublicKey) string {
		der, err := x509.MarshalPKIXPublicKey(pub)
		if err != nil {
			t.Fatal(err)
		}
		return base64.StdEncoding.EncodeToString(der)
	}
	own := spki(&rsaKey().PublicKey)
	pkcs1 := base64.StdEncoding.EncodeToString(x509.MarshalPKCS1PublicKey(&rsaKey().PublicKey))
	ed := base64.StdEncoding.EncodeToString(edKey().Public().(ed25519.PublicKey))
	sub := rsaOne()
	sub.Identity = "@news.example.jp"
	at := rsaOne()
	at.Identity = "a@example.jp"
	for _, c := range []struct {
		key  dkim.Key
		txts []string
		want error
	}{
		{rsaOne(), []string{"v=DKIM1; k=rsa; p=" + own}, nil},
		{rsaOne(), []string{"p=" + own}, nil},
		{rsaOne(), []string{" v = DKIM1 ;\tp = " + own[:20] + " \r\n " + own[20:] + " ; "}, nil},
		{rsaOne(), []string{"v=DKIM1;p=" + pkcs1 + ";"}, nil},
		{rsaOne(), []string{"v=DKIM1; h=sha1 : sha256; s=other:*; t=y; n=notes; x_1=; p=" + own}, nil},
		{rsaOne(), []string{"s=email; p=" + own}, nil},
		{edOne(), []string{"v=DKIM1; k=ed25519; p=" + ed}, nil},
		{at, []string{"t=y:s; p=" + own}, nil},
		{sub, []string{"t=y; p=" + own}, nil},
		{rsaOne(), nil, dkim.ErrNoRecord},
		{rsaOne(), []string{"p=" + own, "v=spf1 -all"}, dkim.ErrManyRecords},
		{rsaOne(), []string{""}, dkim.ErrRecord},
		{rsaOne(), []string{"v=DKIM1"}, dkim.ErrRecord},
		{rsaOne(), []string{"v=DKIM2; p=" + own}, dkim.ErrRecord},
		{rsaOne(), []string{"k=rsa; v=DKIM1; p=" + own}, dkim.ErrRecord},
		{rsaOne(), []string{"v=spf1 -all"}, dkim.ErrRecord},
		{rsaOne(), []string{"p=" + own + "; p=" + own}, dkim.ErrRecord},
		{rsaOne(), []string{"p=" + own + ";; t=y"}, dkim.ErrRecord},
		{rsaOne(), []string{"p=" + own[1:]}, dkim.ErrRecord},
		{rsaOne(), []string{"p=\"" + own + "\""}, dkim.ErrRecord},
		{rsaOne(), []string{"p=" + own + "; n=\u3042"}, dkim.ErrRecord},
		{rsaOne(), []string{"p=" + ed}, dkim.ErrRecord},
		{rsaOne(), []string{"p=" + spki(edKey().Public())}, dkim.ErrRecord},
		{edOne(), []string{"k=ed25519; p=" + spki(edKey().Public())}, dkim.ErrRecord},
		{rsaOne(), []string{"k=ecdsa; p=" + own}, dkim.ErrKeyType},
		{rsaOne(), []string{"v=DKIM1; p="}, dkim.ErrRevoked},
		{rsaOne(), []string{"k=ed25519; p=" + ed}, dkim.ErrOtherKey},
		{edOne(), []string{"p=" + own}, dkim.ErrOtherKey},
		{rsaOne(), []string{"p=" + spki(&ofSize(2048).PublicKey)}, dkim.ErrOtherKey},
		{rsaOne(), []string{"h=sha1; p=" + own}, dkim.ErrUnusable},
		{rsaOne(), []string{"s=tlsrpt; p=" + own}, dkim.ErrUnusable},
		{sub, []string{"t=s; p=" + own}, dkim.ErrUnusable},
	} {
		p, err := c.key.Check(c.txts)
		if !errors.Is(err, c.want) {
			t.Errorf("%q: %v, want %v", c.txts, err, c.want)
			continue
		}
		if e, ok := errors.AsType[*dkim.Error](err); err != nil && (!ok || e.Domain != "example.jp" || e.Selector != c.key.Selector) {
			t.Errorf("%q: %#v", c.txts, err)
		}
		read := c.want == nil || c.want == dkim.ErrRevoked || c.want == dkim.ErrOtherKey || c.want == dkim.ErrUnusable
		if read != (p != nil) || read && p.Testing != strings.Contains(c.txts[0], "t=y") {
			t.Errorf("%q: %+v", c.txts, p)
		}
	}
	if _, err := (dkim.Key{}).Check(nil); !errors.Is(err, dkim.ErrRequired) {
		t.Errorf("no key: %v", err)
	}
}

// publicOnly is a key of which only the public half is there.
type publicOnly struct{ crypto.PublicKey }

func (p publicOnly) Public() crypto.PublicKey { return p.PublicKey }

func (publicOnly) Sign(io.Reader, []byte, crypto.SignerOpts) ([]byte, error) {
	return nil, errors.New("no private key")
}

// FuzzRecord: what is read from a record and published again is the same, and the
// key matches what it was read from.
func FuzzRecord(f *testing.F) {
	for _, k := range []dkim.Key{rsaOne(), edOne()} {
		r, err := k.Record()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(r.Value)
		f.Add(strings.Replace(r.Value, "; p=", "; h=sha1:sha256 ; s=* ;t=y:s;n=;p= \t", 1) + " ; ")
	}
	f.Add("v=DKIM1; p=")
	f.Add("k=ed25519;;p=")
	f.Fuzz(func(t *testing.T, txt string) {
		p, err := dkim.ParseRecord(txt)
		if err != nil {
			if p != nil && p.Key != nil || !errors.Is(err, dkim.ErrRecord) && !errors.Is(err, dkim.ErrKeyType) {
				t.Fatalf("%+v, %v", p, err)
			}
			return
		}
		if p.Key == nil {
			return // revoked
		}
		k := dkim.Key{Domain: "example.jp", Selector: "s", Private: publicOnly{p.Key}}
		r, err := k.Record()
		if _, ok := p.Key.(*rsa.PublicKey); ok && errors.Is(err, dkim.ErrKeySize) {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		if _, err := k.Check([]string{txt}); err != nil && !errors.Is(err, dkim.ErrUnusable) {
			t.Errorf("the key isn't that of its own record: %v", err)
		}
		var joined bytes.Buffer
		for _, s := range r.Strings() {
			if len(s) == 0 || len(s) > 255 {
				t.Errorf("a string of %d octets", len(s))
			}
			joined.WriteString(s)
		}
		if again, err := k.Check([]string{joined.String()}); err != nil || !reflect.DeepEqual(again, &dkim.Published{Key: p.Key}) {
			t.Errorf("%+v, %v", again, err)
		}
	})
}
