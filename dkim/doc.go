// Package dkim signs finished messages, so that receivers know which domain
// answers for them (RFC 6376): a message goes in, the DKIM-Signature field that
// belongs right before it comes out.
//
//	key, err := dkim.LoadPEM("dkim.pem")
//	...
//	signer, err := dkim.New(dkim.Config{Keys: []dkim.Key{
//		{Domain: "example.jp", Selector: "s2026", Private: key},
//	}})
//	...
//	mailer.Encoder.HeaderSigner = signer
//
// A message is signed with all keys of the domain in its From field: with an RSA
// key, which every receiver can verify, with an Ed25519 key (RFC 8463), or with
// one of each, which gives two fields. The digest is SHA-256 and both
// canonicalizations are relaxed, which survive what relays do to white space.
//
// The fields that a reader sees or acts on are signed once more than they occur,
// so that one added on the way makes the signature fail (RFC 6376 section 8.15):
// see [Signer.SignMessage]. The length of the body is never limited (no l=).
//
// [Key.Record] is what to publish in the DNS and [Key.Check] holds what is
// published against the key. Making keys is for openssl.
//
// The octets are signed by github.com/emersion/go-msgauth. Read signer.go first,
// then header.go, author.go, cover.go, guard.go and fold.go for what it is given
// and what becomes of its result; key.go, pem.go, config.go and domain.go for what a user fills in;
// record.go, taglist.go and check.go for the DNS.
package dkim
