package direct_test

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/qdmail/qdmail/delivery"
	"github.com/qdmail/qdmail/direct"
	"github.com/qdmail/qdmail/internal/testsmtp"
)

// secure gives both hosts TLS, and the transport the root that they have.
func (w *world) secure(tr *direct.Transport) {
	for _, s := range w.at {
		s.TLS = serverTLS()
	}
	tr.TLSConfig = clientTLS()
}

// reported are the reports in a row: policy, host and result, with a ! if that was
// the reason not to deliver there.
func (w *world) reported() string {
	var all []string
	for _, r := range w.reports {
		s := strings.TrimSuffix(r.PolicyType+" "+r.Host, " ") + " " + string(r.Result)
		if r.Enforced {
			s += "!"
		}
		all = append(all, strings.TrimSpace(s))
	}
	return strings.Join(all, ", ")
}

// withTLS is a scene with TLS at both hosts; the outcome is told with the Security
// of the last attempt, and with the reports.
type withTLS struct {
	name     string
	set      func(w *world, tr *direct.Transport)
	env      func(*delivery.Envelope)
	want     string
	reports  string
	dials    string
	security delivery.Security
}

func playTLS(t *testing.T, scenes []withTLS) {
	t.Helper()
	for _, c := range scenes {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, 2)
				tr := w.transport()
				w.secure(tr)
				w.addRelay(tr)
				if c.set != nil {
					c.set(w, tr)
				}
				env := from("b@y.test")
				if c.env != nil {
					c.env(env)
				}
				res := send(t, tr, env)
				if got := outcomes(res); got != c.want {
					t.Errorf("%s: %v", got, res.Err())
				}
				if got := w.reported(); got != c.reports {
					t.Errorf("reported: %s", got)
				}
				if got := w.dialled(); got != c.dials {
					t.Errorf("connected to %s\n%s", got, w.path())
				}
				if last := w.attempts[len(w.attempts)-1]; last.Security != c.security && !last.Fallback {
					t.Errorf("the security is %q", last.Security)
				}
				if e, _ := errors.AsType[*delivery.Error](res.Recipients[0].Err); e != nil && e.PathFailure() {
					t.Errorf("a failure of the path: %v", e)
				}
			})
		})
	}
}

// wrongCertificate gives mx1 a certificate for somebody else.
func wrongCertificate(w *world, _ *direct.Transport) {
	cert, _ := other()
	w.mx(1).TLS = &tls.Config{Certificates: []tls.Certificate{cert}}
}

// TestOpportunistic: T1 to T3.
func TestOpportunistic(t *testing.T) {
	const none = "no-policy-found mx1.y.test"
	playTLS(t, []withTLS{
		{name: "valid", want: "accepted", reports: none, dials: "192.0.2.1", security: delivery.SecurityEncrypted},
		{name: "T1 invalid", set: wrongCertificate, want: "accepted", reports: none + " certificate-host-mismatch", dials: "192.0.2.1", security: delivery.SecurityEncrypted},
		{name: "T1 expired", want: "accepted", reports: none + " certificate-expired", dials: "192.0.2.1", security: delivery.SecurityEncrypted,
			set: func(_ *world, tr *direct.Transport) {
				tr.TLSConfig.Time = func() time.Time { return time.Date(2200, 1, 1, 0, 0, 0, 0, time.UTC) }
			}},
		{name: "T1 unknown authority", want: "accepted", reports: none + " certificate-not-trusted", dials: "192.0.2.1", security: delivery.SecurityEncrypted,
			set: func(_ *world, tr *direct.Transport) { _, tr.TLSConfig.RootCAs = other() }},
		{name: "not offered", want: "accepted", reports: none + " starttls-not-supported", dials: "192.0.2.1", security: delivery.SecurityClear,
			set: func(w *world, _ *direct.Transport) { w.mx(1).TLS = nil }},
		{name: "T2 refused 4xx", want: "accepted", reports: none + " starttls-not-supported", dials: "192.0.2.1", security: delivery.SecurityClear,
			set: func(w *world, _ *direct.Transport) {
				w.mx(1).On = answers(testsmtp.STARTTLS, "454 4.7.0 not now")
			}},
		{name: "T2 refused 5xx", want: "accepted", reports: none + " starttls-not-supported", dials: "192.0.2.1", security: delivery.SecurityClear,
			set: func(w *world, _ *direct.Transport) { w.mx(1).On = answers(testsmtp.STARTTLS, "502 no") }},
		{name: "T3 closed", want: "accepted", reports: none + " starttls-not-supported", dials: "192.0.2.1 192.0.2.1", security: delivery.SecurityClear,
			set: func(w *world, _ *direct.Transport) {
				w.mx(1).On = at(testsmtp.STARTTLS, testsmtp.Fault{Close: true})
			}},
		{name: "T3 octets after the reply", want: "accepted", reports: none + " validation-failure", dials: "192.0.2.1 192.0.2.1", security: delivery.SecurityClear,
			set: func(w *world, _ *direct.Transport) {
				w.mx(1).On = at(testsmtp.STARTTLS, testsmtp.Fault{Raw: "220 go\r\n250 ok\r\n"})
			}},
		{name: "T3 handshake fails", want: "accepted", dials: "192.0.2.1 192.0.2.1 192.0.2.1", security: delivery.SecurityClear,
			reports: none + " validation-failure, " + none + " validation-failure", set: brokenTLS},
		{name: "T3 never in clear", want: "accepted", dials: "192.0.2.1 192.0.2.1 192.0.2.2", security: delivery.SecurityEncrypted,
			reports: none + " validation-failure, " + none + " validation-failure, no-policy-found mx2.y.test",
			set: func(w *world, tr *direct.Transport) {
				brokenTLS(w, tr)
				tr.PlaintextFallback = direct.PlaintextNever
			}},
		{name: "T3 the smaller hello gets through", want: "accepted", dials: "192.0.2.1 192.0.2.1", security: delivery.SecurityEncrypted,
			reports: none + " validation-failure, " + none, set: fussyTLS},
		{name: "VerifyConnection refuses", want: "deferred", dials: "192.0.2.1 192.0.2.2",
			reports: none + " validation-failure, no-policy-found mx2.y.test validation-failure",
			set: func(_ *world, tr *direct.Transport) {
				tr.TLSConfig.VerifyConnection = func(tls.ConnectionState) error { return errors.New("not this one") }
			}},
		{name: "VerifyPeerCertificate refuses", want: "deferred", dials: "192.0.2.1 192.0.2.2",
			reports: none + " validation-failure, no-policy-found mx2.y.test validation-failure",
			set: func(_ *world, tr *direct.Transport) {
				tr.TLSConfig.VerifyPeerCertificate = func([][]byte, [][]*x509.Certificate) error { return errors.New("not this one") }
			}},
		{name: "TLS never", want: "accepted", dials: "192.0.2.1", security: delivery.SecurityClear,
			set: func(_ *world, tr *direct.Transport) { tr.TLS = direct.InsecureTLSNone }},
	})
}

