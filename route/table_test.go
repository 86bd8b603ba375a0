package route_test

import (
	"context"
	"errors"
	"net/netip"
	"strings"
	"testing"

	"github.com/qdmail/qdmail/delivery"
	"github.com/qdmail/qdmail/route"
)

func noMX(context.Context, string) ([]string, error) { return nil, nil }

// accept takes everything.
var accept = delivery.TransportFunc(func(_ context.Context, env *delivery.Envelope, _ delivery.Body) (*delivery.Result, error) {
	res := delivery.NewResult(env)
	for i := range res.Recipients {
		res.Recipients[i].Outcome = delivery.Accepted
	}
	return res, nil
})

// table makes a table of lines, all of whose targets accept.
func table(t *testing.T, text string, mx func(context.Context, string) ([]string, error)) *route.Table {
	t.Helper()
	routes, err := route.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	tab, err := route.New(route.Config{Routes: routes, MX: mx, Open: func(route.Target, route.Options) (delivery.Transport, error) {
		return accept, nil
	}})
	if err != nil {
		t.Fatal(err)
	}
	return tab
}

func TestFind(t *testing.T) {
	tab := table(t, `
*                any
.test            below-test
.a.test          below-a
a.test           a
b.a.test         b-news     from=news.example,.news.example
b.a.test         b-null     from=<>
b.a.test         b-other    from=.example
日本.test          nihon
mx:.mail.example   mx-below
mx:.x.mail.example mx-below-x
mx:a.b           mx-host
several.example,.several.example,mx:.c.d  several
`, func(_ context.Context, domain string) ([]string, error) {
		switch domain {
		case "fail.example":
			return nil, errMX
		case "strange.example":
			return []string{"", ".", "..", "日\x00"}, nil
		case "host.example":
			return []string{"y.x.mail.example.", "A.b."}, nil
		case "two.example":
			return []string{"a.mail.example", "b.x.mail.example"}, nil
		case "by-mx.example":
			return []string{"x.c.d"}, nil
		case "same.example":
			return []string{"mail.example"}, nil
		}
		if strings.HasSuffix(domain, ".test") {
			t.Errorf("%s is looked up", domain)
		}
		return nil, nil
	})
	for _, c := range []struct {
		from, to string
		want     route.Target
		err      error
	}{
		{"", "u@A.test", "a", nil},
		{"", "u@a.test.", "a", nil},
		{"", `"x@b.example"@a.test`, "a", nil},
		{"", "u@c.a.test", "below-a", nil},
		{"", "u@d.c.a.test", "below-a", nil},
		{"", "u@xa.test", "below-test", nil},
		{"", "u@test", "any", nil},
		{"", "u@日本.test", "nihon", nil},
		{"", "u@xn--wgv71a.test", "nihon", nil},
		{"u@news.example", "u@b.a.test", "b-news", nil},
		{"u@x.NEWS.example", "u@b.a.test", "b-news", nil},
		{"u@other.example", "u@b.a.test", "b-other", nil},
		{"", "u@b.a.test", "b-null", nil},
		{"u@example", "u@b.a.test", "", route.ErrSender},
		{"u@xnews.test", "u@b.a.test", "", route.ErrSender},
		{"u", "u@b.a.test", "", route.ErrSender},
		{"", "u@host.example", "mx-host", nil},
		{"", "u@two.example", "mx-below-x", nil},
		{"", "u@same.example", "any", nil},
		{"", "u@none.example", "any", nil},
		{"", "u@Several.example", "several", nil},
		{"", "u@a.several.example", "several", nil},
		{"", "u@by-mx.example", "several", nil},
		{"", "u@strange.example", "any", nil},
		{"", "u@fail.example", "", errMX},
		{"", "u@[192.0.2.1]", "any", nil},
		{"", "postmaster", "any", nil},
		{"", "", "any", nil},
	} {
		r, err := tab.Find(t.Context(), c.from, c.to)
		if r.Target != c.want || !errors.Is(err, c.err) || (err == nil) != (c.err == nil) {
			t.Errorf("from <%s> to <%s>: %s, %v", c.from, c.to, r.Target, err)
		}
	}
	if _, err := table(t, "a.test x", nil).Find(t.Context(), "", "u@b.test"); !errors.Is(err, route.ErrNoRoute) {
		t.Errorf("got %v", err)
	}
}

var errMX = errors.New("no answer")

