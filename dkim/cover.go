package dkim

import "strings"

// cover is a kind of header field that a signature covers.
type cover struct {
	name string
	// most is how often a message may have it.
	most int
	// always makes the signature speak of the field even if there is none, so that
	// none can be added.
	always bool
}

// standard are the fields that are covered in every message. RFC 5322 section 3.6
// and RFC 2369 section 3.4 allow each of them once.
//
// Those that aren't covered always are the ones that a submission server or a
// mailing list may add rightfully.
var standard = []cover{
	{"From", 1, true},
	{"To", 1, true},
	{"Cc", 1, true},
	{"Reply-To", 1, true},
	{"Subject", 1, true},
	{"Date", 1, false},
	{"Message-ID", 1, false},
	{"In-Reply-To", 1, false},
	{"References", 1, false},
	{"MIME-Version", 1, true},
	{"Content-Type", 1, true},
	{"Content-Transfer-Encoding", 1, true},
	{"List-Id", 1, false},
	{"List-Unsubscribe", 1, false},
	{"List-Unsubscribe-Post", 1, false},
}

// Together these keep the lines of a signature below 998 octets: names of fields
// that a message has can't be folded between.
const (
	maxRepeats = 10
	maxName    = 76
)

// onTheWay are fields that are written after signing.
var onTheWay = map[string]bool{
	"return-path": true, "received": true, "delivered-to": true, "dkim-signature": true,
	"authentication-results": true, "bcc": true,
}

func checkField(name string) error {
	if !isFieldName(name) || len(name) > maxName || strings.ContainsRune(name, ';') || onTheWay[strings.ToLower(name)] {
		return ErrInvalid
	}
	return nil
}

// covered picks from h what is covered. It returns that as a header, each field in
// one line, and the names for h=, in which each field stands once more than there
// are of it.
//
// The name of a field that isn't there is preceded by a space, at which h= can be
// folded: white space is allowed there (RFC 6376 section 3.5), but the signer
// would not find a field by it.
func (h header) covered(list []cover) (text []byte, names []string, err error) {
	count := make([]int, len(list))
	for _, f := range h {
		for i, c := range list {
			if !strings.EqualFold(f.name, c.name) {
				continue
			}
			if count[i]++; count[i] > c.most {
				return nil, nil, ErrHeader
			}
			text = append(text, f.name...)
			text = append(text, ':')
			text = append(text, f.value...)
			text = append(text, "\r\n"...)
			break
		}
	}
	for i, c := range list {
		if count[i] == 0 && !c.always {
			continue
		}
		for range count[i] {
			names = append(names, c.name)
		}
		names = append(names, " "+c.name)
	}
	return append(text, "\r\n"...), names, nil
}
