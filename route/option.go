package route

import (
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/qdmail/qdmail/delivery"
)

// option is a key of the file: how it is read into a route, and written.
type option struct {
	key   string
	parse func(r *Route, value string) error
	write func(r *Route) string // empty: it isn't set
}

// options are all keys, in the order in which they are written.
func options() []option {
	return []option{
		{"from", parseFrom, func(r *Route) string { return strings.Join(r.From, ",") }},
		{"source", parseSource, writeSource},
		{"ehlo", func(r *Route, s string) error { r.Options.EHLO = s; return checkEHLO(s) },
			func(r *Route) string { return r.Options.EHLO }},
		{"tls", func(r *Route, s string) error { r.Options.TLS = TLS(s); return r.Options.TLS.check() },
			func(r *Route) string { return string(r.Options.TLS) }},
		{"rate", parseRate, func(r *Route) string { return r.Options.Rate.String() }},
		{"concurrency", number(func(o *Options) *int { return &o.Concurrency }),
			func(r *Route) string { return decimal(r.Options.Concurrency) }},
		{"recipients", number(func(o *Options) *int { return &o.Recipients }),
			func(r *Route) string { return decimal(r.Options.Recipients) }},
		{"reply", parseReply, func(r *Route) string {
			if r.Reply == nil {
				return ""
			}
			return r.Reply.String()
		}},
	}
}

// String writes the options as they stand in a line.
func (o Options) String() string {
	return writeOptions(&Route{Options: o})
}

func writeOptions(r *Route) string {
	var list []string
	for _, opt := range options() {
		if s := opt.write(r); s != "" {
			list = append(list, opt.key+"="+quote(s))
		}
	}
	return strings.Join(list, " ")
}

// check reports what is wrong with options that didn't come from a file.
func (o Options) check() error {
	if err := checkSource(o.Source); err != nil {
		return err
	}
	if o.EHLO != "" {
		if err := checkEHLO(o.EHLO); err != nil {
			return err
		}
	}
	if o.TLS != "" {
		if err := o.TLS.check(); err != nil {
			return err
		}
	}
	if o.Rate != (Rate{}) {
		if err := o.Rate.check(); err != nil {
			return err
		}
	}
	for _, n := range []int{o.Concurrency, o.Recipients} {
		if n < 0 || n > maxNumber {
			return errNumber
		}
	}
	return nil
}

func parseFrom(r *Route, value string) error {
	for s := range strings.SplitSeq(value, ",") {
		if _, err := parseSender(s); err != nil {
			return err
		}
		r.From = append(r.From, s)
	}
	return nil
}

func parseSource(r *Route, value string) error {
	for s := range strings.SplitSeq(value, ",") {
		addr, err := netip.ParseAddr(s)
		if err != nil {
			return fmt.Errorf("no IP address: %.60q", s)
		}
		r.Options.Source = append(r.Options.Source, addr)
	}
	return checkSource(r.Options.Source)
}

func checkSource(list []netip.Addr) error {
	v4, v6 := 0, 0
	for _, addr := range list {
		switch {
		case addr.Is4():
			v4++
		case addr.Is6() && !addr.Is4In6() && addr.Zone() == "":
			v6++
		default:
			return fmt.Errorf("no plain IPv4 or IPv6 address: %q", addr)
		}
	}
	if v4 > 1 || v6 > 1 {
		return errors.New("more than one source address of a family")
	}
	return nil
}

func writeSource(r *Route) string {
	var list []string
	for _, addr := range r.Options.Source {
		list = append(list, addr.String())
	}
	return strings.Join(list, ",")
}

func checkEHLO(s string) error {
	literal, ok := strings.CutPrefix(s, "[")
	if ok {
		literal, ok = strings.CutSuffix(literal, "]")
		v6, six := strings.CutPrefix(literal, "IPv6:")
		addr, err := netip.ParseAddr(v6)
		if ok && err == nil && addr.Is6() == six && addr.Zone() == "" {
			return nil
		}
		return fmt.Errorf("no address literal: %.60q", s)
	}
	if name, err := domainName(s); err != nil || !strings.EqualFold(name, s) {
		return fmt.Errorf("no domain name in ASCII: %.60q", s)
	}
	return nil
}

