//go:build integration

package integration_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/qdmail/qdmail/delivery"
	"github.com/qdmail/qdmail/dial"
	"github.com/qdmail/qdmail/internal/integration/realserver"
	"github.com/qdmail/qdmail/smtp"
)

// proxyUser logs in to the proxies.
var proxyUser = realserver.User{Address: "proxyuser", Password: "proxysecret"}

// dialer makes connections through a proxy.
type dialer interface {
	DialContext(ctx context.Context, network, addr string) (net.Conn, error)
}

// realProxies start the proxies of others; login says whether they want one. They
// return how the proxy is dialled as somebody.
var realProxies = map[string]func(t *testing.T, login bool) func(realserver.User) dialer{
	"microsocks": func(t *testing.T, login bool) func(realserver.User) dialer {
		port := proxyPort(t)
		args := []string{"-i", "127.0.0.1", "-p", strconv.Itoa(port)}
		if login {
			args = append(args, "-u", proxyUser.Address, "-P", proxyUser.Password)
		}
		addr := startServer(t, port, "microsocks", args...)
		return func(u realserver.User) dialer {
			return dial.SOCKS5{Addr: addr, Username: u.Address, Password: u.Password}
		}
	},
	"tinyproxy": func(t *testing.T, login bool) func(realserver.User) dialer {
		port := proxyPort(t)
		config := fmt.Sprintf("Port %d\nListen 127.0.0.1\nTimeout 60\nAllow 127.0.0.1\nLogLevel Info\n", port)
		if login {
			config += fmt.Sprintf("BasicAuth %s %s\n", proxyUser.Address, proxyUser.Password)
		}
		file := filepath.Join(t.TempDir(), "tinyproxy.conf")
		must(t, os.WriteFile(file, []byte(config), 0o600))
		addr := startServer(t, port, "tinyproxy", "-d", "-c", file)
		return func(u realserver.User) dialer {
			return dial.HTTPProxy{Addr: addr, Username: u.Address, Password: u.Password}
		}
	},
}

// TestProxies sends mail through proxies that share no code with this library.
func TestProxies(t *testing.T) {
	host := startedHost(t)
	gone := net.JoinHostPort("127.0.0.1", strconv.Itoa(proxyPort(t)))
	nobody, thief := realserver.User{}, realserver.User{Address: proxyUser.Address, Password: "wrong-secret"}
	for name, start := range realProxies {
		for _, login := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, login %v", name, login), func(t *testing.T) {
				as, user := start(t, login), nobody
				if login {
					user = proxyUser
				}
				for _, addr := range []string{"127.0.0.1", "localhost"} {
					sendThrough(t, host, as(user), net.JoinHostPort(addr, strconv.Itoa(host.Submission)))
				}
				conn, err := as(user).DialContext(within(t), "tcp", gone)
				e, ok := errors.AsType[*dial.ProxyError](err)
				if conn != nil || !ok || e.Code == 0 || !errors.Is(err, dial.ErrTargetUnreachable) {
					t.Errorf("to a closed port: %v", err)
				}
				if !login {
					return
				}
				for _, u := range []realserver.User{nobody, thief} {
					conn, err := as(u).DialContext(within(t), "tcp", gone)
					if conn != nil || !errors.Is(err, dial.ErrProxyAuth) || strings.Contains(err.Error(), thief.Password) {
						t.Errorf("as %q: %v, want %v", u.Address, err, dial.ErrProxyAuth)
					}
				}
			})
		}
	}
}

// TestProxyChain reaches an HTTP proxy through a SOCKS5 proxy.
func TestProxyChain(t *testing.T) {
	host := startedHost(t)
	socks := realProxies["microsocks"](t, false)(realserver.User{})
	proxy := realProxies["tinyproxy"](t, true)(proxyUser).(dial.HTTPProxy)
	proxy.Dial = socks.DialContext
	sendThrough(t, host, proxy, net.JoinHostPort("127.0.0.1", strconv.Itoa(host.Submission)))
}

// sendThrough sends a mail through a proxy, with STARTTLS inside, and waits until
// it has arrived.
func sendThrough(t *testing.T, host *realserver.Host, proxy dialer, addr string) {
	t.Helper()
	to, id, ctx := realserver.Recipients[0], newMessageID(), within(t)
	config := clientTLS(t, host)
	config.ServerName = ""
	relay := &smtp.Relay{
		Addr: addr, TLS: smtp.TLSStartTLS, TLSConfig: config, Dial: proxy.DialContext,
		Username: realserver.Sender.Address, Password: realserver.Sender.Password,
	}
	_, err := relay.Send(ctx, &delivery.Envelope{
		From: realserver.Sender.Address, Recipients: []delivery.Recipient{{Address: to.Address}},
	}, delivery.BytesBody(strings.Replace(handmade, "id@sender.test", id, 1)))
	must(t, err)
	must(t, relay.Close())
	_, err = host.Await(ctx, to, id)
	must(t, err)
}

func proxyPort(t *testing.T) int {
	t.Helper()
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	must(t, err)
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

// startServer starts a program that stays in the foreground, waits until it
// listens on the port and stops it after the test.
func startServer(t *testing.T, port int, name string, args ...string) (addr string) {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		path = filepath.Join("/usr/sbin", name)
	}
	cmd := exec.Command(path, args...)
	var output bytes.Buffer
	cmd.Stdout, cmd.Stderr, cmd.WaitDelay = &output, &output, time.Second
	must(t, cmd.Start())
	var ended sync.WaitGroup
	ended.Go(func() { cmd.Wait() })
	t.Cleanup(func() {
		cmd.Process.Signal(syscall.SIGTERM)
		kill := time.AfterFunc(10*time.Second, func() { cmd.Process.Kill() })
		ended.Wait()
		if !kill.Stop() {
			t.Errorf("%s doesn't end", name)
		}
		if t.Failed() {
			t.Logf("output of %s:\n%s", name, &output)
		}
	})
	addr = net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
	eventually(t, func() bool {
		conn, err := net.Dial("tcp4", addr)
		if err == nil {
			conn.Close()
		}
		return err == nil
	}, name+" doesn't listen")
	return addr
}

// eventually waits until something is so.
func eventually(t *testing.T, so func() bool, otherwise string) {
	t.Helper()
	ctx := within(t)
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for !so() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatal(otherwise)
		}
	}
}