// brokenTLS makes all handshakes of mx1 fail.
func brokenTLS(w *world, _ *direct.Transport) {
	w.mx(1).TLS = &tls.Config{GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) {
		return nil, errors.New("broken")
	}}
}

// fussyTLS makes mx1 take only small first messages.
func fussyTLS(w *world, _ *direct.Transport) {
	w.mx(1).TLS.GetConfigForClient = func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
		if slices.Contains(hello.SupportedCurves, tls.X25519MLKEM768) {
			return nil, errors.New("too much for me")
		}
		return nil, nil
	}
}

// TestRequired: TLS by configuration. What can't have it goes nowhere else.
func TestRequired(t *testing.T) {
	const none = "no-policy-found"
	required := func(p direct.TLSPolicy, more func(*world, *direct.Transport)) func(*world, *direct.Transport) {
		return func(w *world, tr *direct.Transport) {
			tr.TLS = p
			if more != nil {
				more(w, tr)
			}
		}
	}
	clear := func(w *world, _ *direct.Transport) { w.mx(1).TLS, w.mx(2).TLS = nil, nil }
	playTLS(t, []withTLS{
		{name: "required, invalid", set: required(direct.TLSRequired, wrongCertificate), want: "accepted", dials: "192.0.2.1",
			reports: none + " mx1.y.test certificate-host-mismatch", security: delivery.SecurityEncrypted},
		{name: "required, not offered", set: required(direct.TLSRequired, clear), want: "deferred", dials: "192.0.2.1 192.0.2.2",
			reports: none + " mx1.y.test starttls-not-supported, " + none + " mx2.y.test starttls-not-supported"},
		{name: "required, one broken", set: required(direct.TLSRequired, brokenTLS), want: "accepted", dials: "192.0.2.1 192.0.2.1 192.0.2.2", security: delivery.SecurityEncrypted,
			reports: none + " mx1.y.test validation-failure, " + none + " mx1.y.test validation-failure, " + none + " mx2.y.test"},
		{name: "verified", set: required(direct.TLSVerified, nil), want: "accepted", dials: "192.0.2.1", reports: none + " mx1.y.test", security: delivery.SecurityAuthenticated},
		{name: "verified, invalid", set: required(direct.TLSVerified, wrongCertificate), want: "accepted", dials: "192.0.2.1 192.0.2.2", security: delivery.SecurityAuthenticated,
			reports: none + " mx1.y.test certificate-host-mismatch!, " + none + " mx2.y.test"},
		{name: "verified by another name", want: "accepted", dials: "192.0.2.1", reports: none + " mx1.y.test", security: delivery.SecurityAuthenticated,
			set: required(direct.TLSVerified, func(w *world, tr *direct.Transport) {
				wrongCertificate(w, tr)
				_, tr.TLSConfig.RootCAs = other()
				tr.TLSConfig.ServerName = "other.test"
			})},
		{name: "T8 one without, one down", want: "deferred", dials: "192.0.2.1 192.0.2.2",
			reports: none + " mx1.y.test starttls-not-supported",
			set: required(direct.TLSRequired, func(w *world, tr *direct.Transport) {
				w.mx(1).TLS = nil
				w.dead["192.0.2.2"] = "refused"
			})},
		{name: "T8 both down", want: "accepted", dials: "192.0.2.1 192.0.2.2",
			set: required(direct.TLSRequired, func(w *world, tr *direct.Transport) {
				w.dead["192.0.2.1"], w.dead["192.0.2.2"] = "refused", "refused"
			})},
		{name: "T8 a relay that enforces", want: "accepted", dials: "192.0.2.1 192.0.2.2",
			reports: none + " mx1.y.test starttls-not-supported, " + none + " mx2.y.test starttls-not-supported",
			set: required(direct.TLSRequired, func(w *world, tr *direct.Transport) {
				clear(w, tr)
				tr.FallbackRules.EnforcesPolicy = true
			})},
		{name: "T6 REQUIRETLS without a policy", want: "rejected", env: requireTLS},
		{name: "T6 REQUIRETLS not offered", want: "rejected", dials: "192.0.2.1 192.0.2.2", security: delivery.SecurityAuthenticated, env: requireTLS,
			reports: none + " mx1.y.test, " + none + " mx2.y.test", set: required(direct.TLSVerified, nil)},
		{name: "T6 REQUIRETLS offered by the second", want: "accepted", dials: "192.0.2.1 192.0.2.2", security: delivery.SecurityAuthenticated, env: requireTLS,
			reports: none + " mx1.y.test, " + none + " mx2.y.test", set: required(direct.TLSVerified, func(w *world, _ *direct.Transport) {
				w.mx(2).Extensions = append(slices.Clone(pipelined), "REQUIRETLS")
			})},
	})
}

