package mime

import "fmt"

// Kind is what is wrong with a message. The first group are limits, which end
// Parse; all others are defects, which a part carries. A Kind is itself an error,
// so that errors.Is(err, mime.TooDeep) works.
type Kind uint8

// The limits that a message can exceed.
const (
	// TooDeep: more than Limits.Depth parts stand inside each other.
	TooDeep Kind = iota + 1
	// TooManyParts: the message has more than Limits.Parts.
	TooManyParts
	// TooManyFields: a header has more than Limits.Fields.
	TooManyFields
	// HeaderTooLong: a header has more than Limits.HeaderOctets.
	HeaderTooLong
	// TooManyParams: a field has more than Limits.Params.
	TooManyParams

	lastLimit = TooManyParams
)

// The defects of a header.
const (
	// BadField: a line of the header that is no field, such as the "From " line
	// of an mbox file or a byte order mark. It is kept as a Field without a name.
	BadField Kind = iota + lastLimit + 1
	// MissingBlankLine: the header ends at a line that is no field, which is the
	// first one of the body, or at a delimiter.
	MissingBlankLine
	// DuplicateField: a field that may stand once (RFC 5322 section 3.6, RFC
	// 2045) is there again. The first one counts.
	DuplicateField
	// EightBitHeader: octets beyond ASCII. If there is no BadUTF8 beside it, this
	// is an internationalized header (RFC 6532).
	EightBitHeader
	// BadUTF8: octets beyond ASCII in a header that aren't UTF-8.
	BadUTF8
	// BadContentType: a Content-Type that isn't "type/subtype". RFC 2045 section
	// 5.2: it counts as text/plain.
	BadContentType
	// BadParameter: a parameter that breaks RFC 2045 or RFC 2231.
	BadParameter
	// UnknownEncoding: a Content-Transfer-Encoding that RFC 2045 doesn't have. The
	// content is the body as it is.
	UnknownEncoding
)

// The defects of a structure.
const (
	// NoBoundary: a multipart without a boundary parameter. It has no children.
	NoBoundary Kind = iota + UnknownEncoding + 1
	// MissingStartDelimiter: a multipart in which its boundary never begins a
	// part. It has no children.
	MissingStartDelimiter
	// MissingEndDelimiter: a multipart that isn't closed, as when a message was
	// cut off. Its last part ends where what is around it does.
	MissingEndDelimiter
	// EncodedComposite: a multipart or message/rfc822 in base64 or
	// quoted-printable, which RFC 2045 section 6.4 forbids. A multipart is read as
	// if it weren't encoded; a message is left as content.
	EncodedComposite
)

// The defects of lines and of content.
const (
	// BareLF: a line ends in LF without CR.
	BareLF Kind = iota + EncodedComposite + 1
	// BareCR: a CR without LF. It is no line ending here.
	BareCR
	// LongLine: a line over 998 octets (RFC 5322 section 2.1.1).
	LongLine
	// NUL: an octet 0.
	NUL
	// EightBitBody: octets beyond ASCII in a body that says 7bit or nothing.
	EightBitBody
	// BadBase64: base64 with characters that aren't, without its end, or with
	// more behind it.
	BadBase64
	// BadQuotedPrintable: quoted-printable with a "=" that escapes nothing or with
	// octets beyond ASCII.
	BadQuotedPrintable
	// UnknownCharset: a charset that isn't read here. Value names it.
	UnknownCharset
	// BadCharset: octets that aren't valid in the charset that Value names.
	BadCharset
	// NotText: Text was asked of a part that is made of other parts.
	NotText
)

var kindText = [...]string{
	TooDeep:               "the parts are nested too deeply",
	TooManyParts:          "too many parts",
	TooManyFields:         "too many header fields",
	HeaderTooLong:         "the header is too long",
	TooManyParams:         "too many parameters",
	BadField:              "a header line that is no field",
	MissingBlankLine:      "no blank line after the header",
	DuplicateField:        "a field that may stand only once",
	EightBitHeader:        "octets beyond ASCII in the header",
	BadUTF8:               "octets that aren't UTF-8 in the header",
	BadContentType:        "not a media type",
	BadParameter:          "not a parameter",
	UnknownEncoding:       "unknown transfer encoding",
	NoBoundary:            "a multipart without a boundary",
	MissingStartDelimiter: "a multipart without parts",
	MissingEndDelimiter:   "a multipart without its end",
	EncodedComposite:      "an encoded multipart or message",
	BareLF:                "LF without CR",
	BareCR:                "CR without LF",
	LongLine:              "a line over 998 octets",
	NUL:                   "an octet 0",
	EightBitBody:          "octets beyond ASCII in a 7-bit body",
	BadBase64:             "invalid base64",
	BadQuotedPrintable:    "invalid quoted-printable",
	UnknownCharset:        "unknown charset",
	BadCharset:            "octets that aren't valid in the charset",
	NotText:               "no text but parts",
}

// Error says what is wrong in a few words.
func (k Kind) Error() string {
	if int(k) < len(kindText) && kindText[k] != "" {
		return kindText[k]
	}
	return fmt.Sprintf("mime.Kind(%d)", uint8(k))
}

// Limit reports whether k is one of the limits rather than a defect.
func (k Kind) Limit() bool { return k >= TooDeep && k <= lastLimit }

// Error is a limit that was exceeded or a defect of a part.
type Error struct {
	Kind Kind
	// Offset is where in the input it is, in octets: the place itself if it is one
	// octet or line, and otherwise the beginning of the header or body at fault.
	Offset int
	// Value is the name or token at fault, as it stands in the message; empty if
	// there is none.
	Value string
}

// Error returns the kind, the value in quotes and the offset.
func (e *Error) Error() string {
	if e.Value != "" {
		return fmt.Sprintf("mime: %v %.200q (at octet %d)", e.Kind, e.Value, e.Offset)
	}
	return fmt.Sprintf("mime: %v (at octet %d)", e.Kind, e.Offset)
}

// Unwrap returns the Kind.
func (e *Error) Unwrap() error { return e.Kind }
