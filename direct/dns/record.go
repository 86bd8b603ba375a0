package dns

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"
)

// maxRecords is how many records of an answer are used, and of each address
// family: nobody who means well has more.
const maxRecords = 100

// record is one resource record of a message. Its data is an MX, a netip.Addr, a
// TLSA or a string, which is the text of a TXT and the target of a PTR or CNAME.
type record struct {
	name string
	typ  Type
	ttl  time.Duration
	data any
}

// found is the result of one question, whoever answered it, before anybody looked
// at what the records say. It isn't changed once it is made, since it may be in
// the cache.
type found struct {
	records []record
	name    string
	status  Status
	secure  bool
	ttl     time.Duration
	err     error
}

// answer gives the records of f out to a caller.
func answer[T any](f found) Answer[T] {
	a := Answer[T]{Name: f.name, Status: f.status, Secure: f.secure, TTL: f.ttl, Err: f.err}
	for _, r := range f.records[:min(len(f.records), maxRecords)] {
		a.Records = append(a.Records, r.data.(T))
	}
	return a
}

// failed is the result of a question that wasn't answered.
func failed(name string, typ Type, err error) found {
	return found{name: name, err: &Error{Name: name, Type: typ, Err: err}}
}

// mxAnswer sorts out the exchangers that can be used.
func mxAnswer(f found) Answer[MX] {
	var usable []record
	var unusable []string
	var null []record
	for _, r := range f.records {
		mx := r.data.(MX)
		if mx.Null() {
			null = []record{r}
			continue
		}
		host, err := canonical(mx.Host)
		if err != nil || !isHost(host) {
			unusable = append(unusable, mx.Host)
			continue
		}
		r.data = MX{Host: host, Preference: mx.Preference}
		usable = append(usable, r)
	}
	slices.SortStableFunc(usable, func(a, b record) int {
		return int(a.data.(MX).Preference) - int(b.data.(MX).Preference)
	})
	f.records = usable
	switch {
	case len(unusable) > 0:
		f.err = &Error{Name: f.name, Type: TypeMX, Err: fmt.Errorf("%w: %s", ErrUnusable, brief(unusable))}
		if len(usable) == 0 {
			f.status, f.secure = Temporary, false
		}
	case len(usable) == 0:
		f.records = null // RFC 7505 section 3: it must stand alone
	}
	return answer[MX](f)
}

// brief quotes the first few names.
func brief(names []string) string {
	rest := ""
	if len(names) > 3 {
		names, rest = names[:3], ", ..."
	}
	var b strings.Builder
	for i, name := range names {
		if i > 0 {
			b.WriteString(", ")
		}
		fmt.Fprintf(&b, "%.80q", name)
	}
	return b.String() + rest
}

// nameAnswer is for PTR and CNAME; names that can't be asked for are left out.
func nameAnswer(f found, typ Type) Answer[string] {
	var usable []record
	for _, r := range f.records {
		if name, err := canonical(r.data.(string)); err == nil {
			usable = append(usable, record{data: name})
		}
	}
	if f.status == OK && len(usable) == 0 {
		f.status, f.secure = Temporary, false
		f.err = &Error{Name: f.name, Type: typ, Err: ErrUnusable}
	}
	f.records = usable
	return answer[string](f)
}

// addrAnswer puts the answers for the two families together. A family that
// failed takes nothing away from the other, neither its addresses nor their
// security.
func addrAnswer(v4, v6 found) Answer[netip.Addr] {
	a, b := answer[netip.Addr](v4), answer[netip.Addr](v6)
	if a.Status == OK || b.Status == OK {
		first, second := a, b
		if a.Status != OK {
			first, second = b, a
		}
		if second.Status == OK || second.Status == NoData || second.Status == NXDomain {
			first.Secure = first.Secure && second.Secure
			first.TTL = min(first.TTL, second.TTL)
		}
		if first.Err == nil {
			first.Err = second.Err
		}
		first.Records = append(first.Records, second.Records...)
		for i, addr := range first.Records {
			first.Records[i] = addr.Unmap()
		}
		return first
	}
	// Neither has any. The worse of the two counts, since it may have some.
	for _, s := range []Status{Bogus, Temporary} {
		for _, x := range []Answer[netip.Addr]{a, b} {
			if x.Status == s {
				return x
			}
		}
	}
	if b.Status == NoData { // a name with any record exists
		a, b = b, a
	}
	a.Secure = a.Secure && b.Secure
	a.TTL = min(a.TTL, b.TTL)
	return a
}
