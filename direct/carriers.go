package direct

import (
	"fmt"
	"strings"
)

// DomainLimits are what the servers of some domains bear, if that is less than what
// others do.
type DomainLimits struct {
	// Name is for people. Default: none.
	Name string
	// Domains are in lower case and in A-labels; one that begins with a dot stands
	// for all below it. Required.
	Domains []string
	// MaxConns is how many conversations there are with all of Domains together at
	// the same time, where Limits.MaxConns isn't less. Default: Limits.MaxConns with
	// each of them.
	MaxConns int
	// Recipients is how many recipients share a transaction. Default:
	// Transport.RecipientsPerTransaction.
	Recipients int
}

// Carriers returns what Japanese mobile carriers are known to bear, as data to look
// at, to add to and to replace; see Transport.DomainLimits. They publish few
// numbers: docomo and au refuse a message with more than 100 recipients, which no
// Transport sends to anybody, and all of them ask not to burst and not to hold
// sessions. Some say "unknown user" only after the end of data, so each recipient
// has a transaction of its own. The numbers of conversations are what operators use,
// not what the carriers promise.
func Carriers() []DomainLimits {
	return []DomainLimits{
		{Name: "docomo", MaxConns: 2, Recipients: 1, Domains: []string{"docomo.ne.jp"}},
		{Name: "au", MaxConns: 1, Recipients: 1, Domains: []string{ // shows congestion by resetting connections
			"ezweb.ne.jp", ".ezweb.ne.jp", "au.com", ".au.com", "uqmobile.jp",
		}},
		{Name: "SoftBank", MaxConns: 2, Recipients: 1, Domains: []string{
			"softbank.ne.jp", "i.softbank.jp", ".vodafone.ne.jp", "disney.ne.jp", "disneymobile.ne.jp",
		}},
		{Name: "Y!mobile", MaxConns: 2, Recipients: 1, Domains: []string{
			"ymobile.ne.jp", "ymobile1.ne.jp", "y-mobile.ne.jp", "yahoo.ne.jp", "emnet.ne.jp", "emobile.ne.jp", "emobile-s.ne.jp",
			"willcom.com", "pdx.ne.jp", ".pdx.ne.jp", "wcm.ne.jp",
		}},
	}
}

// bound is what one Send may do with a domain.
type bound struct {
	slot       string // the name under which conversations are counted
	conns      int
	recipients int
}

// index makes a table of DomainLimits by domain. Of two that name the same, the first
// counts.
func index(list []DomainLimits) (map[string]*DomainLimits, error) {
	byDomain := map[string]*DomainLimits{}
	for i := range list {
		for _, d := range list[i].Domains {
			if name, err := asciiDomain(strings.TrimPrefix(d, ".")); err != nil || name != strings.TrimPrefix(d, ".") {
				return nil, fmt.Errorf("DomainLimits[%d] has %.80q, which is no domain in lower case and A-labels", i, d)
			}
			if byDomain[d] == nil {
				byDomain[d] = &list[i]
			}
		}
	}
	return byDomain, nil
}

// limitsOf finds what bounds a domain beside the limits of all. The longest name that
// fits counts.
func (t *Transport) limitsOf(domain string) *DomainLimits {
	if l := t.state.byDomain[domain]; l != nil {
		return l
	}
	for i := range len(domain) {
		if domain[i] != '.' {
			continue
		}
		if l := t.state.byDomain[domain[i:]]; l != nil {
			return l
		}
	}
	return nil
}

// bound says what may be done with a domain.
func (t *Transport) bound(domain string) bound {
	b := bound{domain, t.state.limits.MaxConns, min(max(t.RecipientsPerTransaction, 1), maxRecipients)}
	l := t.limitsOf(domain)
	if l == nil {
		return b
	}
	if l.Recipients > 0 {
		b.recipients = min(b.recipients, l.Recipients)
	}
	if l.MaxConns > 0 { // counted under a name that no domain has
		b.slot, b.conns = "@"+l.Domains[0], min(b.conns, l.MaxConns)
	}
	return b
}

// maxRecipients is what every server takes (RFC 5321 section 4.5.3.1.8). Some hang
// up on more.
const maxRecipients = 100
