package preflight

import "fmt"

// Severity is what a Finding means for mail. The zero value is NotChecked, so that
// a finding nobody filled in is never mistaken for a good one.
type Severity uint8

const (
	// NotChecked: nothing is known; the finding says why.
	NotChecked Severity = iota
	// OK: as it should be.
	OK
	// Warning: mail gets through, but is trusted less or will break some day.
	Warning
	// Failure: receivers refuse mail because of this, or some do.
	Failure
)

var severityNames = [...]string{NotChecked: "not checked", OK: "ok", Warning: "warning", Failure: "failure"}

// String returns the severity in lower case words, such as "not checked".
func (s Severity) String() string {
	if int(s) < len(severityNames) {
		return severityNames[s]
	}
	return fmt.Sprintf("Severity(%d)", uint8(s))
}

// MarshalText returns what String does.
func (s Severity) MarshalText() ([]byte, error) {
	if int(s) >= len(severityNames) {
		return nil, fmt.Errorf("preflight: there is no %v", s)
	}
	return []byte(s.String()), nil
}

// UnmarshalText reads what MarshalText writes.
func (s *Severity) UnmarshalText(text []byte) error {
	for i, name := range severityNames {
		if name == string(text) {
			*s = Severity(i)
			return nil
		}
	}
	return fmt.Errorf("preflight: %.40q is no severity", text)
}

// The checks, in the order of a report.
const (
	CheckAddress   = "address"         // there are source addresses, and they are public; only if not
	CheckPTR       = "ptr"             // each address has a name that has the address
	CheckEHLO      = "ehlo"            // the name in EHLO is a full one that exists
	CheckEHLOAddr  = "ehlo-address"    // it has each address, and is its name
	CheckSPF       = "spf"             // the sender's domain names each address
	CheckSPFHELO   = "spf-helo"        // the name in EHLO doesn't exclude it
	CheckDKIM      = "dkim"            // each key is published
	CheckDMARC     = "dmarc"           // the domain in From has a policy
	CheckAlignment = "dmarc-alignment" // SPF or DKIM speak for that domain
	CheckDomain    = "domain"          // the domains of From and Sender take mail
	CheckBlockList = "block-list"      // no list has the addresses and domains
	CheckPort25    = "port25"          // port 25 of others can be reached
	CheckDNSSEC    = "dnssec"          // the resolver validates
)

// Codes that any check may have. docs/preflight.md lists those of each check.
const (
	CodeNotAsked  = "not-asked" // the Check doesn't say what to look at
	CodeInvalid   = "invalid"   // what it says, or what is published, can't be read
	CodeTemporary = "temporary" // no answer, this time
	CodeBogus     = "bogus"     // DNSSEC validation failed
	CodeUnusable  = "unusable"  // a record names no host
)

// Finding is what one check found about one thing.
type Finding struct {
	// Check is the name of the check, such as CheckPTR. Names and codes don't change
	// their meaning.
	Check string `json:"check"`
	// About is what was looked at, such as "192.0.2.25". It may be empty. Check and
	// About together are unique in a report, unless the Check names something twice.
	About string `json:"about,omitempty"`
	// Severity is what it means for mail.
	Severity Severity `json:"severity"`
	// Code is what was found, in one word: "softfail".
	Code string `json:"code"`
	// Found is what was found, for people; of NotChecked, why nothing was. What others
	// have published is cut short there, and has no control characters.
	Found string `json:"found"`
	// Why says why that matters. It is empty if all is well.
	Why string `json:"why,omitempty"`
	// Fix says what to do. It is empty if there is nothing to do.
	Fix string `json:"fix,omitempty"`
	// Records are what to publish in the DNS for that, as lines of a zone file.
	Records []string `json:"records,omitempty"`
}

// set fills in what was found.
func (f *Finding) set(s Severity, code, format string, args ...any) {
	f.Severity, f.Code, f.Found = s, code, fmt.Sprintf(format, args...)
}

// skip fills in that the Check doesn't say what to look at.
func (f *Finding) skip(format string, args ...any) { f.set(NotChecked, CodeNotAsked, format, args...) }

// done returns f without what is said of problems only.
func (f Finding) done() Finding {
	if f.Severity == OK || f.Code == CodeNotAsked {
		f.Why = ""
	}
	return f
}
