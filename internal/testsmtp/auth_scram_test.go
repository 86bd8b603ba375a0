package testsmtp_test

import (
	"crypto/tls"
	"encoding/base64"
	"strings"
	"testing"

	"github.com/xdg-go/scram"

	"github.com/qdmail/qdmail/internal/testsmtp"
)

// scram lets somebody else's client log in and returns the last reply.
func (c *talker) scram(mechanism string, conv *scram.ClientConversation) string {
	c.t.Helper()
	line, err := conv.Step("")
	line = "AUTH " + mechanism + " " + b64(line)
	for {
		if err != nil {
			c.t.Fatal(err)
		}
		c.send(line + "\r\n")
		reply := c.reply()
		challenge, asks := strings.CutPrefix(reply, "334 ")
		if !asks {
			if strings.HasPrefix(reply, "235") != conv.Valid() {
				c.t.Errorf("%s, and the server's proof is valid: %v", reply, conv.Valid())
			}
			return reply
		}
		raw, _ := base64.StdEncoding.DecodeString(challenge)
		line, err = conv.Step(string(raw))
		line = b64(line)
	}
}

// dialTLS connects and does the handshake and EHLO.
func dialTLS(t *testing.T, s *testsmtp.Server, config *tls.Config) (*talker, tls.ConnectionState) {
	t.Helper()
	c := dial(t, s)
	conn := tls.Client(c.conn, config)
	c.conn = conn
	c.r.Reset(conn)
	c.open()
	return c, conn.ConnectionState()
}

func TestSCRAM(t *testing.T) {
	cert, pool := testsmtp.Certificate("mx.test")
	all := []string{"SCRAM-SHA-1", "SCRAM-SHA-1-PLUS", "SCRAM-SHA-256", "SCRAM-SHA-256-PLUS"}
	plain := []string{"SCRAM-SHA-1", "SCRAM-SHA-256"}
	const bound, bare, could, stranger = "p", "n", "y", "p of another connection"
	for _, tt := range []struct {
		name, password, mechanism string
		offered                   []string
		version                   uint16 // 0: no TLS
		flag                      string
		want                      string
	}{
		{"SHA-256", "p", "SCRAM-SHA-256", plain, 0, bare, "235"},
		{"SHA-1", "p", "SCRAM-SHA-1", plain, 0, bare, "235"},
		{"in clear, although it could", "p", "SCRAM-SHA-1", all, 0, could, "235"},
		{"wrong password", "q", "SCRAM-SHA-256", plain, 0, bare, "535"},
		{"PLUS in clear", "p", "SCRAM-SHA-256-PLUS", all, 0, bound, "535"},
		{"SHA-256-PLUS", "p", "SCRAM-SHA-256-PLUS", all, tls.VersionTLS13, bound, "235"},
		{"SHA-256-PLUS in TLS 1.2", "p", "SCRAM-SHA-256-PLUS", all, tls.VersionTLS12, bound, "235"},
		{"SHA-1-PLUS", "p", "SCRAM-SHA-1-PLUS", all, tls.VersionTLS13, bound, "235"},
		{"PLUS, wrong password", "q", "SCRAM-SHA-1-PLUS", all, tls.VersionTLS13, bound, "535"},
		{"another connection's binding", "p", "SCRAM-SHA-256-PLUS", all, tls.VersionTLS13, stranger, "535"},
		{"PLUS without binding", "p", "SCRAM-SHA-256-PLUS", all, tls.VersionTLS13, bare, "535"},
		{"binding without PLUS", "p", "SCRAM-SHA-256", all, tls.VersionTLS13, bound, "535"},
		{"can't bind", "p", "SCRAM-SHA-256", all, tls.VersionTLS13, bare, "235"},
		{"could bind, not offered", "p", "SCRAM-SHA-256", plain, tls.VersionTLS13, could, "235"},
		{"could bind, but didn't see it", "p", "SCRAM-SHA-256", all, tls.VersionTLS13, could, "535"},
		{"not offered", "p", "SCRAM-SHA-256-PLUS", plain, tls.VersionTLS13, bound, "504"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := testsmtp.Server{Users: map[string]string{"a,b=c": "p"}, Mechanisms: tt.offered}
			var c *talker
			var state tls.ConnectionState
			if tt.version == 0 {
				c, state = dial(t, &s).open(), tls.ConnectionState{}
			} else {
				s.TLS, s.ImplicitTLS = &tls.Config{Certificates: []tls.Certificate{cert}, MaxVersion: tt.version}, true
				config := &tls.Config{RootCAs: pool, ServerName: "mx.test"}
				c, state = dialTLS(t, &s, config)
				if tt.flag == stranger {
					_, state = dialTLS(t, &s, config)
				}
			}
			hash := scram.SHA256
			if strings.HasPrefix(tt.mechanism, "SCRAM-SHA-1") {
				hash = scram.SHA1
			}
			client, err := hash.NewClient("a,b=c", tt.password, "")
			if err != nil {
				t.Fatal(err)
			}
			conv := client.NewConversation()
			switch {
			case tt.flag == could:
				conv = client.NewConversationAdvertisingChannelBinding()
			case tt.flag != bare:
				binding := scram.ChannelBinding{Type: scram.ChannelBindingTLSExporter, Data: []byte("none")}
				if tt.version != 0 {
					if binding, err = scram.NewTLSExporterBinding(&state); err != nil {
						t.Fatal(err)
					}
				}
				conv = client.NewConversationWithChannelBinding(binding)
			}
			if got := c.scram(tt.mechanism, conv); !strings.HasPrefix(got, tt.want) {
				t.Errorf("got %s, want %s\n%s", got, tt.want, s.Transcript())
			}
			if user := s.Connections()[0].User; (user == "a,b=c") != (tt.want == "235") {
				t.Errorf("the user is %q", user)
			}
		})
	}
}

