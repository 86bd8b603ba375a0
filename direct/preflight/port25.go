package preflight

import (
	"net/netip"
	"strings"
	"sync"
)

const (
	whyPort25 = "Direct delivery connects to port 25 of others. Providers for homes, and most clouds until asked, don't let that out of their network."
	fixPort25 = "Ask the provider to open port 25 for outgoing connections, or send through a relay."
)

// checkPort25 looks whether port 25 of others can be reached, over each family that
// mail is sent from.
func (r *run) checkPort25() []Finding {
	if len(r.ProbeHosts)+len(r.ProbeDomains) == 0 {
		f := Finding{Check: CheckPort25}
		f.skip("no host to connect to is given")
		f.Fix = "Name some in ProbeHosts or ProbeDomains, whose people don't mind a connection now and then."
		return []Finding{f}
	}
	targets := r.targets()
	var found []Finding
	for _, family := range []string{"IPv4", "IPv6"} {
		four := family == "IPv4"
		yes, sure := r.sendsFrom(four)
		if !yes {
			continue
		}
		f := Finding{Check: CheckPort25, About: family, Why: whyPort25}
		r.checkFamily(&f, targets, four)
		if !sure && f.Code == "unreachable" {
			f.Severity = Warning // it may not be meant to be used
		}
		found = append(found, f)
	}
	return found
}

// sendsFrom reports whether connections are made over a family, and whether somebody
// has said so.
func (r *run) sendsFrom(four bool) (yes, sure bool) {
	for _, addr := range append([]netip.Addr{r.Source.IPv4, r.Source.IPv6}, r.addrs...) {
		yes = yes || addr.IsValid() && addr.Is4() == four
		sure = sure || addr.IsValid()
	}
	return yes || !sure, sure
}

// checkFamily connects to one address of each host.
func (r *run) checkFamily(f *Finding, targets []target, four bool) {
	attempts := make([]*attempt, len(targets))
	inParallel(len(targets), func(i int) {
		for _, addr := range targets[i].addrs {
			if addr.Is4() == four {
				a := r.try(targets[i], addr)
				attempts[i] = &a
				return
			}
		}
	})
	count := map[reach]int{}
	tried, best := 0, failed
	var texts []string
	for i, t := range targets {
		if a := attempts[i]; a != nil {
			tried++
			count[a.reach]++
			best = max(best, a.reach)
			texts = append(texts, show(t.host)+": "+a.text)
		} else if t.err != nil {
			texts = append(texts, show(t.host)+": "+show(t.err.Error()))
		}
	}
	f.judgeReach(tried, best, count, strings.Join(texts, "; "), r.ctx.Err())
}

// judgeReach fills in what the connections have shown together.
func (f *Finding) judgeReach(tried int, best reach, count map[reach]int, texts string, ended error) {
	f.Fix = fixPort25
	switch {
	case best == greeted:
		f.set(OK, "reachable", "port 25 can be reached: %s", texts)
		f.Fix = ""
	case ended != nil:
		f.set(NotChecked, CodeTemporary, "there was no time left: %s", ended)
		f.Fix = ""
	case tried == 0 && texts == "":
		f.skip("no host has an address of this family that may be connected to")
		f.Fix = "Name one that does."
	case tried == 0:
		f.set(NotChecked, CodeTemporary, "no host has an address: %s", texts)
		f.Fix = "Name hosts that have."
	case best == unwelcome:
		f.set(Warning, "unwelcome", "port 25 can be reached, but nobody greets: %s", texts)
		f.Fix = "If it is the address that isn't wanted, the other checks say why."
	case count[refused] > 0:
		f.set(Failure, "refused", "no host takes the connection, as if somebody on the way refused it: %s", texts)
	case count[silent] == tried && tried > 1:
		f.set(Failure, "blocked", "nothing comes back from any host, as where a provider blocks port 25: %s", texts)
	case count[silent] > 0:
		f.set(Warning, "silent", "nothing comes back: either the host is down, or a provider blocks port 25: %s", texts)
		f.Fix = "Name more hosts, to see which it is."
	case best == unreachable:
		f.set(Failure, "unreachable", "there is no way to any host over %s: %s", f.About, texts)
		f.Fix = "Mend the network, or set the other family alone in Source."
	default:
		f.set(Failure, "failed", "no connection could be made: %s", texts)
		f.Fix = "Mend what is wrong on this machine, such as the address in Source."
	}
}

// inParallel calls do with 0 to n-1, all at once.
func inParallel(n int, do func(i int)) {
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() { do(i) })
	}
	wg.Wait()
}
