package direct_test

import (
	"context"
	"crypto/sha256"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/qdmail/qdmail/delivery"
	"github.com/qdmail/qdmail/direct"
	"github.com/qdmail/qdmail/direct/dns"
	"github.com/qdmail/qdmail/direct/mtasts"
)

// sts gives a domain an MTA-STS policy, which the transport has fetched before.
func (w *world) sts(tr *direct.Transport, domain string, mode mtasts.Mode, mx ...string) {
	if tr.MTASTS == nil {
		tr.MTASTS = &mtasts.Client{Resolver: w.names, Store: &mtasts.Memory{}}
	}
	tr.MTASTS.Store.Put(w.t.Context(), domain, mtasts.Entry{
		Policy: &mtasts.Policy{Mode: mode, MX: mx, MaxAge: 24 * time.Hour}, ID: "1",
		Fetched: time.Now(), Expires: time.Now().Add(24 * time.Hour),
	})
}

// TestMTASTS: T4 and T8.
func TestMTASTS(t *testing.T) {
	policy := func(mode mtasts.Mode, pattern string, more ...func(*world, *direct.Transport)) func(*world, *direct.Transport) {
		return func(w *world, tr *direct.Transport) {
			w.sts(tr, "y.test", mode, pattern)
			for _, f := range more {
				f(w, tr)
			}
		}
	}
	noTLS := func(w *world, _ *direct.Transport) { w.mx(1).TLS = nil }
	down2 := func(w *world, _ *direct.Transport) { w.dead["192.0.2.2"] = "refused" }
	const enforce, testing, none = mtasts.ModeEnforce, mtasts.ModeTesting, mtasts.ModeNone
	playTLS(t, []withTLS{
		{name: "met", set: policy(enforce, "*.y.test"), want: "accepted", dials: "192.0.2.1", reports: "sts mx1.y.test", security: delivery.SecurityAuthenticated},
		{name: "the first host isn't named", set: policy(enforce, "mx2.y.test"), want: "accepted", dials: "192.0.2.2", security: delivery.SecurityAuthenticated,
			reports: "sts mx1.y.test validation-failure!, sts mx2.y.test"},
		{name: "no host is named", set: policy(enforce, "other.test"), want: "deferred",
			reports: "sts mx1.y.test validation-failure!, sts mx2.y.test validation-failure!"},
		{name: "wrong certificate", set: policy(enforce, "*.y.test", wrongCertificate), want: "accepted", dials: "192.0.2.1 192.0.2.2", security: delivery.SecurityAuthenticated,
			reports: "sts mx1.y.test certificate-host-mismatch!, sts mx2.y.test"},
		{name: "no STARTTLS", set: policy(enforce, "*.y.test", noTLS), want: "accepted", dials: "192.0.2.1 192.0.2.2", security: delivery.SecurityAuthenticated,
			reports: "sts mx1.y.test starttls-not-supported!, sts mx2.y.test"},
		{name: "T8 one unnamed, one down", set: policy(enforce, "mx2.y.test", down2), want: "deferred", dials: "192.0.2.2",
			reports: "sts mx1.y.test validation-failure!"},
		{name: "T8 one wrong, one down", set: policy(enforce, "*.y.test", wrongCertificate, down2), want: "deferred", dials: "192.0.2.1 192.0.2.2",
			reports: "sts mx1.y.test certificate-host-mismatch!"},
		{name: "testing, wrong certificate", set: policy(testing, "*.y.test", wrongCertificate), want: "accepted", dials: "192.0.2.1", security: delivery.SecurityEncrypted,
			reports: "sts mx1.y.test certificate-host-mismatch"},
		{name: "testing, unnamed and without TLS", set: policy(testing, "other.test", noTLS), want: "accepted", dials: "192.0.2.1", security: delivery.SecurityClear,
			reports: "sts mx1.y.test validation-failure, sts mx2.y.test validation-failure, sts mx1.y.test starttls-not-supported"},
		{name: "none any more", set: policy(none, "other.test"), want: "accepted", dials: "192.0.2.1", security: delivery.SecurityEncrypted, reports: "no-policy-found mx1.y.test"},
		{name: "switched off", want: "accepted", dials: "192.0.2.1", security: delivery.SecurityEncrypted, reports: "no-policy-found mx1.y.test",
			set: func(w *world, tr *direct.Transport) {
				w.sts(tr, "y.test", enforce, "other.test")
				tr.NoMTASTS = true
			}},
		{name: "a record that can't be read", want: "accepted", dials: "192.0.2.1", security: delivery.SecurityAuthenticated,
			reports: "sts sts-policy-invalid, sts mx1.y.test", set: policy(enforce, "*.y.test", func(w *world, _ *direct.Transport) {
				w.names["_mta-sts.y.test"] = dns.Host{TXT: []string{"v=STSv1; id=!"}}
			})},
		{name: "REQUIRETLS", set: policy(enforce, "*.y.test", func(w *world, _ *direct.Transport) {
			w.mx(1).Extensions = append(slices.Clone(pipelined), "REQUIRETLS")
		}), env: requireTLS, want: "accepted", dials: "192.0.2.1", reports: "sts mx1.y.test", security: delivery.SecurityAuthenticated},
	})
}

