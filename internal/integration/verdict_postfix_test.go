//go:build integration

package integration_test

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/qdmail/qdmail/delivery"
	"github.com/qdmail/qdmail/smtp"
)

// agent is a Postfix of our own, as the sending client. It knows where each
// recipient's mail goes, tries once, and writes down what it made of that.
type agent struct {
	dir  string
	addr string // where it takes mail
}

// agentMain has, beside where things are, no setting of the client that isn't the
// default, except that TLS is used where it is offered, and that no connection
// serves two messages. A second attempt would come after the test.
const agentMain = `compatibility_level = 3.6
queue_directory = DIR/spool
data_directory = DIR/data
maillog_file = DIR/mail.log
maillog_file_prefixes = DIR
myhostname = client.test
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
mynetworks = 127.0.0.0/8
mydestination =
local_recipient_maps =
alias_maps =
smtpd_relay_restrictions = permit_mynetworks, reject
message_size_limit = 52428800
in_flow_delay = 0
transport_maps = texthash:DIR/etc/transport
smtp_tls_security_level = may
smtp_connection_cache_on_demand = no
`

const agentMaster = `ADDRESS inet n - n - - smtpd
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
flush unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
showq unix n - n - - showq
error unix - - n - - error
retry unix - - n - - error
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
postlog unix-dgram n - n - 1 postlogd
`

// startAgent starts a Postfix for these messages, which ends with the test.
func startAgent(t *testing.T, all []*hearing, c *cast, nameServer string) *agent {
	t.Helper()
	dir, err := os.MkdirTemp("", "qdmail-agent-")
	must(t, err)
	t.Cleanup(func() { os.RemoveAll(dir) })
	must(t, os.Chmod(dir, 0o755)) // Postfix changes its user
	for _, name := range []string{"etc", "spool/etc", "data"} {
		must(t, os.MkdirAll(filepath.Join(dir, name), 0o755))
	}
	account, err := user.Lookup("postfix")
	must(t, err)
	uid, err := strconv.Atoi(account.Uid)
	must(t, err)
	must(t, os.Chown(filepath.Join(dir, "data"), uid, -1))
	a := &agent{dir: dir, addr: freePort(t)}
	clients, limits, table := routes(all, c)
	a.write(t, "etc/main.cf", strings.ReplaceAll(agentMain, "DIR", dir)+limits)
	a.write(t, "etc/master.cf", strings.ReplaceAll(agentMaster, "ADDRESS", a.addr)+clients)
	a.write(t, "etc/transport", table)
	host, _, err := net.SplitHostPort(nameServer)
	must(t, err)
	a.write(t, "spool/etc/resolv.conf", fmt.Sprintf("nameserver %s\noptions timeout:%d attempts:2\n", host, seconds(briefly)))
	a.run(t)
	return a
}

func (a *agent) write(t *testing.T, name, text string) {
	t.Helper()
	must(t, os.WriteFile(filepath.Join(a.dir, name), []byte(text), 0o644))
}

// routes makes a client for each combination of settings, the settings of the queue
// manager for it, and the table of where each domain's mail goes by which.
func routes(all []*hearing, c *cast) (clients, limits, table string) {
	names := map[string]string{}
	for _, h := range all {
		settings := h.settings(c)
		name := names[settings]
		if name == "" {
			name = fmt.Sprintf("client%d", len(names))
			names[settings] = name
			clients += name + " unix - - " + settings + "\n"
			for word := range strings.FieldsSeq(h.trial.conf) {
				if limit, ok := strings.CutPrefix(word, "smtp_destination_"); ok {
					limits += name + "_destination_" + limit + "\n"
				}
			}
		}
		var hosts []string
		for _, addr := range c.addrs[h] {
			if h.trial.zone == nil {
				hosts = append(hosts, bracketed(addr))
			}
		}
		table += h.domain + " " + name + ":" + strings.Join(hosts, ", ") + "\n"
	}
	return clients, limits, table
}

// settings are those of the client of a message. One that asks the DNS has the
// queue's folder, where its resolv.conf is, as the root of its file system.
func (h *hearing) settings(c *cast) string {
	s := "n - - smtp"
	if z := h.trial.zone; z != nil {
		s = "y - - smtp"
		if z.served {
			s += " -o smtp_tcp_port=" + portIn(c.addrs[h][0])
		}
	}
	if h.in == withFallback {
		s += " -o smtp_fallback_relay=" + bracketed(c.relayAddr)
	}
	for word := range strings.FieldsSeq(h.trial.conf) {
		s += " -o " + word
	}
	if d := h.brief(); d > 0 {
		s += fmt.Sprintf(" -o %s=%ds", patience[h.trial.phase].postfix, seconds(d))
	}
	return s
}

