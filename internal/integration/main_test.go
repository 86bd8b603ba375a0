//go:build integration

package integration_test

import (
	"context"
	"crypto/rand"
	"fmt"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/qdmail/qdmail/internal/integration/realserver"
)

// servers are started by the first test that needs them and stopped after the
// last.
var (
	servers = sync.OnceValues(func() (*realserver.Host, error) {
		var err error
		host, err = realserver.Start()
		return host, err
	})
	host *realserver.Host
)

func TestMain(m *testing.M) {
	code := m.Run()
	if host != nil {
		if code != 0 {
			fmt.Fprintln(os.Stderr, host.Log())
		}
		if err := host.Stop(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
	}
	os.Exit(code)
}

func startedHost(t *testing.T) *realserver.Host {
	t.Helper()
	host, err := servers()
	if err != nil {
		t.Fatal(err)
	}
	return host
}

// within bounds everything that a test waits for.
func within(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	return ctx
}

// newMessageID returns an identifier by which a mail is found again, or found to
// be missing.
func newMessageID() string { return rand.Text() + "@sender.test" }

// wantNothing fails if a mail with the Message-ID reached any mailbox, now that
// the server has nothing left to deliver.
func wantNothing(t *testing.T, host *realserver.Host, messageID string) {
	t.Helper()
	if err := host.Drain(within(t)); err != nil {
		t.Fatal(err)
	}
	for _, u := range append([]realserver.User{realserver.Sender}, realserver.Recipients...) {
		files, err := host.Find(u, messageID)
		if err != nil {
			t.Fatal(err)
		}
		if len(files) != 0 {
			t.Errorf("%s got mail that should not have been sent: %q", u.Address, files)
		}
	}
}
