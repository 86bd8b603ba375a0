package message

import "time"

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
