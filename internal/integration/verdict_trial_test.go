//go:build integration

package integration_test

import (
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/qdmail/qdmail/internal/testsmtp"
)

// trial is a step at which a server misbehaves, in one of several manners of which
// each client makes the same.
type trial struct {
	phase testsmtp.Phase
	// faults are separated by ", "; see faultAt.
	faults string
	// note says in docs/postfix.md what else is special.
	note          string
	postfix, ours opinion
	// why is the reason for which they differ: a headline of docs/postfix.md.
	why string

	// The rest is what the note tells; each zero value means nothing special.

	rcpts  int      // 1
	about  string   // the recipient that the fault is about: its RCPT, or a message to it
	once   bool     // only the first transaction of a connection meets the fault
	helo   bool     // HELO meets the fault too
	tls    bool     // STARTTLS is offered
	offers []string // extensions, in place of the usual ones
	mail   mailKind
	at     func(t *testing.T) string // makes the address, where there is no server
	after  func(t *testing.T) string // makes the address of a host that is tried before
	zone   *zoneOf                   // what the DNS has, by which hosts are found
	conf   string                    // settings of Postfix, "name=value" with a blank between two
}

func (tr *trial) faultNames() []string { return strings.Split(tr.faults, ", ") }

func (tr *trial) name(fault string) string {
	return strings.Join(strings.Fields(string(tr.phase)+" "+fault+" "+tr.note+" "+tr.conf), " ")
}

// settings are those that a trial is held in. A domain that has no host has no
// other host.
func (tr *trial) settings() []setting {
	if tr.zone != nil && !tr.zone.served {
		return []setting{alone, withFallback}
	}
	return []setting{alone, withNext, withFallback}
}

// kind is the kind of message that goes to the server.
func (tr *trial) kind() mailKind {
	if tr.phase == testsmtp.Body {
		return large
	}
	return tr.mail
}

// mailKind is a kind of message.
type mailKind uint8

const (
	small mailKind = iota
	large          // more than the buffers of a connection take
	eightBit
	internationalized
)

var mailTexts = map[mailKind]string{
	small: "Subject: small\r\n\r\nhello\r\n",
	large: "Subject: large\r\n\r\n" + strings.Repeat(strings.Repeat("x", 70)+"\r\n", 6<<20/72),
	eightBit: "Subject: 8-bit\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n" +
		"Content-Transfer-Encoding: 8bit\r\n\r\n\u3042\r\n",
	internationalized: "Subject: \u3042\r\n\r\nhello\r\n",
}

// script is the misbehaviour of a server.
func (tr *trial) script(fault string) func(testsmtp.Event) *testsmtp.Fault {
	f, _ := faultAt(tr.phase, fault)
	var mu sync.Mutex
	to := map[int][]string{} // the recipients that each connection has named in its transaction
	return func(e testsmtp.Event) *testsmtp.Fault {
		mu.Lock()
		defer mu.Unlock()
		switch e.Phase {
		case testsmtp.MAIL:
			to[e.Conn] = nil
		case testsmtp.RCPT:
			to[e.Conn] = append(to[e.Conn], e.Line)
		}
		isAbout := func(line string) bool { return strings.Contains(line, "<"+tr.about+"@") }
		switch {
		case e.Phase != tr.phase && !(tr.helo && e.Phase == testsmtp.HELO),
			tr.about != "" && e.Phase == testsmtp.RCPT && !isAbout(e.Line),
			tr.about != "" && e.Phase != testsmtp.RCPT && !slices.ContainsFunc(to[e.Conn], isAbout),
			tr.once && e.Transaction > 0:
			return nil
		}
		own := f
		return &own
	}
}

// faultAt returns what a server does at a step. A name that begins with digits is
// a reply: "450 4.7.1", "250- 550" of two lines, "250- closed" of a line before the
// connection is closed; 421 is followed by that in any case. The flag brief says
// that a client has to give up waiting.
func faultAt(phase testsmtp.Phase, name string) (f testsmtp.Fault, brief bool) {
	right := map[testsmtp.Phase]string{testsmtp.Greeting: "220", testsmtp.STARTTLS: "220", testsmtp.DATA: "354"}[phase]
	if right == "" {
		right = "250"
	}
	f.Continue = phase != testsmtp.Body // the server has understood and goes on
	switch first, second, two := strings.Cut(name, "- "); name {
	case "":
		return testsmtp.Fault{}, false
	case "closed":
		f.Close = true
	case "reset":
		f.Reset = true
	case "silent":
		f.Silent, brief = true, true
	case "stops reading":
		f.StopReading, brief = true, true
	case "garbage":
		f.Raw, brief = "SSH-2.0-OpenSSH_9.2\r\n", true
	case "garbage before the reply":
		f.Raw = "debug: 1\r\n" + right + " ok\r\n"
	case "a line of 5000 octets":
		f.Raw = right + " " + strings.Repeat("x", 5000) + "\r\n"
	case "1000 lines":
		f.Raw = strings.Repeat(right+"-x\r\n", 999) + right + " ok\r\n"
	case "drips":
		f.Reply, f.Drip, brief = right+" this reply takes its time", briefly/12, true
	case "more after the reply":
		f.Raw = right + " ok\r\n250 and more\r\n"
	default:
		f.Continue = false
		digits, closing := strings.CutSuffix(name, " closed")
		switch {
		case two && second == "closed":
			f.Raw, f.Close, f.Continue = first+"-x\r\n", true, first[0] == '2'
		case two:
			f.Raw, f.Continue = first+"-x\r\n"+second+" x\r\n", first[0] == '2' && second[0] == '2'
		case closing && len(digits) < 3:
			f.Raw, f.Close, f.Continue = digits, true, true
		default:
			f.Reply, f.Close = digits+" x", closing || strings.HasPrefix(digits, "421")
		}
	}
	if phase == testsmtp.Body {
		f.After = 64 << 10
	}
	return f, brief
}
