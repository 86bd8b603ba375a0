package dial_test

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"syscall"
	"testing"
	"time"

	"github.com/qdmail/qdmail/dial"
)

// The connection really comes from the address: on Linux, all of 127.0.0.0/8 are
// addresses of this machine, and 192.0.2.1 is none.
func TestSourceBinds(t *testing.T) {
	target := tcpTarget(t, "tcp4", "127.0.0.1:0", "").String()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for source, want := range map[string]string{"127.0.0.2": "127.0.0.2", "127.1.2.3": "127.1.2.3", "0.0.0.0": "127.0.0.1"} {
		conn, err := dial.Source{IPv4: netip.MustParseAddr(source)}.DialContext(ctx, "tcp", target)
		if err != nil {
			t.Errorf("%s: %v", source, err)
			continue
		}
		if from := conn.LocalAddr().(*net.TCPAddr).IP.String(); from != want {
			t.Errorf("%s: from %s", source, from)
		}
		conn.Close()
	}
	_, err := dial.Source{IPv4: netip.MustParseAddr("192.0.2.1")}.DialContext(ctx, "tcp", target)
	if !errors.Is(err, syscall.EADDRNOTAVAIL) {
		t.Errorf("from elsewhere: %v", err)
	}
}
