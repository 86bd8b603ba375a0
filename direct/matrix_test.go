package direct_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/qdmail/qdmail/direct"
	"github.com/qdmail/qdmail/internal/testsmtp"
)

// cell is one situation: at one step, one or both hosts fail.
type cell struct {
	phase    testsmtp.Phase
	fault    string
	tls      direct.TLSPolicy
	hosts    string // "bad", "bad good" or "bad bad"
	fallback bool
	chunks   bool // the message goes by BDAT
	rcpts    int  // in one transaction
}

func (c cell) String() string {
	return fmt.Sprintf("%s/%s/TLS %v/%s/fallback %v/BDAT %v/%d recipients", c.phase, c.fault, c.tls, c.hosts, c.fallback, c.chunks, c.rcpts)
}

// Steps that no server sees.
const (
	resolving testsmtp.Phase = "resolve"
	dialling  testsmtp.Phase = "dial"
)

// faults are what can happen once there is a connection.
var faults = map[string]testsmtp.Fault{
	"4xx":          {Reply: "451 4.3.0 not now"},
	"4xx about us": {Reply: "451 4.7.1 not you"},
	"421":          {Reply: "421 4.3.2 shutting down", Close: true},
	"5xx":          {Reply: "554 5.7.1 no"},
	"close":        {Close: true},
	"reset":        {Reset: true},
	"silent":       {Silent: true},
	"stop reading": {StopReading: true},
	"drip":         {Drip: 60e9},
	"garbage":      {Raw: "SSH-2.0-OpenSSH_9.2\r\n"},
	"1xx":          {Reply: "150 wait"},
	"3xx":          {Reply: "399 more"},
	"overlong":     {Endless: "2"},
	"endless":      {Endless: "250-x\r\n"},
	"mixed":        {Raw: "250-a\r\n550 b\r\n"},
	"cut line":     {Raw: "250 ok", Close: true},
	"cut 250":      {Raw: "250-ok\r\n", Close: true},
	"cut 550":      {Raw: "550-no\r\n", Close: true},
	"stall in 250": {Raw: "250-ok\r\n", Silent: true},
}

