package dial_test

import (
	"bytes"
	"context"
	"errors"
	"net"
	"net/netip"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/qdmail/qdmail/dial"
)

var (
	four = netip.MustParseAddr("127.0.0.1")
	six  = netip.MustParseAddr("::1")
)

// attempts is a Dialer that notes which families are dialled and from where, and
// connects to nothing: try says what comes of it.
type attempts struct {
	made chan string
	try  func(ctx context.Context, network string) error
}

func newAttempts(try func(context.Context, string) error) *attempts {
	return &attempts{make(chan string, 10), try}
}

var errTried = errors.New("tried")

func (a *attempts) dialer(delay time.Duration) *net.Dialer {
	return &net.Dialer{FallbackDelay: delay, ControlContext: func(ctx context.Context, network, addr string, _ syscall.RawConn) error {
		a.made <- network
		return a.try(ctx, network)
	}}
}

func (a *attempts) list() string {
	var all []string
	for len(a.made) > 0 {
		all = append(all, <-a.made)
	}
	return strings.Join(all, " ")
}

// Only families with a source are dialled, and only if the target has them.
func TestSourceFamilies(t *testing.T) {
	for _, tt := range []struct {
		source        dial.Source
		network, addr string
		want          string // the families
		err           error
	}{
		{dial.Source{IPv4: four}, "tcp", "127.0.0.1:25", "tcp4", errTried},
		{dial.Source{IPv4: four}, "tcp4", "127.0.0.1:25", "tcp4", errTried},
		{dial.Source{IPv4: four}, "tcp", "[::ffff:127.0.0.1]:25", "tcp4", errTried},
		{dial.Source{IPv4: four}, "tcp", "localhost:25", "tcp4", errTried},
		{dial.Source{IPv4: four}, "tcp", "[::1]:25", "", dial.ErrNoSource},
		{dial.Source{IPv4: four}, "tcp6", "localhost:25", "", dial.ErrNoSource},
		{dial.Source{IPv6: six}, "tcp", "[::1]:25", "tcp6", errTried},
		{dial.Source{IPv6: six}, "tcp6", "[::1]:25", "tcp6", errTried},
		{dial.Source{IPv6: six}, "tcp", "127.0.0.1:25", "", dial.ErrNoSource},
		{dial.Source{IPv6: six}, "tcp4", "localhost:25", "", dial.ErrNoSource},
		{dial.Source{IPv4: four, IPv6: six}, "tcp", "127.0.0.1:25", "tcp4", errTried},
		{dial.Source{IPv4: four, IPv6: six}, "tcp", "[::1]:25", "tcp6", errTried},
		{dial.Source{IPv4: four, IPv6: six}, "tcp4", "localhost:25", "tcp4", errTried},
		{dial.Source{IPv4: four, IPv6: six}, "tcp4", "[::1]:25", "", dial.ErrNoSource},
		{dial.Source{IPv4: netip.IPv4Unspecified()}, "tcp", "127.0.0.1:25", "tcp4", errTried},
		{dial.Source{}, "tcp", "127.0.0.1:25", "tcp4", errTried},
		{dial.Source{}, "tcp", "[::1]:25", "tcp6", errTried},
		{dial.Source{IPv4: six}, "tcp", "127.0.0.1:25", "", nil},
		{dial.Source{IPv6: four}, "tcp", "127.0.0.1:25", "", nil},
		{dial.Source{IPv6: netip.MustParseAddr("::ffff:127.0.0.1")}, "tcp", "127.0.0.1:25", "", nil},
		{dial.Source{IPv4: four}, "udp", "127.0.0.1:25", "", net.UnknownNetworkError("udp")},
	} {
		a := newAttempts(func(context.Context, string) error { return errTried })
		tt.source.Dialer = a.dialer(0)
		conn, err := tt.source.DialContext(t.Context(), tt.network, tt.addr)
		if got := a.list(); conn != nil || err == nil || got != tt.want || tt.err != nil && !errors.Is(err, tt.err) {
			t.Errorf("%+v to %s: dialled %q, %v", tt.source, tt.addr, got, err)
		}
		op, ok := errors.AsType[*net.OpError](err)
		if !ok {
			t.Fatalf("%#v", err)
		}
		from := map[string]netip.Addr{"tcp4": tt.source.IPv4, "tcp6": tt.source.IPv6}[tt.want]
		if from.IsValid() && (op.Source == nil || op.Source.String() != netip.AddrPortFrom(from, 0).String()) {
			t.Errorf("%+v to %s: from %v", tt.source, tt.addr, op.Source)
		}
	}
}