func (t TLS) check() error {
	switch t {
	case InsecureTLSNone, TLSOpportunistic, TLSRequired, TLSVerify:
		return nil
	}
	name, ok := strings.CutPrefix(string(t), "verify:")
	if !ok {
		return fmt.Errorf("none of insecure-none, opportunistic, required, verify and verify:name: %.60q", t)
	}
	if ascii, err := domainName(name); err != nil || !strings.EqualFold(ascii, name) {
		return fmt.Errorf("no domain name in ASCII after verify: %.60q", t)
	}
	return nil
}

// units are the times that a rate has names for.
var units = [...]struct {
	name string
	per  time.Duration
}{{"s", time.Second}, {"m", time.Minute}, {"h", time.Hour}, {"d", 24 * time.Hour}}

// String writes the rate as in a file, such as "60/m"; empty for none.
func (r Rate) String() string {
	if r == (Rate{}) {
		return ""
	}
	for _, u := range units {
		if r.Per == u.per {
			return strconv.Itoa(r.Count) + "/" + u.name
		}
	}
	return strconv.Itoa(r.Count) + "/" + r.Per.String()
}

func (r Rate) check() error {
	if r.Count < 1 || r.Count > maxNumber || r.Per <= 0 {
		return errors.New("a rate is a number and a time, such as 60/m")
	}
	return nil
}

func parseRate(r *Route, value string) error {
	count, per, _ := strings.Cut(value, "/")
	rate := Rate{}
	rate.Count, _ = parseNumber(count)
	for _, u := range units {
		if per == u.name {
			rate.Per = u.per
		}
	}
	if rate.Per == 0 {
		rate.Per, _ = time.ParseDuration(per)
	}
	r.Options.Rate = rate
	return rate.check()
}

const maxNumber = 1_000_000

var errNumber = fmt.Errorf("no number from 1 to %d", maxNumber)

func parseNumber(s string) (int, error) {
	n, err := strconv.ParseUint(s, 10, 32)
	if err != nil || n < 1 || n > maxNumber {
		return 0, errNumber
	}
	return int(n), nil
}

func number(field func(*Options) *int) func(*Route, string) error {
	return func(r *Route, value string) (err error) {
		*field(&r.Options), err = parseNumber(value)
		return err
	}
}

func decimal(n int) string {
	if n == 0 {
		return ""
	}
	return strconv.Itoa(n)
}

// parseReply reads a reply as a server would send it on one line.
func parseReply(r *Route, value string) error {
	code, text, _ := strings.Cut(value, " ")
	reply := &delivery.Reply{Text: strings.TrimSpace(text)}
	if n, err := strconv.ParseUint(code, 10, 16); err == nil && len(code) == 3 {
		reply.Code = int(n)
	}
	word, rest, _ := strings.Cut(reply.Text, " ")
	if e, ok := parseEnhanced(word); ok && e[0] == reply.Code/100 {
		reply.Enhanced, reply.Text = e, strings.TrimSpace(rest)
	}
	r.Reply = reply
	return checkReply(reply)
}

// parseEnhanced reads an enhanced status code (RFC 3463 section 2).
func parseEnhanced(s string) (e delivery.EnhancedCode, ok bool) {
	digits := strings.Split(s, ".")
	if len(digits) != len(e) || len(digits[0]) != 1 {
		return e, false
	}
	for i, d := range digits {
		n, err := strconv.ParseUint(d, 10, 16)
		if err != nil || n > 999 || len(d) > 1 && d[0] == '0' {
			return e, false
		}
		e[i] = int(n)
	}
	return e, true
}

func checkReply(r *delivery.Reply) error {
	switch {
	case r.Code < 400 || r.Code > 599:
		return errors.New(`a reply begins with a code from 400 to 599, such as "550 5.7.1 no"`)
	case r.Enhanced != (delivery.EnhancedCode{}) && r.Enhanced[0] != r.Code/100:
		return fmt.Errorf("the enhanced code %s is of another class than %d", r.Enhanced, r.Code)
	case !utf8.ValidString(r.Text) || strings.ContainsFunc(r.Text, func(c rune) bool { return !unicode.IsPrint(c) }):
		return fmt.Errorf("the text of a reply is one printable line, not %.60q", r.Text)
	}
	return nil
}