// TestNew: what a table can't be made of.
func TestNew(t *testing.T) {
	reply := func(code int, enhanced [3]int, text string) *delivery.Reply {
		return &delivery.Reply{Code: code, Enhanced: enhanced, Text: text}
	}
	good := route.Route{Pattern: "*", Target: "x"}
	with := func(change func(*route.Route)) []route.Route {
		r := good
		change(&r)
		return []route.Route{r}
	}
	for want, routes := range map[string][]route.Route{
		"the pattern is no domain name":             with(func(r *route.Route) { r.Pattern = "" }),
		"the sender is no domain name":              with(func(r *route.Route) { r.From = []string{"*"} }),
		"the target isn't a word: \"\"":             with(func(r *route.Route) { r.Target = "" }),
		"the target isn't a word: \"a b\"":          with(func(r *route.Route) { r.Target = "a b" }),
		"the target isn't a word: \"a=b\"":          with(func(r *route.Route) { r.Target = "a=b" }),
		"the target isn't a word: \"#a\"":           with(func(r *route.Route) { r.Target = "#a" }),
		"there is a target and a":                   with(func(r *route.Route) { r.Transport = accept }),
		"only refuse has a reply":                   with(func(r *route.Route) { r.Reply = reply(550, [3]int{}, "") }),
		"hold has no options":                       with(func(r *route.Route) { r.Target, r.Options.Concurrency = route.Hold, 1 }),
		"a reply begins with a code":                with(func(r *route.Route) { r.Target, r.Reply = route.Refuse, reply(600, [3]int{}, "") }),
		"of another class":                          with(func(r *route.Route) { r.Target, r.Reply = route.Refuse, reply(450, [3]int{5, 1, 1}, "") }),
		"one printable line":                        with(func(r *route.Route) { r.Target, r.Reply = route.Refuse, reply(450, [3]int{}, "a\nb") }),
		"more than one source":                      with(func(r *route.Route) { r.Options.Source = []netip.Addr{netip.IPv6Loopback(), netip.IPv6Loopback()} }),
		"no plain IPv4 or IPv6":                     with(func(r *route.Route) { r.Options.Source = make([]netip.Addr, 1) }),
		"no domain name in ASCII":                   with(func(r *route.Route) { r.Options.EHLO = "a b" }),
		"none of insecure-none":                     with(func(r *route.Route) { r.Options.TLS = "x" }),
		"a rate is a number":                        with(func(r *route.Route) { r.Options.Rate.Count = 1 }),
		"no number from 1":                          with(func(r *route.Route) { r.Options.Recipients = -1 }),
		"route 1 has the same pattern":              {good, {Pattern: "*", Transport: accept}},
		"and no MX function":                        with(func(r *route.Route) { r.Pattern = "mx:a.test" }),
		`route 2 ("b.test"): failed`:                {good, {Pattern: "b.test", Target: "fail"}},
		`route 2 ("b.test"): there is no transport`: {good, {Pattern: "b.test", Target: "nil"}},
	} {
		opened := &closing{}
		_, err := route.New(route.Config{Routes: routes, Open: func(target route.Target, _ route.Options) (delivery.Transport, error) {
			switch target {
			case "fail":
				return nil, errors.New("failed")
			case "nil":
				return nil, nil
			}
			opened.open++
			return opened, nil
		}})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("want %s, got %v", want, err)
		}
		if opened.open != opened.closed {
			t.Errorf("%s: %d opened, %d closed", want, opened.open, opened.closed)
		}
	}
	if _, err := route.New(route.Config{Routes: []route.Route{good}}); err == nil || !strings.Contains(err.Error(), "nobody knows") {
		t.Errorf("without Open: %v", err)
	}
}

// closing counts how often it is opened and closed.
type closing struct {
	delivery.TransportFunc
	open, closed int
	err          error
}

func (c *closing) Close() error { c.closed++; return c.err }

// TestOpen: routes with the same target and options share a transport, and only
// what the table has opened is closed.
func TestOpen(t *testing.T) {
	var asked []string
	opened, given := &closing{err: errMX}, &closing{}
	tab, err := route.New(route.Config{
		Routes: []route.Route{
			{Pattern: "a.test", Target: "hosts:x:25,y", Options: route.Options{Recipients: 1}},
			{Pattern: "b.test", Target: "hosts:x:25,y", Options: route.Options{Recipients: 1}, From: []string{"c.test"}},
			{Pattern: "c.test", Target: "hosts:x:25,y"},
			{Pattern: "d.test", Transport: given},
			{Pattern: "e.test", Transport: given},
			{Pattern: "f.test", Target: route.Refuse},
		},
		Open: func(target route.Target, o route.Options) (delivery.Transport, error) {
			asked = append(asked, target.Kind()+" "+strings.Join(target.List(), " ")+" "+o.String())
			return opened, nil
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(asked, ", "); got != "hosts x:25 y recipients=1, hosts x:25 y " {
		t.Errorf("opened %q", got)
	}
	if err := tab.Close(); !errors.Is(err, errMX) || opened.closed != 2 || given.closed != 0 {
		t.Errorf("closed %d, %d: %v", opened.closed, given.closed, err)
	}
	if route.Target("direct").List() != nil || route.Target("direct").Arg() != "" || route.TLS("verify:a").VerifyName() != "a" || route.TLSVerify.VerifyName() != "" {
		t.Error("parts of names")
	}
	if s := tab.String(); s != "table of 6 routes" {
		t.Error(s)
	}
	if s := (route.Route{Pattern: "*", Transport: given}).String(); s != "* (*route_test.closing)" {
		t.Error(s)
	}
}
