package testsmtp

import (
	"strconv"
	"strings"
	"time"
)

// parameter is what a parameter of MAIL or RCPT needs: the extension that
// allows it, and a value, or none.
type parameter struct {
	extension string
	valid     func(value string) bool // nil: takes no value
}

var mailParameters = map[string]parameter{
	"SIZE":       {"SIZE", func(v string) bool { return isDigits(v) && len(v) <= 20 }},
	"BODY":       {"8BITMIME", oneOf("7BIT", "8BITMIME", "BINARYMIME")},
	"SMTPUTF8":   {"SMTPUTF8", nil},
	"RET":        {"DSN", oneOf("FULL", "HDRS")},
	"ENVID":      {"DSN", func(v string) bool { return isXtext(v) && len(v) <= 100 }},
	"AUTH":       {"AUTH", func(v string) bool { return v == "<>" || isXtext(v) }},
	"REQUIRETLS": {"REQUIRETLS", nil},
	"BY":         {"DELIVERBY", isByValue},
	"MT-PRIORITY": {"MT-PRIORITY", func(v string) bool {
		n, err := strconv.Atoi(v)
		return err == nil && -9 <= n && n <= 9 && v[0] != '+'
	}},
	"HOLDFOR":   {"FUTURERELEASE", func(v string) bool { return isDigits(v) && len(v) <= 9 }},
	"HOLDUNTIL": {"FUTURERELEASE", func(v string) bool { _, err := time.Parse(time.RFC3339, v); return err == nil }},
}

var rcptParameters = map[string]parameter{
	"NOTIFY": {"DSN", isNotify},
	"ORCPT":  {"DSN", isORCPT},
}

// parseParameters parses what follows a path. A problem is the reply to it.
func (c *session) parseParameters(s string, known map[string]parameter) (params map[string]string, problem string) {
	params = make(map[string]string)
	if s == "" {
		return params, ""
	}
	for word := range strings.SplitSeq(s, " ") {
		keyword, value, hasValue := strings.Cut(word, "=")
		keyword = strings.ToUpper(keyword)
		if !isKeyword(keyword) || hasValue && !isValue(value) {
			return nil, c.reply(501, "5.5.4", "malformed parameter")
		}
		p, ok := known[keyword]
		if ok {
			_, ok = c.offers(c.needed(p.extension, keyword, value))
		}
		if !ok || !c.esmtp {
			return nil, c.reply(555, "5.5.4", "unknown parameter "+keyword)
		}
		if _, twice := params[keyword]; twice || hasValue != (p.valid != nil) || hasValue && !p.valid(value) {
			return nil, c.reply(501, "5.5.4", "bad parameter "+keyword)
		}
		params[keyword] = value
	}
	return params, ""
}

// needed returns the extension for a parameter, which may depend on its value.
func (c *session) needed(extension, keyword, value string) string {
	if keyword == "BODY" && strings.EqualFold(value, "BINARYMIME") {
		return "BINARYMIME" // RFC 3030
	}
	return extension
}

func oneOf(values ...string) func(string) bool {
	return func(v string) bool {
		for _, allowed := range values {
			if strings.EqualFold(v, allowed) {
				return true
			}
		}
		return false
	}
}

func isDigits(s string) bool {
	return s != "" && strings.Trim(s, "0123456789") == ""
}

// isKeyword reports whether s is an esmtp-keyword.
func isKeyword(s string) bool {
	return s != "" && s[0] != '-' && !strings.ContainsFunc(s, func(r rune) bool { return !isAlnum(r) && r != '-' })
}

// isValue reports whether s is an esmtp-value.
func isValue(s string) bool {
	return s != "" && !strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r == '=' || r == 0x7f })
}

// isXtext reports whether s is xtext, RFC 3461 section 4.
func isXtext(s string) bool {
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == '+':
			if i+2 >= len(s) || !isHex(s[i+1]) || !isHex(s[i+2]) {
				return false
			}
			i += 2
		case s[i] < '!' || s[i] > '~' || s[i] == '=':
			return false
		}
	}
	return true
}

func isHex(b byte) bool { return '0' <= b && b <= '9' || 'A' <= b && b <= 'F' }

func isNotify(v string) bool {
	if strings.EqualFold(v, "NEVER") {
		return true
	}
	seen := make(map[string]bool)
	for word := range strings.SplitSeq(strings.ToUpper(v), ",") {
		if !oneOf("SUCCESS", "FAILURE", "DELAY")(word) || seen[word] {
			return false
		}
		seen[word] = true
	}
	return true
}

// isORCPT allows raw UTF-8 only for the address type of RFC 6533.
func isORCPT(v string) bool {
	kind, addr, ok := strings.Cut(v, ";")
	if !ok || kind == "" || addr == "" || len(v) > 500 {
		return false
	}
	return isXtext(addr) || strings.EqualFold(kind, "utf-8") && !isASCII(addr)
}

// isByValue is "by-time;mode", RFC 2852 section 4.
func isByValue(v string) bool {
	seconds, mode, ok := strings.Cut(v, ";")
	return ok && isDigits(strings.TrimPrefix(seconds, "-")) && len(seconds) <= 10 && oneOf("R", "N", "RT", "NT")(mode)
}
