//go:build integration

package integration_test

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/qdmail/qdmail/direct/dns"
)

// zoneFiles are served by NSD. Unbound knows the keys of signed.test and of
// forged.test, whose MX is changed after it was signed, and takes plain.test as it
// comes.
var zoneFiles = map[string]string{
	"signed.test": `
@        MX 10 mx1
@        MX 20 alias
mx1      A 192.0.2.1
mx1      AAAA 2001:db8::1
alias    CNAME mx1
away     CNAME mx.plain.test.
null     MX 0 .
none     A 192.0.2.1
address  MX 0 192.0.2.1.
big      MX ` + strings.Join(hosts("%d host%d.signed.test."), "\nbig MX ") + `
text     TXT "v=spf1 " "-all"
_25._tcp.mx1 TLSA 3 1 1 0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef
`,
	"forged.test": `
@        MX 10 honest
honest   A 192.0.2.1
`,
	"plain.test": `
@        MX 10 mx
mx       A 192.0.2.2
none     A 192.0.2.2
`,
	"2.0.192.in-addr.arpa": `
1        PTR mx1.signed.test.
`,
}

// hosts are more records than an answer may have, and than a datagram takes.
func hosts(format string) []string {
	var list []string
	for i := range 150 {
		list = append(list, fmt.Sprintf(format, 1000-i, i))
	}
	return list
}

// dnsServers is an NSD, and two Unbounds in front of it: one that says what went
// wrong (RFC 8914), and one that only says that something did.
type dnsServers struct{ authority, plain, talkative string }

// TestResolver asks real servers: NSD has the zones, Unbound validates.
func TestResolver(t *testing.T) {
	s := startDNS(t)
	for name, server := range map[string]string{"unbound": s.plain, "unbound with EDE": s.talkative} {
		t.Run(name, func(t *testing.T) {
			client := &dns.Client{Servers: []string{server}}
			for _, c := range []struct {
				name   string
				status dns.Status
				secure bool
				want   string
				err    error
			}{
				{"signed.test", dns.OK, true, "10 mx1.signed.test., 20 alias.signed.test.", nil},
				{"null.signed.test", dns.OK, true, "0 .", nil},
				{"none.signed.test", dns.NoData, true, "", nil},
				{"nowhere.signed.test", dns.NXDomain, true, "", nil},
				{"address.signed.test", dns.Temporary, false, "", dns.ErrUnusable},
				{"forged.test", dns.Bogus, false, "", dns.ErrBogus},
				{"plain.test", dns.OK, false, "10 mx.plain.test.", nil},
				{"none.plain.test", dns.NoData, false, "", nil},
				{"nowhere.plain.test", dns.NXDomain, false, "", nil},
				{"refused.test", dns.Temporary, false, "", dns.ErrServer},
			} {
				a := client.MX(within(t), c.name)
				if a.Status != c.status || a.Secure != c.secure || inLine(a.Records) != c.want || !errors.Is(a.Err, c.err) {
					t.Errorf("MX of %s: %v, secure %v, %v, %v", c.name, a.Status, a.Secure, a.Records, a.Err)
				}
			}
			if a := client.MX(within(t), "big.signed.test"); len(a.Records) != 100 || !a.Secure || a.Records[0].Preference != 851 {
				t.Errorf("truncated: %d records, secure %v, %v", len(a.Records), a.Secure, a.Err)
			}
			for name, want := range map[string]bool{"mx1.signed.test": true, "alias.signed.test": true, "mx.plain.test": false, "away.signed.test": false} {
				if a := client.Addrs(within(t), name); a.Status != dns.OK || a.Secure != want {
					t.Errorf("addresses of %s: %v, secure %v, %v", name, a.Status, a.Secure, a.Err)
				}
			}
			if a := client.Addrs(within(t), "alias.signed.test"); a.Name != "mx1.signed.test" || inLine(a.Records) != "192.0.2.1, 2001:db8::1" {
				t.Errorf("alias: %+v", a)
			}
			if a := client.CNAME(within(t), "away.signed.test"); !a.Secure || inLine(a.Records) != "mx.plain.test" {
				t.Errorf("CNAME: %+v", a)
			}
			if a := client.TLSA(within(t), "_25._tcp.mx1.signed.test"); !a.Secure || inLine(a.Records) != "3 1 1 "+strings.Repeat("0123456789abcdef", 4) {
				t.Errorf("TLSA: %+v", a)
			}
			if a := client.TLSA(within(t), "_25._tcp.none.signed.test"); !a.Secure || a.Status != dns.NXDomain {
				t.Errorf("no TLSA: %+v", a)
			}
			if a := client.TXT(within(t), "text.signed.test"); inLine(a.Records) != "v=spf1 -all" {
				t.Errorf("TXT: %+v", a)
			}
			if a := client.PTR(within(t), netip.MustParseAddr("192.0.2.1")); inLine(a.Records) != "mx1.signed.test" {
				t.Errorf("PTR: %+v", a)
			}
		})
	}
	t.Run("no validation", func(t *testing.T) { // what Unbound refuses is there to be had
		client := &dns.Client{Servers: []string{s.authority}}
		if a := client.MX(within(t), "forged.test"); a.Secure || inLine(a.Records) != "10 dishonest.forged.test." {
			t.Errorf("NSD itself: %+v", a)
		}
	})
}