// signed makes the DNS vouch for the names, and gives a host a TLSA record for its
// certificate, or another one.
func (w *world) signed(host string, records ...dns.TLSA) {
	for name, h := range w.names {
		h.Secure = true
		w.names[name] = h
	}
	w.names["_25._tcp."+host] = dns.Host{TLSA: records, Secure: true}
}

// keyOf is the TLSA record "3 1 1" of the hosts' certificate.
func keyOf() dns.TLSA {
	cert, _ := certificate()
	sum := sha256.Sum256(cert.Leaf.RawSubjectPublicKeyInfo)
	return dns.TLSA{Usage: 3, Selector: 1, MatchingType: 1, Data: sum[:]}
}

// TestDANE: T5 and T8.
func TestDANE(t *testing.T) {
	right := keyOf()
	wrong := right
	wrong.Data = make([]byte, 32)
	unusable := right
	unusable.Usage = 1
	tlsa := func(r dns.TLSA, more ...func(*world, *direct.Transport)) func(*world, *direct.Transport) {
		return func(w *world, tr *direct.Transport) {
			w.signed("mx1.y.test", r)
			for _, f := range more {
				f(w, tr)
			}
		}
	}
	noTLS := func(w *world, _ *direct.Transport) { w.mx(1).TLS = nil }
	down2 := func(w *world, _ *direct.Transport) { w.dead["192.0.2.2"] = "refused" }
	insecure := func(name string) func(*world, *direct.Transport) {
		return func(w *world, _ *direct.Transport) {
			h := w.names[name]
			h.Secure = false
			w.names[name] = h
		}
	}
	fails := func(name string, typ dns.Type, s dns.Status) func(*world, *direct.Transport) {
		return func(w *world, _ *direct.Transport) {
			h := w.names[name]
			h.Fail = map[dns.Type]dns.Status{typ: s}
			w.names[name] = h
		}
	}
	alias := func(aliasSecure, targetSecure bool) func(*world, *direct.Transport) {
		return func(w *world, _ *direct.Transport) {
			w.names["real.y.test"] = dns.Host{Addrs: addrs("192.0.2.1"), Secure: targetSecure}
			w.names["mx1.y.test"] = dns.Host{CNAME: "real.y.test", Secure: aliasSecure}
		}
	}
	move := func(w *world, _ *direct.Transport) {
		w.names["_25._tcp.real.y.test"] = w.names["_25._tcp.mx1.y.test"]
		delete(w.names, "_25._tcp.mx1.y.test")
	}
	const then2 = ", no-policy-found mx2.y.test"
	const tlsa1, none1 = "tlsa mx1.y.test", "no-policy-found mx1.y.test"
	playTLS(t, []withTLS{
		{name: "met", set: tlsa(right), want: "accepted", dials: "192.0.2.1", reports: tlsa1, security: delivery.SecurityAuthenticated},
		{name: "met, whatever the authority", want: "accepted", dials: "192.0.2.1", reports: tlsa1, security: delivery.SecurityAuthenticated,
			set: tlsa(right, func(_ *world, tr *direct.Transport) { _, tr.TLSConfig.RootCAs = other() })},
		{name: "not met", set: tlsa(wrong), want: "accepted", dials: "192.0.2.1 192.0.2.2", reports: tlsa1 + " validation-failure!" + then2, security: delivery.SecurityEncrypted},
		{name: "T8 not met, the other down", set: tlsa(wrong, down2), want: "deferred", dials: "192.0.2.1 192.0.2.2", reports: tlsa1 + " validation-failure!"},
		{name: "no STARTTLS", set: tlsa(right, noTLS), want: "accepted", dials: "192.0.2.1 192.0.2.2", reports: tlsa1 + " starttls-not-supported!" + then2, security: delivery.SecurityEncrypted},
		{name: "unusable, any certificate", set: tlsa(unusable, wrongCertificate), want: "accepted", dials: "192.0.2.1", reports: tlsa1 + " tlsa-invalid, " + tlsa1, security: delivery.SecurityEncrypted},
		{name: "unusable, no STARTTLS", set: tlsa(unusable, noTLS), want: "accepted", dials: "192.0.2.1 192.0.2.2", security: delivery.SecurityEncrypted,
			reports: tlsa1 + " tlsa-invalid, " + tlsa1 + " starttls-not-supported!" + then2},
		{name: "REQUIRETLS and unusable", set: tlsa(unusable), env: requireTLS, want: "rejected", reports: tlsa1 + " tlsa-invalid"},
		{name: "the lookup fails", set: tlsa(right, fails("_25._tcp.mx1.y.test", dns.TypeTLSA, dns.Temporary)), want: "accepted", dials: "192.0.2.2",
			reports: tlsa1 + " dnssec-invalid!" + then2, security: delivery.SecurityEncrypted},
		{name: "T8 the lookup is bogus, the other down", set: tlsa(right, fails("_25._tcp.mx1.y.test", dns.TypeTLSA, dns.Bogus), down2), want: "deferred",
			dials: "192.0.2.2", reports: tlsa1 + " dnssec-invalid!"},
		{name: "MX not secure", set: tlsa(wrong, insecure("y.test")), want: "accepted", dials: "192.0.2.1", reports: none1, security: delivery.SecurityEncrypted},
		{name: "address not secure", set: tlsa(wrong, insecure("mx1.y.test")), want: "accepted", dials: "192.0.2.1", reports: none1, security: delivery.SecurityEncrypted},
		{name: "address not secure, TLSA fails", set: tlsa(wrong, insecure("mx1.y.test"), fails("_25._tcp.mx1.y.test", dns.TypeTLSA, dns.Temporary)),
			want: "accepted", dials: "192.0.2.1", reports: none1, security: delivery.SecurityEncrypted},
		{name: "TLSA not secure", set: tlsa(wrong, insecure("_25._tcp.mx1.y.test")), want: "accepted", dials: "192.0.2.1", reports: none1, security: delivery.SecurityEncrypted},
		{name: "switched off", want: "accepted", dials: "192.0.2.1", reports: none1, security: delivery.SecurityEncrypted,
			set: tlsa(wrong, func(_ *world, tr *direct.Transport) { tr.NoDANE = true })},
		{name: "alias, records where it leads", set: tlsa(right, alias(true, true), move), want: "accepted", dials: "192.0.2.1", reports: tlsa1, security: delivery.SecurityAuthenticated},
		{name: "alias, records where it is", set: tlsa(right, alias(true, true)), want: "accepted", dials: "192.0.2.1", reports: tlsa1, security: delivery.SecurityAuthenticated},
		{name: "alias to where nobody signs", set: tlsa(wrong, alias(true, false)), want: "accepted", dials: "192.0.2.1 192.0.2.2",
			reports: tlsa1 + " validation-failure!" + then2, security: delivery.SecurityEncrypted},
		{name: "alias that isn't signed", set: tlsa(wrong, alias(false, false)), want: "accepted", dials: "192.0.2.1", reports: none1, security: delivery.SecurityEncrypted},
		{name: "alias that can't be looked at", set: tlsa(right, alias(true, false), fails("mx1.y.test", dns.TypeCNAME, dns.Temporary)), want: "accepted", dials: "192.0.2.2",
			reports: tlsa1 + " dnssec-invalid!" + then2, security: delivery.SecurityEncrypted},
		// Both hold only together.
		{name: "MTA-STS too, both met", want: "accepted", dials: "192.0.2.1", reports: tlsa1 + ", sts mx1.y.test", security: delivery.SecurityAuthenticated,
			set: tlsa(right, func(w *world, tr *direct.Transport) { w.sts(tr, "y.test", mtasts.ModeEnforce, "*.y.test") })},
		{name: "MTA-STS too, DANE not met", want: "accepted", dials: "192.0.2.1 192.0.2.2", security: delivery.SecurityAuthenticated,
			reports: tlsa1 + " validation-failure!, sts mx1.y.test, sts mx2.y.test",
			set:     tlsa(wrong, func(w *world, tr *direct.Transport) { w.sts(tr, "y.test", mtasts.ModeEnforce, "*.y.test") })},
		{name: "MTA-STS too, MTA-STS not met", want: "accepted", dials: "192.0.2.1 192.0.2.2", security: delivery.SecurityAuthenticated,
			reports: tlsa1 + ", sts mx1.y.test certificate-host-mismatch!, sts mx2.y.test",
			set: tlsa(right, func(w *world, tr *direct.Transport) {
				w.sts(tr, "y.test", mtasts.ModeEnforce, "*.y.test")
				wrongCertificate(w, tr)
				cert, _ := other()
				_, pool := certificate()
				pool = pool.Clone()
				pool.AddCert(cert.Leaf)
				tr.TLSConfig.RootCAs = pool
				sum := sha256.Sum256(cert.Leaf.RawSubjectPublicKeyInfo)
				w.names["_25._tcp.mx1.y.test"] = dns.Host{Secure: true, TLSA: []dns.TLSA{{Usage: 3, Selector: 1, MatchingType: 1, Data: sum[:]}}}
			})},
	})
}

