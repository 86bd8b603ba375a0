package dane_test

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/qdmail/qdmail/direct/dane"
	"github.com/qdmail/qdmail/direct/dns"
)

func TestVerify(t *testing.T) {
	root := issue(t, nil, authority("root"))
	inter := issue(t, root, authority("inter"))
	leaf := issue(t, inter, nil)
	old := issue(t, inter, expired)
	other := issue(t, inter, func(c *x509.Certificate) { c.DNSNames = []string{"mx.b.test"} })
	named := issue(t, inter, func(c *x509.Certificate) { c.DNSNames = nil })
	wild := issue(t, inter, func(c *x509.Certificate) { c.DNSNames = []string{"*.a.test"} })
	direct := issue(t, root, nil)
	client := issue(t, inter, func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth} })
	lonely := issue(t, nil, nil)
	noCA := issue(t, root, func(c *x509.Certificate) { c.Subject.CommonName = "no CA" })
	byNoCA := issue(t, noCA, nil)
	oldRoot := issue(t, nil, func(c *x509.Certificate) { authority("old")(c); expired(c) })
	byOldRoot := issue(t, oldRoot, nil)
	stranger := issue(t, nil, authority("root")) // the name, and another key
	rec := func(r ...dns.TLSA) []dns.TLSA { return r }

	for name, c := range map[string]struct {
		chain   []*x509.Certificate
		records []dns.TLSA
		err     error  // nil: authenticated
		result  string // of the error
	}{
		"EE":                            {chain(leaf), rec(record(3, 1, 1, leaf)), nil, ""},
		"EE, certificate in full":       {chain(leaf), rec(record(3, 0, 0, leaf)), nil, ""},
		"EE, expired":                   {chain(old), rec(record(3, 0, 2, old)), nil, ""},
		"EE, another name":              {chain(other), rec(record(3, 1, 0, other)), nil, ""},
		"EE, for clients":               {chain(client), rec(record(3, 1, 1, client)), nil, ""},
		"EE, self-signed":               {chain(lonely), rec(record(3, 1, 1, lonely)), nil, ""},
		"EE, of another":                {chain(leaf), rec(record(3, 1, 1, other)), dane.ErrNoMatch, "validation-failure"},
		"EE, of the authority":          {chain(leaf, inter), rec(record(3, 1, 1, inter)), dane.ErrNoMatch, "validation-failure"},
		"EE, one of two":                {chain(leaf), rec(record(3, 1, 1, other), record(3, 1, 1, leaf)), nil, ""},
		"EE, the stronger fails":        {chain(leaf), rec(record(3, 1, 1, leaf), record(3, 1, 2, other)), dane.ErrNoMatch, "validation-failure"},
		"EE, the stronger is broken":    {chain(leaf), rec(record(3, 1, 1, leaf), dns.TLSA{Usage: 3, Selector: 1, MatchingType: 2, Data: make([]byte, 63)}), nil, ""},
		"EE, stronger elsewhere":        {chain(leaf), rec(record(3, 1, 1, leaf), record(3, 0, 2, other), record(3, 1, 0, other)), nil, ""},
		"TA":                            {chain(leaf, inter), rec(record(2, 0, 1, inter)), nil, ""},
		"TA, above":                     {chain(leaf, inter, root), rec(record(2, 1, 2, root)), nil, ""},
		"TA, not sent":                  {chain(leaf, inter), rec(record(2, 0, 1, root)), dane.ErrNoMatch, "validation-failure"},
		"TA, only in the record":        {chain(leaf, inter), rec(record(2, 0, 0, root)), nil, ""},
		"TA, all in records":            {chain(leaf), rec(record(2, 0, 0, inter)), nil, ""},
		"TA, two in records":            {chain(leaf), rec(spoilt(record(2, 0, 1, inter)), record(2, 0, 0, root), record(2, 0, 0, inter)), nil, ""},
		"TA, only its key":              {chain(leaf, inter), rec(record(2, 1, 0, root)), nil, ""},
		"TA, only the key, directly":    {chain(direct), rec(record(2, 1, 0, root)), nil, ""},
		"TA, another key":               {chain(leaf, inter), rec(record(2, 1, 0, stranger)), dane.ErrNoMatch, "validation-failure"},
		"TA, of the same name":          {chain(leaf, inter), rec(record(2, 0, 0, stranger)), dane.ErrChain, "certificate-not-trusted"},
		"TA, not above the leaf":        {chain(leaf, stranger), rec(record(2, 0, 1, stranger)), dane.ErrChain, "certificate-not-trusted"},
		"TA, a link is missing":         {chain(leaf), rec(record(2, 0, 0, root)), dane.ErrChain, "certificate-not-trusted"},
		"TA, in another order":          {chain(leaf, root, inter), rec(record(2, 0, 1, root)), nil, ""},
		"TA, the leaf itself":           {chain(lonely), rec(record(2, 0, 1, lonely)), dane.ErrNoMatch, "validation-failure"},
		"TA, the leaf twice":            {chain(lonely, lonely), rec(record(2, 0, 1, lonely)), dane.ErrNoMatch, "validation-failure"},
		"TA, the leaf in the record":    {chain(lonely), rec(record(2, 0, 0, lonely)), dane.ErrNoMatch, "validation-failure"},
		"TA, another name":              {chain(other, inter), rec(record(2, 0, 1, inter)), dane.ErrName, "certificate-host-mismatch"},
		"TA, the common name":           {chain(named, inter), rec(record(2, 0, 1, inter)), nil, ""},
		"TA, a wildcard":                {chain(wild, inter), rec(record(2, 0, 1, inter)), nil, ""},
		"TA, expired":                   {chain(old, inter), rec(record(2, 0, 1, inter)), dane.ErrExpired, "certificate-expired"},
		"TA, itself expired":            {chain(byOldRoot, oldRoot), rec(record(2, 0, 1, oldRoot)), dane.ErrExpired, "certificate-expired"},
		"TA, its key, and it's expired": {chain(byOldRoot, oldRoot), rec(record(2, 1, 0, oldRoot)), dane.ErrExpired, "certificate-expired"},
		"TA, its key, and it's none":    {chain(byNoCA, noCA), rec(record(2, 1, 0, noCA)), dane.ErrChain, "certificate-not-trusted"},
		"TA, for clients":               {chain(client, inter), rec(record(2, 0, 1, inter)), dane.ErrChain, "certificate-not-trusted"},
		"TA, no authority":              {chain(byNoCA, noCA, root), rec(record(2, 0, 1, noCA)), dane.ErrChain, "certificate-not-trusted"},
		"TA by no authority":            {chain(byNoCA, noCA, root), rec(record(2, 0, 1, root)), dane.ErrChain, "certificate-not-trusted"},
		"one TA fails, another not":     {chain(leaf, inter), rec(record(2, 0, 0, stranger), record(2, 0, 1, inter)), nil, ""},
		"EE fails, TA tells more":       {chain(old, inter), rec(record(3, 1, 1, leaf), record(2, 1, 1, root), record(2, 0, 1, inter)), dane.ErrExpired, "certificate-expired"},
		"beside unusable ones":          {chain(leaf), rec(record(1, 1, 1, leaf), record(3, 1, 1, other)), dane.ErrNoMatch, "validation-failure"},
		"no certificate":                {nil, rec(record(3, 1, 1, leaf)), dane.ErrNoCertificate, "validation-failure"},
		"no record":                     {chain(leaf), nil, dane.ErrNoRecords, "validation-failure"},
	} {
		t.Run(name, func(t *testing.T) {
			v := &dane.Verifier{Records: c.records, Names: []string{"a.test", "mx.a.test."}}
			m, err := v.Verify(c.chain)
			if !errors.Is(err, c.err) || m.Authenticated != (c.err == nil) {
				t.Fatalf("got %+v, %v", m, err)
			}
			typed, _ := errors.AsType[*dane.Error](err)
			if err != nil && (typed == nil || typed.Result != c.result) {
				t.Errorf("got %q: %v", typed.Result, err)
			}
			if (v.VerifyConnection(tls.ConnectionState{PeerCertificates: c.chain}) == nil) != (c.err == nil) {
				t.Error("VerifyConnection says something else")
			}
			if err == nil && m.Record.String() == (dns.TLSA{}).String() {
				t.Error("which record is it?")
			}
		})
	}
	t.Run("all unusable", func(t *testing.T) {
		v := &dane.Verifier{Records: rec(record(1, 1, 1, leaf), record(0, 0, 1, inter), dns.TLSA{Usage: 3, Data: []byte{1}})}
		if m, err := v.Verify(chain(leaf)); err != nil || m.Authenticated || v.Usable() {
			t.Errorf("got %+v, %v", m, err)
		}
	})
	t.Run("no names", func(t *testing.T) {
		v := &dane.Verifier{Records: rec(record(2, 0, 1, inter)), Names: []string{"", "."}}
		if m, err := v.Verify(chain(leaf, inter)); !errors.Is(err, dane.ErrName) || m.Authenticated || !v.Usable() {
			t.Errorf("got %+v, %v", m, err)
		}
	})
	t.Run("another time", func(t *testing.T) {
		v := &dane.Verifier{Records: rec(record(2, 0, 1, inter)), Names: []string{"mx.a.test"}, Now: func() time.Time { return time.Unix(0, 0) }}
		if _, err := v.Verify(chain(leaf, inter)); !errors.Is(err, dane.ErrExpired) {
			t.Errorf("got %v", err)
		}
	})
}

