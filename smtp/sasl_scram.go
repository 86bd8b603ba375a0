package smtp

import (
	"bytes"
	"crypto/hmac"
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/subtle"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"hash"
	"strconv"
	"strings"

	"github.com/emersion/go-sasl"
)

const (
	scramSHA1   = "SCRAM-SHA-1"
	scramSHA256 = "SCRAM-SHA-256"
	plus        = "-PLUS"
)

// How many iterations a server may ask for. Fewer would make it cheap to guess
// the password from what was said (RFC 5802 section 5.1, RFC 7677 section 4);
// with more, a server could keep us calculating for hours. A million take about
// half a second.
const (
	minIterations = 4096
	maxIterations = 1_000_000
)

// newSCRAM returns the maker of clients for a SCRAM mechanism (RFC 5802, RFC
// 7677). The one channel binding that they know is tls-exporter (RFC 9266). It
// is written here because the library for it brings tables of 360 KB and an
// initialization along that every program would pay for, SCRAM or not.
func newSCRAM[H hash.Hash](name string, h func() H) func(l *login) sasl.Client {
	return func(l *login) sasl.Client {
		c := &scramClient{name: name, nonce: rand.Text()}
		c.user, _ = saslPrepare(l.cfg.Username) // Config.lacks has seen to it
		password, _ := saslPrepare(l.secret)
		c.derive = func(salt []byte, iterations int) ([]byte, error) {
			return pbkdf2.Key(h, password, salt, iterations, h().Size())
		}
		c.hash = func(p []byte) []byte { s := h(); s.Write(p); return s.Sum(nil) }
		c.mac = func(key []byte, text string) []byte {
			m := hmac.New(func() hash.Hash { return h() }, key)
			m.Write([]byte(text))
			return m.Sum(nil)
		}
		c.gs2 = "n,,"
		switch {
		case strings.HasSuffix(name, plus):
			c.gs2, c.binding = "p=tls-exporter,,", l.binding
		case l.binding != nil && l.bare:
			// A server that does offer -PLUS learns from this that somebody has
			// taken it off its list.
			c.gs2 = "y,,"
		}
		return c
	}
}

func newSCRAM1(l *login) sasl.Client       { return newSCRAM(scramSHA1, sha1.New)(l) }
func newSCRAM1Plus(l *login) sasl.Client   { return newSCRAM(scramSHA1+plus, sha1.New)(l) }
func newSCRAM256(l *login) sasl.Client     { return newSCRAM(scramSHA256, sha256.New)(l) }
func newSCRAM256Plus(l *login) sasl.Client { return newSCRAM(scramSHA256+plus, sha256.New)(l) }

// scramClient is one SCRAM exchange. Its errors quote nothing that the server
// said.
type scramClient struct {
	name, user, nonce string
	gs2               string // what we do about channel binding
	binding           []byte
	derive            func(salt []byte, iterations int) ([]byte, error)
	hash              func(p []byte) []byte
	mac               func(key []byte, text string) []byte

	steps int
	proof []byte // of the server, as it has to be
	valid bool
}

func (c *scramClient) Start() (mechanism string, initial []byte, err error) {
	return c.name, []byte(c.gs2 + c.first()), nil
}

// first is the client's first message without its header.
func (c *scramClient) first() string {
	return "n=" + strings.NewReplacer("=", "=3D", ",", "=2C").Replace(c.user) + ",r=" + c.nonce
}

// Next answers the server's first message by the proof that we know the
// password, and its final one, which is the server's proof, by nothing.
func (c *scramClient) Next(challenge []byte) ([]byte, error) {
	c.steps++
	switch c.steps {
	case 1:
		return c.answer(string(challenge))
	case 2:
		if bytes.HasPrefix(challenge, []byte("e=")) {
			return []byte{}, nil // a refusal comes as the reply
		}
		value, _, _ := strings.Cut(string(challenge), ",")
		proof, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(value, "v="))
		if err != nil || !strings.HasPrefix(value, "v=") || !hmac.Equal(proof, c.proof) {
			return nil, errors.New("the server doesn't prove that it knows the password")
		}
		c.valid = true
		return []byte{}, nil
	}
	return nil, sasl.ErrUnexpectedServerChallenge
}

// proven reports whether the server has proved that it knows the password.
func (c *scramClient) proven() bool { return c.valid }

// answer makes the client's final message (RFC 5802 section 3).
func (c *scramClient) answer(serverFirst string) ([]byte, error) {
	nonce, salt, iterations, err := c.parseFirst(serverFirst)
	if err != nil {
		return nil, err
	}
	salted, err := c.derive(salt, iterations)
	if err != nil {
		return nil, fmt.Errorf("SCRAM can't be done: %w", err)
	}
	final := "c=" + base64.StdEncoding.EncodeToString(append([]byte(c.gs2), c.binding...)) + ",r=" + nonce
	auth := c.first() + "," + serverFirst + "," + final
	key := c.mac(salted, "Client Key")
	proof := make([]byte, len(key))
	subtle.XORBytes(proof, key, c.mac(c.hash(key), auth))
	c.proof = c.mac(c.mac(salted, "Server Key"), auth)
	return []byte(final + ",p=" + base64.StdEncoding.EncodeToString(proof)), nil
}

// parseFirst takes the server's first message apart. A number of iterations that
// is out of bounds is refused before anybody calculates them.
func (c *scramClient) parseFirst(s string) (nonce string, salt []byte, iterations int, err error) {
	wrong := errors.New("the server's first message of SCRAM is wrong")
	fields := strings.Split(s, ",") // an extension that has to be understood, "m=", would come first
	if len(fields) < 3 || fields[0][:min(2, len(fields[0]))] != "r=" || !strings.HasPrefix(fields[1], "s=") || !strings.HasPrefix(fields[2], "i=") {
		return "", nil, 0, wrong
	}
	nonce = fields[0][2:]
	if !strings.HasPrefix(nonce, c.nonce) || len(nonce) == len(c.nonce) || checkText(nonce) != nil {
		return "", nil, 0, wrong
	}
	salt, err = base64.StdEncoding.DecodeString(fields[1][2:])
	if err != nil || len(salt) == 0 {
		return "", nil, 0, wrong
	}
	iterations, err = strconv.Atoi(fields[2][2:])
	if err != nil || iterations < minIterations || iterations > maxIterations {
		return "", nil, 0, fmt.Errorf("SCRAM doesn't have from %d to %d iterations", minIterations, maxIterations)
	}
	return nonce, salt, iterations, nil
}

// bindingOf returns the channel binding of a TLS session (RFC 9266), or nil.
// There is none where exporting keys would be unsafe: with renegotiation, and in
// TLS 1.2 without the extended master secret (section 4.2).
func bindingOf(state *tls.ConnectionState) []byte {
	if state == nil {
		return nil
	}
	key, err := state.ExportKeyingMaterial("EXPORTER-Channel-Binding", nil, 32)
	if err != nil {
		return nil
	}
	return key
}
