package mtasts_test

import (
	"context"
	"crypto/tls"
	"errors"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/qdmail/qdmail/direct/dns"
	"github.com/qdmail/qdmail/direct/mtasts"
)

// TestFetch: what a policy host may answer.
func TestFetch(t *testing.T) {
	body := func(kind, text string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header()["Content-Type"] = []string{kind}
			w.Write([]byte(text))
		}
	}
	long := policyText + "x: " + strings.Repeat("y", mtasts.MaxSize-len(policyText)-3)
	for name, c := range map[string]struct {
		answer http.HandlerFunc
		result mtasts.Result
		err    error
	}{
		"fine":                 {body("text/plain", policyText), "", nil},
		"charset":              {body("Text/Plain; charset=us-ascii", policyText), "", nil},
		"as long as it may be": {body("text/plain", long), "", nil},
		"too long":             {body("text/plain", long+"y"), mtasts.ResultPolicyInvalid, mtasts.ErrPolicy},
		"invalid":              {body("text/plain", "version: STSv1"), mtasts.ResultPolicyInvalid, mtasts.ErrPolicy},
		"HTML":                 {body("text/html", policyText), mtasts.ResultPolicyFetchError, mtasts.ErrFetch},
		"no type":              {body("", policyText), mtasts.ResultPolicyFetchError, mtasts.ErrFetch},
		"not found":            {http.NotFound, mtasts.ResultPolicyFetchError, mtasts.ErrFetch},
		"created": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/plain")
			w.WriteHeader(http.StatusCreated)
			w.Write([]byte(policyText))
		}, mtasts.ResultPolicyFetchError, mtasts.ErrFetch},
		"redirect": {func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/there" {
				body("text/plain", policyText)(w, r)
				return
			}
			http.Redirect(w, r, "/there", http.StatusFound)
		}, mtasts.ResultPolicyFetchError, mtasts.ErrFetch},
		"cut off": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/plain")
			w.Header().Set("Content-Length", "1000")
			w.Write([]byte(policyText))
		}, mtasts.ResultPolicyFetchError, mtasts.ErrFetch},
	} {
		t.Run(name, func(t *testing.T) {
			h := newPolicyHost(t).start(t)
			h.handle(c.answer)
			found, err := newClient(h, published("1"), newClock()).Lookup(t.Context(), "A.test.")
			if err != nil || found.Result != c.result || !errors.Is(found.Err, c.err) || found.Policy.Enforced() != (c.err == nil) {
				t.Errorf("got %+v, %v", found, err)
			}
		})
	}
}

// TestCertificate: the policy host must be who it says.
func TestCertificate(t *testing.T) {
	h := newPolicyHost(t).start(t)
	old := newPolicyHost(t)
	old.TLS.MinVersion, old.TLS.MaxVersion = tls.VersionTLS10, tls.VersionTLS11
	old.start(t)
	other := newPolicyHost(t)
	other.TLS.Certificates[0] = certificate(t, "mta-sts.b.test")
	other.roots.AddCert(other.TLS.Certificates[0].Leaf)
	other.start(t)
	for name, c := range map[string]struct {
		client *http.Client
		result mtasts.Result
	}{
		"fine":         {h.client(nil), ""},
		"unknown CA":   {h.client(&tls.Config{}), mtasts.ResultWebPKIInvalid},
		"unverified":   {h.client(&tls.Config{InsecureSkipVerify: true}), mtasts.ResultWebPKIInvalid},
		"other name":   {other.client(nil), mtasts.ResultWebPKIInvalid},
		"TLS 1.1":      {old.client(&tls.Config{RootCAs: old.roots, MinVersion: tls.VersionTLS10}), mtasts.ResultWebPKIInvalid},
		"TLS 1.1 only": {old.client(nil), mtasts.ResultPolicyFetchError},
	} {
		t.Run(name, func(t *testing.T) {
			cl := &mtasts.Client{Resolver: published("1"), HTTP: c.client}
			found, err := cl.Lookup(t.Context(), "a.test")
			if err != nil || found.Result != c.result || found.Policy.Enforced() != (c.result == "") {
				t.Errorf("got %+v, %v", found, err)
			}
		})
	}
}

