package preflight

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
)

// dmarcRecord is a DMARC record (RFC 9989 section 4.7). Values that aren't valid
// count as absent, as receivers have it, and are named among the faults.
type dmarcRecord struct {
	p, sp, np   string // none, quarantine, reject; empty if absent
	adkim, aspf string // s: strict; otherwise relaxed
	psd         string // y, n
	testing     bool   // t=y
	rua, ruf    []string
	faults      []string
	unclear     bool // p= is missing, or one of p=, sp= and np= isn't valid
}

// isDMARC reports whether a TXT record is a DMARC record at all: others may stand
// beside it.
func isDMARC(txt string) bool {
	version, _, _ := strings.Cut(txt, ";")
	name, value, _ := strings.Cut(version, "=")
	return strings.TrimRight(name, " \t") == "v" && strings.Trim(value, " \t") == "DMARC1"
}

// parseDMARC reads a record for which isDMARC.
func parseDMARC(txt string) *dmarcRecord {
	tags, faults := parseTags(txt)
	d := &dmarcRecord{faults: faults}
	for _, t := range tags {
		switch name, value := t.name, strings.ToLower(t.value); name {
		case "p":
			d.p = d.policy(name, value)
		case "sp":
			d.sp = d.policy(name, value)
		case "np":
			d.np = d.policy(name, value)
		case "adkim":
			d.adkim = d.one(name, value, "r", "s")
		case "aspf":
			d.aspf = d.one(name, value, "r", "s")
		case "psd":
			d.psd = d.one(name, value, "u", "y", "n")
		case "t":
			d.testing = d.one(name, value, "y", "n") == "y"
		case "rua":
			d.rua = d.uris(name, t.value)
		case "ruf":
			d.ruf = d.uris(name, t.value)
		}
	}
	d.unclear = d.unclear || d.p == ""
	return d
}

// policy returns the value if it is a policy.
func (d *dmarcRecord) policy(name, value string) string {
	value = d.one(name, value, "none", "quarantine", "reject")
	d.unclear = d.unclear || value == ""
	return value
}

// one returns the value if it is one of those that are defined.
func (d *dmarcRecord) one(name, value string, defined ...string) string {
	if slices.Contains(defined, value) {
		return value
	}
	d.faults = append(d.faults, fmt.Sprintf(`%s= is "%s", not one of %s`, name, brief(value), list(defined)))
	return ""
}

// uris returns the addresses for reports that are URIs.
func (d *dmarcRecord) uris(name, value string) []string {
	var list []string
	for _, s := range words(value, ",") {
		u, err := url.Parse(s)
		if err != nil || u.Scheme == "" || strings.ContainsAny(s, blanks) ||
			strings.EqualFold(u.Scheme, "mailto") && !strings.Contains(u.Opaque, "@") {
			d.faults = append(d.faults, fmt.Sprintf(`%s= has "%s", which should be like mailto:dmarc@example.jp`, name, brief(s)))
			continue
		}
		list = append(list, s)
	}
	return list
}

// String returns a record that means the same.
func (d *dmarcRecord) String() string {
	parts := []string{"v=DMARC1"}
	add := func(name, value string) {
		if value != "" {
			parts = append(parts, name+"="+value)
		}
	}
	add("p", d.p)
	add("sp", d.sp)
	add("np", d.np)
	add("adkim", d.adkim)
	add("aspf", d.aspf)
	add("psd", d.psd)
	if d.testing {
		add("t", "y")
	}
	add("rua", strings.Join(d.rua, ","))
	add("ruf", strings.Join(d.ruf, ","))
	return strings.Join(parts, "; ")
}
