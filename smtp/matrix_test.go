package smtp_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/qdmail/qdmail/delivery"
	"github.com/qdmail/qdmail/internal/testsmtp"
	"github.com/qdmail/qdmail/smtp"
)

// mode is a way in which a message goes over a connection.
type mode struct {
	name       string
	extensions []string
	whole      bool // the message goes along with its commands, from the second on
	late       bool // unless the connection has been idle for a while
	together   int  // how many messages share the connection at a time
	window     int
}

var modes = []mode{
	{"one by one", oneByOne, false, false, 1, 1},
	{"pipelined", pipelined, false, false, 1, 1},
	{"pipelined with the next", pipelined, false, false, 3, 1},
	{"BDAT", inChunks, true, false, 1, 1},
	{"BDAT after a pause", inChunks, true, true, 1, 1},
	{"window", inChunks, true, false, 4, 3},
}

// situation is one situation: at one step of one message, the server fails.
type situation struct {
	mode
	phase  testsmtp.Phase
	fault  string
	tls    bool
	rcpts  int
	reused bool
}

func (c situation) String() string {
	return fmt.Sprintf("%s/%s/%s/TLS %v/%d recipients/reused %v", c.mode.name, c.phase, c.fault, c.tls, c.rcpts, c.reused)
}

// situations are all combinations that there are.
func situations() []situation {
	before := []testsmtp.Phase{testsmtp.Greeting, testsmtp.EHLO, testsmtp.STARTTLS, testsmtp.Handshake, testsmtp.AUTH}
	message := []testsmtp.Phase{testsmtp.MAIL, testsmtp.RCPT, testsmtp.DATA, testsmtp.BDAT, testsmtp.Body, testsmtp.End}
	var all []situation
	for _, m := range modes {
		for _, phase := range append(before, message...) {
			for fault := range faults {
				for _, tls := range []bool{false, true} {
					for _, rcpts := range []int{1, 3} {
						for _, reused := range []bool{false, true} {
							c := situation{m, phase, fault, tls, rcpts, reused}
							if c.exists(slices.Contains(before, phase)) {
								all = append(all, c)
							}
						}
					}
				}
			}
		}
	}
	return all
}

func (c situation) exists(before bool) bool {
	switch {
	case (c.together > 1 || c.late) && !c.reused, before && c.reused: // the message has others before it; there is but one beginning
		return false
	case (c.phase == testsmtp.STARTTLS || c.phase == testsmtp.Handshake) && !c.tls:
		return false
	case c.phase == testsmtp.Handshake && c.fault[0] >= '0' && c.fault[0] <= '9': // there are no replies
		return false
	case c.phase == testsmtp.DATA && c.whole, c.phase == testsmtp.BDAT && !c.ahead():
		return false
	case c.phase == testsmtp.Body && c.whole && c.fault == "cut 250": // a server that lies
		return false
	}
	return true
}

// ahead says that the first octet of the message goes ahead, because the server
// hasn't shown yet that it knows BDAT.
func (c situation) ahead() bool { return c.whole && !c.reused }

// events are what the faults are for the pure judgement.
var events = map[string]smtp.Event{
	"4xx": smtp.Temporary, "421": smtp.Closing, "5xx": smtp.Permanent,
	"close": smtp.Lost, "reset": smtp.Lost, "cut line": smtp.Lost, "cut 250": smtp.Lost, "cut 550": smtp.Lost,
	"silent": smtp.TimedOut, "stop reading": smtp.TimedOut, "drip": smtp.TimedOut, "stall in 250": smtp.TimedOut,
	"garbage": smtp.Garbled, "1xx": smtp.Garbled, "3xx": smtp.Garbled, "overlong": smtp.Garbled,
	"endless": smtp.Garbled, "mixed": smtp.Garbled,
}

var deliveryPhases = map[testsmtp.Phase]delivery.Phase{
	testsmtp.Greeting: delivery.PhaseGreeting, testsmtp.EHLO: delivery.PhaseEHLO,
	testsmtp.STARTTLS: delivery.PhaseSTARTTLS, testsmtp.Handshake: delivery.PhaseTLS,
	testsmtp.AUTH: delivery.PhaseAUTH, testsmtp.MAIL: delivery.PhaseMAIL, testsmtp.RCPT: delivery.PhaseRCPT,
	testsmtp.DATA: delivery.PhaseDATA, testsmtp.BDAT: delivery.PhaseDATA, testsmtp.Body: delivery.PhaseBody, testsmtp.End: delivery.PhaseEnd,
}

