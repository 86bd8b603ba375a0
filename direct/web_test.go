package direct_test

import (
	"slices"
	"testing"
	"testing/synctest"

	"github.com/qdmail/qdmail/direct/dns"
	"github.com/qdmail/qdmail/direct/mtasts"
)

// TestPolicyHosts: a policy isn't fetched from where mail wouldn't be sent either.
func TestPolicyHosts(t *testing.T) {
	for _, c := range []struct {
		name, ip string
		dials    []string
	}{
		{"public", "192.0.2.77", []string{"192.0.2.77:443", "192.0.2.1:25"}},
		{"loopback", "127.0.0.1", []string{"192.0.2.1:25"}},
		{"private", "10.1.2.3", []string{"192.0.2.1:25"}},
		{"metadata", "169.254.169.254", []string{"192.0.2.1:25"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, 1)
				w.names["_mta-sts.y.test"] = dns.Host{TXT: []string{"v=STSv1; id=1"}}
				w.names["mta-sts.y.test"] = dns.Host{Addrs: addrs(c.ip)}
				w.dead[c.ip] = "refused"
				res := send(t, w.transport(), from("b@y.test"))
				if outcomes(res) != "accepted" || !slices.Equal(w.dials, c.dials) {
					t.Error(res.Err(), w.dials)
				}
				first := w.reports[0]
				if first.Result != mtasts.ResultPolicyFetchError || first.Err == nil {
					t.Errorf("%+v", first)
				}
			})
		})
	}
}
