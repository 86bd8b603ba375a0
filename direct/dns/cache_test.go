package dns_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	mdns "github.com/miekg/dns"

	"github.com/qdmail/qdmail/direct/dns"
)

// TestCache: answers are kept for their TTL, within limits.
func TestCache(t *testing.T) {
	for name, c := range map[string]struct {
		script script
		host   string
		want   time.Duration // 0: not kept
	}{
		"as it says":       {always("a.test. 600 MX 0 b.test."), "a.test", 10 * time.Minute},
		"the least counts": {always("a.test. 600 MX 0 b.test.", "a.test. 60 MX 1 c.test."), "a.test", time.Minute},
		"and of aliases":   {always("a.test. 60 CNAME b.test.", "b.test. 600 MX 0 b.test."), "a.test", time.Minute},
		"at least":         {always("a.test. 0 MX 0 b.test."), "a.test", 5 * time.Second},
		"at most":          {always("a.test. 999999 MX 0 b.test."), "a.test", time.Hour},
		"no TTL at all":    {always("a.test. 4294967295 MX 0 b.test."), "a.test", 5 * time.Second},
		"no data":          {always("test. 200 SOA ns.test. a.test. 1 2 3 4 100"), "a.test", 100 * time.Second},
		"no data, briefly": {always("test. 50 SOA ns.test. a.test. 1 2 3 4 100"), "a.test", 50 * time.Second},
		"no data, long":    {always("test. 9999 SOA ns.test. a.test. 1 2 3 4 9999"), "a.test", 5 * time.Minute},
		"no data, no SOA":  {always(), "a.test", 5 * time.Second},
		"no such name":     {zone("b.test. 60 MX 0 b.test."), "a.test", 5 * time.Second},
		"failure":          {code(mdns.RcodeRefused), "a.test", 0},
		"bogus": {func(q *mdns.Msg, _ string) *mdns.Msg {
			return extended(q, mdns.ExtendedErrorCodeDNSBogus)
		}, "a.test", 0},
	} {
		t.Run(name, func(t *testing.T) {
			srv := serve(t, c.script)
			now := time.Unix(1_000_000, 0)
			cl := &dns.Client{Servers: []string{srv.addr}, Now: func() time.Time { return now }}
			first := cl.MX(t.Context(), c.host)
			if first.TTL != c.want {
				t.Errorf("TTL %v", first.TTL)
			}
			srv.questions()
			now = now.Add(max(0, c.want-time.Second))
			a := cl.MX(t.Context(), c.host)
			if kept := srv.questions() == ""; kept != (c.want > 0) {
				t.Errorf("kept %v", kept)
			}
			if a.TTL != min(c.want, time.Second) || a.Status != first.Status || list(a.Records) != list(first.Records) {
				t.Errorf("a second later: %+v after %+v", a, first)
			}
			now = now.Add(time.Second)
			if cl.MX(t.Context(), c.host); srv.questions() == "" {
				t.Error("kept too long")
			}
		})
	}
}

// TestCacheBounds: it never has more answers than it may, and a caller can't spoil
// what others get.
func TestCacheBounds(t *testing.T) {
	srv := serve(t, always("_25._tcp.a.test. 600 TLSA 3 1 1 00ff"))
	cl := &dns.Client{Servers: []string{srv.addr}, CacheSize: 16}
	for i := range 100 {
		cl.TXT(t.Context(), fmt.Sprintf("n%d.test", i))
		if n := cl.Cached(); n > 16 || i > 16 && n < 8 {
			t.Fatalf("%d answers after %d questions", n, i+1)
		}
	}
	if cl := client(srv); cl.TXT(t.Context(), "a.test").Status != dns.NoData || cl.Cached() != 0 {
		t.Error("a cache that isn't wanted")
	}
	a := cl.TLSA(t.Context(), "_25._tcp.a.test")
	a.Records[0].Data[0]++
	a.Records[0].Usage = 9
	if b := cl.TLSA(t.Context(), "_25._tcp.a.test"); list(b.Records) != "3 1 1 00ff" {
		t.Errorf("the next one gets %v", b.Records)
	}
}

// TestClockSetBack: an answer is not kept for longer because of that.
func TestClockSetBack(t *testing.T) {
	srv := serve(t, always("a.test. 600 MX 0 b.test."))
	now := time.Unix(1_000_000, 0)
	cl := &dns.Client{Servers: []string{srv.addr}, Now: func() time.Time { return now }}
	cl.MX(t.Context(), "a.test")
	now = now.Add(-24 * time.Hour)
	cl.MX(t.Context(), "a.test")
	if n := strings.Count(srv.questions(), "MX"); n != 2 {
		t.Errorf("%d questions", n)
	}
}

// TestSharing: those who ask the same at the same time share one question, and
// each has their own patience.
func TestSharing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		pipe := &pipeServer{delay: 3 * time.Second, script: always("a.test. 600 MX 0 b.test.")}
		cl := &dns.Client{Servers: []string{"192.0.2.1"}, Dial: pipe.dial, CacheSize: -1}
		var wg sync.WaitGroup
		for i := range 10 {
			wg.Go(func() {
				ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
				defer cancel()
				if i < 5 { // the first of them asked
					ctx, cancel = context.WithTimeout(t.Context(), time.Second)
					defer cancel()
				}
				start := time.Now()
				a := cl.MX(ctx, "a.test")
				switch took := time.Since(start); {
				case i < 5 && (a.Status != dns.Temporary || !errors.Is(a.Err, context.DeadlineExceeded) || took != time.Second):
					t.Errorf("impatient: %v, %v after %v", a.Status, a.Err, took)
				case i >= 5 && (list(a.Records) != "0 b.test." || took != 3*time.Second-500*time.Millisecond):
					t.Errorf("patient: %v, %v after %v", a.Records, a.Err, took)
				}
			})
			if i == 4 {
				<-time.After(500 * time.Millisecond) // the others come later
			}
		}
		wg.Wait()
		if n := pipe.count(); n != 1 {
			t.Errorf("%d questions", n)
		}
	})
}

// TestNobodyWaits: the last one to give up takes the question back, and whoever
// comes then gets an answer of their own.
func TestNobodyWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		pipe := &pipeServer{delay: 4 * time.Second, script: always("a.test. 600 MX 0 b.test.")}
		cl := &dns.Client{Servers: []string{"192.0.2.1"}, Dial: pipe.dial}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if a := cl.MX(ctx, "a.test"); !errors.Is(a.Err, context.DeadlineExceeded) {
			t.Errorf("got %v", a.Err)
		}
		if n := pipe.open(); n != 0 {
			t.Errorf("%d connections are left", n)
		}
		if a := cl.MX(t.Context(), "a.test"); list(a.Records) != "0 b.test." {
			t.Errorf("got %v", a.Err)
		}
		if n := pipe.count(); n != 2 {
			t.Errorf("%d questions", n)
		}
	})
}