// want derives from the one table of decisions what becomes of the recipients of
// the message that meets the fault: of the last of them, and of the others.
func (c situation) want() (last, others delivery.Outcome) {
	ev, phase := events[c.fault], deliveryPhases[c.phase]
	both := func(o delivery.Outcome) (delivery.Outcome, delivery.Outcome) { return o, o }
	received := ev == smtp.Temporary || ev == smtp.Closing || ev == smtp.Permanent
	inside := c.whole && c.reused && !c.late && slices.Contains([]delivery.Phase{delivery.PhaseMAIL, delivery.PhaseRCPT, delivery.PhaseBody}, phase)
	if phase == delivery.PhaseBody && c.whole { // then it is the reply to the message
		phase = delivery.PhaseEnd
	}
	switch {
	case c.ahead() && c.phase == testsmtp.Body && c.fault == "drip": // an octet a minute: all right for the first
	case c.ahead() && (c.phase == testsmtp.Body || c.phase == testsmtp.BDAT): // or to its first octet
		phase = delivery.PhaseDATA
	case phase == delivery.PhaseEnd && c.fault == "cut 250":
		return both(delivery.Accepted)
	case phase == delivery.PhaseEnd && c.fault == "cut 550":
		return both(delivery.Rejected)
	case phase == delivery.PhaseBody && slices.Contains([]string{"silent", "stop reading", "drip"}, c.fault):
		phase = delivery.PhaseEnd // nothing is seen of it until the message is out
	case phase == delivery.PhaseAUTH && ev == smtp.Permanent:
		ev = smtp.Policy // the credentials are refused
	case phase == delivery.PhaseMAIL && c.reused && (ev == smtp.Closing || ev == smtp.Lost && (!c.whole || c.late)):
		return both(delivery.Accepted) // by another connection
	case inside && !received:
		phase = delivery.PhaseEnd
	case phase == delivery.PhaseSTARTTLS || phase == delivery.PhaseTLS:
		if ev != smtp.Closing {
			ev = smtp.Policy
		}
	}
	_, outcome, one, _ := smtp.Decide(phase, ev)
	if one {
		return outcome, delivery.Accepted
	}
	return both(outcome)
}

// TestMatrix plays every situation, and checks beside the outcome what has to hold
// for all of them.
func TestMatrix(t *testing.T) {
	all := situations()
	t.Logf("%d cells", len(all))
	for _, c := range all {
		t.Run(c.String(), func(t *testing.T) {
			synctest.Test(t, c.play)
		})
	}
}

// play sends the messages of a situation and judges the results. Leaks of goroutines
// are found by synctest.
func (c situation) play(t *testing.T) {
	srv := &testsmtp.Server{
		Extensions: c.extensions, Users: map[string]string{"user": "pa55-word"}, RequireAuth: true,
		On: c.inject(),
	}
	defer srv.Close()
	r := local(srv.Dial)
	if c.tls {
		srv.TLS = serverTLS()
		r = remote(srv.Dial)
		r.TLSConfig = clientTLS()
	}
	r.Username, r.Password = "user", "pa55-word"
	r.Pool = smtp.Pool{MaxConns: 1, Window: c.window}
	defer r.Close()
	begin := time.Now()
	var messages []sent
	if c.reused && c.together == 1 {
		messages = append(messages, c.send(t, r, 0))
		if c.late {
			<-time.After(3 * time.Second)
		}
	}
	first := len(messages)
	messages = append(messages, make([]sent, c.together)...)
	var wg sync.WaitGroup
	for i := range c.together {
		wg.Go(func() {
			<-time.After(time.Duration(i) * time.Millisecond)
			messages[first+i] = c.send(t, r, first+i)
		})
	}
	wg.Wait()
	if took := time.Since(begin); took > time.Hour {
		t.Errorf("it took %v", took)
	}
	c.check(t, srv, messages)
}

// sent is a message with its result.
type sent struct {
	env  *delivery.Envelope
	body delivery.BytesBody
	res  *delivery.Result
	talk string
}

