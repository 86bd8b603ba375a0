package message

import (
	"time"

	"github.com/qdmail/qdmail/delivery"
	"github.com/qdmail/qdmail/encoding/charset"
)

// Charset is a charset that a message can be written in.
type Charset = charset.Charset

const (
	// UTF8 is the default.
	UTF8 = charset.UTF8
	// ISO2022JP is what Japanese mail was written in for decades and what old
	// mail programs and handsets read best (RFC 1468). Half-width katakana are
	// written full-width; see [Unencodable] for what it lacks.
	ISO2022JP = charset.ISO2022JP
)

// Unencodable says what happens to characters that the charset lacks, such as
// emoji or 髙 in ISO-2022-JP. They are never replaced by "?".
type Unencodable uint8

const (
	// UnencodableFallback writes the whole message in UTF-8 instead. It is the
	// default.
	UnencodableFallback Unencodable = iota
	// UnencodableVendor writes the NEC and IBM characters (①, ㈱, 髙) with the
	// octets of Microsoft's code page 50220 under the label ISO-2022-JP, which
	// most Japanese mail programs read. If that isn't enough, the whole message
	// falls back to UTF-8.
	UnencodableVendor
	// UnencodableTransliterate replaces them by what a Japanese reader takes for
	// the same: ① by (1), ㈱ by (株), 髙 by 高, é by e. What has no such
	// substitute makes the whole message fall back to UTF-8, in the original.
	UnencodableTransliterate
	// UnencodableError fails with a FieldError for every character.
	UnencodableError
)

// Priority is the importance that a mail program shows.
type Priority uint8

// The priorities. PriorityNone, the default, writes no field.
const (
	PriorityNone Priority = iota
	PriorityHigh
	PriorityNormal
	PriorityLow
)

// Header is an additional header field.
type Header struct {
	// Name is the field name, such as "X-Campaign".
	Name string
	// Value is text; what isn't ASCII is encoded (RFC 2047). The value of a
	// field with a grammar of its own, such as List-Id, has to be ASCII in that
	// grammar already.
	Value string
}

// Message is a mail before it is encoded. The zero value of every field but From
// is fine; From and one of To, Cc and Bcc are needed to send it.
type Message struct {
	// From is the author.
	From Address
	// Sender is who sent the mail on the author's behalf (RFC 5322 section
	// 3.6.2). Default: not written.
	Sender Address
	// ReplyTo is where answers go. Default: not written, so to From.
	ReplyTo []Address
	// To, Cc and Bcc are the recipients. Bcc stands in no header. If there are
	// only Bcc recipients, "To: undisclosed-recipients:;" is written.
	To, Cc, Bcc []Address
	// Subject is the subject. Default: not written.
	Subject string
	// Text and HTML are the body. If both are given they are alternatives, the
	// text first. CRLF, LF and CR are all line endings; one is added at the end
	// if it is missing.
	Text, HTML string
	// Wrap is the width to which the lines of Text are wrapped, in columns, of
	// which a full-width character takes two; 70 is usual. Words and URLs stay
	// whole, and so do lines that a mail program quotes. Default: no wrapping.
	Wrap int
	// Flowed writes Text so that a reader that knows format=flowed fits its lines
	// to the window (RFC 3676). Default: false.
	Flowed bool
	// Calendar is an invitation that goes beside Text and HTML as the last
	// alternative. Default: none.
	Calendar *Calendar
	// Attachments are files, in order. Those with a Content-ID stand beside the
	// HTML that shows them.
	Attachments []Attachment

	// Charset is the charset of the text parts. Default: UTF8.
	Charset Charset
	// HTMLCharset is the charset of the HTML alone. Default: that of Charset.
	HTMLCharset Charset
	// HeaderCharset is the charset of subject, names and file names. Default:
	// that of Charset.
	HeaderCharset Charset
	// Unencodable says what happens to characters that the charset lacks.
	// Default: UnencodableFallback.
	Unencodable Unencodable

	// Structure says how the parts are nested. Default: StructureStandard.
	Structure Structure

	// Priority is the importance. Default: PriorityNone.
	Priority Priority
	// DispositionNotificationTo asks the reader's program to report to these
	// addresses that the mail was displayed (RFC 8098). Many programs only do so
	// if it is the envelope sender's address. Default: not written.
	DispositionNotificationTo []Address
	// InReplyTo and References are message identifiers, without brackets, of
	// what this mail answers (RFC 5322 section 3.6.4). Default: not written.
	InReplyTo, References []string
	// ListUnsubscribe are the ways to leave a mailing list, https and mailto
	// URIs, the preferred first (RFC 2369 section 3.2). Default: not written.
	ListUnsubscribe []string
	// OneClickUnsubscribe says that a POST to the https URI of ListUnsubscribe,
	// which there has to be exactly one of, unsubscribes at once (RFC 8058); the
	// large mailbox providers demand it of bulk mail. The signature of the
	// message must cover both fields. Default: false.
	OneClickUnsubscribe bool
	// AutoSubmitted says that a program wrote the mail, "auto-generated" or
	// "auto-replied", so that other programs don't answer it (RFC 3834 section
	// 5). Default: not written.
	AutoSubmitted string
	// Signer signs this message in place of the Encoder's; Unsigned leaves it
	// unsigned. Default: that of the Encoder.
	Signer Signer `json:"-"`
	// Headers are further fields, written in order. Fields that a Message has a
	// field of its own for are refused here.
	Headers []Header

	// MessageID is the message identifier, without brackets. Default: a random
	// one at the domain of From.
	MessageID string
	// Date is the date of writing. Default: now, by the Encoder's clock.
	Date time.Time

	// ReturnPath is the envelope sender, to which bounces go; "<>" is the null
	// reverse-path, for mail that must never be answered by a machine. Default:
	// the address of From.
	ReturnPath string
	// DSN asks the servers on the way for delivery reports (RFC 3461). Its
	// Notify applies to every recipient. Default: nothing is asked.
	DSN delivery.DSN
}

// Calendar is a scheduling message of iCalendar (RFC 5545, RFC 5546): an
// invitation, its answer, its cancellation.
type Calendar struct {
	// Method is the method of the calendar, such as "REQUEST". It has to be the
	// METHOD that stands in Data.
	Method string
	// Data is the calendar in UTF-8, from BEGIN:VCALENDAR to END:VCALENDAR.
	Data []byte
}