func requireTLS(env *delivery.Envelope) { env.RequireTLS = true }

// TestBrokenTLSIsRemembered: the next message needs one connection, and TLS that
// was mended is found.
func TestBrokenTLSIsRemembered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 1)
		tr := w.transport()
		w.secure(tr)
		broken := true
		w.mx(1).TLS.GetConfigForClient = func(*tls.ClientHelloInfo) (*tls.Config, error) {
			if broken {
				return nil, errors.New("broken")
			}
			return nil, nil
		}
		for _, c := range []struct {
			dials    int
			security delivery.Security
		}{{3, delivery.SecurityClear}, {1, delivery.SecurityClear}, {1, delivery.SecurityEncrypted}} {
			before := len(w.dials)
			send(t, tr, from("b@y.test"))
			n, last := len(w.dials)-before, w.attempts[len(w.attempts)-1]
			if n != c.dials || last.Security != c.security {
				t.Errorf("%d connections, %s", n, last.Security)
			}
			if <-time.After(time.Minute); n == 1 {
				broken = false
				<-time.After(time.Hour)
			}
		}
	})
}

// TestPolicyStays: whoever spoils a handshake can spoil the next connection too, so
// that mustn't lead to the fallback, which may go on without TLS.
func TestPolicyStays(t *testing.T) {
	busyLater := func(first func(testsmtp.Event) *testsmtp.Fault) func(testsmtp.Event) *testsmtp.Fault {
		return func(e testsmtp.Event) *testsmtp.Fault {
			if e.Conn > 0 && e.Phase == testsmtp.Greeting {
				return &testsmtp.Fault{Reply: "421 busy"}
			}
			return first(e)
		}
	}
	play(t, []scene{
		{name: "a spoilt handshake, then a busy host", hosts: 1, relay: true, want: "deferred", err: delivery.ErrTLSRequired,
			set: func(w *world, tr *direct.Transport) {
				w.secure(tr)
				tr.TLS = direct.TLSRequired
				w.mx(1).On = busyLater(func(e testsmtp.Event) *testsmtp.Fault {
					if e.Phase == testsmtp.Handshake {
						return &testsmtp.Fault{Reset: true}
					}
					return nil
				})
			}},
		{name: "one by one", hosts: 2, relay: true, rcpts: "b@y.test c@y.test", want: "deferred, deferred",
			set: func(w *world, tr *direct.Transport) {
				w.secure(tr)
				tr.TLS, tr.RecipientsPerTransaction = direct.TLSRequired, 2
				w.mx(1).TLS = nil
				w.mx(1).On = busyLater(func(testsmtp.Event) *testsmtp.Fault { return nil })
				refused := false
				w.mx(2).On = busyLater(func(e testsmtp.Event) *testsmtp.Fault {
					switch {
					case e.Phase == testsmtp.End:
						refused = true
						return &testsmtp.Fault{Reply: "554 one of them"}
					case e.Phase == testsmtp.MAIL && refused:
						return &testsmtp.Fault{Reset: true}
					}
					return nil
				})
			}},
	})
}
