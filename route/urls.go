package route

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"maps"
	"slices"

	"github.com/qdmail/qdmail/delivery"
)

// URLs makes the transports of routes by opening URLs, into which it writes what the
// target and the options say:
//
//	direct        mx:, with the options as keys of the query
//	hosts:a:25,b  the same with the key hosts
//	relay:name    the URL of that name in Relays, with the options added to its query
//	sendmail      sendmail:
//
//	urls := route.URLs{
//		Open:   open, // see Scheme
//		Relays: map[string]string{"bulk": os.Getenv("BULK_URL")},
//	}
//	table, err := urls.Load("/etc/app/routes")
//	...
//	mailer := &qdmail.Mailer{Transport: table}
//
// What the options become depends on the scheme of the URL. An option that a target
// can't have is an error.
//
//	              mx                   smtp, smtps           sendmail and others
//	source, ehlo  the keys             the keys              an error
//	tls           the key; verify:name insecure-none;        an error
//	              is tls-name          verify, and with the
//	                                   name of its host
//	concurrency   connections, for     connections           messages at a time, by
//	              each domain                                a Paced
//	recipients    the key              by a Paced            by a Paced
//
// For hosts:, concurrency is for all domains together, and counts in place of what
// direct.Carriers says.
//
// No error and no String has a URL.
type URLs struct {
	// Open opens a URL, which may have a password; its errors mustn't quote it.
	// qdmail.OpenTransport is one, and qdmail.Opener makes one that knows mx.
	// Required.
	Open func(rawURL string) (delivery.Transport, error) `json:"-"`
	// Relays are the URLs that relay:name stands for, by their names. A URL that has
	// already the key of an option that a route adds is an error. Default: none.
	Relays map[string]string `json:"-"`
	// Direct is the URL that direct and hosts: begin with, such as
	// "mx:?ehlo=mail.example.jp&mta-sts-store=/var/lib/mta-sts". What a route says
	// takes the place of what stands there. Default: "mx:".
	Direct string `json:"-"`
	// MX is Config.MX for Load. Default: LookupMX with the system's resolver.
	MX func(ctx context.Context, domain string) ([]string, error) `json:"-"`
}

// TargetError says why a target can't be opened, or can't have an option.
type TargetError struct {
	// Target is the target.
	Target Target
	// Option is the key of the option, such as "tls"; empty if it is about the
	// target.
	Option string
	// Reason is why; empty if Err says it.
	Reason string
	// Err is the cause, such as the error of URLs.Open. Nil if there is none beside
	// Reason.
	Err error
}

// Error returns the parts that there are.
func (e *TargetError) Error() string {
	text := fmt.Sprintf("%.60q can't be opened", e.Target)
	if e.Option != "" {
		text = fmt.Sprintf("%.60q can't have %s", e.Target, e.Option)
	}
	if e.Reason != "" {
		text += ": " + e.Reason
	}
	if e.Err != nil {
		text += ": " + e.Err.Error()
	}
	return text
}

// Unwrap returns the cause.
func (e *TargetError) Unwrap() error { return e.Err }

// way is how a target is opened: a URL, and what its scheme has no key for.
type way struct {
	url                     string
	concurrency, recipients int
}

// OpenTarget is Config.Open. The error is a *TargetError.
func (u URLs) OpenTarget(t Target, o Options) (delivery.Transport, error) {
	w, err := u.way(t, o)
	if err != nil {
		return nil, err
	}
	if u.Open == nil {
		return nil, &TargetError{Target: t, Reason: "there is nothing that opens URLs"}
	}
	tr, err := u.Open(w.url)
	switch {
	case err != nil:
		return nil, &TargetError{Target: t, Err: err}
	case tr == nil:
		return nil, &TargetError{Target: t, Reason: "there is no transport of that URL"}
	case w.concurrency == 0 && w.recipients == 0:
		return tr, nil
	}
	return &Paced{Transport: tr, Concurrency: w.concurrency, Recipients: w.recipients}, nil
}

// way says how a target is opened. It does no I/O.
func (u URLs) way(t Target, o Options) (w way, err error) {
	raw, reason := u.base(t)
	if err = o.check(); err != nil || reason != "" {
		return w, &TargetError{Target: t, Reason: reason, Err: err}
	}
	keys, err := w.settings(t, raw, o)
	if err == nil {
		w.url, err = add(t, raw, keys, t.Kind() != "relay")
	}
	return w, err
}

// base returns the URL that a target begins with, or the reason why there is none.
func (u URLs) base(t Target) (raw, reason string) {
	switch kind := t.Kind(); {
	case kind == "relay":
		raw, ok := u.Relays[t.Arg()]
		if !ok {
			return "", "there is no relay of that name" + u.names()
		}
		return raw, ""
	case kind == "hosts" && (t.Arg() == "" || slices.Contains(t.List(), "")):
		return "", "hosts: is followed by hosts, with commas between"
	case (kind == "direct" || kind == "sendmail") && string(t) != kind:
		return "", "nothing follows " + kind
	case kind == "hosts", kind == "direct":
		return cmp.Or(u.Direct, "mx:"), ""
	case kind == "sendmail":
		return "sendmail:", ""
	}
	return "", "a target is one of direct, hosts:host:port,..., relay:name, sendmail, refuse and hold"
}

// names tells which relays there are.
func (u URLs) names() string {
	if len(u.Relays) == 0 {
		return ""
	}
	return fmt.Sprintf(" (there are %.200q)", slices.Sorted(maps.Keys(u.Relays)))
}

// String says no more than how many relays there are.
func (u URLs) String() string { return fmt.Sprintf("URLs of %d relays", len(u.Relays)) }

// GoString is String: URLs have passwords.
func (u URLs) GoString() string { return u.String() }

// LogValue is String, for log/slog.
func (u URLs) LogValue() slog.Value { return slog.StringValue(u.String()) }
