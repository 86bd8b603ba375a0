package preflight

import (
	"crypto"
	"crypto/ed25519"
	"crypto/rsa"
	"fmt"
	"slices"
	"strings"

	"github.com/qdmail/qdmail/direct/dns"
)

const whyDKIM = "Receivers get the key that a signature is verified with from this record (RFC 6376); without it, signed mail counts as unsigned."

func noKeys() Finding {
	f := Finding{Check: CheckDKIM}
	f.skip("no key is given")
	f.Fix = "Gmail, Yahoo, Outlook and docomo want mail signed: sign it, and name the keys in DKIM."
	return f
}

// checkDKIM looks whether a key is published, and is the one that signs.
func (r *run) checkDKIM(k Key) Finding {
	f := Finding{Check: CheckDKIM, About: show(k.Selector + "._domainkey." + k.Domain), Why: whyDKIM}
	domain := parseName(k.Domain)
	selector := parseName(k.Selector)
	switch {
	case !domain.usable(&f, "the Domain of the key"):
		return f
	case selector.err != nil || strings.Contains(k.Selector, "@"):
		f.set(Failure, CodeInvalid, "the Selector of the key is none")
		f.Fix = "Set it to the s= of the signatures."
		return f
	}
	at := selector.ascii + "._domainkey." + domain.ascii
	f.About = at
	a := r.resolver.TXT(r.ctx, at)
	if unanswered(&f, a, "the record") {
		return f
	}
	f.judgeRecords(a, k.Public)
	if f.Severity == OK && r.onlyEd25519(domain.ascii) {
		f.set(Warning, "alone", "the key is published, but receivers that don't know Ed25519, Gmail and Outlook among them, see unsigned mail")
		f.Fix = "Sign with an RSA key as well."
	}
	if own := newKeyRecord(k.Public); own != nil && slices.Contains(published[:], f.Code) {
		f.Records = []string{txtRecord(at, own.String())}
	}
	return f
}

// published are the codes of what is mended by publishing the key.
var published = [...]string{"none", "several", CodeInvalid, "other-key", "key-type", "restricted", "testing", "bare"}

// judgeRecords fills in what the TXT records at the name of a key say.
func (f *Finding) judgeRecords(a dns.Answer[string], own crypto.PublicKey) {
	f.Fix = "Publish the key that signs there."
	switch {
	case a.Status != dns.OK:
		f.set(Failure, "none", "there is no key")
		return
	case len(a.Records) > 1:
		f.set(Failure, "several", "there are %d TXT records, and what receivers do then isn't defined", len(a.Records))
		f.Fix = "Leave one of them, the key that signs."
		return
	}
	k, err := parseKeyRecord(a.Records[0])
	switch {
	case err != nil:
		f.set(Failure, CodeInvalid, "what is there can't be read, %s: \"%s\"", err, show(a.Records[0]))
		return
	case k.revoked:
		f.set(Failure, "revoked", "the key was revoked (p= is empty)")
		f.Fix = "Sign with a new key, under another selector."
		return
	case k.key == nil:
		f.set(Failure, "key-type", "the key is of the kind \"%s\", which receivers don't know", show(k.kind))
		return
	case k.hashes != nil && !slices.Contains(k.hashes, "sha256"), k.services != nil && !slices.Contains(k.services, "email") && !slices.Contains(k.services, "*"):
		f.set(Failure, "restricted", "the key may not be used for mail with SHA-256, says h= or s=")
		f.Fix = "Take h= and s= out of the record."
		return
	}
	f.judgeKey(k, own)
}

// judgeKey fills in what the published key is worth.
func (f *Finding) judgeKey(k *keyRecord, own crypto.PublicKey) {
	pair, _ := own.(interface{ Equal(crypto.PublicKey) bool })
	bits := 0
	if pub, ok := k.key.(*rsa.PublicKey); ok {
		bits = pub.N.BitLen()
	}
	switch {
	case own != nil && newKeyRecord(own) == nil:
		f.set(Failure, CodeInvalid, "Public is a %T, which DKIM doesn't know", own)
		f.Fix = "Sign with an RSA or an Ed25519 key."
	case own != nil && !pair.Equal(k.key):
		f.set(Failure, "other-key", "another key is published than the one that signs")
	case 0 < bits && bits < 1024:
		f.set(Failure, "weak", "the key has %d bits, and receivers take no fewer than 1024 (RFC 8301)", bits)
		f.Fix = "Sign with a new key of 2048 bits, under another selector."
	case k.testing:
		f.set(Warning, "testing", "the record says that signatures are being tested (t=y), so receivers may take no heed of them")
		f.Fix = "Take t=y out of the record."
	case k.bare:
		f.set(Warning, "bare", "the key is published without its algorithm around it (PKCS #1), which some receivers can't read")
		f.Fix = "Publish it as a SubjectPublicKeyInfo, as openssl pkey -pubout has it."
	case 0 < bits && bits < 2048:
		f.set(Warning, "short", "the key has %d bits, which is too few by now (RFC 8301)", bits)
		f.Fix = "Sign with a new key of 2048 bits, under another selector."
	case bits > 4096:
		f.set(Warning, "long", "the key has %d bits, and receivers needn't verify more than 4096 (RFC 8301)", bits)
		f.Fix = "Sign with a new key of 2048 bits, under another selector."
	case own == nil:
		f.set(OK, "published", "%s, not compared with the key that signs", kindText(k, bits))
		f.Fix = ""
	default:
		f.set(OK, "match", "%s, the key that signs", kindText(k, bits))
		f.Fix = ""
	}
}

func kindText(k *keyRecord, bits int) string {
	if bits > 0 {
		return fmt.Sprintf("RSA, %d bits", bits)
	}
	return "Ed25519"
}

// onlyEd25519 reports whether no RSA key signs for the domain.
func (r *run) onlyEd25519(domain string) bool {
	ed := false
	for _, k := range r.keys {
		if parseName(k.Domain).ascii != domain {
			continue
		}
		if _, is := k.Public.(ed25519.PublicKey); !is {
			return false
		}
		ed = true
	}
	return ed
}
