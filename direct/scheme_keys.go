package direct

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io/fs"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/qdmail/qdmail/delivery"
	"github.com/qdmail/qdmail/direct/dns"
	"github.com/qdmail/qdmail/direct/mtasts"
	"github.com/qdmail/qdmail/smtp"
)

// urlKey is a key of an mx URL.
type urlKey struct {
	name   string
	values string // what it takes, in words that go on from "it is"
	set    func(t *Transport, value string) error
}

// errValue: the value isn't one of those that urlKey.values names.
var errValue = errors.New("another value")

// urlKeys are all keys, in the order in which they are documented.
func urlKeys() []urlKey {
	return []urlKey{
		{"ehlo", "a domain name or an address literal", func(t *Transport, s string) error {
			t.LocalName = s
			return valid(t.checkHello())
		}},
		{"source", "an IP address, or one of each family with a comma between", setSource},
		{"hosts", "a list of hosts, each with a port or without, separated by commas", func(t *Transport, s string) error {
			t.Hosts = strings.Split(s, ",")
			_, err := t.fixedHosts()
			return valid(err)
		}},
		{"own-hosts", "a list of host names, separated by commas", func(t *Transport, s string) (err error) {
			t.OwnHosts, err = list(s, func(name string) (string, error) {
				_, err := asciiDomain(strings.TrimSuffix(name, "."))
				return name, err
			})
			return err
		}},
		{"own-addrs", "a list of IP addresses, separated by commas", func(t *Transport, s string) (err error) {
			t.OwnAddrs, err = list(s, netip.ParseAddr)
			return err
		}},
		{"tls", "one of opportunistic, required, verified and insecure-none", choice(map[string]TLSPolicy{
			"opportunistic": TLSOpportunistic, "required": TLSRequired, "verified": TLSVerified, "insecure-none": InsecureTLSNone,
		}, func(t *Transport) *TLSPolicy { return &t.TLS })},
		{"plaintext", "one of immediate and never", choice(map[string]PlaintextFallback{
			"immediate": PlaintextImmediate, "never": PlaintextNever,
		}, func(t *Transport) *PlaintextFallback { return &t.PlaintextFallback })},
		{"dane", onOff, choice(off, func(t *Transport) *bool { return &t.NoDANE })},
		{"mta-sts", onOff, choice(off, func(t *Transport) *bool { return &t.NoMTASTS })},
		{"mta-sts-store", "a folder", func(t *Transport, s string) error { t.PolicyStore = &mtasts.Dir{Path: s}; return nil }},
		{"ca", "a PEM file", setCA},
		{"tls-name", "a domain name", func(t *Transport, s string) (err error) {
			if t.TLSConfig == nil { // the key ca comes before
				t.TLSConfig = new(tls.Config)
			}
			t.TLSConfig.ServerName, err = asciiDomain(s)
			return valid(err)
		}},
		{"resolver", "a list of IP addresses, each with a port or without, separated by commas", func(t *Transport, s string) (err error) {
			client(t).Servers, err = list(s, checkServer)
			return err
		}},
		{"trust-ad", trueFalse, choice(isTrue, func(t *Transport) *bool { return &client(t).TrustAD })},
		{"chunking", onOff, choice(off, func(t *Transport) *bool { return &t.NoChunking })},
		{"recipients", "a number from 1 to 100", func(t *Transport, s string) error { return number(s, maxRecipients, &t.RecipientsPerTransaction) }},
		{"carriers", onOff, func(t *Transport, s string) error {
			if s == "off" {
				t.DomainLimits = []DomainLimits{}
			}
			return oneOf(s, off)
		}},
		{"connections", aNumber, limit(func(l *Limits) *int { return &l.MaxConns })},
		{"idle", "a time, such as 5s, or 0s", func(t *Transport, s string) error { return duration(s, &t.Limits.IdleTimeout, true) }},
		{"max-hosts", aNumber, limit(func(l *Limits) *int { return &l.MaxHosts })},
		{"max-addrs", aNumber, limit(func(l *Limits) *int { return &l.MaxAddrs })},
		{"max-sessions", aNumber, limit(func(l *Limits) *int { return &l.MaxSessions })},
		{"max-time", aTime, func(t *Transport, s string) error { return duration(s, &t.Limits.MaxTime, false) }},
		{"max-domains", aNumber, limit(func(l *Limits) *int { return &l.MaxDomains })},
		{"max-age", aTime, func(t *Transport, s string) error { return duration(s, &t.Limits.MaxAge, false) }},
		{"max-messages", aNumber, limit(func(l *Limits) *int { return &l.MaxMessages })},
		{"max-idle", aNumber, limit(func(l *Limits) *int { return &l.MaxIdle })},
		{"max-penalty", "a time, such as 5m, or 0s", func(t *Transport, s string) error { return duration(s, &t.Limits.MaxPenalty, true) }},
		{"timeouts", "one of interactive and queue", choice(map[string]smtp.Timeouts{
			"interactive": smtp.InteractiveTimeouts(), "queue": smtp.QueueTimeouts(),
		}, func(t *Transport) *smtp.Timeouts { return &t.Timeouts })},
		{"address-literals", trueFalse, choice(isTrue, func(t *Transport) *bool { return &t.AddressLiterals })},
		{"insecure-allow", "a list of blocks of IP addresses, such as 10.1.0.0/16, separated by commas", setAllow},
		{"fallback", "a URL, percent-encoded", nil}, // see openURL
		{"fallback-on-defer", trueFalse, choice(isTrue, func(t *Transport) *bool { return &t.FallbackRules.OnDefer })},
		{"fallback-on-refusal", "a list of reply codes and enhanced codes, such as 554,5.7.1", setOnRefusal},
		{"fallback-enforces-policy", trueFalse, choice(isTrue, func(t *Transport) *bool { return &t.FallbackRules.EnforcesPolicy })},
	}
}

