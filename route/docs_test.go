package route_test

import (
	"os"
	"strings"
	"testing"

	"github.com/qdmail/qdmail/route"
)

// TestDocs: the file in docs/routes.md is one, and does what stands beside it.
func TestDocs(t *testing.T) {
	text, err := os.ReadFile("../docs/routes.md")
	if err != nil {
		t.Fatal(err)
	}
	_, file, _ := strings.Cut(string(text), "## A file\n\n```\n")
	file, _, ok := strings.Cut(file, "```")
	var o opener
	urls := route.URLs{Open: o.open, Relays: map[string]string{"main": "smtp://a.test", "bulk": "smtp://b.test"}, MX: noMX}
	table, err := urls.Load(write(t, file))
	if !ok || err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ from, to, want string }{
		{"news@news.example.co.jp", "taro@docomo.ne.jp", "hosts:mx.carrier.example"},
		{"shop@example.co.jp", "taro@docomo.ne.jp", "direct"},
		{"shop@example.co.jp", "a@x.ezweb.ne.jp", "direct"},
		{"shop@example.co.jp", "a@old.example.jp", "refuse"},
		{"shop@example.co.jp", "a@example.com", "relay:main"},
	} {
		if r, err := table.Find(t.Context(), c.from, c.to); string(r.Target) != c.want {
			t.Errorf("from %s to %s: %s, %v", c.from, c.to, r.Target, err)
		}
	}
	if _, options, ok := strings.Cut(string(text), "\n## Options\n"); ok {
		for _, key := range []string{"from", "source", "ehlo", "tls", "rate", "concurrency", "recipients"} {
			if !strings.Contains(options, "`"+key+"=") {
				t.Errorf("%s isn't documented", key)
			}
		}
	}
}
