// Package transfer writes the bodies of MIME parts: base64 and quoted-printable
// (RFC 2045 sections 6.7 and 6.8), CRLF line endings, and the scan that tells
// which of them a content needs.
//
// Everything here streams: a writer or reader holds one buffer of a few
// kilobytes whatever the size of the content.
//
// Read scan.go, then crlf.go, base64.go, quotedprintable.go and flowed.go.
package transfer
