package message

import (
	"github.com/qdmail/qdmail/encoding/charset"
	"github.com/qdmail/qdmail/encoding/header"
	"github.com/qdmail/qdmail/encoding/transfer"
)

// textPart says how a text is written.
type textPart struct {
	kind          textKind
	charset       charset.Charset
	flowed, delSp bool
	quoted        bool // always quoted-printable
}

type textKind uint8

const (
	plainText textKind = iota
	htmlText
)

func (k textKind) mediaType() string {
	if k == htmlText {
		return "text/html"
	}
	return "text/plain"
}

// writeFields writes the header of the part.
func (p textPart) writeFields(b *header.Builder, enc transfer.Encoding) {
	b.Field("Content-Type")
	b.Token(p.kind.mediaType())
	b.Param("charset", p.charset.String())
	if p.flowed {
		b.Param("format", "flowed")
		if p.delSp {
			b.Param("delsp", "yes")
		}
	}
	b.End()
	writeEncoding(b, enc)
	b.End()
}

func writeEncoding(b *header.Builder, enc transfer.Encoding) {
	b.Field("Content-Transfer-Encoding")
	b.Token(enc.String())
	b.End()
}

// textFields are the headers that nearly all text parts have one of. They are made
// once, because they would take a tenth of the time that a short message takes.
var textFields = func() (t [htmlText + 1][charset.CP50220 + 1][transfer.Base64 + 1]header.Fixed) {
	for kind := range t {
		for c := range t[kind] {
			for enc := range t[kind][c] {
				var b header.Builder
				textPart{kind: textKind(kind), charset: charset.Charset(c)}.writeFields(&b, transfer.Encoding(enc))
				t[kind][c][enc] = b.Fixed()
			}
		}
	}
	return t
}()

var mimeVersion = func() header.Fixed {
	var b header.Builder
	b.Field("MIME-Version")
	b.Token("1.0")
	b.End()
	return b.Fixed()
}()
