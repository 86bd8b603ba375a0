package smtp

import (
	"crypto/hmac"
	"crypto/md5"
	"fmt"
	"net"
	"strings"

	"github.com/emersion/go-sasl"
)

// mechanism is one way to log in.
type mechanism struct {
	name   string
	needs  need
	client func(l *login) sasl.Client
}

// need is what a mechanism needs of the configuration.
type need uint8

const (
	needsPassword    need = iota // and a user name
	needsPrepared                // the same, both fit for SASLprep
	needsToken                   // of OAuth 2.0
	needsUserToken               // and a user name
	needsCertificate             // of the client
)

// mechanisms are the SASL mechanisms that can be used, the preferred first.
var mechanisms = []mechanism{
	{scramSHA256 + plus, needsPrepared, newSCRAM256Plus},
	{scramSHA256, needsPrepared, newSCRAM256},
	{scramSHA1 + plus, needsPrepared, newSCRAM1Plus},
	{scramSHA1, needsPrepared, newSCRAM1},
	{sasl.Plain, needsPassword, newPlain},
	{sasl.Login, needsPassword, newLogin},
	{cramMD5, needsPassword, newCRAM},
	{sasl.OAuthBearer, needsToken, newOAuthBearer},
	{xoauth2, needsUserToken, newXOAuth2},
	{sasl.External, needsCertificate, newExternal},
}

// Mechanisms that go-sasl has no name for.
const (
	cramMD5 = "CRAM-MD5"
	xoauth2 = "XOAUTH2"
)

// mechanismNamed returns the mechanism of a name, or nil if it isn't known.
func mechanismNamed(name string) *mechanism {
	for i := range mechanisms {
		if strings.EqualFold(mechanisms[i].name, name) {
			return &mechanisms[i]
		}
	}
	return nil
}

// login is what an exchange is about.
type login struct {
	cfg     *Config
	secret  string // the password or the access token
	binding []byte // of the channel; nil if the connection has none
	bare    bool   // the server doesn't offer the -PLUS variant
}

// prover is a client that knows whether the server has said all that has to
// come before success.
type prover interface{ proven() bool }

// newPlain is PLAIN (RFC 4616).
func newPlain(l *login) sasl.Client { return sasl.NewPlainClient("", l.cfg.Username, l.secret) }

// newExternal is EXTERNAL (RFC 4422 appendix A): the certificate has said who we
// are. A user name asks to act as that user.
func newExternal(l *login) sasl.Client { return sasl.NewExternalClient(l.cfg.Username) }

// answers is a client that answers one question after the other.
type answers struct {
	name string
	left []func(challenge []byte) []byte
}

func (a *answers) Start() (mechanism string, initial []byte, err error) { return a.name, nil, nil }

func (a *answers) Next(challenge []byte) ([]byte, error) {
	if len(a.left) == 0 {
		return nil, sasl.ErrUnexpectedServerChallenge
	}
	response := a.left[0](challenge)
	a.left = a.left[1:]
	return response, nil
}

func (a *answers) proven() bool { return len(a.left) == 0 }

// newLogin is LOGIN, which answers two questions, whatever they are. The one of
// go-sasl knows a single wording, and sends the first answer unasked.
func newLogin(l *login) sasl.Client {
	return &answers{sasl.Login, []func([]byte) []byte{
		func([]byte) []byte { return []byte(l.cfg.Username) },
		func([]byte) []byte { return []byte(l.secret) },
	}}
}

// newCRAM is CRAM-MD5 (RFC 2195). It keeps the password from those who listen,
// but not from those who listen and then guess.
func newCRAM(l *login) sasl.Client {
	return &answers{cramMD5, []func([]byte) []byte{func(challenge []byte) []byte {
		mac := hmac.New(md5.New, []byte(l.secret))
		mac.Write(challenge)
		return fmt.Appendf(nil, "%s %x", l.cfg.Username, mac.Sum(nil))
	}}}
}

// bearer is a client that hands over a token. Should the server explain in a
// challenge why it refuses it, there is one answer, which means nothing; then
// comes 535.
type bearer struct {
	name, initial, nothing string
	explained              bool
}

func (b *bearer) Start() (mechanism string, initial []byte, err error) {
	return b.name, []byte(b.initial), nil
}

func (b *bearer) Next([]byte) ([]byte, error) {
	if b.explained {
		return nil, sasl.ErrUnexpectedServerChallenge
	}
	b.explained = true
	return []byte(b.nothing), nil
}

func (b *bearer) proven() bool { return !b.explained }

// newOAuthBearer is OAUTHBEARER (RFC 7628 section 3.1). It is written here because
// that of go-sasl brings a JSON decoder along, for what a server says after a
// refusal and nobody looks at.
func newOAuthBearer(l *login) sasl.Client {
	user := ""
	if l.cfg.Username != "" { // a saslname (RFC 5801 section 4)
		user = "a=" + strings.NewReplacer("=", "=3D", ",", "=2C").Replace(l.cfg.Username)
	}
	_, port, _ := net.SplitHostPort(l.cfg.Addr)
	initial := "n," + user + ",\x01host=" + strings.TrimSuffix(l.cfg.host, ".") + "\x01port=" + port +
		"\x01auth=Bearer " + l.secret + "\x01\x01"
	return &bearer{name: sasl.OAuthBearer, initial: initial, nothing: "\x01"}
}

// newXOAuth2 is XOAUTH2, which Google and Microsoft had before there was RFC 7628.
func newXOAuth2(l *login) sasl.Client {
	return &bearer{name: xoauth2, initial: "user=" + l.cfg.Username + "\x01auth=Bearer " + l.secret + "\x01\x01"}
}