// TestRecords: what the domain's record means, without a policy from before and
// with one.
func TestRecords(t *testing.T) {
	for name, c := range map[string]struct {
		host   dns.Host
		result mtasts.Result
		err    error
	}{
		"none":      {dns.Host{}, "", nil},
		"others":    {dns.Host{TXT: []string{"v=spf1 -all"}}, "", nil},
		"two":       {dns.Host{TXT: []string{"v=STSv1; id=1", "v=STSv1; id=2"}}, mtasts.ResultPolicyInvalid, mtasts.ErrManyRecords},
		"invalid":   {dns.Host{TXT: []string{"v=STSv1; id=-"}}, mtasts.ResultPolicyInvalid, mtasts.ErrRecord},
		"NXDOMAIN":  {dns.Host{Fail: map[dns.Type]dns.Status{dns.TypeANY: dns.NXDomain}}, "", nil},
		"temporary": {dns.Host{Fail: map[dns.Type]dns.Status{dns.TypeANY: dns.Temporary}}, mtasts.ResultPolicyFetchError, dns.ErrServer},
		"bogus":     {dns.Host{Fail: map[dns.Type]dns.Status{dns.TypeANY: dns.Bogus}}, mtasts.ResultPolicyFetchError, dns.ErrBogus},
	} {
		t.Run(name, func(t *testing.T) {
			h, now := newPolicyHost(t).start(t), newClock()
			store := &mtasts.Memory{}
			cl := newClient(h, dns.Map{"_mta-sts.a.test": c.host}, now)
			cl.Store = store
			found, err := cl.Lookup(t.Context(), "a.test")
			if err != nil || found.Policy != nil || found.Result != c.result || !errors.Is(found.Err, c.err) || h.asked.Load() != 0 {
				t.Errorf("without: %+v, %v", found, err)
			}
			before := newClient(h, published("1"), now)
			before.Store = store
			if found, err := before.Lookup(t.Context(), "a.test"); err != nil || !found.Policy.Enforced() {
				t.Fatal(found, err)
			}
			now.advance(10*24*time.Hour - time.Second)
			found, err = cl.Lookup(t.Context(), "a.test")
			if err != nil || !found.Policy.Enforced() || found.Result != c.result || !errors.Is(found.Err, c.err) {
				t.Errorf("with: %+v, %v", found, err)
			}
			now.advance(time.Second)
			if found, err := cl.Lookup(t.Context(), "a.test"); err != nil || found.Policy != nil {
				t.Errorf("too late: %+v, %v", found, err)
			}
		})
	}
}

// TestLife follows one domain through its days.
func TestLife(t *testing.T) {
	h, now := newPolicyHost(t).start(t), newClock()
	records := published("1")
	cl := newClient(h, records, now)
	step := func(name string, asked int32, mode mtasts.Mode, result mtasts.Result) {
		t.Helper()
		found, err := cl.Lookup(t.Context(), "a.test")
		got := mtasts.Mode("")
		if found.Policy != nil {
			got = found.Policy.Mode
		}
		if err != nil || got != mode || found.Result != result || (found.Err != nil) != (result != "") {
			t.Errorf("%s: %q, %q, %v, %v", name, got, found.Result, found.Err, err)
		}
		if n := h.asked.Swap(0); n != asked {
			t.Errorf("%s: fetched %d times", name, n)
		}
	}
	h.fail()
	step("the host is down", 1, "", mtasts.ResultPolicyFetchError)
	now.advance(5*time.Minute - time.Second)
	step("it isn't asked too often", 0, "", mtasts.ResultPolicyFetchError)
	now.advance(time.Second)
	h.serve("version: x")
	step("it is up, with nonsense", 1, "", mtasts.ResultPolicyInvalid)
	h.serve(policyText)
	step("which is remembered too", 0, "", mtasts.ResultPolicyInvalid)
	records["_mta-sts.a.test"] = dns.Host{TXT: []string{"v=STSv1; id=2"}}
	step("but not for another ID", 1, mtasts.ModeEnforce, "")
	now.advance(24*time.Hour - time.Second)
	step("the policy is kept", 0, mtasts.ModeEnforce, "")
	h.serve(strings.Replace(policyText, "enforce", "testing", 1))
	now.advance(time.Second)
	step("for a day", 1, mtasts.ModeTesting, "")
	h.serve(policyText)
	records["_mta-sts.a.test"] = dns.Host{TXT: []string{"v=STSv1; id=3"}}
	step("another ID", 1, mtasts.ModeEnforce, "")
	h.fail()
	records["_mta-sts.a.test"] = dns.Host{TXT: []string{"v=STSv1; id=4"}}
	step("another ID, and the host is down", 1, mtasts.ModeEnforce, mtasts.ResultPolicyFetchError)
	step("a moment later", 0, mtasts.ModeEnforce, mtasts.ResultPolicyFetchError)
	records["_mta-sts.a.test"] = dns.Host{TXT: []string{"v=STSv1; id=3"}}
	step("the ID from before", 0, mtasts.ModeEnforce, "")
	now.advance(10*24*time.Hour - time.Second)
	step("the last second", 1, mtasts.ModeEnforce, mtasts.ResultPolicyFetchError)
	now.advance(time.Second)
	step("after it", 0, "", mtasts.ResultPolicyFetchError)
	h.serve("version: STSv1\nmode: none\nmax_age: 60")
	now.advance(5 * time.Minute)
	step("given up", 1, mtasts.ModeNone, "")
	now.advance(29 * time.Second)
	step("for a minute", 0, mtasts.ModeNone, "")
	now.advance(time.Second)
	step("half of which is over", 1, mtasts.ModeNone, "")
	h.serve("version: STSv1\nmode: enforce\nmx: a.test\nmax_age: 0")
	now.advance(time.Minute)
	step("never kept", 1, mtasts.ModeEnforce, "")
	step("never kept, again", 1, mtasts.ModeEnforce, "")
}

