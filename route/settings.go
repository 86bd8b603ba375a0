package route

import (
	"net/url"
	"strings"
)

// setting is a key for the query of a URL, and the option that it comes from.
type setting struct{ option, key, value string }

// settings are the keys by which the scheme of a URL knows the options. What a Paced
// has to do instead is noted in w.
func (w *way) settings(t Target, raw string, o Options) ([]setting, error) {
	scheme, _, _ := strings.Cut(raw, ":")
	scheme = strings.ToLower(scheme)
	knows := scheme == "mx" || scheme == "smtp" || scheme == "smtps"
	keys := w.hosts(t, o)
	for _, s := range []setting{
		{"source", "source", writeSource(&Route{Options: o})},
		{"ehlo", "ehlo", o.EHLO},
		{"tls", "tls", string(o.TLS)},
	} {
		switch {
		case s.value == "":
		case !knows:
			return nil, &TargetError{Target: t, Option: s.option, Reason: "only smtp, smtps and mx URLs have a key for it"}
		case s.option == "tls":
			list, reason := tlsSettings(scheme, raw, o.TLS)
			if reason != "" {
				return nil, &TargetError{Target: t, Option: s.option, Reason: reason}
			}
			keys = append(keys, list...)
		default:
			keys = append(keys, s)
		}
	}
	switch {
	case o.Concurrency == 0:
	case knows:
		keys = append(keys, setting{"concurrency", "connections", decimal(o.Concurrency)})
	default:
		w.concurrency = o.Concurrency
	}
	switch {
	case o.Recipients == 0:
	case scheme == "mx":
		keys = append(keys, setting{"recipients", "recipients", decimal(o.Recipients)})
	default:
		w.recipients = o.Recipients
	}
	return keys, nil
}

// tlsSettings are the keys for a value of tls, or the reason why there are none.
func tlsSettings(scheme, raw string, value TLS) (keys []setting, reason string) {
	if scheme == "mx" {
		return mxTLS(value), ""
	}
	u, err := url.Parse(raw)
	if err != nil {
		u = new(url.URL) // Open says what is wrong
	}
	mode := "starttls"
	if scheme == "smtps" || u.Port() == "465" {
		mode = "implicit"
	}
	switch value {
	case InsecureTLSNone:
		if scheme == "smtps" {
			return nil, "smtps is TLS from the first octet"
		}
		return []setting{{"tls", "tls", "insecure-none"}}, ""
	case TLSOpportunistic, TLSRequired:
		return nil, "a relay's certificate is verified, unless its URL says otherwise; write tls=verify"
	}
	if name := value.VerifyName(); name != "" && !strings.EqualFold(name, u.Hostname()) {
		return nil, "a relay's certificate has to be for the host of its URL, which is another"
	}
	return []setting{{"tls", "tls", mode}, {"tls", "insecure-pins-only", "false"}}, ""
}

// mxTLS are the keys that the scheme mx has for a value of tls.
func mxTLS(value TLS) []setting {
	if name := value.VerifyName(); name != "" {
		return []setting{{"tls", "tls", "verified"}, {"tls", "tls-name", name}}
	}
	if value == TLSVerify {
		value = "verified"
	}
	return []setting{{"tls", "tls", string(value)}}
}

// hosts are the keys that only a target has which stands for hosts. The concurrency of
// a line is for these hosts alone, which all domains that they serve have to share.
func (w *way) hosts(t Target, o Options) []setting {
	if t.Kind() != "hosts" {
		return nil
	}
	keys := []setting{{"", "hosts", t.Arg()}}
	if o.Concurrency > 0 {
		w.concurrency = o.Concurrency
		keys = append(keys, setting{"concurrency", "max-domains", "1"}, setting{"concurrency", "carriers", "off"})
	}
	return keys
}

// add adds keys to a URL. Those that it has already are replaced, or else an error, and
// then what stands in it stays as it is.
func add(t Target, raw string, keys []setting, replace bool) (string, error) {
	if len(keys) == 0 {
		return raw, nil
	}
	base, query, _ := strings.Cut(raw, "?")
	values, err := url.ParseQuery(query)
	if err != nil || strings.Contains(raw, "#") {
		return "", &TargetError{Target: t, Reason: `its URL can't be read; user and password must be percent-encoded, and "#" is %23`}
	}
	added := url.Values{}
	for _, k := range keys {
		if values.Has(k.key) && !replace {
			return "", &TargetError{Target: t, Option: k.option, Reason: "its URL has " + k.key + " already"}
		}
		values.Del(k.key)
		added.Set(k.key, k.value)
	}
	if replace {
		query = values.Encode()
	}
	if query != "" {
		query += "&"
	}
	return base + "?" + query + added.Encode(), nil
}