// faultsAt are the faults that there are at a step.
func faultsAt(phase testsmtp.Phase) []string {
	switch phase {
	case resolving:
		return []string{"SERVFAIL", "bogus", "NXDOMAIN", "null MX"}
	case dialling:
		return []string{"refused", "unreachable", "timeout", "local"}
	}
	var names []string
	for name := range faults {
		isReply := name[0] >= '0' && name[0] <= '9'
		if phase != testsmtp.Handshake || !isReply {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// cells are all combinations that there are.
func cells() []cell {
	var all []cell
	for _, phase := range []testsmtp.Phase{
		resolving, dialling, testsmtp.Greeting, testsmtp.EHLO, testsmtp.STARTTLS, testsmtp.Handshake,
		testsmtp.MAIL, testsmtp.RCPT, testsmtp.DATA, testsmtp.Body, testsmtp.End,
	} {
		for _, fault := range faultsAt(phase) {
			for _, tls := range []direct.TLSPolicy{direct.InsecureTLSNone, direct.TLSOpportunistic, direct.TLSVerified} {
				for _, hosts := range []string{"bad", "bad good", "bad bad"} {
					for _, fallback := range []bool{false, true} {
						for _, chunks := range []bool{false, true} {
							for _, rcpts := range []int{1, 3} {
								c := cell{phase, fault, tls, hosts, fallback, chunks, rcpts}
								if c.exists() {
									all = append(all, c)
								}
							}
						}
					}
				}
			}
		}
	}
	return all
}

func (c cell) exists() bool {
	message := slices.Contains([]testsmtp.Phase{testsmtp.MAIL, testsmtp.RCPT, testsmtp.DATA, testsmtp.Body, testsmtp.End}, c.phase)
	switch {
	case !message && (c.chunks || c.rcpts > 1), c.chunks && c.tls != direct.TLSOpportunistic: // it makes no difference
		return false
	case (c.phase == testsmtp.STARTTLS || c.phase == testsmtp.Handshake) && c.tls == direct.InsecureTLSNone:
		return false
	case c.phase == testsmtp.DATA && c.chunks:
		return false
	case c.phase == testsmtp.Body && c.chunks && c.fault == "cut 250": // a server that lies
		return false
	}
	return true
}

// What one host comes to, for a recipient.
const (
	takes      = "takes"
	fails      = "path"        // and another way may be taken, whichever
	forbidden  = "policy"      // only to another host
	busyHost   = "busy"        // likewise
	refusesNow = "refuses now" // nowhere else
	refusesIt  = "refuses"     // likewise
	mayHave    = "may have it" // likewise
	ourFault   = "ours"
)

// meets says what a bad host comes to, for the last recipient and for the others.
// It is written down from the specification of the matrix, not from the code.
func (c cell) meets() (last, others string) {
	all := func(s string) (string, string) { return s, s }
	required := c.tls == direct.TLSVerified
	is := func(names ...string) bool { return slices.Contains(names, c.fault) }
	received := is("4xx", "4xx about us", "421", "5xx")
	reply := map[string]string{"4xx": busyHost, "421": busyHost, "4xx about us": refusesNow, "5xx": refusesIt}[c.fault]
	switch c.phase {
	case resolving:
		return all(map[string]string{"SERVFAIL": fails, "bogus": forbidden, "NXDOMAIN": refusesIt, "null MX": refusesIt}[c.fault])
	case dialling:
		if is("local") {
			return all(ourFault)
		}
		return all(fails)
	case testsmtp.Greeting, testsmtp.EHLO:
		return all(fails)
	case testsmtp.STARTTLS, testsmtp.Handshake:
		switch {
		case required:
			return all(forbidden)
		case is("421"):
			return all(fails)
		}
		return all(takes) // without TLS
	case testsmtp.MAIL, testsmtp.RCPT:
		switch {
		case !received:
			return all(fails)
		case c.phase == testsmtp.RCPT && !is("421"):
			return reply, takes
		}
		return all(reply)
	case testsmtp.DATA:
		if !received {
			return all(fails)
		}
		return all(reply)
	case testsmtp.Body:
		switch {
		case c.chunks && is("drip"): // an octet a minute: too slow for what comes after the first
			return all(mayHave)
		case c.chunks && received: // it is the reply to the first octet, which goes ahead
			return all(reply)
		case c.chunks:
			return all(fails)
		case is("silent", "stop reading", "drip"): // nothing is seen of it until the message is out
			return all(mayHave)
		case is("4xx", "421"): // without a word about whom it concerns
			return all(refusesNow)
		case !received:
			return all(fails)
		default:
			return all(reply)
		}
	}
	switch {
	case is("cut 250"):
		return all(takes)
	case is("cut 550"):
		return all(refusesIt)
	case !received:
		return all(mayHave)
	}
	return all(reply)
}

// want says what becomes of a recipient for whom each bad host comes to that, and
// who has to have the message then.
func (c cell) want(host string) (outcome, holder string) {
	onward := host == fails || host == forbidden || host == busyHost
	switch {
	case host == takes:
		return "accepted", "mx1"
	case onward && c.hosts == "bad good" && c.phase != resolving:
		return "accepted", "mx2"
	case host == fails && c.fallback:
		return "accepted", "relay"
	case onward, host == refusesNow:
		return "deferred", ""
	case host == refusesIt:
		return "rejected", ""
	case host == mayHave:
		return "unknown", "mx1"
	}
	return "not sent", ""
}

// TestMatrix plays every cell, and checks beside the outcome what has to hold for
// all of them.
func TestMatrix(t *testing.T) {
	all := cells()
	t.Logf("%d cells", len(all))
	for _, c := range all {
		t.Run(c.String(), func(t *testing.T) {
			synctest.Test(t, c.play)
		})
	}
}

// isBad reports whether a host is.
func (c cell) isBad(n int) bool { return n == 1 || c.hosts == "bad bad" }

// inject puts the fault at its place, on every connection to the host.
func (c cell) inject() func(testsmtp.Event) *testsmtp.Fault {
	last := fmt.Sprintf("<r%d@", c.rcpts-1)
	return func(e testsmtp.Event) *testsmtp.Fault {
		here := e.Phase == c.phase
		switch c.phase {
		case testsmtp.RCPT:
			here = here && strings.Contains(e.Line, last)
		case testsmtp.EHLO: // the one that counts
			here = here && (e.N == 1) == (c.tls != direct.InsecureTLSNone)
		}
		if !here {
			return nil
		}
		fault := faults[c.fault]
		fault.Continue = c.fault == "cut 250" && c.phase == testsmtp.End
		return &fault
	}
}