// TestNoWeakerConnection: a connection that was made for a domain without a policy
// doesn't carry mail for one that has one.
func TestNoWeakerConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 2)
		tr := w.transport()
		w.secure(tr)
		wrongCertificate(w, tr)
		w.names["z.test"] = w.names["y.test"]
		w.sts(tr, "z.test", mtasts.ModeEnforce, "*.y.test")
		send(t, tr, from("b@y.test"))
		if res := send(t, tr, from("b@z.test")); outcomes(res) != "accepted" || w.dialled() != "192.0.2.1 192.0.2.1 192.0.2.2" {
			t.Error(outcomes(res), w.dialled())
		}
		send(t, tr, from("c@z.test"))
		if n := len(w.dials); w.dialled() != "192.0.2.1 192.0.2.1 192.0.2.2 192.0.2.1" || len(w.mx(2).Messages()) != 2 {
			t.Error(n, w.dialled())
		}
	})
}

// TestSNI: hosts are asked for by their name.
func TestSNI(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 1)
		tr := w.transport()
		w.secure(tr)
		send(t, tr, from("b@y.test"))
		if c := w.mx(1).Connections()[0]; c.State.ServerName != "mx1.y.test" || c.State.Version < 0x0303 {
			t.Errorf("%q, %x", c.State.ServerName, c.State.Version)
		}
	})
}