// Values that several keys have.
const (
	onOff     = "one of on and off"
	trueFalse = "one of true and false"
	aNumber   = "a number from 1 to 65535"
	aTime     = "a time, such as 5m"
)

var (
	off    = map[string]bool{"on": false, "off": true}
	isTrue = map[string]bool{"true": true, "false": false}
)

// valid hides what an error quotes.
func valid(err error) error {
	if err != nil {
		return errValue
	}
	return nil
}

func oneOf[T any](s string, values map[string]T) error {
	if _, ok := values[s]; !ok {
		return errValue
	}
	return nil
}

// choice sets a field that has a fixed set of values.
func choice[T any](values map[string]T, field func(*Transport) *T) func(*Transport, string) error {
	return func(t *Transport, s string) error {
		if err := oneOf(s, values); err != nil {
			return err
		}
		*field(t) = values[s]
		return nil
	}
}

// list takes a list with commas apart.
func list[T any](s string, parse func(string) (T, error)) ([]T, error) {
	var all []T
	for part := range strings.SplitSeq(s, ",") {
		v, err := parse(part)
		if err != nil {
			return nil, errValue
		}
		all = append(all, v)
	}
	return all, nil
}

func number(s string, most uint64, field *int) error {
	n, err := strconv.ParseUint(s, 10, 16)
	if err != nil || n == 0 || n > most {
		return errValue
	}
	*field = int(n)
	return nil
}

func limit(field func(*Limits) *int) func(*Transport, string) error {
	return func(t *Transport, s string) error { return number(s, 65535, field(&t.Limits)) }
}

// duration sets a time; 0s, if that may be, is what a field says by a negative one.
func duration(s string, field *time.Duration, zero bool) error {
	d, err := time.ParseDuration(s)
	if err != nil || d < 0 || d == 0 && !zero {
		return errValue
	}
	if *field = d; d == 0 {
		*field = -1
	}
	return nil
}

// client is the resolver, of which several keys set something.
func client(t *Transport) *dns.Client {
	if t.Resolver == nil {
		t.Resolver = &dns.Client{}
	}
	return t.Resolver.(*dns.Client) // take sets no other
}

func checkServer(s string) (string, error) {
	if _, err := netip.ParseAddr(s); err == nil {
		return s, nil
	}
	_, err := netip.ParseAddrPort(s)
	return s, err
}

func setSource(t *Transport, s string) error {
	addrs, err := list(s, netip.ParseAddr)
	for _, ip := range addrs {
		family := &t.Source.IPv4
		if ip.Is6() {
			family = &t.Source.IPv6
		}
		if family.IsValid() {
			return errValue
		}
		*family = ip
	}
	return err
}

// setAllow adds to what may be connected to.
func setAllow(t *Transport, s string) error {
	blocks, err := list(s, func(s string) (netip.Prefix, error) {
		if addr, err := netip.ParseAddr(s); err == nil {
			return addr.Prefix(addr.BitLen())
		}
		return netip.ParsePrefix(s)
	})
	t.AllowAddr = func(addr netip.Addr) bool {
		return PublicAddr(addr) || slices.ContainsFunc(blocks, func(b netip.Prefix) bool { return b.Contains(addr.Unmap()) })
	}
	return err
}

// setOnRefusal makes a rule of codes.
func setOnRefusal(t *Transport, s string) error {
	codes, err := list(s, checkCode)
	t.FallbackRules.OnRefusal = func(r *delivery.Reply) bool {
		return slices.Contains(codes, strconv.Itoa(r.Code)) || slices.Contains(codes, r.Enhanced.String())
	}
	return err
}

// checkCode lets a code of a refusal for good pass, such as 554 or 5.7.1.
func checkCode(s string) (string, error) {
	parts := strings.Split(s, ".")
	for _, p := range parts {
		n, err := strconv.ParseUint(p, 10, 16)
		if err != nil || strconv.FormatUint(n, 10) != p || len(p) > 3 {
			return "", errValue
		}
	}
	reply := len(parts) == 1 && len(s) == 3 && s[0] == '5'
	if !reply && (len(parts) != 3 || parts[0] != "5") {
		return "", errValue
	}
	return s, nil
}

// setCA reads certificates. Its error doesn't quote the name of the file.
func setCA(t *Transport, s string) error {
	pem, err := os.ReadFile(s)
	if e, ok := errors.AsType[*fs.PathError](err); ok {
		return e.Err
	}
	pool := x509.NewCertPool()
	if err == nil && !pool.AppendCertsFromPEM(pem) {
		err = errors.New("the file has no certificate in PEM")
	}
	t.TLSConfig = &tls.Config{RootCAs: pool}
	return err
}
