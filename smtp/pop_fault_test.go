package smtp_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/qdmail/qdmail/delivery"
	"github.com/qdmail/qdmail/internal/testsmtp"
	"github.com/qdmail/qdmail/smtp"
)

// popSteps are the steps of a login with what a Login looks like that has them,
// and the time that each may take.
var popSteps = []struct {
	step   string
	phase  delivery.Phase
	client func(*popServer) *smtp.POPAuth
	server func() *popServer
}{
	{"greeting", delivery.PhaseGreeting, localPOP, func() *popServer { return &popServer{} }},
	{"STLS", delivery.PhaseSTARTTLS, remotePOP, func() *popServer { return &popServer{tls: popServerTLS()} }},
	{"USER", delivery.PhaseAUTH, remotePOP, func() *popServer { return &popServer{tls: popServerTLS()} }},
	{"PASS", delivery.PhaseAUTH, localPOP, func() *popServer { return &popServer{} }},
	{"APOP", delivery.PhaseAUTH, func(s *popServer) *smtp.POPAuth {
		p := remotePOP(s)
		p.TLS = smtp.InsecureTLSNone
		return p
	}, func() *popServer { return &popServer{timestamp: "<1@pop.test>"} }},
}

// Whatever a server does at whichever step: the error names the step, comes in
// time, and can be tried again.
func TestPOPFaults(t *testing.T) {
	for name, fault := range map[string]struct {
		do   func(net.Conn)
		want error
		took time.Duration
	}{
		"closes":            {func(conn net.Conn) { conn.Close() }, io.ErrUnexpectedEOF, 0},
		"closes in a line":  {func(conn net.Conn) { popSays("+O")(conn); conn.Close() }, io.ErrUnexpectedEOF, 0},
		"resets":            {func(conn net.Conn) { reset(conn) }, nil, 0},
		"is silent":         {func(net.Conn) {}, os.ErrDeadlineExceeded, time.Minute},
		"drips":             {popDrips, os.ErrDeadlineExceeded, time.Minute},
		"speaks HTTP":       {popSays("HTTP/1.1 400 Bad Request\r\n"), delivery.ErrProtocol, 0},
		"speaks SMTP":       {popSays("220 mx.test\r\n"), delivery.ErrProtocol, 0},
		"says something":    {popSays("+OKAY\r\n"), delivery.ErrProtocol, 0},
		"says it softly":    {popSays("+ok\r\n"), delivery.ErrProtocol, 0},
		"says nothing":      {popSays("\r\n"), delivery.ErrProtocol, 0},
		"asks":              {popSays("+ \r\n"), delivery.ErrProtocol, 0},
		"says binary":       {popSays("\xff\x00\x1b[31m\n"), delivery.ErrProtocol, 0},
		"doesn't end":       {popSays("+OK " + strings.Repeat("x", 10000)), delivery.ErrProtocol, 0},
		"ends too late":     {popSays("+OK " + strings.Repeat("x", 4096-5) + "\r\n"), delivery.ErrProtocol, 0},
		"quotes what it is": {popSays("what is " + popPassword + "?\r\n"), delivery.ErrProtocol, 0},
	} {
		for _, s := range popSteps {
			synctest.Test(t, func(t *testing.T) {
				server := s.server()
				server.fault = popStep(s.step, fault.do)
				start := time.Now()
				err := s.client(server).Login(t.Context())
				if err == nil {
					t.Fatalf("%s %s: no error", s.step, name)
				}
				if name == "resets" {
					wantPOPError(t, err, s.phase, true)
				} else {
					wantPOPError(t, err, s.phase, true, fault.want)
				}
				if took := time.Since(start); took != fault.took {
					t.Errorf("%s %s: took %v", s.step, name, took)
				}
				server.wg.Wait()
			})
		}
	}
}

// reset closes a connection of the client's hard, whatever TLS says.
func reset(conn net.Conn) {
	if secure, ok := conn.(*tls.Conn); ok {
		conn = secure.NetConn()
	}
	conn.(interface{ Reset() }).Reset()
}

// What isn't the best manners is understood.
func TestPOPTolerance(t *testing.T) {
	for _, said := range []string{"+OK\n", "+OK \r\n", "+OK x\r\r\n", "+OK " + strings.Repeat("x", 4096-6) + "\r\n"} {
		for _, s := range popSteps {
			if s.step == "greeting" || s.step == "STLS" {
				continue
			}
			server := s.server()
			server.fault = popStep(s.step, popSays(said))
			if err := s.client(server).Login(t.Context()); err != nil {
				t.Errorf("%s: %q: %v", s.step, said[:4], err)
			}
		}
	}
}

