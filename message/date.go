package message

import (
	"time"

	"github.com/qdmail/qdmail/encoding/header"
)

// dateField is the Date field that was written last. Messages that are made one
// after the other have it in common, for a second.
type dateField struct {
	second   int64
	location *time.Location
	field    header.Fixed
}

// of returns the Date field of t.
func (d *dateField) of(t time.Time) header.Fixed {
	if d.location == nil || t.Unix() != d.second || t.Location() != d.location {
		var b header.Builder
		b.Field("Date")
		b.Token(string(appendDate(nil, t)))
		b.End()
		*d = dateField{t.Unix(), t.Location(), b.Fixed()}
	}
	return d.field
}

// appendDate appends a date as RFC 5322 section 3.3 wants it. AppendFormat does the
// same, and reads its layout each time.
func appendDate(b []byte, t time.Time) []byte {
	year, month, day := t.Date()
	hour, minute, second := t.Clock()
	_, zone := t.Zone()
	b = append(b, t.Weekday().String()[:3]...)
	b = append(b, ", "...)
	b = appendTwo(b, day)
	b = append(b, ' ')
	b = append(b, month.String()[:3]...)
	b = append(b, ' ')
	b = appendTwo(b, year/100)
	b = appendTwo(b, year%100)
	b = append(b, ' ')
	b = appendTwo(b, hour)
	b = append(b, ':')
	b = appendTwo(b, minute)
	b = append(b, ':')
	b = appendTwo(b, second)
	b = append(b, ' ')
	if zone /= 60; zone < 0 {
		b, zone = append(b, '-'), -zone
	} else {
		b = append(b, '+')
	}
	b = appendTwo(b, zone/60)
	return appendTwo(b, zone%60)
}

// appendTwo appends n with two digits.
func appendTwo(b []byte, n int) []byte { return append(b, byte('0'+n/10%10), byte('0'+n%10)) }
