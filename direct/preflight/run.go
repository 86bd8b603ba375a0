package preflight

import (
	"cmp"
	"context"
	"errors"
	"net/netip"
	"os"
	"slices"
	"strings"
	"sync"

	"github.com/qdmail/qdmail/direct"
	"github.com/qdmail/qdmail/direct/dns"
)

// maxJobs is how many checks run at the same time.
const maxJobs = 20

// run is one Run. What several checks need is looked up once, by whoever comes
// first.
type run struct {
	*Check
	ctx          context.Context
	resolver     dns.Resolver
	addrs        []netip.Addr // public, IPv4 first, each once
	bad          []netip.Addr // given, but not public
	from, sender name
	local        name
	keys         []Key // with their Domain
	ptrs         map[netip.Addr]func() dns.Answer[string]
	localAddrs   func() dns.Answer[netip.Addr]
	walks        map[string]func() *walk // of DMARC, by domain
}

// name is a domain of the Check.
type name struct {
	given, ascii string
	err          error
}

func parseName(given string) name {
	n := name{given: given}
	if given == "" {
		n.err = errNotGiven
	} else {
		n.ascii, n.err = domainOf(given)
	}
	return n
}

var errNotGiven = errors.New("not given")

// usable reports whether there is a name, and fills f in otherwise.
func (n name) usable(f *Finding, field string) bool {
	switch n.err {
	case nil:
		return true
	case errNotGiven:
		f.skip("%s isn't set", field)
	default:
		f.set(Failure, CodeInvalid, "%s is no domain name: %s", field, show(n.err.Error()))
		f.Fix = "Correct the setting."
	}
	return false
}

func newRun(ctx context.Context, c *Check) *run {
	r := &run{Check: c, ctx: ctx, resolver: c.Resolver, from: parseName(c.From), sender: parseName(cmp.Or(c.Sender, c.From))}
	if r.resolver == nil {
		r.resolver = &dns.Client{}
	}
	r.local = parseName(cmp.Or(c.LocalName, hostname()))
	r.localAddrs = once(func() dns.Answer[netip.Addr] { return r.resolver.Addrs(ctx, r.local.ascii) })
	r.takeAddrs()
	for _, k := range c.DKIM {
		k.Domain = cmp.Or(k.Domain, r.from.ascii, c.From)
		r.keys = append(r.keys, k)
	}
	r.walks = map[string]func() *walk{}
	for _, d := range r.mailDomains() {
		r.walks[d] = once(func() *walk { return r.walk(d) })
	}
	return r
}

// takeAddrs sorts the source addresses.
func (r *run) takeAddrs() {
	given := r.Addrs
	if len(given) == 0 {
		for _, addr := range []netip.Addr{r.Source.IPv4, r.Source.IPv6} {
			if addr.IsValid() && !addr.IsUnspecified() {
				given = append(given, addr)
			}
		}
	}
	r.ptrs = map[netip.Addr]func() dns.Answer[string]{}
	for _, addr := range given {
		addr = addr.Unmap()
		switch {
		case slices.Contains(r.addrs, addr) || slices.Contains(r.bad, addr):
		case !direct.PublicAddr(addr):
			r.bad = append(r.bad, addr)
		default:
			r.addrs = append(r.addrs, addr)
			r.ptrs[addr] = once(func() dns.Answer[string] { return r.resolver.PTR(r.ctx, addr) })
		}
	}
	slices.SortStableFunc(r.addrs, byFamily)
}

// mailDomains are the domains of From, Sender and the keys, each once.
func (r *run) mailDomains() []string {
	var list []string
	add := func(n name) {
		if n.err == nil && !slices.Contains(list, n.ascii) {
			list = append(list, n.ascii)
		}
	}
	add(r.from)
	add(r.sender)
	for _, k := range r.keys {
		add(parseName(k.Domain))
	}
	return list
}

// all makes all checks and returns what they found, in the order of the jobs.
func (r *run) all() [][]Finding {
	jobs := r.jobs()
	found := make([][]Finding, len(jobs))
	places := make(chan struct{}, maxJobs)
	var wg sync.WaitGroup
	for i, job := range jobs {
		places <- struct{}{}
		wg.Go(func() {
			defer func() { <-places }()
			for _, f := range job() {
				found[i] = append(found[i], f.done())
			}
		})
	}
	wg.Wait()
	return found
}

// jobs are the checks, in the order of the report.
func (r *run) jobs() []func() []Finding {
	var jobs []func() []Finding
	one := func(check func() Finding) {
		jobs = append(jobs, func() []Finding { return []Finding{check()} })
	}
	each := func(check func(netip.Addr) Finding) {
		for _, addr := range r.addrs {
			one(func() Finding { return check(addr) })
		}
	}
	jobs = append(jobs, r.checkAddrs)
	each(r.checkPTR)
	one(r.checkEHLO)
	each(r.checkEHLOAddr)
	each(r.checkSPF)
	each(r.checkSPFHELO)
	if len(r.keys) == 0 {
		one(noKeys)
	}
	for _, k := range r.keys {
		one(func() Finding { return r.checkDKIM(k) })
	}
	one(r.checkDMARC)
	one(r.checkAlignment)
	one(func() Finding { return r.checkDomain(r.from, "From") })
	if r.sender.ascii != r.from.ascii {
		one(func() Finding { return r.checkDomain(r.sender, "Sender") })
	}
	jobs = append(jobs, r.blockListJobs()...)
	jobs = append(jobs, r.checkPort25)
	one(r.checkDNSSEC)
	return jobs
}

// checkAddrs reports what can't be checked for want of an address.
func (r *run) checkAddrs() []Finding {
	var found []Finding
	if len(r.addrs)+len(r.bad) == 0 {
		f := Finding{Check: CheckAddress}
		f.skip("no source address is known, so its name, SPF and block lists aren't looked at")
		f.Fix = "Set Source, or Addrs, to the addresses that receivers see."
		found = append(found, f)
	}
	for _, addr := range r.bad {
		f := Finding{Check: CheckAddress, About: addr.String()}
		f.set(NotChecked, "not-public", "the address isn't one of the Internet, so receivers see another one")
		f.Fix = "Set Addrs to the addresses that receivers see."
		found = append(found, f)
	}
	return found
}

// hostname is the name of this machine if it is a full one.
func hostname() string {
	host, err := os.Hostname()
	if err != nil || !strings.Contains(host, ".") {
		return ""
	}
	return host
}
