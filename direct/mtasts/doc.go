// Package mtasts is MTA-STS (RFC 8461): a domain publishes which MX hosts may get
// its mail, and that they must show a valid certificate.
//
// [ParseRecord] and [ParsePolicy] read what a domain publishes, and
// [Policy.Judge] says what a policy means for one MX host; all three are pure.
// [Client] finds the policy that applies to a domain: it looks the record up,
// fetches the policy over HTTPS when that is needed, and keeps it in a
// [PolicyStore]. Who has a policy connects like this:
//
//	found, err := client.Lookup(ctx, "example.jp") // the domain of the recipient
//	switch found.Policy.Judge("mx1.example.jp") {
//	case mtasts.Refused: // go on to the next MX host
//	case mtasts.Allowed: // if found.Policy.Enforced(), only with a certificate
//	                     // that is valid for mx1.example.jp
//	}
//
// Read record.go and policy.go first, then client.go, fetch.go, store.go and dir.go.
// result.go has the names under which failures are reported (RFC 8460).
package mtasts
