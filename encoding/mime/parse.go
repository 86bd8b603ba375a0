package mime

import "bytes"

// Limits bound what Parse takes. A message beyond one of them is an error, never
// cut short. The zero value has the defaults.
type Limits struct {
	// Depth is how many parts may stand inside each other, the message itself
	// being the first. Default: 32.
	Depth int
	// Parts is how many parts a message may have, itself included, and
	// multiparts and enclosed messages too. Default: 1000.
	Parts int
	// Fields is how many fields the header of one part may have. Default: 1000.
	Fields int
	// HeaderOctets is how long the header of one part may be, and with it every
	// name and value in it. Default: 1 MiB.
	HeaderOctets int
	// Params is how many parameters a Content-Type or Content-Disposition field
	// may have, the sections of RFC 2231 counted one by one. Default: 1000.
	Params int
}

func (l Limits) orDefaults() Limits {
	for _, d := range []struct {
		limit    *int
		fallback int
	}{
		{&l.Depth, 32}, {&l.Parts, 1000}, {&l.Fields, 1000}, {&l.HeaderOctets, 1 << 20}, {&l.Params, 1000},
	} {
		if *d.limit <= 0 {
			*d.limit = d.fallback
		}
	}
	return l
}

// Parse reads a message. It takes any input there is: what is wrong with it is
// told by Part.Defects, and the error is always an *Error about a limit. The
// parts keep b, which must not change.
func Parse(b []byte, limits Limits) (*Part, error) {
	p := parser{src: b, limits: limits.orDefaults(), open: map[string][]int{}}
	if err := p.begin(true, textPlain); err != nil {
		return nil, err
	}
	root := p.stack[0].part
	for {
		d, ok := p.next()
		if !ok {
			break
		}
		if err := p.delimited(d); err != nil {
			return nil, err
		}
	}
	p.closeTo(0, len(b))
	return root, nil
}

// parser reads the input once from its beginning to its end. Parts that are still
// open stand on a stack. A line is looked up among the open boundaries in one
// step, however many there are.
type parser struct {
	src    []byte
	limits Limits
	pos    int // the beginning of a line
	parts  int
	stack  []frame
	// open has where on the stack the multiparts with a boundary stand, the
	// innermost last.
	open    map[string][]int
	longest int // of all boundaries
}

// frame is an open part.
type frame struct {
	part     *Part
	boundary string // of a multipart whose end delimiter is still to come
	digest   bool
}

// begin begins a part at pos, and if it is an enclosed message, that message too,
// until it stands at the body of a leaf or of a multipart.
func (p *parser) begin(message bool, fallback string) error {
	for {
		p.parts++
		if p.parts > p.limits.Parts {
			return &Error{Kind: TooManyParts, Offset: p.pos}
		}
		if len(p.stack) >= p.limits.Depth {
			return &Error{Kind: TooDeep, Offset: p.pos}
		}
		part := &Part{src: p.src, start: p.pos, preambleEnd: -1, epilogue: -1}
		if n := len(p.stack); n > 0 {
			parent := p.stack[n-1].part
			parent.Parts = append(parent.Parts, part)
		}
		p.stack = append(p.stack, frame{part: part})
		if err := p.header(part, message); err != nil {
			return err
		}
		if err := part.describe(fallback, p.limits.Params); err != nil {
			return err
		}
		if part.multipart() {
			p.openMultipart(part)
			return nil
		}
		if !part.enclosesMessage() {
			return nil
		}
		message, fallback = true, textPlain
	}
}

func (p *parser) header(part *Part, message bool) error {
	r := headerReader{src: p.src, pos: p.pos, limits: p.limits, message: message, delimiter: p.isDelimiter}
	if err := r.read(); err != nil {
		return err
	}
	part.Header, part.head, part.body, part.defects = r.fields, r.end, r.pos, r.defects
	p.pos = r.pos
	return nil
}

// openMultipart looks for the delimiters of a multipart from now on.
func (p *parser) openMultipart(part *Part) {
	// RFC 2046 section 5.1.1: a boundary doesn't end in white space, and what
	// stands so in a delimiter is padding.
	boundary := string(bytes.TrimRight([]byte(part.Params["boundary"]), " \t\r\n"))
	if boundary == "" {
		part.defects.add(NoBoundary, part.start, "")
		return
	}
	level := len(p.stack) - 1
	p.stack[level].boundary = boundary
	p.stack[level].digest = part.MediaType == "multipart/digest"
	p.open[boundary] = append(p.open[boundary], level)
	p.longest = max(p.longest, len(boundary))
}