// TestPolicyOfHosts: with hosts that were configured, MTA-STS doesn't apply, and
// nobody asks for it.
func TestPolicyOfHosts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 1)
		tr := w.transport()
		w.sts(tr, "y.test", mtasts.ModeEnforce, "other.test")
		tr.Hosts = []string{"mx1.y.test"}
		if res := send(t, tr, from("b@y.test")); outcomes(res) != "accepted" {
			t.Error(res.Err())
		}
		tr2 := w.transport()
		tr2.MTASTS = tr.MTASTS
		if got := send(t, tr2, from("b@y.test")).Recipients[0]; got.Outcome != delivery.Deferred {
			t.Error(got.Outcome)
		}
	})
}

// brokenStore knows nothing, not even whether there are policies.
type brokenStore struct{ mtasts.Memory }

func (*brokenStore) Get(context.Context, string) (mtasts.Entry, error) {
	return mtasts.Entry{}, errors.New("disk")
}

// TestBrokenPolicyStore: mail waits, since there may be a policy.
func TestBrokenPolicyStore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 1)
		tr := w.transport()
		w.addRelay(tr)
		tr.MTASTS = &mtasts.Client{Resolver: w.names, Store: new(brokenStore)}
		got := send(t, tr, from("b@y.test")).Recipients[0]
		e, _ := errors.AsType[*direct.PolicyError](got.Err)
		if got.Outcome != delivery.Deferred || e == nil || e.Policy != "mta-sts" || len(w.stored()) > 0 {
			t.Error(got.Outcome, got.Err)
		}
	})
}
