package dns

import (
	"context"
	"time"
)

// maxAliases is how many CNAMEs are followed.
const maxAliases = 16

// chain is a walk along CNAMEs.
type chain struct {
	q      question // where it is now
	seen   map[string]bool
	secure bool
	ttl    time.Duration
}

// follow finds the records of q, asking again for the target of a CNAME that the
// server didn't follow itself.
func (c *Client) follow(ctx context.Context, q question) found {
	w := &chain{q: q, seen: map[string]bool{q.name: true}, secure: true, ttl: maxTTL}
	for {
		asked := w.q
		m, srv, err := c.ask(ctx, asked)
		if err != nil {
			f := found{name: w.q.name, err: err}
			if err.Err == ErrBogus {
				f.status = Bogus
			}
			return f
		}
		w.secure = w.secure && m.authentic && srv.trusted
		records, ok := w.walk(m.answer)
		switch {
		case !ok:
			return found{name: q.name, err: &Error{q.name, q.typ, srv.String(), ErrLoop}}
		case len(records) > 0:
			return w.found(OK, records, w.ttl)
		case m.rcode == rcodeNXDomain: // it speaks of the last name (RFC 6604 section 3)
			return w.found(NXDomain, nil, m.negativeTTL)
		case w.q == asked || m.negative:
			return w.found(NoData, nil, m.negativeTTL)
		}
	}
}

func (w *chain) found(s Status, records []record, ttl time.Duration) found {
	return found{name: w.q.name, status: s, records: records, secure: w.secure, ttl: bound(min(ttl, w.ttl), s)}
}

// walk goes from CNAME to CNAME within an answer and returns the records where
// they lead. It is not ok if they lead nowhere.
func (w *chain) walk(answer []record) (records []record, ok bool) {
	for {
		var alias *record
		for i := range answer {
			r := &answer[i]
			switch {
			case r.name != w.q.name:
			case r.typ == w.q.typ:
				records = append(records, *r)
				w.ttl = min(w.ttl, r.ttl)
			case r.typ == TypeCNAME && alias == nil:
				alias = r
			}
		}
		if len(records) > 0 || alias == nil {
			return records, true
		}
		target, err := canonical(alias.data.(string))
		if err != nil || w.seen[target] || len(w.seen) > maxAliases {
			return nil, false
		}
		w.seen[target] = true
		w.q.name = target
		w.ttl = min(w.ttl, alias.ttl)
	}
}
