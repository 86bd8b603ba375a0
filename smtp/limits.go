package smtp

import (
	"strconv"
	"strings"
)

// limits are what a server takes at a time (RFC 9422); zero is no limit.
type limits struct {
	rcpts   int // recipients of a transaction
	domains int // their domains
	mails   int // transactions of a connection
}

// parseLimits reads the parameters of LIMITS. What isn't understood is no limit.
func parseLimits(params string) limits {
	var l limits
	for word := range strings.FieldsSeq(params) {
		name, value, _ := strings.Cut(word, "=")
		n, err := strconv.ParseUint(value, 10, 31)
		if err != nil || n == 0 {
			continue
		}
		switch strings.ToUpper(name) {
		case "RCPTMAX":
			l.rcpts = int(n)
		case "RCPTDOMAINMAX":
			l.domains = int(n)
		case "MAILMAX":
			l.mails = int(n)
		}
	}
	return l
}

// learn notes that a transaction was full with n recipients, if r says just that
// and the number is none that other reasons would explain: servers take a
// hundred (RFC 5321 section 4.5.3.1.8).
func (l *limits) learn(r *reply, n int) {
	if r.Enhanced[1] == 5 && n >= 10 && (l.rcpts == 0 || n < l.rcpts) {
		l.rcpts = n
	}
}

// share returns as many recipients as fit into one transaction, at least one,
// and the others.
func (l *limits) share(todo []*recipient) (now, later []*recipient) {
	if (l.rcpts == 0 || len(todo) <= l.rcpts) && l.domains == 0 {
		return todo, nil
	}
	domains := map[string]bool{}
	for i, r := range todo {
		if l.rcpts > 0 && len(now) == l.rcpts {
			return now, append(later, todo[i:]...)
		}
		if d := r.domain(); l.domains > 0 && !domains[d] {
			if len(domains) == l.domains {
				later = append(later, r)
				continue
			}
			domains[d] = true
		}
		now = append(now, r)
	}
	return now, later
}

// domain is the domain of the recipient in lower case.
func (r *recipient) domain() string {
	return strings.ToLower(r.path[strings.LastIndexByte(r.path, '@')+1:])
}
