package preflight_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/netip"
	"sync/atomic"
	"time"

	"github.com/qdmail/qdmail/direct"
	"github.com/qdmail/qdmail/direct/dns"
	"github.com/qdmail/qdmail/direct/preflight"
)

// A look before the first mail. A real program leaves the Resolver out, which is a
// small DNS here.
func Example() {
	check := &preflight.Check{
		LocalName: "mail.example.jp",
		Source:    direct.Source{IPv4: netip.MustParseAddr("192.0.2.25")},
		From:      "example.jp",
		Resolver: dns.Map{
			"mail.example.jp":   {Addrs: []netip.Addr{netip.MustParseAddr("192.0.2.25")}},
			"example.jp":        {MX: []dns.MX{{Host: "mail.example.jp", Preference: 10}}, TXT: []string{"v=spf1 mx -all"}},
			"_dmarc.example.jp": {TXT: []string{"v=DMARC1; p=none"}},
			"arpa":              {Secure: true},
		},
	}
	report := check.Run(context.Background())
	fmt.Println("fit:", report.OK())
	for _, f := range report.Findings {
		if f.Severity == preflight.Failure {
			fmt.Print(f)
		}
	}
	// Output:
	// fit: false
	// failure      ptr 192.0.2.25: the address has no PTR record
	//              why:  Gmail and most others refuse mail from an address without a name in the
	//                    DNS that has this address in turn.
	//              mend: The provider of the address sets its name, often in a form called
	//                    reverse DNS.
	//                    25.2.0.192.in-addr.arpa. IN PTR mail.example.jp.
}

// A health check answers from the last report, so that no visitor makes it look
// anything up, and looks again in the background.
func ExampleCheck_Run_health() {
	check := &preflight.Check{LocalName: "mail.example.jp", From: "example.jp"}
	var last atomic.Pointer[preflight.Report]
	last.Store(new(preflight.Report)) // not OK until there is one
	go func() {
		for tick := time.Tick(time.Hour); ; <-tick {
			ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
			last.Store(check.Run(ctx))
			cancel()
		}
	}()
	http.HandleFunc("GET /health/mail", func(w http.ResponseWriter, _ *http.Request) {
		report := last.Load()
		w.Header().Set("Content-Type", "application/json")
		if !report.OK() {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
		json.NewEncoder(w).Encode(report)
	})
}