func (c situation) send(t *testing.T, r *smtp.Relay, n int) sent {
	m := sent{env: from(), body: delivery.BytesBody(fmt.Sprintf("Subject: %d\r\n\r\n.dot\r\n", n))}
	for i := range c.rcpts {
		m.env.Recipients = append(m.env.Recipients, delivery.Recipient{Address: fmt.Sprintf("m%dr%d@y.test", n, i)})
	}
	var talk strings.Builder
	ctx := delivery.WithHooks(t.Context(), &delivery.Hooks{
		Command: func(_ context.Context, line string) { talk.WriteString(line + "\n") },
		Reply:   func(_ context.Context, reply *delivery.Reply) { talk.WriteString(reply.String() + "\n") },
	})
	res, err := r.Send(ctx, m.env, m.body)
	checkResult(t, m.env, res, err) // one result for each
	m.res, m.talk = res, talk.String()
	if err != nil {
		m.talk += err.Error()
	}
	return m
}

// target is the number of the message that meets the fault.
func (c situation) target() int {
	if c.reused {
		return 1
	}
	return 0
}

// inject puts the fault at its place: once, on the first connection.
func (c situation) inject() func(testsmtp.Event) *testsmtp.Fault {
	mails, rcpts, hellos := -1, 0, 0
	return func(e testsmtp.Event) *testsmtp.Fault {
		if e.Conn != 0 {
			return nil
		}
		switch e.Phase {
		case testsmtp.MAIL:
			mails, rcpts = mails+1, 0
		case testsmtp.RCPT:
			rcpts++
		case testsmtp.EHLO:
			hellos++
		}
		here := e.Phase == c.phase
		switch c.phase {
		case testsmtp.MAIL, testsmtp.DATA, testsmtp.BDAT, testsmtp.Body, testsmtp.End:
			here = here && mails == c.target()
		case testsmtp.RCPT:
			here = here && mails == c.target() && rcpts == c.rcpts
		case testsmtp.EHLO:
			here = here && (hellos == 2) == c.tls
		}
		if here {
			fault := faults[c.fault]
			fault.Continue = c.fault == "cut 250" && c.phase == testsmtp.End
			return &fault
		}
		if c.together > 1 && e.Phase == testsmtp.MAIL && mails == 0 {
			return &testsmtp.Fault{Delay: time.Second} // so that the others have to wait
		}
		return nil
	}
}

// check holds the results against what is wanted and against what the server
// has.
func (c situation) check(t *testing.T, srv *testsmtp.Server, messages []sent) {
	last, others := c.want()
	stored := map[string]int{}
	for _, m := range srv.Messages() {
		if c.tls && !m.TLS {
			t.Error("a message came in clear")
		}
		for _, r := range m.Recipients {
			stored[r.Address]++
			if n := int(r.Address[1] - '0'); string(m.Data) != string(messages[n].body) {
				t.Errorf("%s got %q", r.Address, m.Data)
			}
		}
	}
	for n, m := range messages {
		for i, got := range m.res.Recipients {
			want := others
			switch {
			case n != c.target():
				want = delivery.Accepted
			case i == c.rcpts-1:
				want = last
			}
			onTheirWay := c.window > 1 && n > c.target() && got.Outcome == delivery.Unknown
			if got.Outcome != want && !onTheirWay {
				t.Errorf("message %d, recipient %d: %v, not %v: %v", n, i, got.Outcome, want, got.Err)
			}
			// Accepted means once, Unknown at most once, and everything else never.
			most := map[delivery.Outcome]int{delivery.Accepted: 1, delivery.Unknown: 1}[got.Outcome]
			if copies := stored[got.Address]; copies > most || got.Outcome == delivery.Accepted && copies == 0 {
				t.Errorf("message %d, recipient %d is %v, and the server has it %d times", n, i, got.Outcome, copies)
			}
		}
		if strings.Contains(m.talk, "pa55") || strings.Contains(m.talk, "cGE1NS13b3Jk") || strings.Contains(m.talk, "AHVzZXIA") {
			t.Errorf("a credential is told: %s", m.talk)
		}
	}
	if v := srv.Violations(); len(v) > 0 {
		t.Error(v)
	}
	if t.Failed() {
		t.Log(srv.Transcript())
	}
}
