// Package smime signs and encrypts mail with S/MIME (RFC 8551), and reads it.
//
// A [Signer] has a private key and a certificate. LoadPEM, LoadEncryptedPEM and
// LoadPFX make one from files, New from any crypto.Signer, such as a key that
// never leaves its hardware. Seal signs a finished message; Sign and Freeze sign a
// MIME entity for somebody who composes the message around it.
//
//	signer, err := smime.LoadEncryptedPEM("cert.pem", "private.pem", password)
//	...
//	signed, err := signer.Seal(body.Open) // a delivery.Body
//
// An [Encrypter] encrypts to the certificates of the recipients and says which of
// them get the same copy. [Verifier] and [Decrypt] read what others sent.
//
// Who signs is checked before anything is written: the certificate belongs to the
// key, is for mail, is valid now, and has the address of From. Keys and passwords
// stand in no error, no log and no file.
//
// Signatures are RSA (PKCS #1 v1.5) or ECDSA, with SHA-256 or longer. Nothing is
// said about the header of a message: what S/MIME protects is its content.
//
// Read signer.go and certificate.go, who signs; sign.go, how; entity.go, sealed.go
// and base64.go, the octets; pem.go and pfx.go, where keys come from; encrypter.go
// and copy.go; then part.go, verify.go and decrypt.go, the way back.
package smime