func inLine[T any](records []T) string {
	var s []string
	for _, r := range records {
		s = append(s, fmt.Sprint(r))
	}
	return strings.Join(s, ", ")
}

func startDNS(t *testing.T) dnsServers {
	t.Helper()
	dir := t.TempDir()
	must(t, os.Chmod(dir, 0o755))
	var s dnsServers
	for _, addr := range []*string{&s.authority, &s.plain, &s.talkative} {
		*addr = freePort(t)
	}
	var nsd, stubs strings.Builder
	stub := func(zone string) {
		fmt.Fprintf(&stubs, "stub-zone:\n  name: %s\n  stub-addr: %s\n", zone, strings.Replace(s.authority, ":", "@", 1))
	}
	stub("refused.test") // NSD doesn't have it
	for zone, text := range zoneFiles {
		file := filepath.Join(dir, zone)
		text = "$ORIGIN " + zone + ".\n$TTL 600\n@ SOA ns.plain.test. root.plain.test. 1 3600 600 86400 300\n@ NS ns.plain.test." + text
		must(t, os.WriteFile(file, []byte(text), 0o644))
		stub(zone)
		if zone == "signed.test" || zone == "forged.test" {
			anchor := signZone(t, dir, zone)
			fmt.Fprintf(&stubs, "server:\n  trust-anchor: %q\n", anchor)
			file += ".signed"
		} else {
			fmt.Fprintf(&stubs, "server:\n  domain-insecure: %s\n", zone)
		}
		fmt.Fprintf(&nsd, "zone:\n  name: %s\n  zonefile: %s\n", zone, file)
	}
	forge(t, filepath.Join(dir, "forged.test.signed"), "honest.forged.test.", "dishonest.forged.test.")
	runDNS(t, dir, s.authority, "nsd", nsdConf+nsd.String(), "-d", "-c")
	runDNS(t, dir, s.plain, "unbound", unboundConf+"  ede: no\n"+stubs.String(), "-d", "-c")
	runDNS(t, dir, s.talkative, "unbound", unboundConf+"  ede: yes\n"+stubs.String(), "-d", "-c")
	return s
}

const nsdConf = `server:
  ip-address: ADDRESS
  username: ""
  zonesdir: "DIR"
  database: ""
  pidfile: "DIR/nsd.pid"
  xfrdfile: "DIR/xfrd.state"
  xfrdir: "DIR"
  zonelistfile: "DIR/zone.list"
  server-count: 1
remote-control:
  control-enable: no
`

