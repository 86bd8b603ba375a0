// Package dane is DANE for SMTP (RFC 7672): a host says in DNSSEC which
// certificate it has, by TLSA records (RFC 6698), and no certificate authority
// need be trusted.
//
// Everything here is pure. Whoever looks the records up takes them only from
// answers that are Secure, of hosts whose MX record and addresses were Secure as
// well (RFC 7672 section 2.2), and takes a failed lookup for a host that can't be
// used. With records, usable or not, TLS is mandatory; [Verifier] then says
// whether the server is the right one:
//
//	v := &dane.Verifier{Records: answer.Records, Names: []string{"mx.example.jp", "example.jp"}}
//	conn := tls.Client(raw, &tls.Config{
//		ServerName:         "mx.example.jp",
//		InsecureSkipVerify: true, // v verifies
//		VerifyConnection:   v.VerifyConnection,
//	})
//
// Read record.go, then verifier.go and anchor.go.
package dane
