package dane_test

import (
	"bytes"
	"crypto/x509"
	"errors"
	"reflect"
	"strings"
	"testing"

	"github.com/qdmail/qdmail/direct/dane"
	"github.com/qdmail/qdmail/direct/dns"
)

func TestParse(t *testing.T) {
	for text, want := range map[string]*dns.TLSA{
		"3 1 1 00ff":             {Usage: 3, Selector: 1, MatchingType: 1, Data: []byte{0, 255}},
		" 255 255\t255 0 0FF \n": {Usage: 255, Selector: 255, MatchingType: 255, Data: []byte{0, 255}},
		"":                       nil,
		"3 1 1":                  nil,
		"3 1 00ff":               nil,
		"3 1 1 0":                nil,
		"3 1 1 0g":               nil,
		"256 1 1 00":             nil,
		"-1 1 1 00":              nil,
		"DANE-EE 1 1 00":         nil,
	} {
		r, err := dane.Parse(text)
		if want == nil {
			if !errors.Is(err, dane.ErrSyntax) {
				t.Errorf("%q: %v, %v", text, r, err)
			}
			continue
		}
		if err != nil || !reflect.DeepEqual(r, *want) {
			t.Errorf("%q: %v, %v", text, r, err)
		}
	}
	if name := dane.Name("mx.a.test", 25); name != "_25._tcp.mx.a.test" {
		t.Error(name)
	}
}

func TestCheck(t *testing.T) {
	c := issue(t, nil, nil)
	digest := func(u, s, m uint8, n int) dns.TLSA {
		return dns.TLSA{Usage: u, Selector: s, MatchingType: m, Data: make([]byte, n)}
	}
	var good []dns.TLSA
	for _, usage := range []uint8{2, 3} {
		for selector := range uint8(2) {
			for matching := range uint8(3) {
				good = append(good, record(usage, selector, matching, c))
			}
		}
	}
	for _, r := range good {
		if err := dane.Check(r); err != nil {
			t.Errorf("%.20v: %v", r, err)
		}
	}
	for _, r := range []dns.TLSA{
		{}, record(0, 1, 1, c), record(1, 1, 1, c),
		digest(4, 1, 1, 32), digest(255, 1, 1, 32), digest(3, 2, 1, 32), digest(3, 1, 3, 48),
		digest(3, 1, 1, 0), digest(3, 1, 1, 31), digest(3, 1, 1, 33), digest(3, 1, 1, 64), digest(2, 0, 2, 32),
		digest(3, 0, 0, 0), digest(2, 1, 0, 100),
		{Usage: 3, Selector: 0, Data: c.RawSubjectPublicKeyInfo},
		{Usage: 2, Selector: 1, Data: c.Raw},
		{Usage: 2, Selector: 0, Data: append(bytes.Clone(c.Raw), 0)},
	} {
		if err := dane.Check(r); !errors.Is(err, dane.ErrUnusable) {
			t.Errorf("%.20v: %v", r, err)
		}
	}
}

// FuzzParse: a record that is read says the same when it is written and read again.
func FuzzParse(f *testing.F) {
	f.Add("3 1 1 00ff")
	f.Add("2 0 0 3082 01 0a")
	f.Fuzz(func(t *testing.T, text string) {
		r, err := dane.Parse(text)
		if err != nil {
			if !errors.Is(err, dane.ErrSyntax) {
				t.Error(err)
			}
			return
		}
		again, err := dane.Parse(r.String())
		if err != nil || !reflect.DeepEqual(r, again) {
			t.Errorf("%v became %v, %v", r, again, err)
		}
	})
}

// FuzzVerify: whatever a record says, a server is authenticated only by a record
// that is usable, for its own certificate or for one that vouches for it.
func FuzzVerify(f *testing.F) {
	root := issue(f, nil, authority("root"))
	leaf := issue(f, root, nil)
	sent := []*x509.Certificate{leaf.Certificate, root.Certificate}
	for selector := range uint8(2) {
		for matching := range uint8(3) {
			r := record(3, selector, matching, leaf)
			f.Add(r.Usage, r.Selector, r.MatchingType, r.Data)
			r = record(2, selector, matching, root)
			f.Add(r.Usage, r.Selector, r.MatchingType, r.Data)
		}
	}
	f.Fuzz(func(t *testing.T, usage, selector, matching uint8, data []byte) {
		r := dns.TLSA{Usage: usage, Selector: selector, MatchingType: matching, Data: data}
		v := &dane.Verifier{Records: []dns.TLSA{r}, Names: []string{"mx.a.test"}}
		m, err := v.Verify(sent)
		checked := dane.Check(r)
		if v.Usable() != (checked == nil) || checked != nil && (err != nil || m.Authenticated) || checked == nil && m.Authenticated == (err != nil) {
			t.Fatalf("%v: %+v, %v, %v", r, m, err, checked)
		}
		if !m.Authenticated {
			return
		}
		want := record(usage, selector, matching, map[uint8]*issued{2: root, 3: leaf}[usage])
		if !strings.EqualFold(r.String(), want.String()) {
			t.Errorf("authenticated by %v", r)
		}
	})
}