// TestHandshake has a handshake fail or not by the records alone, a resumed one
// too.
func TestHandshake(t *testing.T) {
	leaf, other := issue(t, nil, nil), issue(t, nil, nil)
	server := &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{leaf.Raw}, PrivateKey: leaf.key}}}
	l, err := tls.Listen("tcp", "127.0.0.1:0", server)
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	defer wg.Wait()
	defer l.Close()
	wg.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			conn.Write([]byte("x")) // after the handshake
			conn.Close()
		}
	})
	cache := tls.NewLRUClientSessionCache(1)
	for _, c := range []struct {
		record  dns.TLSA
		good    bool
		resumed bool
	}{
		{record(3, 1, 1, other), false, false},
		{record(3, 1, 1, leaf), true, false},
		{record(3, 1, 1, leaf), true, true},
		{record(3, 1, 1, other), false, true},
	} {
		v := &dane.Verifier{Records: []dns.TLSA{c.record}, Names: []string{"mx.a.test"}}
		near, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		var resumed bool
		conn := tls.Client(near, &tls.Config{
			ServerName: "mx.a.test", InsecureSkipVerify: true, ClientSessionCache: cache,
			VerifyConnection: func(cs tls.ConnectionState) error {
				resumed = cs.DidResume
				return v.VerifyConnection(cs)
			},
		})
		_, err = conn.Read(make([]byte, 1)) // a ticket comes with it
		near.Close()
		if (err == nil) != c.good || resumed != c.resumed {
			t.Errorf("%v: resumed %v, %v", c.record, resumed, err)
		}
		if _, typed := errors.AsType[*dane.Error](err); !c.good && !typed {
			t.Errorf("%v: %v", c.record, err)
		}
	}
}