const unboundConf = `remote-control:
  control-enable: no
server:
  interface: ADDRESS
  do-daemonize: no
  username: ""
  chroot: ""
  directory: "DIR"
  pidfile: ""
  use-syslog: no
  logfile: ""
  do-not-query-localhost: no
  module-config: "validator iterator"
  local-zone: "test." nodefault
  local-zone: "2.0.192.in-addr.arpa." nodefault
  root-hints: ""
  num-threads: 1
`

// signZone signs a zone with a new key and returns the DS record of the key.
func signZone(t *testing.T, dir, zone string) string {
	t.Helper()
	key := strings.TrimSpace(runTool(t, dir, "ldns-keygen", "-a", "ECDSAP256SHA256", "-k", zone))
	runTool(t, dir, "ldns-signzone", "-o", zone, zone, key)
	ds, err := os.ReadFile(filepath.Join(dir, key+".ds"))
	must(t, err)
	return strings.Join(strings.Fields(string(ds)), " ")
}

// forge changes the MX of a signed zone without signing it anew.
func forge(t *testing.T, file, old, changed string) {
	t.Helper()
	text, err := os.ReadFile(file)
	must(t, err)
	forged := bytes.Replace(text, []byte("MX\t10 "+old), []byte("MX\t10 "+changed), 1)
	if bytes.Equal(text, forged) {
		t.Fatalf("%s has no MX 10 %s", file, old)
	}
	must(t, os.WriteFile(file, forged, 0o644))
}

func runTool(t *testing.T, dir, name string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(within(t), lookTool(t, name), args...)
	cmd.Dir = dir
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s: %v\n%s", name, err, stderr.String())
	}
	return string(out)
}

func lookTool(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		path, err = exec.LookPath("/usr/sbin/" + name)
	}
	must(t, err)
	return path
}

// runDNS starts a server in the foreground, waits until it answers, and ends it
// after the test.
func runDNS(t *testing.T, dir, addr, name, conf string, args ...string) {
	t.Helper()
	conf = strings.NewReplacer("ADDRESS", strings.Replace(addr, ":", "@", 1), "DIR", dir).Replace(conf)
	file := filepath.Join(dir, strings.Replace(addr, ":", "-", 1)+".conf")
	must(t, os.WriteFile(file, []byte(conf), 0o644))
	cmd := exec.Command(lookTool(t, name), append(args, file)...)
	log, err := os.Create(file + ".log")
	must(t, err)
	cmd.Stdout, cmd.Stderr = log, log
	must(t, cmd.Start())
	ended := make(chan struct{})
	go func() { cmd.Wait(); close(ended) }()
	t.Cleanup(func() {
		cmd.Process.Signal(syscall.SIGTERM)
		select {
		case <-ended:
		case <-time.After(10 * time.Second):
			cmd.Process.Kill()
			<-ended
		}
		log.Close()
		if text, _ := os.ReadFile(file + ".log"); t.Failed() {
			t.Logf("--- %s\n%s", name, text)
		}
	})
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for ctx := within(t); ; {
		if c, err := net.Dial("tcp4", addr); err == nil {
			c.Close()
			return
		}
		select {
		case <-tick.C:
		case <-ended:
			t.Fatalf("%s ended at once", name)
		case <-ctx.Done():
			t.Fatalf("%s does not answer", name)
		}
	}
}

// freePort returns an address on which neither UDP nor TCP is in use.
func freePort(t *testing.T) string {
	t.Helper()
	for range 20 {
		tcp, err := net.Listen("tcp4", "127.0.0.1:0")
		must(t, err)
		udp, err := net.ListenPacket("udp4", tcp.Addr().String())
		tcp.Close()
		if err == nil {
			udp.Close()
			return tcp.Addr().String()
		}
	}
	t.Fatal("no port is free")
	return ""
}
