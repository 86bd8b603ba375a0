package smtp_test

import (
	"testing"

	"github.com/qdmail/qdmail/smtp"
)

// The exchanges that the RFCs show: RFC 5802 section 5 and RFC 7677 section 3.
func TestSCRAMVectors(t *testing.T) {
	for _, v := range []struct{ mechanism, nonce, first, server, final, proof string }{
		{
			"SCRAM-SHA-1", "fyko+d2lbbFgONRv9qkxdawL",
			"n,,n=user,r=fyko+d2lbbFgONRv9qkxdawL",
			"r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,s=QSXCR+Q6sek8bf92,i=4096",
			"c=biws,r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,p=v0X8v3Bz2T0CJGbJQyF0X+HI4Ts=",
			"v=rmF9pqV8S7suAoZWja4dJRkFsKQ=",
		},
		{
			"SCRAM-SHA-256", "rOprNGfwEbeRWgbNEkqO",
			"n,,n=user,r=rOprNGfwEbeRWgbNEkqO",
			"r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096",
			"c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=",
			"v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=",
		},
	} {
		c, proven := smtp.SCRAM(v.mechanism, "user", "pencil", v.nonce)
		if name, first, err := c.Start(); name != v.mechanism || string(first) != v.first || err != nil {
			t.Errorf("%s: %s, %s, %v", v.mechanism, name, first, err)
		}
		if final, err := c.Next([]byte(v.server)); string(final) != v.final || err != nil || proven() {
			t.Errorf("%s: %s, %v", v.mechanism, final, err)
		}
		if last, err := c.Next([]byte(v.proof)); len(last) != 0 || last == nil || err != nil || !proven() {
			t.Errorf("%s: %q, %v, proven %v", v.mechanism, last, err, proven())
		}
		c, proven = smtp.SCRAM(v.mechanism, "user", "pencil", v.nonce)
		c.Start()
		c.Next([]byte(v.server))
		if _, err := c.Next([]byte("v=" + v.proof[3:] + "=")); err == nil || proven() {
			t.Errorf("%s: a wrong proof is believed", v.mechanism)
		}
	}
	// A user name may have the signs of the protocol.
	c, _ := smtp.SCRAM("SCRAM-SHA-256", "a=b,c", "pencil", "x")
	if _, first, _ := c.Start(); string(first) != "n,,n=a=3Db=2Cc,r=x" {
		t.Errorf("%s", first)
	}
}

// A server's first message that is wrong in one way or another ends the exchange.
func TestSCRAMFirstMessage(t *testing.T) {
	for _, s := range []string{
		"", "r=x", "r=xy,s=QQ==", "r=x,s=QQ==,i=4096", "r=zx,s=QQ==,i=4096", "r=xy,s=,i=4096", "r=xy,s=Q,i=4096",
		"r=xy,s=QQ==,i=4095", "r=xy,s=QQ==,i=1000001", "r=xy,s=QQ==,i=99999999999999999999", "r=xy,s=QQ==,i=",
		"r=xy,s=QQ==,i=-1", "m=ext,r=xy,s=QQ==,i=4096", "s=QQ==,r=xy,i=4096", "r=x\x00y,s=QQ==,i=4096", "e=other-error", "r", ",,",
	} {
		c, _ := smtp.SCRAM("SCRAM-SHA-256", "user", "pencil", "x")
		c.Start()
		if final, err := c.Next([]byte(s)); err == nil {
			t.Errorf("%q is answered by %s", s, final)
		}
	}
}