// TestOnce: many who want the same policy fetch it once, and one who gives up
// leaves nothing behind.
func TestOnce(t *testing.T) {
	h := newPolicyHost(t).start(t)
	arrived, goOn := make(chan struct{}, 100), make(chan struct{})
	h.handle(func(w http.ResponseWriter, r *http.Request) {
		arrived <- struct{}{}
		select {
		case <-goOn:
		case <-r.Context().Done():
		}
		w.Header().Set("Content-Type", "text/plain")
		w.Write([]byte(policyText))
	})
	cl := newClient(h, published("1"), newClock())
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() {
		if found, err := cl.Lookup(ctx, "a.test"); !errors.Is(err, context.Canceled) {
			t.Errorf("cancelled: %+v, %v", found, err)
		}
	})
	<-arrived
	wg.Go(func() {
		if found, err := cl.Lookup(ctx, "a.test"); !errors.Is(err, context.Canceled) {
			t.Errorf("cancelled while waiting: %+v, %v", found, err)
		}
	})
	for range 10 {
		wg.Go(func() {
			if found, err := cl.Lookup(t.Context(), "a.test"); err != nil || !found.Policy.Enforced() {
				t.Errorf("got %+v, %v", found, err)
			}
		})
	}
	cancel()
	<-arrived // somebody else's turn
	close(goOn)
	wg.Wait()
	if n := h.asked.Load(); n != 2 {
		t.Errorf("fetched %d times", n)
	}
	if n := cl.Turns(); n != 0 {
		t.Errorf("%d turns are left", n)
	}
}

// TestLookupErrors: when mail must wait.
func TestLookupErrors(t *testing.T) {
	h := newPolicyHost(t).start(t)
	for name, want := range map[string]error{"日本.test": mtasts.ErrDomain, "": mtasts.ErrDomain, "a/b.test": mtasts.ErrDomain, "a.test": errStore} {
		cl := newClient(h, published("1"), newClock())
		cl.Store = brokenStore{}
		if found, err := cl.Lookup(t.Context(), name); !errors.Is(err, want) {
			t.Errorf("%q: %+v, %v", name, found, err)
		}
	}
	if _, err := (&mtasts.Client{}).Lookup(t.Context(), "a.test"); !errors.Is(err, mtasts.ErrNoResolver) {
		t.Errorf("got %v", err)
	}
	if _, err := (&mtasts.Client{}).Fetch(t.Context(), "a/b"); !errors.Is(err, mtasts.ErrDomain) {
		t.Errorf("got %v", err)
	}
	if p, err := newClient(h, nil, newClock()).Fetch(t.Context(), "a.test"); err != nil || !p.Enforced() {
		t.Errorf("got %v, %v", p, err)
	}
}

var errStore = errors.New("no store")

type brokenStore struct{}

func (brokenStore) Get(context.Context, string) (mtasts.Entry, error) {
	return mtasts.Entry{}, errStore
}
func (brokenStore) Put(context.Context, string, mtasts.Entry) error { return errStore }

// A policy host that says nothing leaves time for the mail, and isn't waited for
// again by the next one.
func TestLookupSilentHost(t *testing.T) {
	h := newPolicyHost(t).start(t)
	done := make(chan struct{})
	t.Cleanup(func() { close(done) }) // before the server's
	h.handle(func(http.ResponseWriter, *http.Request) { <-done })
	c := newClient(h, published("1"), newClock())
	for _, recent := range []bool{false, true} {
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
		defer cancel()
		found, err := c.Lookup(ctx, "a.test")
		if err != nil || found.Policy != nil || found.Err == nil || errors.Is(found.Err, mtasts.ErrRecently) != recent || ctx.Err() != nil {
			t.Errorf("%+v, %v", found, err)
		}
	}
	if n := h.asked.Load(); n != 1 {
		t.Errorf("asked %d times", n)
	}
}
