package dkim

import (
	"crypto/ed25519"
	"crypto/x509"
	"encoding/base64"
	"strings"
)

// maxString is how many octets fit into one string of a TXT record (RFC 1035
// section 3.3.14).
const maxString = 255

// Record is the TXT record of a public key.
type Record struct {
	// Name is where it belongs, such as "s2026._domainkey.example.jp", without final
	// dot.
	Name string
	// Value is its text, such as "v=DKIM1; k=rsa; p=MIIB...".
	Value string
}

// Strings splits the value into strings of at most 255 octets: the form in which
// it goes into the DNS. Receivers join them with nothing between.
func (r Record) Strings() []string {
	var list []string
	for rest := r.Value; rest != ""; {
		n := min(len(rest), maxString)
		list, rest = append(list, rest[:n]), rest[n:]
	}
	return list
}

// String returns the record as one line of a zone file.
func (r Record) String() string {
	var b strings.Builder
	b.WriteString(r.Name + ". IN TXT (")
	for _, s := range r.Strings() {
		b.WriteString(` "` + zoneEscapes.Replace(s) + `"`)
	}
	b.WriteString(" )")
	return b.String()
}

var zoneEscapes = strings.NewReplacer(`"`, `\"`, `\`, `\\`)

func recordName(selector, domain string) string { return selector + "._domainkey." + domain }

// Record returns what to publish for the key. It fails for what New refuses.
func (k Key) Record() (Record, error) {
	k, faults := k.prepare()
	if faults != nil {
		return Record{}, faults[0]
	}
	r := Record{Name: recordName(k.Selector, k.Domain)}
	switch pub := k.Private.Public().(type) {
	case ed25519.PublicKey:
		r.Value = "v=DKIM1; k=ed25519; p=" + base64.StdEncoding.EncodeToString(pub)
	default:
		der, err := x509.MarshalPKIXPublicKey(pub)
		if err != nil {
			return Record{}, &Error{k.Domain, k.Selector, err}
		}
		r.Value = "v=DKIM1; k=rsa; p=" + base64.StdEncoding.EncodeToString(der)
	}
	return r, nil
}
