package mime

import (
	"slices"
	"strings"
)

// Part is an entity of a message (RFC 2045 section 2.4): the message itself, a
// part of a multipart, or a message that is a part.
type Part struct {
	// Header has the fields in their order.
	Header Header
	// MediaType is the type of the Content-Type field in lower case, such as
	// "text/plain"; if there is none or it can't be read, the default of RFC 2045
	// section 5.2, or message/rfc822 in a multipart/digest.
	MediaType string
	// Params are the parameters of the Content-Type field. Their names are in
	// lower case, their values decoded (RFC 2231). Of two of one name the first
	// counts, and of name*=, name*0= and name= the one that stands first here.
	Params map[string]string
	// Disposition is the type of the Content-Disposition field in lower case,
	// such as "attachment" (RFC 2183), and DispositionParams are its parameters;
	// empty if there is none.
	Disposition       string
	DispositionParams map[string]string
	// Encoding is the Content-Transfer-Encoding in lower case; "7bit" if there is
	// none.
	Encoding string
	// Parts are the children: the parts of a multipart, or the one message of a
	// message/rfc822 or message/global whose encoding is 7bit, 8bit or binary. A
	// message that is encoded has none; Parse its Content to see inside.
	Parts []*Part

	src []byte // the whole input
	// Offsets in src. Where one part of the structure is missing, its beginning
	// and end coincide.
	start, head, body, end int
	// The preamble begins at body, the epilogue ends at end.
	preambleEnd, epilogue int

	defects noted
}

// Raw returns the part as it stands in the input, header and all. It doesn't
// include the line ending before the delimiter that ends the part, which belongs
// to the delimiter (RFC 2046 section 5.1.1), and so is what a multipart/signed
// signs.
func (p *Part) Raw() []byte { return p.src[p.start:p.end:p.end] }

// Offset returns where in the input Raw begins.
func (p *Part) Offset() int { return p.start }

// Blank returns the line ending between header and body. Raw is the Raw of all
// fields, Blank and Body.
func (p *Part) Blank() []byte { return p.src[p.head:p.body:p.body] }

// Body returns the body as it stands in the input, encoded; with all its
// delimiters if it is a multipart.
func (p *Part) Body() []byte { return p.src[p.body:p.end:p.end] }

// Preamble returns what stands before the first part of a multipart, without the
// line ending of the delimiter. In a multipart that has no parts it is the body;
// in what is no multipart it is empty, as is Epilogue.
func (p *Part) Preamble() []byte { return p.src[p.body:p.preambleEnd:p.preambleEnd] }

// Epilogue returns what stands behind the line that ends a multipart.
func (p *Part) Epilogue() []byte { return p.src[p.epilogue:p.end:p.end] }

// Walk visits p and all parts below it in the order of the message. The children
// of a part are left out if visit returns false for it.
func (p *Part) Walk(visit func(*Part) bool) {
	for todo := []*Part{p}; len(todo) > 0; {
		next := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		if visit(next) {
			for _, child := range slices.Backward(next.Parts) {
				todo = append(todo, child)
			}
		}
	}
}

// FileName returns the name that the part gives itself: of the parameters
// filename* and filename of Content-Disposition and name* and name of
// Content-Type the first that there is, decoded; empty if there is none.
//
// It is what the sender wrote: it may have slashes, control characters, or
// characters that change the direction of writing, and is no path to open.
func (p *Part) FileName() string {
	if name := p.DispositionParams["filename"]; name != "" {
		return name
	}
	return p.Params["name"]
}

// composite tells a part that is made of others, or would be if its boundary were
// there.
func (p *Part) composite() bool { return p.multipart() || len(p.Parts) > 0 }

func (p *Part) multipart() bool { return strings.HasPrefix(p.MediaType, "multipart/") }