// QUIT is a courtesy: nothing that comes of it spoils the login.
func TestPOPQuit(t *testing.T) {
	for _, do := range []func(net.Conn){
		func(conn net.Conn) { conn.Close() }, reset, func(net.Conn) {}, popDrips, popSays("-ERR no\r\n"), popSays("250 bye\r\n"),
	} {
		synctest.Test(t, func(t *testing.T) {
			server := &popServer{tls: popServerTLS(), fault: popStep("QUIT", do)}
			start := time.Now()
			if err := remotePOP(server).Login(t.Context()); err != nil || time.Since(start) > 5*time.Second {
				t.Errorf("%v after %v", err, time.Since(start))
			}
			server.wg.Wait()
		})
	}
}

// A refusal is final, unless the server says that it will pass.
func TestPOPRefusals(t *testing.T) {
	for said, want := range map[string]struct {
		temporary  bool
		code, text string
	}{
		"-ERR invalid password":                  {false, "", "invalid password"},
		"-ERR":                                   {false, "", ""},
		"-ERR [AUTH] no":                         {false, "AUTH", "no"},
		"-ERR [SYS/PERM] call us":                {false, "SYS/PERM", "call us"},
		"-ERR [SYS/TEMP] later":                  {true, "SYS/TEMP", "later"},
		"-ERR [sys/temp/disk] later":             {true, "SYS/TEMP/DISK", "later"},
		"-ERR [SYS/TEMPER] no":                   {false, "SYS/TEMPER", "no"},
		"-ERR [IN-USE] Do you have another?":     {true, "IN-USE", "Do you have another?"},
		"-ERR [LOGIN-DELAY] not yet":             {true, "LOGIN-DELAY", "not yet"},
		"-ERR not [IN-USE]":                      {false, "", "not [IN-USE]"},
		"-ERR [IN-USE":                           {false, "", "[IN-USE"},
		"-ERR [IN USE] x":                        {false, "", "[IN USE] x"},
		"-ERR [] x":                              {false, "", "[] x"},
		"-ERR \x1b[31mno\x07\x00 \u009b\xff":     {false, "", " [31mno    \uFFFD"},
		"-ERR " + popPassword + "is wrong":       {false, "", "***is wrong"},
		"-ERR " + strings.Repeat("x", 3000):      {false, "", strings.Repeat("x", 512)},
		"-ERR [" + strings.Repeat("X", 61) + "]": {false, "", "[" + strings.Repeat("X", 61) + "]"},
	} {
		for _, s := range popSteps {
			if s.phase != delivery.PhaseAUTH {
				continue
			}
			server := s.server()
			server.fault = popStep(s.step, popSays(said+"\r\n"))
			err := s.client(server).Login(t.Context())
			server.wg.Wait()
			e := wantPOPError(t, err, delivery.PhaseAUTH, want.temporary)
			if errors.Is(e, delivery.ErrAuthFailed) == want.temporary {
				t.Errorf("%q: %v", said, e)
			}
			refusal, ok := errors.AsType[*smtp.POPError](err)
			if !ok || refusal.Command != s.step || refusal.Code != want.code || refusal.Text != want.text {
				t.Errorf("%q at %s: %+v", said, s.step, refusal)
			}
			if !strings.HasSuffix(server.said(), "QUIT") {
				t.Errorf("%q: said %s", said, server.said())
			}
		}
	}
	server := &popServer{fault: popStep("greeting", popSays("-ERR [SYS/TEMP] busy\r\n"))}
	err := localPOP(server).Login(t.Context())
	wantPOPError(t, err, delivery.PhaseGreeting, true)
	if !strings.HasSuffix(err.Error(), "greeting: -ERR [SYS/TEMP] busy") {
		t.Error(err)
	}
}

// A server that quotes the digest doesn't get it into the error.
func TestPOPHidesDigest(t *testing.T) {
	var digest string
	server := &popServer{timestamp: "<1@pop.test>"}
	server.fault = func(line string, conn net.Conn) bool {
		verb, rest, _ := strings.Cut(line, " ")
		if verb == "APOP" {
			_, digest, _ = strings.Cut(rest, " ")
			io.WriteString(conn, "-ERR "+line+"\r\n")
		}
		return verb == "APOP"
	}
	p := remotePOP(server)
	p.TLS = smtp.InsecureTLSNone
	err := p.Login(t.Context())
	server.wg.Wait()
	if err == nil || len(digest) != 32 || strings.Contains(err.Error(), digest) || !strings.Contains(err.Error(), "***") {
		t.Errorf("%v, digest %q", err, digest)
	}
}

