package mtasts

// Result is a kind of failure under the name that TLS reporting has for it (RFC
// 8460 section 4.3), for those of DANE too. Empty: nothing failed.
type Result string

// The results.
const (
	// Of the connection (section 4.3.1).
	ResultSTARTTLSNotSupported    Result = "starttls-not-supported"
	ResultCertificateHostMismatch Result = "certificate-host-mismatch"
	ResultCertificateExpired      Result = "certificate-expired"
	ResultCertificateNotTrusted   Result = "certificate-not-trusted"
	ResultValidationFailure       Result = "validation-failure" // any other
	// Of DANE (section 4.3.2.1).
	ResultTLSAInvalid   Result = "tlsa-invalid"
	ResultDNSSECInvalid Result = "dnssec-invalid"
	ResultDANERequired  Result = "dane-required"
	// Of MTA-STS (section 4.3.2.2).
	ResultPolicyFetchError Result = "sts-policy-fetch-error"
	ResultPolicyInvalid    Result = "sts-policy-invalid"
	ResultWebPKIInvalid    Result = "sts-webpki-invalid"
)

// The policies that a report speaks of (RFC 8460 section 4.4, "policy-type").
const (
	PolicyTypeSTS  = "sts"
	PolicyTypeTLSA = "tlsa"
	PolicyTypeNone = "no-policy-found"
)
