//go:build integration

package integration_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// A server misbehaves at one step. The same script is played to Postfix as the
// sending client and to a direct.Transport, each in up to three settings: where
// nobody else can take the mail, where there is another host, and where there is a
// fallback relay. The table of all trials, with what the two make of them, is that
// of docs/postfix.md.

// opinion is what a client makes of such a server.
type opinion struct {
	// outcome is what becomes of each recipient if nobody else can take the mail;
	// one word if it is the same for all.
	outcome string
	// next and fallback say for whom the other host and the fallback relay are
	// tried: "no", "yes" or the names of recipients. ", twice" says that somebody
	// has two copies of the mail then.
	next, fallback string
}

func (o opinion) String() string {
	return fmt.Sprintf("%s; another host: %s; fallback: %s", o.outcome, o.next, o.fallback)
}

// setting says who else can take the mail.
type setting uint8

const (
	alone setting = iota
	withNext
	withFallback
)

// hearing is one message of a trial.
type hearing struct {
	trial  *trial
	fault  string // one of trial.faults
	in     setting
	domain string // of its recipients, which no other message has
	rcpts  []string
}

func (h *hearing) String() string { return h.trial.name(h.fault) }

var rcptNames = [...]string{"a", "b", "c"}

// hearings are all messages, those of one fault in a row.
func hearings(trials []*trial) [][]*hearing {
	var all [][]*hearing
	for _, tr := range trials {
		for _, fault := range tr.faultNames() {
			var list []*hearing
			for _, in := range tr.settings() {
				h := &hearing{trial: tr, fault: fault, in: in, domain: fmt.Sprintf("t%d-%d.test", len(all), in)}
				for _, name := range rcptNames[:max(1, tr.rcpts)] {
					h.rcpts = append(h.rcpts, name+"@"+h.domain)
				}
				list = append(list, h)
			}
			all = append(all, list)
		}
	}
	return all
}

// sighting is what became of each recipient of a message, and who was asked to take
// it.
type sighting struct {
	outcomes               []string
	atNext, atRelay, twice []bool
}

// summary makes an opinion of what was seen in the settings of one fault.
func summary(settings []setting, seen []sighting) (opinion, error) {
	base := seen[alone].outcomes
	o := opinion{outcome: inOne(base), next: notTried}
	var errs []error
	for i, in := range settings[1:] {
		s := seen[i+1]
		tried := s.atNext
		if in == withFallback {
			tried = s.atRelay
			o.fallback = who(tried, s.twice)
		} else {
			o.next = who(tried, s.twice)
		}
		for k, outcome := range s.outcomes {
			// Whoever is tried elsewhere is accepted there. For the others it makes no
			// difference that there is an elsewhere.
			want := base[k]
			if tried[k] {
				want = "accepted"
			}
			if outcome != want {
				errs = append(errs, fmt.Errorf("recipient %s in setting %d: %s, not %s", rcptNames[k], in, outcome, want))
			}
		}
	}
	return o, errors.Join(errs...)
}

// notTried stands for another host where there can't be one.
const notTried = ""

// inOne puts equal outcomes in one word.
func inOne(outcomes []string) string {
	if len(slices.Compact(slices.Clone(outcomes))) == 1 {
		return outcomes[0]
	}
	return strings.Join(outcomes, ", ")
}

// who names the recipients that were tried.
func who(tried, twice []bool) string {
	var names []string
	for i := range tried {
		if tried[i] {
			names = append(names, rcptNames[i])
		}
	}
	said := strings.Join(names, " and ")
	switch len(names) {
	case 0:
		said = "no"
	case len(tried):
		said = "yes"
	}
	if slices.Contains(twice, true) {
		said += ", twice"
	}
	return said
}

// TestVerdicts plays all trials to both clients, all at the same time, and holds
// what they make of them against the table.
func TestVerdicts(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	groups := hearings(trials())
	all := slices.Concat(groups...)
	nameServer := startRecords(t, all)
	ours, theirs := newCast(t, all), newCast(t, all)
	postfix := startAgent(t, all, theirs, nameServer)
	var sending sync.WaitGroup
	sending.Go(func() { sendAll(t, ctx, all, ours, nameServer) })
	postfix.submit(t, ctx, all)
	postfix.await(t, ctx, all, theirs)
	sending.Wait()
	if t.Failed() {
		return
	}
	different := 0
	for _, group := range groups {
		tr := group[0].trial
		t.Run(group[0].String(), func(t *testing.T) {
			wantOpinion(t, "Postfix", tr.postfix, group, theirs)
			wantOpinion(t, "we", tr.ours, group, ours)
			if t.Failed() {
				t.Logf("domain %s; Postfix writes\n%s", group[0].domain, postfix.said(group))
			}
		})
		if tr.ours != tr.postfix {
			different++
		}
	}
	t.Logf("%d faults in %d messages to each client; the opinions differ on %d", len(groups), len(all), different)
}

func wantOpinion(t *testing.T, whose string, want opinion, group []*hearing, c *cast) {
	t.Helper()
	var seen []sighting
	for _, h := range group {
		seen = append(seen, c.watch(h))
	}
	got, err := summary(group[0].trial.settings(), seen)
	if err != nil {
		t.Errorf("%s: %v", whose, err)
	}
	if got != want {
		t.Errorf("%s: %v\nwant %v", whose, got, want)
	}
}