// dualStack is a resolver by which names have both loopback addresses, except
// those that begin with four, six or none (RFC 1035 section 4).
func dualStack() *net.Resolver {
	return &net.Resolver{PreferGo: true, Dial: func(context.Context, string, string) (net.Conn, error) {
		client, server := net.Pipe()
		go func() {
			defer server.Close()
			query := make([]byte, 512)
			if _, err := server.Read(query[:2]); err != nil { // the length, as over TCP
				return
			}
			if _, err := server.Read(query); err != nil {
				return
			}
			const header = 12
			question := query[header : header+bytes.IndexByte(query[header:], 0)+5]
			kind, ip := question[len(question)-4:len(question)-2], six.AsSlice()
			if kind[1] == 1 {
				ip = four.AsSlice()
			}
			answer := slices.Concat(query[:2], []byte{0x81, 0x80, 0, 1, 0, 1, 0, 0, 0, 0}, question,
				[]byte{0xC0, header}, kind, []byte{0, 1, 0, 0, 0, 60, 0, byte(len(ip))}, ip)
			lacks := map[string]int{"four": 16, "six": 4, "none": len(ip)}
			if lacks[string(question[1:1+question[0]])] == len(ip) {
				answer = slices.Concat(query[:2], []byte{0x81, 0x80, 0, 1, 0, 0, 0, 0, 0, 0}, question)
			}
			server.Write(append([]byte{0, byte(len(answer))}, answer...))
		}()
		return client, nil
	}}
}

// Whatever becomes of IPv6, IPv4 gets its turn, and no attempt is left over.
func TestSourceRace(t *testing.T) {
	_, port, err := net.SplitHostPort(tcpTarget(t, "tcp4", "127.0.0.1:0", "").String())
	if err != nil {
		t.Fatal(err)
	}
	reached := make(chan struct{})
	blocks := func(ctx context.Context, network string) error {
		if network == "tcp6" {
			close(reached)
			<-ctx.Done()
			return ctx.Err()
		}
		<-reached // looking up the name may take longer than the head start
		return nil
	}
	fails := func(_ context.Context, network string) error {
		if network == "tcp6" {
			return errTried
		}
		return nil
	}
	for name, tt := range map[string]struct {
		try   func(context.Context, string) error
		delay time.Duration
		ok    bool
	}{
		"IPv6 is silent":           {blocks, time.Millisecond, true},
		"IPv6 fails":               {fails, time.Hour, true},
		"IPv6 fails, by turns":     {fails, -1, true},
		"both fail":                {func(context.Context, string) error { return errTried }, time.Hour, false},
		"both fail one by one":     {func(context.Context, string) error { return errTried }, -1, false},
		"both fail at once, maybe": {func(context.Context, string) error { return errTried }, 1, false},
	} {
		a := newAttempts(tt.try)
		d := a.dialer(tt.delay)
		d.Resolver = dualStack()
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		conn, err := dial.Source{IPv4: four, IPv6: six, Dialer: d}.DialContext(ctx, "tcp", "mx.test:"+port)
		cancel()
		if got := a.list(); tt.ok != (err == nil) || !tt.ok && !errors.Is(err, errTried) || got != "tcp6 tcp4" && got != "tcp4 tcp6" {
			t.Errorf("%s: dialled %s, %v", name, got, err)
		}
		if err == nil {
			if from := conn.LocalAddr().(*net.TCPAddr).IP.String(); from != "127.0.0.1" {
				t.Errorf("%s: from %s", name, from)
			}
			conn.Close()
		} else if text := err.Error(); !strings.Contains(text, "127.0.0.1") || !strings.Contains(text, "::1") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// That a name has no address of one family is no news if it has one of the other.
func TestSourceNames(t *testing.T) {
	for name, want := range map[string]string{"four.test": "tcp4", "six.test": "tcp6", "none.test": ""} {
		a := newAttempts(func(context.Context, string) error { return errTried })
		d := a.dialer(0)
		d.Resolver = dualStack()
		_, err := dial.Source{IPv4: four, IPv6: six, Dialer: d}.DialContext(t.Context(), "tcp", name+":25")
		_, unknown := errors.AsType[*net.DNSError](err)
		if got := a.list(); got != want || unknown != (want == "") || errors.Is(err, errTried) == unknown {
			t.Errorf("%s: dialled %q, %v", name, got, err)
		}
	}
}

// The end of the context ends both attempts.
func TestSourceContext(t *testing.T) {
	a := newAttempts(func(ctx context.Context, _ string) error {
		<-ctx.Done()
		return ctx.Err()
	})
	d := a.dialer(time.Millisecond)
	d.Resolver = dualStack()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() {
		_, err := dial.Source{IPv4: four, IPv6: six, Dialer: d}.DialContext(ctx, "tcp", "mx.test:25")
		done <- err
	}()
	for range 2 { // both are under way
		<-a.made
	}
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}
