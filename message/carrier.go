package message

import "strings"

// carrierDomains are the mail domains of Japanese mobile carriers that gave out
// addresses whose local part is no dot-atom: dots in a row, or one at an end.
// Such addresses were issued until about 2009 and are still in use. An entry that
// begins with a dot stands for all subdomains.
//
// Source: the carriers' own pages on their mail domains (NTT docomo, KDDI,
// SoftBank, Y!mobile, WILLCOM, as of 2026), and for the dots NTT docomo's notice
// on addresses that don't follow the RFC.
var carrierDomains = []string{
	"docomo.ne.jp",
	"ezweb.ne.jp", ".ezweb.ne.jp", "au.com", "biz.ezweb.ne.jp", "augps.ezweb.ne.jp",
	"softbank.ne.jp", "i.softbank.jp", "disney.ne.jp", "disneymobile.ne.jp",
	"vodafone.ne.jp", ".vodafone.ne.jp", ".jp-d.ne.jp", "jp-d.ne.jp", "jp-h.ne.jp", "jp-t.ne.jp", "jp-c.ne.jp",
	"jp-r.ne.jp", "jp-k.ne.jp", "jp-n.ne.jp", "jp-s.ne.jp", "jp-q.ne.jp",
	"y-mobile.ne.jp", "ymobile.ne.jp", "ymobile1.ne.jp", "yahoo.ne.jp", "emnet.ne.jp", "emobile-s.ne.jp",
	"willcom.com", "pdx.ne.jp", ".pdx.ne.jp", "wcm.ne.jp",
	"rakumail.jp", "uqmobile.jp",
}

// isCarrier reports whether domain belongs to a Japanese mobile carrier.
func isCarrier(domain string) bool {
	domain = strings.ToLower(domain)
	for _, d := range carrierDomains {
		if domain == d || d[0] == '.' && strings.HasSuffix(domain, d) {
			return true
		}
	}
	return false
}
