//go:build integration

package integration_test

import "testing"

// scenarios are told by what happens in them.
type scenarios map[string]func(*testing.T, *scene)

// TestMX delivers to the mail exchangers of domains, from the question to the DNS
// to the Maildir. Each scenario says which way a mail takes and what comes of it,
// and then all servers are asked whether they have it.
func TestMX(t *testing.T) {
	in := startInternet(t)
	for name, all := range map[string]scenarios{
		"order": mxOrder, "down": mxDown, "DNS": mxDNS, "relay": mxRelay, "reply": mxReplies,
		"STARTTLS": mxSTARTTLS, "DANE": mxDANE, "MTA-STS": mxSTS, "lost": mxLost, "mail": mxMail,
	} {
		for scenario, test := range all {
			t.Run(name+"/"+scenario, func(t *testing.T) {
				t.Parallel()
				test(t, in.scene(t))
			})
		}
	}
}
