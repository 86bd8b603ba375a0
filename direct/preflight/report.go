package preflight

import (
	"fmt"
	"strings"
	"time"
)

// Report is what a Run found. It is plain data, which JSON returns as it was.
type Report struct {
	// Time is when the Run began, in UTC.
	Time time.Time `json:"time"`
	// Findings are all findings, in an order that depends on the Check alone.
	Findings []Finding `json:"findings"`
}

// Count returns how many findings are of a severity.
func (r *Report) Count(s Severity) int {
	n := 0
	for _, f := range r.Findings {
		if f.Severity == s {
			n++
		}
	}
	return n
}

// OK reports whether the machine is fit as far as was asked: nothing is a Failure,
// and nothing that was asked for remained unknown. Warnings don't count.
func (r *Report) OK() bool { return r.Err() == nil }

// Err returns nil if OK does, and otherwise an *Error.
func (r *Report) Err() error {
	var e Error
	for _, f := range r.Findings {
		if f.Severity == Failure || f.Severity == NotChecked && f.Code != CodeNotAsked {
			e.Findings = append(e.Findings, f)
		}
	}
	if e.Findings == nil && r.Count(OK)+r.Count(Warning) > 0 {
		return nil
	}
	return &e
}

// Error is why a Report isn't OK.
type Error struct {
	// Findings are what keeps it from being so. There are none if nothing was checked
	// at all.
	Findings []Finding
}

// Error names them on one line.
func (e *Error) Error() string {
	if len(e.Findings) == 0 {
		return "preflight: nothing was checked"
	}
	var b strings.Builder
	for i, f := range e.Findings {
		sep := "; "
		if i == 0 {
			sep = "preflight: "
		}
		fmt.Fprintf(&b, "%s%s: %s", sep, f.subject(), f.Code)
	}
	return b.String()
}

// Temporary reports whether nothing failed and something is only unknown.
func (e *Error) Temporary() bool {
	for _, f := range e.Findings {
		if f.Severity == Failure {
			return false
		}
	}
	return len(e.Findings) > 0
}

// subject names the check and what it was about.
func (f Finding) subject() string { return strings.TrimSpace(f.Check + " " + f.About) }
