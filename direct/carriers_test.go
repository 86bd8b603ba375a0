package direct_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/qdmail/qdmail/delivery"
	"github.com/qdmail/qdmail/direct"
	"github.com/qdmail/qdmail/internal/testsmtp"
)

// crowded counts how many messages servers are busy with at the same time; each takes
// them a minute.
type crowded struct {
	mu        sync.Mutex
	now, most int
}

func (c *crowded) on(e testsmtp.Event) *testsmtp.Fault {
	if e.Phase != testsmtp.End {
		return nil
	}
	c.mu.Lock()
	c.now++
	c.most = max(c.most, c.now)
	c.mu.Unlock()
	<-time.After(time.Minute)
	c.mu.Lock()
	c.now--
	c.mu.Unlock()
	return nil
}

// TestDomainLimits: how many conversations there are with the carriers' domains, and
// with others, and how many recipients share a transaction.
func TestDomainLimits(t *testing.T) {
	none := []direct.DomainLimits{}
	own := []direct.DomainLimits{
		{Domains: []string{".example.jp", "example.jp"}, MaxConns: 3, Recipients: 2},
		{Domains: []string{"a.example.jp"}, MaxConns: 1},
		{Domains: []string{"example.jp"}, MaxConns: 9}, // the first that names it counts
		{Domains: []string{"two.example"}, Recipients: 2},
	}
	for _, c := range []struct {
		domains  string
		limits   []direct.DomainLimits
		conns    int // Limits.MaxConns
		most     int // conversations
		messages int // of 10 recipients, 4 together
	}{
		{"y.test", nil, 0, 5, 3},
		{"docomo.ne.jp", nil, 0, 2, 10},
		{"docomo.ne.jp", nil, 1, 1, 10},
		{"docomo.ne.jp", none, 0, 5, 3},
		{"docomo.ne.jp", own, 0, 5, 3},
		{"ezweb.ne.jp au.com biz.ezweb.ne.jp", nil, 0, 1, 10},
		{"softbank.ne.jp i.softbank.jp t.vodafone.ne.jp", nil, 0, 2, 10},
		{"ymobile.ne.jp willcom.com", nil, 0, 2, 10},
		{"notdocomo.ne.jp", nil, 0, 5, 3},
		{"x.docomo.ne.jp", nil, 0, 5, 3},
		{"example.jp", own, 0, 3, 5},
		{"b.example.jp c.example.jp", own, 0, 3, 5},
		{"a.example.jp", own, 0, 1, 3},
		{"two.example", own, 0, 5, 5},
	} {
		t.Run(fmt.Sprintf("%s, %d", c.domains, len(c.limits)), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w, count := newWorld(t, 1), new(crowded)
				domains := strings.Fields(c.domains)
				for i, d := range domains {
					w.add(d, 1, 50+i)
					w.mx(50 + i).On = count.on
				}
				tr := w.transport()
				tr.RecipientsPerTransaction, tr.DomainLimits, tr.Limits.MaxConns = 4, c.limits, c.conns
				var wg sync.WaitGroup
				for i := range 12 {
					wg.Go(func() {
						var rcpts []string
						for k := range 10 {
							rcpts = append(rcpts, fmt.Sprintf("r%d@%s", k, domains[i%len(domains)]))
						}
						if res := send(t, tr, from(rcpts...)); res.Count(delivery.Accepted) != 10 {
							t.Error(outcomes(res))
						}
					})
				}
				wg.Wait()
				messages := 0
				for i := range domains {
					messages += len(w.mx(50 + i).Messages())
				}
				if count.most != c.most || messages != 12*c.messages {
					t.Errorf("%d conversations at a time, %d messages", count.most, messages)
				}
			})
		})
	}
}

// TestDomainLimitsCheck: a table that could never apply is an error.
func TestDomainLimitsCheck(t *testing.T) {
	for domain, ok := range map[string]bool{
		"example.jp": true, ".example.jp": true, "xn--ldr85b.jp": true,
		"Example.jp": false, "": false, ".": false, "..jp": false, "*.example.jp": false, "名前.jp": false, "a@example.jp": false,
	} {
		tr := &direct.Transport{DomainLimits: []direct.DomainLimits{{Domains: []string{"ok.jp", domain}}}}
		if err := tr.Check(); (err == nil) != ok {
			t.Errorf("%q: %v", domain, err)
		}
	}
}

// TestCarrierTable: the table is one that a Transport takes, names no domain twice,
// and is the caller's own.
func TestCarrierTable(t *testing.T) {
	seen := map[string]string{}
	for _, c := range direct.Carriers() {
		if c.MaxConns < 1 || c.MaxConns > 2 || c.Recipients != 1 || c.Name == "" {
			t.Errorf("%+v", c)
		}
		for _, d := range c.Domains {
			if seen[d] != "" {
				t.Errorf("%s is of %s and %s", d, c.Name, seen[d])
			}
			seen[d] = c.Name
		}
	}
	for _, d := range []string{"docomo.ne.jp", "ezweb.ne.jp", "au.com", "softbank.ne.jp", "i.softbank.jp", "ymobile.ne.jp"} {
		if seen[d] == "" {
			t.Errorf("%s is missing", d)
		}
	}
	mine := direct.Carriers()
	mine[0].MaxConns, mine[0].Domains[0] = 9, "example.jp"
	if again := direct.Carriers(); again[0].MaxConns == 9 || again[0].Domains[0] == "example.jp" {
		t.Error("a change shows")
	}
}
