package preflight

import (
	"net/netip"
	"slices"

	"github.com/qdmail/qdmail/direct/dns"
)

const whyBlockList = "Receivers that ask the list refuse mail because of it, or sort it out."

// Answers in 127.0.0.0/8 say what something is listed for (RFC 5782 section 2.3).
var listings = netip.MustParsePrefix("127.0.0.0/8")

// refusals are answers there that say something else: that the list won't answer.
// Those in 127.255.255.0/24 are of Spamhaus.
var refusals = [...]struct {
	codes  netip.Prefix
	reason string
}{
	{netip.MustParsePrefix("127.255.255.252/32"), "the name of the zone is mistyped"},
	{netip.MustParsePrefix("127.255.255.254/32"), "the question came through a public resolver, or one that can't be told from others"},
	{netip.MustParsePrefix("127.255.255.255/32"), "there were too many questions"},
	{netip.MustParsePrefix("127.255.255.0/24"), "it doesn't say why"},
	// QUIRK: the DBL of Spamhaus says this when it is asked about an address.
	{netip.MustParsePrefix("127.0.1.255/32"), "it lists domains, not addresses"},
	// QUIRK: URIBL and SURBL refuse like this.
	{netip.MustParsePrefix("127.0.0.1/32"), "it doesn't say why"},
}

// refusal returns why a list refuses to answer.
func refusal(code netip.Addr) (reason string, ok bool) {
	for _, r := range refusals {
		if r.codes.Contains(code) {
			return r.reason, true
		}
	}
	return "", false
}

// blockListJobs are the questions to all lists.
func (r *run) blockListJobs() []func() []Finding {
	if len(r.BlockLists) == 0 {
		return []func() []Finding{func() []Finding {
			f := Finding{Check: CheckBlockList}
			f.skip("no list is given")
			f.Fix = "Name lists that your receivers ask, such as zen.spamhaus.org, in BlockLists."
			return []Finding{f}
		}}
	}
	var jobs []func() []Finding
	for _, l := range r.BlockLists {
		zone := parseName(l.Zone)
		test := once(func() dns.Answer[netip.Addr] { return r.testEntry(zone.ascii) })
		ask := func(about, label string) {
			jobs = append(jobs, func() []Finding {
				f := Finding{Check: CheckBlockList, About: about + " in " + show(l.String()), Why: whyBlockList}
				switch {
				case l.Zone == "":
					f.set(NotChecked, CodeInvalid, "the list has no Zone")
				case zone.usable(&f, "the Zone of the list"):
					r.askList(&f, l, label+"."+zone.ascii, test)
				}
				return []Finding{f}
			})
		}
		if l.Domains {
			for _, d := range r.listedDomains() {
				ask(d, d)
			}
			continue
		}
		for _, addr := range r.addrs {
			ask(addr.String(), reversed(addr))
		}
	}
	return jobs
}

// listedDomains are the domains that a mail shows.
func (r *run) listedDomains() []string {
	domains := r.mailDomains()
	if isFull(r.local) && !slices.Contains(domains, r.local.ascii) {
		domains = append(domains, r.local.ascii)
	}
	return domains
}

// askList looks a name of a list up. Where a list of addresses says nothing, test
// tells whether it would.
func (r *run) askList(f *Finding, l BlockList, question string, test func() dns.Answer[netip.Addr]) {
	a := r.resolver.Addrs(r.ctx, question)
	switch {
	case f.refused(l, a):
		return
	case a.Status == dns.OK:
		text := ""
		if txt := r.resolver.TXT(r.ctx, question).Records; len(txt) > 0 && !l.secret() {
			text = `, saying "` + show(txt[0]) + `"`
		}
		f.set(Failure, "listed", "it is listed, as %s%s", list(texts(a.Records)), text)
		f.Fix = "Find out why and mend that, then ask the list to take it out."
		return
	case !l.Domains:
		entry := test()
		if f.refused(l, entry) {
			return
		}
		if entry.Status != dns.OK {
			f.set(NotChecked, "no-list", "the zone lacks the entry that each list has for tests (RFC 5782 section 5), so its silence says nothing")
			f.Fix = "Look whether the zone is written as it should be, and whether the list still exists."
			return
		}
	}
	f.set(OK, "clean", "not listed")
}

// secret reports whether the zone must not be shown, nor a text that may repeat it.
func (l BlockList) secret() bool { return l.Name != "" && l.Name != l.Zone }

// refused fills f in and reports true if an answer isn't that of a list, but tells
// why there is none.
func (f *Finding) refused(l BlockList, a dns.Answer[netip.Addr]) bool {
	switch {
	case a.Status == dns.Bogus:
		f.set(NotChecked, CodeBogus, "DNSSEC validation of the list fails")
		return true
	case a.Status == dns.Temporary && l.secret():
		f.set(NotChecked, CodeTemporary, "the list couldn't be asked")
		return true
	case a.Status == dns.Temporary:
		f.set(NotChecked, CodeTemporary, "the list couldn't be asked: %s", cause(a.Err))
		return true
	}
	for _, code := range a.Records {
		if !listings.Contains(code) {
			f.set(NotChecked, "no-list", "the zone answers with %s, as no list does: it belongs to something else, or answers are changed on the way", code)
			f.Fix = "Look whether the list still exists, and use a resolver of your own."
			return true
		}
		if reason, ok := refusal(code); ok {
			f.set(NotChecked, "refused", "the list refuses to answer (%s): %s", code, reason)
			f.Fix = "Use a resolver of your own, or an account with the list."
			return true
		}
	}
	return false
}

// testEntry is what a list of addresses has for tests, of IPv4 or of IPv6.
func (r *run) testEntry(zone string) dns.Answer[netip.Addr] {
	a := r.resolver.Addrs(r.ctx, reversed(netip.MustParseAddr("127.0.0.2"))+"."+zone)
	if a.Status == dns.NXDomain || a.Status == dns.NoData {
		a = r.resolver.Addrs(r.ctx, reversed(netip.MustParseAddr("::ffff:127.0.0.2"))+"."+zone)
	}
	return a
}