// What comes too early isn't taken for an answer.
func TestPOPEarlyOctets(t *testing.T) {
	inject := "+OK begin\r\n+OK\r\n"
	for _, tt := range []struct {
		step  string
		phase delivery.Phase
		said  string
		want  error
	}{
		{"greeting", delivery.PhaseSTARTTLS, "+OK hello\r\n" + inject, delivery.ErrProtocol},
		{"STLS", delivery.PhaseTLS, inject, delivery.ErrTLSFailed},
		{"STLS", delivery.PhaseTLS, "+OK begin\r\n\x16", delivery.ErrTLSFailed},
		{"USER", delivery.PhaseAUTH, "+OK\r\n+OK\r\n", delivery.ErrProtocol},
	} {
		server := &popServer{tls: popServerTLS(), fault: popStep(tt.step, popSays(tt.said))}
		err := remotePOP(server).Login(t.Context())
		wantPOPError(t, err, tt.phase, true, tt.want, delivery.ErrProtocol)
		server.wg.Wait()
		if strings.Contains(server.said(), "PASS") {
			t.Errorf("%s: said %s", tt.step, server.said())
		}
	}
}

// The password isn't told to a server that can't prove its name, or whose TLS is
// too old.
func TestPOPCertificates(t *testing.T) {
	old := popServerTLS()
	old.MinVersion, old.MaxVersion = tls.VersionTLS10, tls.VersionTLS11
	strange, _ := testsmtp.Certificate("pop.test")
	for name, tt := range map[string]struct {
		addr   string
		server *tls.Config
		client *tls.Config
		ok     bool
	}{
		"right":             {"pop.test", popServerTLS(), popClientTLS(), true},
		"dot at the end":    {"pop.test.", popServerTLS(), popClientTLS(), true},
		"wrong name":        {"other.test", popServerTLS(), popClientTLS(), false},
		"unknown authority": {"pop.test", popServerTLS(), &tls.Config{RootCAs: x509.NewCertPool()}, false},
		"other key":         {"pop.test", &tls.Config{Certificates: []tls.Certificate{strange}}, popClientTLS(), false},
		"old version":       {"pop.test", old, popClientTLS(), false},
		"name given":        {"192.0.2.1", popServerTLS(), withName(popClientTLS(), "pop.test"), true},
		"name not given":    {"192.0.2.1", popServerTLS(), popClientTLS(), false},
	} {
		for _, mode := range []smtp.TLSMode{smtp.TLSDefault, smtp.TLSStartTLS, smtp.TLSImplicit} {
			server := &popServer{tls: tt.server, implicit: mode == smtp.TLSImplicit}
			p := remotePOP(server)
			p.Addr, p.TLSConfig, p.TLS = tt.addr, tt.client, mode
			err := p.Login(t.Context())
			server.wg.Wait()
			if tt.ok {
				if err != nil {
					t.Errorf("%s, mode %d: %v", name, mode, err)
				}
				continue
			}
			wantPOPError(t, err, delivery.PhaseTLS, true, delivery.ErrTLSFailed)
			if strings.Contains(server.said(), "USER") {
				t.Errorf("%s: said %s", name, server.said())
			}
		}
	}
}

func withName(cfg *tls.Config, name string) *tls.Config {
	cfg.ServerName = name
	return cfg
}

// The handshake has a time of its own, and so has dialling.
func TestPOPSlowConnections(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := remotePOP(&popServer{})
		p.TLS = smtp.TLSImplicit
		p.Dial = func(context.Context, string, string) (net.Conn, error) {
			client, _ := testsmtp.Pipe()
			return client, nil
		}
		start := time.Now()
		wantPOPError(t, p.Login(t.Context()), delivery.PhaseTLS, true, delivery.ErrTLSFailed, os.ErrDeadlineExceeded)
		p.Dial = func(ctx context.Context, _, _ string) (net.Conn, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		}
		p.Timeouts.Dial = 10 * time.Second
		err := p.Login(t.Context())
		wantPOPError(t, err, delivery.PhaseDial, true, os.ErrDeadlineExceeded)
		if errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%v blames the context of the caller", err)
		}
		if took := time.Since(start); took != 40*time.Second {
			t.Errorf("took %v", took)
		}
	})
}

func TestPOPDialErrors(t *testing.T) {
	for _, tt := range []struct {
		err   error
		phase delivery.Phase
	}{
		{errors.New("refused"), delivery.PhaseDial},
		{&net.DNSError{Err: "no such host", Name: "pop.test", IsNotFound: true}, delivery.PhaseResolve},
		{nil, delivery.PhaseDial},
	} {
		p := remotePOP(&popServer{})
		p.Dial = func(context.Context, string, string) (net.Conn, error) { return nil, tt.err }
		if e := wantPOPError(t, p.Login(t.Context()), tt.phase, true); !e.PathFailure() || tt.err != nil && !errors.Is(e, tt.err) {
			t.Errorf("%v", e)
		}
	}
}
