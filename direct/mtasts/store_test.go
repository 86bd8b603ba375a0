package mtasts_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/qdmail/qdmail/direct/mtasts"
)

// TestMemory: what goes first when it is full.
func TestMemory(t *testing.T) {
	m := &mtasts.Memory{Max: 3}
	policy := &mtasts.Policy{Mode: mtasts.ModeEnforce}
	put := func(domain string, p *mtasts.Policy) {
		t.Helper()
		if err := m.Put(t.Context(), domain, mtasts.Entry{Policy: p, ID: domain}); err != nil {
			t.Fatal(err)
		}
	}
	want := func(domains ...string) {
		t.Helper()
		for _, d := range domains {
			if e, err := m.Get(t.Context(), d); err != nil || e.ID != d {
				t.Errorf("%s: %+v, %v", d, e, err)
			}
		}
	}
	gone := func(domain string) {
		t.Helper()
		if e, err := m.Get(t.Context(), domain); err != nil || e.ID != "" {
			t.Errorf("%s: %+v, %v", domain, e, err)
		}
	}
	put("failed", nil)
	put("a", policy)
	put("b", policy)
	want("failed", "a", "b")
	put("c", policy)
	gone("failed")
	want("b", "c", "a")
	put("d", policy)
	gone("b") // asked for longest ago
	put("failed", nil)
	gone("failed")
	want("a", "c", "d")
	put("a", nil)
	put("e", policy)
	gone("a")
	want("c", "d", "e")

	var unlimited mtasts.Memory
	for i := range 10_001 {
		if err := unlimited.Put(t.Context(), fmt.Sprint(i), mtasts.Entry{ID: "x"}); err != nil {
			t.Fatal(err)
		}
	}
	if e, _ := unlimited.Get(t.Context(), "0"); e.ID != "" {
		t.Error("more than 10,000 entries")
	}
	if e, _ := unlimited.Get(t.Context(), "1"); e.ID != "x" {
		t.Error("less than 10,000 entries")
	}
}

func TestUntil(t *testing.T) {
	early, late := time.Unix(1, 0), time.Unix(2, 0)
	for _, c := range []struct {
		entry mtasts.Entry
		want  time.Time
	}{
		{mtasts.Entry{}, time.Time{}},
		{mtasts.Entry{Retry: early}, early},
		{mtasts.Entry{Policy: &mtasts.Policy{}, Expires: late}, late},
		{mtasts.Entry{Policy: &mtasts.Policy{}, Expires: late, Retry: early}, late},
		{mtasts.Entry{Policy: &mtasts.Policy{}, Expires: early, Retry: late}, late},
	} {
		if got := c.entry.Until(); !got.Equal(c.want) {
			t.Errorf("%+v: %v", c.entry, got)
		}
	}
}
