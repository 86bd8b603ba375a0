// Command preflight looks whether a host is fit to deliver mail directly, and prints
// the report: of a host on which everything is right, and of one on which much is
// wrong.
//
// Everything runs in this process, the DNS included.
package main

import (
	"context"
	"fmt"
	"io"
	"net/netip"
	"os"
	"os/signal"

	"github.com/qdmail/qdmail/direct"
	"github.com/qdmail/qdmail/direct/preflight"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "preflight:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, out io.Writer) error {
	net, err := startInternet()
	if err != nil {
		return err
	}
	defer net.close()

	fmt.Fprint(out, "━━━ A host that is fit: ")
	look(ctx, out, &preflight.Check{
		LocalName:    "mail.example.jp",
		Source:       direct.Source{IPv4: netip.MustParseAddr("192.0.2.25"), IPv6: netip.MustParseAddr("2001:db8::25")},
		From:         "shop@example.jp",
		DKIM:         net.keys,
		BlockLists:   []preflight.BlockList{{Zone: "bl.example.net"}, {Zone: "domains.example.net", Domains: true}},
		ProbeDomains: []string{"example.com", "example.net"},
		Resolver:     net.names,
		Dial:         net.dial, // a real program leaves these two out
	})

	fmt.Fprint(out, "\n━━━ A host that isn't: ")
	look(ctx, out, &preflight.Check{
		LocalName:    "vm-1234.cloud.test",
		Source:       direct.Source{IPv4: netip.MustParseAddr("198.51.100.7"), IPv6: netip.MustParseAddr("2001:db8::7")},
		From:         "shop@startup.test",
		Sender:       "bounce@news.startup.test",
		DKIM:         []preflight.Key{{Selector: "s1", Public: net.keys[0].Public}, {Selector: "s2"}},
		BlockLists:   []preflight.BlockList{{Zone: "bl.example.net"}, {Zone: "other.example.net"}},
		ProbeDomains: []string{"example.com", "example.net"},
		Resolver:     net.names,
		Dial:         net.dialNowhere,
	})
	return nil
}

// look prints one report, and what a program would make of it.
func look(ctx context.Context, out io.Writer, check *preflight.Check) {
	report := check.Run(ctx)
	fmt.Fprintln(out, report)
	fmt.Fprintln(out, "→ OK:", report.OK())
}
