package preflight

import (
	"strings"

	"github.com/qdmail/qdmail/direct/dns"
)

// walk is what the DNS has of DMARC on the way from a domain up to the root (RFC
// 9989 section 4.10). It takes the place of a list of public suffixes: who stands
// for an organization is who publishes a record.
//
// QUIRK: receivers that keep to RFC 7489 have such a list, and may find another
// organizational domain where records are published at more than one level, or
// above the domains that one can register.
type walk struct {
	domain string
	steps  []step // the domain itself first; none beyond a record with psd=y or psd=n
}

// step is what is at one domain.
type step struct {
	domain string
	answer dns.Answer[string]
	ours   []string     // the DMARC records
	record *dmarcRecord // nil unless there is exactly one
}

// maxParents is how many domains above the first are asked, so that nobody can make
// others ask for long.
const maxParents = 7

// walk asks the DNS.
func (r *run) walk(domain string) *walk {
	return newWalk(domain, func(d string) step { return newStep(d, r.resolver.TXT(r.ctx, "_dmarc."+d)) })
}

// newWalk asks all domains at once.
func newWalk(domain string, ask func(domain string) step) *walk {
	above := parents(domain)
	domains := append([]string{domain}, above[max(0, len(above)-maxParents):]...)
	steps := make([]step, len(domains))
	inParallel(len(domains), func(i int) { steps[i] = ask(domains[i]) })
	for i, s := range steps {
		if s.record != nil && (s.record.psd == "y" || s.record.psd == "n") {
			steps = steps[:i+1]
			break
		}
	}
	return &walk{domain, steps}
}

func newStep(domain string, a dns.Answer[string]) step {
	s := step{domain: domain, answer: a}
	for _, txt := range a.Records {
		if isDMARC(txt) {
			s.ours = append(s.ours, txt)
		}
	}
	if len(s.ours) == 1 {
		s.record = parseDMARC(s.ours[0])
	}
	return s
}

// doubt returns the first step that has no answer; nil if all have one.
func (w *walk) doubt() *step {
	for i, s := range w.steps {
		if s.answer.Status == dns.Temporary || s.answer.Status == dns.Bogus {
			return &w.steps[i]
		}
	}
	return nil
}

// crowded returns the first step with more than one record; nil if there is none.
func (w *walk) crowded() *step {
	for i, s := range w.steps {
		if len(s.ours) > 1 {
			return &w.steps[i]
		}
	}
	return nil
}

// organization returns the organizational domain.
func (w *walk) organization() string {
	org := w.domain
	for i, s := range w.steps {
		switch {
		case s.record == nil:
		case s.record.psd == "y" && i > 0:
			return below(s.domain, w.domain)
		default:
			org = s.domain
		}
	}
	return org
}

// below returns the domain one label below a parent, on the way to domain.
func below(parent, domain string) string {
	rest := strings.TrimSuffix(domain, "."+parent)
	return rest[strings.LastIndexByte(rest, '.')+1:] + "." + parent
}

// policy returns the step whose record says what happens to mail from the domain: its
// own, that of the organizational domain, that of the public suffix. It is nil if
// there is none.
func (w *walk) policy() *step {
	if w.steps[0].record != nil {
		return &w.steps[0]
	}
	org := w.organization()
	var suffix *step
	for i, s := range w.steps {
		switch {
		case s.record == nil:
		case s.domain == org:
			return &w.steps[i]
		case s.record.psd == "y":
			suffix = &w.steps[i]
		}
	}
	return suffix
}
