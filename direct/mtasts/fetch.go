package mtasts

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"time"
)

// How long fetching may take (RFC 8461 section 3.3), and how long if there is
// still a policy to go by.
const (
	patient   = time.Minute
	impatient = 10 * time.Second
)

// Reasons why a policy can't be had.
var (
	// ErrFetch: the policy host didn't answer, or with something else.
	ErrFetch = errors.New("mtasts: the policy can't be fetched")
	// ErrCertificate: the policy host has no valid certificate.
	ErrCertificate = errors.New("mtasts: the policy host has no valid certificate")
	// ErrRecently: it failed a moment ago and isn't tried again yet.
	ErrRecently = errors.New("mtasts: the policy couldn't be had a moment ago")
)

// newHTTP returns a client that doesn't follow redirects.
func newHTTP(given *http.Client) *http.Client {
	client := http.Client{}
	if given != nil {
		client = *given
	}
	if client.Transport == nil {
		client.Transport = &http.Transport{
			Proxy:                  http.ProxyFromEnvironment,
			TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12},
			DisableKeepAlives:      true,
			DisableCompression:     true,
			MaxResponseHeaderBytes: MaxSize,
		}
	}
	client.Jar = nil
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &client
}

// Fetch gets the policy of a domain from its policy host, past the store. The
// error is ErrFetch, ErrCertificate, ErrPolicy or ErrDomain.
func (c *Client) Fetch(ctx context.Context, domain string) (*Policy, error) {
	c.once.Do(c.defaults)
	if !isDomain(domain) {
		return nil, fmt.Errorf("%w: %.80q", ErrDomain, domain)
	}
	return c.fetch(ctx, domain, patient)
}

func (c *Client) fetch(ctx context.Context, domain string, patience time.Duration) (*Policy, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://mta-sts."+domain+"/.well-known/mta-sts.txt", nil)
	if err != nil {
		return nil, fetchError(err)
	}
	resp, err := c.http.Do(req)
	if err != nil {
		if _, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
			return nil, fmt.Errorf("%w: %w", ErrCertificate, err)
		}
		return nil, fetchError(err)
	}
	defer resp.Body.Close()
	if err := checkResponse(resp); err != nil {
		return nil, err
	}
	text, err := io.ReadAll(io.LimitReader(resp.Body, MaxSize+1))
	if err != nil {
		return nil, fetchError(err)
	}
	return ParsePolicy(text)
}

// fetchError leaves nothing of the cause but its text, since the end of our
// patience isn't that of the caller's context.
func fetchError(err error) error { return fmt.Errorf("%w: %v", ErrFetch, err) }

// checkResponse refuses what isn't a policy, or might not be the domain's: a
// client that doesn't verify certificates has no verified chains.
func checkResponse(resp *http.Response) error {
	if resp.TLS == nil || resp.TLS.Version < tls.VersionTLS12 || len(resp.TLS.VerifiedChains) == 0 {
		return ErrCertificate
	}
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("%w: HTTP status %d", ErrFetch, resp.StatusCode)
	}
	kind, _, err := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	if err != nil && !errors.Is(err, mime.ErrInvalidMediaParameter) || kind != "text/plain" {
		return fmt.Errorf("%w: it is no text/plain", ErrFetch)
	}
	return nil
}

func resultOf(err error) Result {
	switch {
	case errors.Is(err, ErrCertificate):
		return ResultWebPKIInvalid
	case errors.Is(err, ErrPolicy):
		return ResultPolicyInvalid
	}
	return ResultPolicyFetchError
}
