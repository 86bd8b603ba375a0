package delivery

import (
	"fmt"
	"strconv"
	"strings"
)

// Reply is one reply of an SMTP server (RFC 5321 section 4.2), complete with all
// its lines.
type Reply struct {
	// Code is the three-digit reply code, 200 to 599.
	Code int
	// Enhanced is the enhanced status code of RFC 3463, if the server gave one
	// whose class agrees with Code; otherwise zero.
	Enhanced EnhancedCode
	// Text is the text of all lines, joined by "\n", without the codes. Control
	// characters are replaced by spaces and it is cut at 1 KiB.
	Text string
}

// EnhancedCode is class.subject.detail of RFC 3463. The zero value means that
// there is none.
type EnhancedCode [3]int

// String returns the code in dotted form, such as "5.1.1"; empty for zero.
func (e EnhancedCode) String() string {
	if e == (EnhancedCode{}) {
		return ""
	}
	return strconv.Itoa(e[0]) + "." + strconv.Itoa(e[1]) + "." + strconv.Itoa(e[2])
}

// Positive reports a 2xx reply.
func (r *Reply) Positive() bool { return r != nil && r.Code/100 == 2 }

// Temporary reports a 4xx reply: the same request may succeed later.
func (r *Reply) Temporary() bool { return r != nil && r.Code/100 == 4 }

// Permanent reports a 5xx reply: the same request will fail again.
func (r *Reply) Permanent() bool { return r != nil && r.Code/100 == 5 }

// String returns code, enhanced code and text on one line.
func (r *Reply) String() string {
	if r == nil {
		return "no reply"
	}
	s := fmt.Sprintf("%03d", r.Code)
	if e := r.Enhanced.String(); e != "" {
		s += " " + e
	}
	if r.Text != "" {
		s += " " + strings.ReplaceAll(r.Text, "\n", " / ")
	}
	return s
}
