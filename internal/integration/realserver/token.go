package realserver

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"time"
)

// tokenKey is what access tokens are signed by.
const tokenKey = "0123456789abcdef0123456789abcdef"

// TokenKey returns the key as Dovecot reads it.
func (h *Host) TokenKey() string { return base64.StdEncoding.EncodeToString([]byte(tokenKey)) }

// Token makes an access token for u, a JSON Web Token (RFC 7519) that is good for
// some time from now on, or for no time any more.
func (h *Host) Token(u User, good time.Duration) string {
	b64 := base64.RawURLEncoding.EncodeToString
	claims, _ := json.Marshal(map[string]any{ // of a string and numbers alone
		"sub": u.Address,
		"iat": time.Now().Add(-24 * time.Hour).Unix(),
		"exp": time.Now().Add(good).Unix(),
	})
	signed := b64([]byte(`{"alg":"HS256","typ":"JWT","kid":"token.key"}`)) + "." + b64(claims)
	mac := hmac.New(sha256.New, []byte(tokenKey))
	mac.Write([]byte(signed))
	return signed + "." + b64(mac.Sum(nil))
}
