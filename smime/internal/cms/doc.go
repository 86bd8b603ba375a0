// Package cms writes SignedData, EnvelopedData and AuthEnvelopedData of the
// Cryptographic Message Syntax (RFC 5652, RFC 5083) and reads the latter two.
//
// The reason why it is here: go.mozilla.org/pkcs7 signs with the machine's clock
// and with keys in memory alone, takes a content as one slice, panics for
// recipients with an elliptic curve, and writes AES-GCM in a form of its own that
// nobody reads. A signer that lacks these would need a second one beside it, so
// this package does all signing, all encryption and all decryption. What pkcs7
// does well, verifying signatures, it does alone; Detach makes ready for it what
// others wrote.
//
// Read der.go and ber.go, the notation; then signature.go; then envelope.go with
// recipient.go and keywrap.go, and open.go, the way back; oid.go and cipher.go
// are tables.
package cms