func TestSCRAMRefusesNonsense(t *testing.T) {
	for _, first := range []string{
		"", "n", "n,,n=u", "n,,n=u,r=short", "n,,n=nobody,r=0123456789", "n,a=other,n=u,r=0123456789",
		"x,,n=u,r=0123456789", "p=tls-unique,,n=u,r=0123456789", "n,,m=ext,n=u,r=0123456789",
	} {
		s := testsmtp.Server{Users: map[string]string{"u": "p"}, Mechanisms: []string{"SCRAM-SHA-256"}}
		dial(t, &s).open().talk("AUTH SCRAM-SHA-256 -> 334 ", b64(first)+" -> 535")
	}
	for _, final := range []string{"", "c=biws", "c=biws,r=x,p=AAAA", "c=biws,r=0123456789,p=" + b64(strings.Repeat("x", 32))} {
		s := testsmtp.Server{Users: map[string]string{"u": "p"}, Mechanisms: []string{"SCRAM-SHA-256"}}
		dial(t, &s).open().talk("AUTH SCRAM-SHA-256 "+b64("n,,n=u,r=0123456789")+" -> 334 ", b64(final)+" -> 535")
	}
}

func TestEXTERNAL(t *testing.T) {
	cert, pool := testsmtp.Certificate("mx.test")
	mine, clients := testsmtp.Certificate("taro")
	other, _ := testsmtp.Certificate("jiro")
	clients.AddCert(other.Leaf)
	for _, tt := range []struct {
		name  string
		certs []tls.Certificate
		line  string
		want  string
	}{
		{"the certificate's user", []tls.Certificate{mine}, "AUTH EXTERNAL =", "235"},
		{"asked for", []tls.Certificate{mine}, "AUTH EXTERNAL", "334"},
		{"named", []tls.Certificate{mine}, "AUTH EXTERNAL " + b64("taro"), "235"},
		{"another named", []tls.Certificate{mine}, "AUTH EXTERNAL " + b64("jiro"), "535"},
		{"unknown", []tls.Certificate{other}, "AUTH EXTERNAL =", "535"},
		{"no certificate", nil, "AUTH EXTERNAL =", "535"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := testsmtp.Server{Users: map[string]string{"taro": ""}, Mechanisms: []string{"EXTERNAL"}, ImplicitTLS: true, TLS: &tls.Config{
				Certificates: []tls.Certificate{cert}, ClientAuth: tls.VerifyClientCertIfGiven, ClientCAs: clients,
			}}
			c, _ := dialTLS(t, &s, &tls.Config{RootCAs: pool, ServerName: "mx.test", Certificates: tt.certs})
			c.talk(tt.line + " -> " + tt.want)
			if user := s.Connections()[0].User; (user == "taro") != (tt.want == "235") {
				t.Errorf("the user is %q", user)
			}
		})
	}
	s := testsmtp.Server{Users: map[string]string{"taro": ""}, Mechanisms: []string{"EXTERNAL"}}
	dial(t, &s).open().talk("AUTH EXTERNAL = -> 535")
}

// The error of an OAuth mechanism has one answer each.
func TestOAuthDummy(t *testing.T) {
	for _, tt := range []struct{ mechanism, dummy, violation string }{
		{"XOAUTH2", "", ""},
		{"XOAUTH2", "AQ==", "OAuth"},
		{"OAUTHBEARER", "AQ==", ""},
		{"OAUTHBEARER", "", "OAuth"},
	} {
		s := testsmtp.Server{Users: map[string]string{"u": "p"}, Mechanisms: []string{tt.mechanism}}
		c := dial(t, &s).open()
		c.talk("AUTH "+tt.mechanism+" "+b64("user=u\x01auth=Bearer x\x01\x01")+" -> 334 ", tt.dummy+" -> 535", "QUIT -> 221")
		if v := s.Violations(); (len(v) > 0) != (tt.violation != "") {
			t.Errorf("%s answered by %q: violations %q", tt.mechanism, tt.dummy, v)
		}
	}
}
