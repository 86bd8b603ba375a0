package testsmtp

import (
	"crypto/hmac"
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/tls"
	"encoding/base64"
	"fmt"
	"hash"
	"slices"
	"strings"
)

// scramIterations is what RFC 7677 section 4 asks for at least.
const scramIterations = 4096

// scram is the server's side of one SCRAM exchange (RFC 5802, RFC 7677). Names
// and passwords of Users count as prepared by SASLprep already.
type scram struct {
	c     *session
	name  string // of the mechanism, in capitals
	plus  bool   // it ends in -PLUS
	hash  func() hash.Hash
	steps int

	gs2, firstBare, serverFirst string
	user, nonce                 string
	salted                      []byte
}

func (c *session) scram(name string) mechanism {
	s := &scram{c: c, name: name, hash: sha256.New}
	s.name, s.plus = strings.CutSuffix(name, "-PLUS")
	if s.name == "SCRAM-SHA-1" {
		s.hash = sha1.New
	}
	return s.next
}

// next takes the client's messages: its first, its final one, and the empty
// response to the server's final one.
func (s *scram) next(response []byte) (challenge, user string, done bool) {
	if response == nil {
		return "", "", false
	}
	s.steps++
	ok := false
	switch s.steps {
	case 1:
		challenge, ok = s.first(string(response))
	case 2:
		challenge, ok = s.final(string(response))
	default:
		if len(response) == 0 {
			user = s.user
		}
		return "", user, true
	}
	return challenge, "", !ok
}

// first answers the client's first message by a nonce, the salt and the number
// of iterations.
func (s *scram) first(message string) (challenge string, ok bool) {
	fields := strings.Split(message, ",")
	if len(fields) != 4 || !s.bindingFits(fields[0]) || fields[1] != "" ||
		!strings.HasPrefix(fields[2], "n=") || !strings.HasPrefix(fields[3], "r=") || len(fields[3]) < 10 {
		return "", false
	}
	s.gs2 = fields[0] + ",,"
	s.firstBare = strings.Join(fields[2:], ",")
	s.user = strings.NewReplacer("=2C", ",", "=3D", "=").Replace(fields[2][2:])
	password, known := s.c.srv.Users[s.user]
	if !known {
		return "", false
	}
	salt := make([]byte, 16)
	rand.Read(salt)
	var err error
	if s.salted, err = pbkdf2.Key(s.hash, password, salt, scramIterations, s.hash().Size()); err != nil {
		return "", false
	}
	s.nonce = fields[3] + rand.Text()
	s.serverFirst = fmt.Sprintf("%s,s=%s,i=%d", s.nonce, base64.StdEncoding.EncodeToString(salt), scramIterations)
	return s.serverFirst, true
}

// bindingFits reports whether the client's channel binding flag can be right.
// "y" says that we don't offer channel binding; if we do, somebody has tampered
// with what we offered.
func (s *scram) bindingFits(flag string) bool {
	switch flag {
	case "n":
		return !s.plus
	case "y":
		return !s.plus && !(s.c.secure && s.c.knows(s.name+"-PLUS"))
	}
	return s.plus && flag == "p=tls-exporter"
}

// final checks the client's proof and answers by ours.
func (s *scram) final(message string) (challenge string, ok bool) {
	withoutProof, proof64, _ := strings.Cut(message, ",p=")
	proof, err := base64.StdEncoding.Strict().DecodeString(proof64)
	if err != nil || len(proof) != s.hash().Size() {
		return "", false
	}
	binding, ok := s.binding()
	want := "c=" + base64.StdEncoding.EncodeToString(append([]byte(s.gs2), binding...)) + "," + s.nonce
	if !ok || withoutProof != want {
		return "", false
	}
	signed := s.firstBare + "," + s.serverFirst + "," + withoutProof
	clientKey := s.mac(s.salted, "Client Key")
	stored := s.hash()
	stored.Write(clientKey)
	for i, b := range s.mac(stored.Sum(nil), signed) {
		proof[i] ^= b
	}
	if !hmac.Equal(proof, clientKey) {
		return "", false
	}
	return "v=" + base64.StdEncoding.EncodeToString(s.mac(s.mac(s.salted, "Server Key"), signed)), true
}

// binding is the channel binding tls-exporter (RFC 9266), empty without -PLUS.
func (s *scram) binding() (data []byte, ok bool) {
	if !s.plus {
		return nil, true
	}
	conn, ok := s.c.conn.(*tls.Conn)
	if !ok {
		return nil, false
	}
	state := conn.ConnectionState()
	data, err := state.ExportKeyingMaterial("EXPORTER-Channel-Binding", nil, 32)
	return data, err == nil
}

func (s *scram) mac(key []byte, text string) []byte {
	m := hmac.New(s.hash, key)
	m.Write([]byte(text))
	return m.Sum(nil)
}

// knows reports whether AUTH offers the mechanism.
func (c *session) knows(name string) bool {
	return slices.ContainsFunc(c.srv.mechanisms(), func(m string) bool { return strings.EqualFold(m, name) })
}

// external is EXTERNAL, RFC 4422 appendix A: the user is the common name of the
// client's certificate.
func (c *session) external(response []byte) (challenge, user string, done bool) {
	if response == nil {
		return "", "", false
	}
	conn, ok := c.conn.(*tls.Conn)
	if !ok {
		return "", "", true
	}
	certificates := conn.ConnectionState().PeerCertificates
	if len(certificates) == 0 {
		return "", "", true
	}
	name := certificates[0].Subject.CommonName
	if _, ok := c.srv.Users[name]; !ok || len(response) > 0 && string(response) != name {
		return "", "", true
	}
	return "", name, true
}
