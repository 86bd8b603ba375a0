package preflight

import (
	"crypto"

	"github.com/qdmail/qdmail/direct/dns"
)

func txtAnswer(txts ...string) dns.Answer[string] {
	if len(txts) == 0 {
		return dns.Answer[string]{Status: dns.NoData}
	}
	return dns.Answer[string]{Status: dns.OK, Records: txts}
}

// KeyRecord reads a DKIM key and returns it in a record that means the same.
func KeyRecord(txt string) (canonical string, key crypto.PublicKey, err error) {
	k, err := parseKeyRecord(txt)
	if err != nil {
		return "", nil, err
	}
	return k.String(), k.key, nil
}

// JudgeKey returns the code and severity for one published record.
func JudgeKey(txt string, own crypto.PublicKey) (Severity, string) {
	var f Finding
	f.judgeRecords(txtAnswer(txt), own)
	return f.Severity, f.Code
}

// DMARCRecord reads a DMARC record and returns one that means the same; ok is false
// for what isn't one.
func DMARCRecord(txt string) (canonical string, faults []string, ok bool) {
	if !isDMARC(txt) {
		return "", nil, false
	}
	d := parseDMARC(txt)
	return d.String(), d.faults, true
}

// Organization returns the organizational domain, and whose record holds.
func Organization(domain string, records map[string]string) (org, policy string) {
	w := newWalk(domain, func(d string) step {
		if txt, ok := records[d]; ok {
			return newStep(d, txtAnswer(txt))
		}
		return newStep(d, txtAnswer())
	})
	if at := w.policy(); at != nil {
		policy = at.domain
	}
	return w.organization(), policy
}

// Show is what a report shows of a text.
func Show(s string) string { return show(s) }
