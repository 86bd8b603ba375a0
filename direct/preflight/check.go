package preflight

import (
	"cmp"
	"context"
	"crypto"
	"log/slog"
	"net"
	"net/netip"
	"time"

	"github.com/qdmail/qdmail/direct"
	"github.com/qdmail/qdmail/direct/dns"
)

// Check says what is looked at. What it isn't told about is reported as not
// checked, so the zero value works and says what is missing. Run may be called
// from many goroutines at once, and any number of times.
type Check struct {
	// LocalName is the argument of EHLO. Default: as for direct.Transport, the name
	// of this machine if it is fully qualified.
	LocalName string
	// Source is where connections come from. Default: the system chooses.
	Source direct.Source
	// Addrs are the addresses that receivers see mail come from, where these aren't
	// those of Source, as behind NAT. Default: those of Source.
	Addrs []netip.Addr
	// From is the domain in the From field of mail, or an address in it. Default:
	// none; what needs it isn't checked.
	From string
	// Sender is the envelope's sender, or its domain: where bounces go, and whom SPF
	// is about. Default: From.
	Sender string
	// DKIM are the keys that sign. Default: none.
	DKIM []Key
	// BlockLists are asked about the addresses, or about domains. Default: none.
	BlockLists []BlockList
	// ProbeHosts are connected to, to see whether port 25 can be reached:
	// "mx.example.net", or "mx.example.net:2525". They hear EHLO and QUIT, so name
	// hosts of people who don't mind; two at least, since one may be down. Default:
	// none.
	ProbeHosts []string
	// ProbeDomains are domains whose best mail exchanger is one more of these hosts.
	// Default: none.
	ProbeDomains []string
	// ProbeTimeout is how long to wait for a connection, and again for the greeting.
	// Default: 20 seconds.
	ProbeTimeout time.Duration
	// SignedName is a name in a zone with DNSSEC, for which the Resolver has to vouch.
	// Default: "arpa", which is signed right below the root.
	SignedName string
	// BogusName is a name whose signatures are broken on purpose, for which the
	// Resolver must have no answer. Default: none, that isn't checked.
	BogusName string
	// Resolver answers. Default: a new dns.Client for each Run, so that nothing comes
	// from an old cache.
	Resolver dns.Resolver
	// Dial connects to "192.0.2.1:25" on the networks tcp4 and tcp6, in place of
	// Source. Default: that of a dial.Source.
	Dial func(ctx context.Context, network, addr string) (net.Conn, error)
	// AllowAddr says what the hosts of ProbeDomains may have for addresses. Default:
	// direct.PublicAddr.
	AllowAddr func(netip.Addr) bool
	// Now is the clock of the report. Default: time.Now.
	Now func() time.Time
}

// Key is a DKIM key whose publication is checked. Of a key k of package dkim it has
// k.Domain, k.Selector and k.Private.Public().
type Key struct {
	// Domain is the d= of the signatures. Default: that of From.
	Domain string
	// Selector is the s= of the signatures. Required.
	Selector string
	// Public is the other half of the key that signs: an *rsa.PublicKey or an
	// ed25519.PublicKey. Default: none, what is published is compared with nothing.
	Public crypto.PublicKey
}

// BlockList is a list in the DNS (RFC 5782).
type BlockList struct {
	// Zone is where it is, such as "zen.spamhaus.org". Required.
	Zone string
	// Name is what reports call it, for zones that have the key of an account in
	// their name. Default: Zone.
	Name string
	// Domains says that it lists domain names: From, Sender, the domains of the keys
	// and LocalName are looked up there. Default: it lists addresses.
	Domains bool
}

// String is what reports call the list, without the key that its zone may have.
func (l BlockList) String() string { return cmp.Or(l.Name, l.Zone) }

// GoString is String.
func (l BlockList) GoString() string { return l.String() }

// LogValue is String, for log/slog.
func (l BlockList) LogValue() slog.Value { return slog.StringValue(l.String()) }

// For returns a Check of what a Transport delivers with: its LocalName, Source,
// Resolver, Dial and AllowAddr. What it can't know, such as From, is left to the
// caller.
func For(t *direct.Transport) *Check {
	return &Check{LocalName: t.LocalName, Source: t.Source, Resolver: t.Resolver, Dial: t.Dial, AllowAddr: t.AllowAddr}
}

// Run looks at everything, many things at the same time, and returns when that is
// done or ctx has ended; what wasn't looked at by then is reported as not checked.
// The findings are always in the same order.
func (c *Check) Run(ctx context.Context) *Report {
	now := c.Now
	if now == nil {
		now = time.Now
	}
	report := &Report{Time: now().UTC().Round(0)} // in the form in which JSON returns it
	for _, found := range newRun(ctx, c).all() {
		report.Findings = append(report.Findings, found...)
	}
	return report
}
