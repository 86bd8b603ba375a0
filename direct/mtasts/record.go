package mtasts

import (
	"errors"
	"fmt"
	"strings"
)

// Errors of ParseRecord.
var (
	// ErrNoRecord: the domain has no MTA-STS record.
	ErrNoRecord = errors.New("mtasts: no MTA-STS record")
	// ErrManyRecords: the domain has several, and none counts.
	ErrManyRecords = errors.New("mtasts: more than one MTA-STS record")
	// ErrRecord: the record has a mistake.
	ErrRecord = errors.New("mtasts: invalid MTA-STS record")
)

// Record says that a domain has a policy (RFC 8461 section 3.1). It is a TXT
// record of "_mta-sts." and the domain.
type Record struct {
	// ID changes whenever the policy does: 1 to 32 letters and digits.
	ID string
}

// String returns the record as it is published.
func (r Record) String() string { return "v=STSv1; id=" + r.ID + ";" }

// ParseRecord finds the record among the TXT records of a name. Others may stand
// beside it; of its own kind there must be exactly one. Fields that aren't known
// are ignored, and so is a second id.
func ParseRecord(txt []string) (Record, error) {
	var ours []string
	for _, s := range txt {
		if strings.HasPrefix(s, "v=STSv1;") {
			ours = append(ours, s)
		}
	}
	switch len(ours) {
	case 0:
		return Record{}, ErrNoRecord
	case 1:
		return parseRecord(ours[0])
	}
	return Record{}, ErrManyRecords
}

func parseRecord(s string) (r Record, err error) {
	fields := strings.Split(s, ";")[1:]
	if last := len(fields) - 1; strings.Trim(fields[last], " \t") == "" {
		fields = fields[:last] // what stands after the final delimiter
	}
	for _, field := range fields {
		name, value, ok := strings.Cut(strings.Trim(field, " \t"), "=")
		switch {
		case !ok || !isExtensionName(name) || value == "" || strings.ContainsFunc(value, notValue):
			return Record{}, fmt.Errorf("%w: %.60q is no field", ErrRecord, field)
		case name != "id" || r.ID != "":
		case len(value) > 32 || strings.ContainsFunc(value, notAlphanumeric):
			return Record{}, fmt.Errorf("%w: an id has 1 to 32 letters and digits", ErrRecord)
		default:
			r.ID = value
		}
	}
	if r.ID == "" {
		return r, fmt.Errorf("%w: there is no id", ErrRecord)
	}
	return r, nil
}

// notValue is what the value of an extension may not have.
func notValue(r rune) bool { return r <= ' ' || r >= 0x7f || r == ';' || r == '=' }

func notAlphanumeric(r rune) bool {
	return !('a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9')
}

// isExtensionName reports whether s can be the name of a field.
func isExtensionName(s string) bool {
	if s == "" || len(s) > 32 || notAlphanumeric(rune(s[0])) {
		return false
	}
	for _, c := range s {
		if notAlphanumeric(c) && c != '_' && c != '-' && c != '.' {
			return false
		}
	}
	return true
}
