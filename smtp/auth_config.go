package smtp

import (
	"encoding/base64"
	"fmt"
	"slices"
	"strings"

	"github.com/emersion/go-sasl"

	"github.com/qdmail/qdmail/internal/show"
)

// FieldError says that a field of a [Relay] or [Config] has something that can't
// be used. It never quotes a credential.
type FieldError struct {
	// Field is its name, such as "Password".
	Field string
	// Reason goes on from there: "has a NUL".
	Reason string
}

// Error returns both.
func (e *FieldError) Error() string { return e.Field + " " + e.Reason }

// checkCredentials finds out what can be known before a server offers anything.
func (cfg *Config) checkCredentials() error {
	switch {
	case strings.ContainsRune(cfg.Username, 0): // RFC 4616 section 2
		return &FieldError{"Username", "has a NUL"}
	case strings.ContainsRune(cfg.Password, 0):
		return &FieldError{"Password", "has a NUL"}
	case cfg.Username == "" && cfg.Password != "":
		return &FieldError{"Username", "is missing, although there is a password"}
	case cfg.TokenSource != nil && cfg.Password != "":
		return &FieldError{"Password", "is given together with a TokenSource"}
	}
	for _, name := range cfg.Mechanisms {
		if mechanismNamed(name) == nil {
			return &FieldError{"Mechanisms", fmt.Sprintf("has the unknown mechanism %q", show.Cut(name, 40))}
		}
	}
	if !cfg.authenticates() {
		return nil
	}
	var first error
	for _, m := range cfg.wanted() {
		err := cfg.lacks(m)
		if err == nil {
			return nil
		}
		if first == nil {
			first = err
		}
	}
	return first
}

// authenticates reports whether there is somebody to log in as.
func (cfg *Config) authenticates() bool {
	return cfg.Username != "" || cfg.TokenSource != nil ||
		slices.ContainsFunc(cfg.Mechanisms, func(name string) bool { return strings.EqualFold(name, sasl.External) })
}

// wanted are the mechanisms that may be used, the preferred first: those that
// are named, or otherwise all that go with the kind of credentials.
func (cfg *Config) wanted() []*mechanism {
	var wanted []*mechanism
	for _, name := range cfg.Mechanisms {
		if m := mechanismNamed(name); m != nil {
			wanted = append(wanted, m)
		}
	}
	for i := range mechanisms {
		m := &mechanisms[i]
		if len(cfg.Mechanisms) == 0 && m.needs != needsCertificate && m.takesToken() == (cfg.TokenSource != nil) {
			wanted = append(wanted, m)
		}
	}
	return wanted
}

func (m *mechanism) takesToken() bool { return m.needs == needsToken || m.needs == needsUserToken }

// lacks says what a mechanism needs that the configuration doesn't have, or nil.
func (cfg *Config) lacks(m *mechanism) error {
	missing := func(field string) error { return &FieldError{field, "is missing, which " + m.name + " needs"} }
	switch {
	case m.needs == needsCertificate:
		if t := cfg.TLSConfig; t == nil || len(t.Certificates) == 0 && t.GetClientCertificate == nil {
			return &FieldError{"TLSConfig", "has no certificate of the client, which " + m.name + " needs"}
		}
		return nil
	case m.needs != needsToken && cfg.Username == "":
		return missing("Username")
	case m.takesToken():
		if cfg.TokenSource == nil && cfg.Password == "" {
			return missing("TokenSource")
		}
		return checkBearer(cfg)
	case cfg.TokenSource != nil:
		return missing("Password")
	case m.needs == needsPrepared:
		return cfg.checkPrepared()
	}
	return nil
}

// checkBearer refuses what would end a field of an OAuth mechanism before its end.
func checkBearer(cfg *Config) error {
	if checkText(cfg.Username) != nil {
		return &FieldError{"Username", "has control characters or isn't UTF-8"}
	}
	if cfg.Password != "" && checkToken(cfg.Password) != nil {
		return &FieldError{"Password", "has a character that no access token has"}
	}
	return nil
}

// checkPrepared refuses what SCRAM can't carry.
func (cfg *Config) checkPrepared() error {
	if _, err := saslPrepare(cfg.Username); err != nil {
		return &FieldError{"Username", err.Error()}
	}
	if _, err := saslPrepare(cfg.Password); err != nil {
		return &FieldError{"Password", err.Error()}
	}
	return nil
}

// secrets are the forms in which the password goes over the wire, and itself.
func (cfg *Config) secrets() []string {
	b64 := base64.StdEncoding.EncodeToString
	if cfg.Password == "" {
		return nil
	}
	return []string{
		b64([]byte("\x00" + cfg.Username + "\x00" + cfg.Password)),
		b64([]byte(cfg.Password)), cfg.Password,
	}
}
