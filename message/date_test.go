package message_test

import (
	"strings"
	"testing"
	"time"

	"github.com/qdmail/qdmail/message"
)

func TestDateAsTheStandardLibraryHasIt(t *testing.T) {
	m := sample()
	for _, zone := range []int{0, 9 * 3600, -(3*3600 + 30*60), 5*3600 + 45*60, -59, 12*3600 + 1} {
		d := time.Date(1999, 12, 31, 23, 59, 58, 0, time.FixedZone("", zone))
		for range 400 {
			m.Date = d
			want := "Date: " + d.Format(time.RFC1123Z) + "\r\n"
			if raw := string(encoded(t, message.Encoder{}, m)); !strings.HasPrefix(raw, want) {
				t.Fatalf("%.60q, want %q", raw, want)
			}
			d = d.Add(31*time.Hour + 61*time.Minute + 7*time.Second)
		}
	}
}
