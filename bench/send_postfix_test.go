package bench_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/qdmail/qdmail/delivery"
	"github.com/qdmail/qdmail/smtp"
)

// BenchmarkSendPostfix sends to a Postfix that throws everything away, by DATA
// and by BDAT, at once and with 5 ms for a turn.
func BenchmarkSendPostfix(b *testing.B) {
	addrs := startPostfix(b)
	for _, turn := range []time.Duration{0, 5 * time.Millisecond} {
		for way, near := range addrs {
			addr := farAway(b, near, turn)
			checkWay(b, addr, ways[way])
			b.Run(fmt.Sprintf("turn=%v/way=%s", turn, ways[way]), func(b *testing.B) {
				b.ReportAllocs()
				relay(b, addr, b.N, 1)
			})
		}
	}
}

// ways are the commands by which the Postfix gets messages at its two addresses.
var ways = [...]string{"DATA", "BDAT"}

// checkWay sends one message and looks for the command.
func checkWay(b *testing.B, addr, command string) {
	var found bool
	ctx := delivery.WithHooks(b.Context(), &delivery.Hooks{Command: func(_ context.Context, line string) {
		found = found || strings.HasPrefix(line, command)
	}})
	r := &smtp.Relay{Addr: addr, Pool: smtp.Pool{IdleTimeout: -1}}
	if _, err := r.Send(ctx, toY, body); err != nil || !found {
		b.Fatalf("%s was sent: %v; %v", command, found, err)
	}
}

const postfixMain = `compatibility_level = 3.6
queue_directory = %[1]s/spool
data_directory = %[1]s/data
maillog_file = %[1]s/log/mail.log
maillog_file_prefixes = %[1]s
myhostname = relay.test
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
mynetworks = 127.0.0.0/8
mydestination =
alias_maps =
local_recipient_maps =
relay_transport = discard
default_transport = discard
smtpd_relay_restrictions = permit_mynetworks, reject
in_flow_delay = 0
`

const postfixMaster = `%[1]s inet n - n - - smtpd -o smtpd_discard_ehlo_keywords=chunking,silent-discard
%[2]s inet n - n - - smtpd
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
discard unix - - n - - discard
anvil unix - - n - 1 anvil
postlog unix-dgram n - n - 1 postlogd
`

// startPostfix starts a Postfix from a scratch folder, without touching what is
// installed in /etc. At its first address it knows no CHUNKING, so that messages
// go by DATA.
func startPostfix(b *testing.B) (addrs [len(ways)]string) {
	dir, err := os.MkdirTemp("", "qdmail-bench-")
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { os.RemoveAll(dir) })
	etc := filepath.Join(dir, "etc")
	addrs = [...]string{freeAddr(b), freeAddr(b)}
	if err := errors.Join(
		os.Chmod(dir, 0o755), // Postfix's own user has to get through
		os.Mkdir(etc, 0o755),
		os.Mkdir(filepath.Join(dir, "spool"), 0o755),
		os.Mkdir(filepath.Join(dir, "log"), 0o755),
		os.Mkdir(filepath.Join(dir, "data"), 0o755),
		ownedByPostfix(filepath.Join(dir, "data")),
		os.WriteFile(filepath.Join(etc, "main.cf"), fmt.Appendf(nil, postfixMain, dir), 0o644),
		os.WriteFile(filepath.Join(etc, "master.cf"), fmt.Appendf(nil, postfixMaster, addrs[0], addrs[1]), 0o644),
	); err != nil {
		b.Fatal(err)
	}
	start(b, exec.Command("postfix", "-c", etc, "start-fg"))
	b.Cleanup(func() { // runs before the one of start
		if out, err := exec.Command("postfix", "-c", etc, "stop").CombinedOutput(); err != nil {
			b.Errorf("%v\n%s", err, out)
		}
	})
	for _, addr := range addrs {
		reachable(b, addr)
	}
	return addrs
}

func ownedByPostfix(dir string) error {
	u, err := user.Lookup("postfix")
	if err != nil {
		return err
	}
	uid, err := strconv.Atoi(u.Uid)
	if err != nil {
		return err
	}
	return os.Chown(dir, uid, -1)
}