func seconds(d time.Duration) int { return int(d / time.Second) }

func bracketed(addr string) string {
	host, port, _ := net.SplitHostPort(addr)
	return "[" + host + "]:" + port
}

// run runs Postfix in the foreground until the test ends.
func (a *agent) run(t *testing.T) {
	t.Helper()
	cmd := exec.Command(lookTool(t, "postfix"), "-c", filepath.Join(a.dir, "etc"), "start-fg")
	out, err := os.Create(filepath.Join(a.dir, "start.log"))
	must(t, err)
	defer out.Close()
	cmd.Stdout, cmd.Stderr = out, out
	must(t, cmd.Start())
	ended := make(chan struct{})
	go func() { cmd.Wait(); close(ended) }()
	t.Cleanup(func() {
		for _, signal := range []syscall.Signal{syscall.SIGTERM, syscall.SIGKILL} {
			syscall.Kill(a.pid(cmd.Process.Pid), signal)
			select {
			case <-ended:
				return
			case <-time.After(20 * time.Second):
				t.Errorf("Postfix doesn't end by %v", signal)
			}
		}
	})
	listens := false
	pollUntil(within(t), func() bool {
		conn, err := net.Dial("tcp4", a.addr)
		if listens = err == nil; listens {
			conn.Close()
		}
		select {
		case <-ended:
			return true
		default:
			return listens
		}
	})
	if !listens {
		said, _ := os.ReadFile(out.Name())
		t.Fatalf("Postfix doesn't listen on %s\n%s%s", a.addr, said, a.log())
	}
}

// pid is that of the master process, or of the child before there is one.
func (a *agent) pid(child int) int {
	text, err := os.ReadFile(filepath.Join(a.dir, "spool", "pid", "master.pid"))
	if pid, convErr := strconv.Atoi(strings.TrimSpace(string(text))); err == nil && convErr == nil {
		return pid
	}
	return child
}

// pollUntil asks again and again until the answer is yes, or ctx ends.
func pollUntil(ctx context.Context, done func() bool) {
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for !done() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// submit hands all messages over.
func (a *agent) submit(t *testing.T, ctx context.Context, all []*hearing) {
	t.Helper()
	r := &smtp.Relay{Addr: a.addr, LocalName: "client.test", Pool: smtp.Pool{MaxConns: 8}}
	defer r.Close()
	var wg sync.WaitGroup
	for _, h := range all {
		wg.Go(func() {
			kind := h.trial.kind()
			if _, err := r.Send(ctx, kind.envelope(h.rcpts), delivery.BytesBody(mailTexts[kind])); err != nil {
				t.Errorf("%v: Postfix doesn't take the message: %v", h, err)
			}
		})
	}
	wg.Wait()
}

// statusLine is what the log has of one attempt for one recipient.
var statusLine = regexp.MustCompile(`: to=<([^>]+)>.*, status=(\w+) `)

// statusWords are our words for those of the log.
var statusWords = map[string]string{"sent": "accepted", "deferred": "deferred", "bounced": "rejected"}

// await waits until the log tells of each recipient, and enters the outcomes.
func (a *agent) await(t *testing.T, ctx context.Context, all []*hearing, c *cast) {
	t.Helper()
	outcomes := map[string]string{}
	missing := func(h *hearing) bool {
		var of []string
		for _, rcpt := range h.rcpts {
			if outcomes[rcpt] == "" {
				return true
			}
			of = append(of, outcomes[rcpt])
		}
		c.enterOutcomes(h, of)
		return false
	}
	pollUntil(ctx, func() bool {
		for _, m := range statusLine.FindAllStringSubmatch(a.log(), -1) {
			outcomes[m[1]] = statusWords[m[2]]
		}
		return !slices.ContainsFunc(all, missing)
	})
	for _, h := range all {
		if missing(h) {
			t.Errorf("Postfix doesn't get done with %v in setting %d", h, h.in)
		}
	}
}

func (a *agent) log() string {
	text, err := os.ReadFile(filepath.Join(a.dir, "mail.log"))
	if err != nil {
		return err.Error()
	}
	return string(text)
}

// said is what the log has of the recipients of these messages.
func (a *agent) said(group []*hearing) string {
	var lines []string
	for line := range strings.Lines(a.log()) {
		for _, h := range group {
			if strings.Contains(line, "@"+h.domain+">") {
				lines = append(lines, line)
			}
		}
	}
	return strings.Join(lines, "")
}