// closeMultipart looks for them no more.
func (p *parser) closeMultipart(level int) {
	f := &p.stack[level]
	levels := p.open[f.boundary]
	if len(levels) == 1 {
		delete(p.open, f.boundary)
	} else {
		p.open[f.boundary] = levels[:len(levels)-1] // it is the innermost of this boundary
	}
	f.boundary = ""
}

// delimiter is a delimiter line.
type delimiter struct {
	level      int  // of its multipart on the stack
	end        bool // it ends the multipart
	start, eol int  // where the line begins and ends
}

var dashes = []byte("--")

// next moves behind the next delimiter of an open multipart. It reports false if
// there is none up to the end of the input.
func (p *parser) next() (delimiter, bool) {
	for p.pos < len(p.src) && len(p.open) > 0 {
		if !bytes.HasPrefix(p.src[p.pos:], dashes) {
			i := bytes.Index(p.src[p.pos:], []byte("\n--"))
			if i < 0 {
				break
			}
			p.pos += i + 1
		}
		eol := lineEnd(p.src, p.pos)
		d, ok := p.match(p.pos, eol)
		p.pos = eol
		if ok {
			return d, true
		}
	}
	return delimiter{}, false
}

func (p *parser) isDelimiter(start, eol int) bool {
	_, ok := p.match(start, eol)
	return ok
}

// match tells whose delimiter a line that begins with "--" is. The boundary has to
// fill the line, because one may be the beginning of another; white space may
// follow.
func (p *parser) match(start, eol int) (delimiter, bool) {
	key := bytes.TrimRight(p.src[start+len(dashes):eol], " \t\r\n")
	if len(key) > p.longest+len(dashes) {
		return delimiter{}, false
	}
	d := delimiter{level: -1, start: start, eol: eol}
	if levels := p.open[string(key)]; len(levels) > 0 {
		d.level = levels[len(levels)-1]
	}
	if boundary, ok := bytes.CutSuffix(key, dashes); ok {
		if levels := p.open[string(boundary)]; len(levels) > 0 && levels[len(levels)-1] > d.level {
			d.level, d.end = levels[len(levels)-1], true
		}
	}
	return d, d.level >= 0
}

// delimited takes a delimiter: it ends what stands inside its multipart and
// begins the next part, or the epilogue.
func (p *parser) delimited(d delimiter) error {
	end := before(p.src, d.start)
	p.closeTo(d.level+1, end)
	f := p.stack[d.level]
	part := f.part
	if part.preambleEnd < 0 {
		part.preambleEnd = max(end, part.body)
	}
	part.defects.lines(p.src[end:d.eol], end)
	if d.end {
		p.closeMultipart(d.level)
		part.epilogue = d.eol
		if len(part.Parts) == 0 {
			part.defects.add(MissingStartDelimiter, d.start, "")
		}
		return nil
	}
	if f.digest {
		return p.begin(false, messageRFC822)
	}
	return p.begin(false, textPlain)
}

// closeTo ends all parts but the n outermost.
func (p *parser) closeTo(n, end int) {
	if n < len(p.stack) {
		// A delimiter right behind another one: the line ending between them can't
		// belong to both.
		end = max(end, p.stack[n].part.start)
	}
	for level := len(p.stack) - 1; level >= n; level-- {
		f := &p.stack[level]
		if f.boundary != "" {
			p.closeMultipart(level)
			if len(f.part.Parts) == 0 {
				f.part.defects.add(MissingStartDelimiter, end, "")
			} else {
				f.part.defects.add(MissingEndDelimiter, end, "")
			}
		}
		f.part.close(end)
		p.stack[level] = frame{}
		p.stack = p.stack[:level]
	}
}

// close ends the part. Its header may have been read past the end, because the
// last line ending belongs to the delimiter.
func (p *Part) close(end int) {
	p.end = end
	p.start, p.head, p.body = min(p.start, end), min(p.head, end), min(p.body, end)
	if n := len(p.Header); n > 0 {
		last := &p.Header[n-1]
		last.raw = last.raw[:min(len(last.raw), end-last.offset)]
	}
	if p.preambleEnd < 0 {
		p.preambleEnd = p.body
		if p.multipart() {
			p.preambleEnd = end
		}
	}
	p.preambleEnd = min(p.preambleEnd, end)
	if p.epilogue < 0 {
		p.epilogue = end
	}
	p.epilogue = min(p.epilogue, end)
}
