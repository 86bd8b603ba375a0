package cms

import "errors"

// ErrSyntax is the error for what isn't the BER of what it should be.
var ErrSyntax = errors.New("cms: malformed")

// maxDepth is how deep elements may be nested. Certificates need about 12.
const maxDepth = 40

// indefinite stands for the length of an element that ends with end-of-contents
// octets.
const indefinite = -1

// normalize returns the first element of BER in DER as far as lengths and the
// pieces of OCTET STRINGs go: programs that write messages in one pass use
// indefinite lengths. The work is bounded by the depth times the length.
func normalize(ber []byte) ([]byte, error) {
	n := normalizer{out: make([]byte, 0, len(ber)+16)}
	if _, ok := n.element(ber, 0); !ok {
		return nil, ErrSyntax
	}
	return n.out, nil
}

type normalizer struct{ out []byte }

// element appends the first element of ber and returns what follows it.
func (n *normalizer) element(ber []byte, depth int) (rest []byte, ok bool) {
	tag, length, body, ok := header(ber)
	switch {
	case !ok || depth > maxDepth:
		return nil, false
	case tag&constructed == 0:
		if length == indefinite {
			return nil, false
		}
		n.out = appendHeader(n.out, tag, int64(length))
		n.out = append(n.out, body[:length]...)
		return body[length:], true
	}
	start := len(n.out)
	if tag == tagOctetString|constructed {
		tag = tagOctetString
		rest, ok = n.each(body, length, func(b []byte) ([]byte, bool) { return n.piece(b, depth+1) })
	} else {
		rest, ok = n.each(body, length, func(b []byte) ([]byte, bool) { return n.element(b, depth+1) })
	}
	n.wrap(start, tag)
	return rest, ok
}

// piece appends the content of an OCTET STRING that is part of another one.
func (n *normalizer) piece(ber []byte, depth int) (rest []byte, ok bool) {
	tag, length, body, ok := header(ber)
	switch {
	case !ok || depth > maxDepth:
		return nil, false
	case tag == tagOctetString && length != indefinite:
		n.out = append(n.out, body[:length]...)
		return body[length:], true
	case tag == tagOctetString|constructed:
		return n.each(body, length, func(b []byte) ([]byte, bool) { return n.piece(b, depth+1) })
	}
	return nil, false
}

// each calls do for one element after the other until length octets are used up,
// or until the end-of-contents octets if the length is indefinite.
func (n *normalizer) each(body []byte, length int, do func([]byte) ([]byte, bool)) (rest []byte, ok bool) {
	within := body
	if length != indefinite {
		within, rest = body[:length], body[length:]
	}
	for {
		switch {
		case length != indefinite && len(within) == 0:
			return rest, true
		case length == indefinite && len(within) >= 2 && within[0] == 0 && within[1] == 0:
			return within[2:], true
		}
		if within, ok = do(within); !ok {
			return nil, false
		}
	}
}

// wrap puts a header in front of what was appended since start.
func (n *normalizer) wrap(start int, tag byte) {
	length := int64(len(n.out) - start)
	var scratch [12]byte
	h := appendHeader(scratch[:0], tag, length)
	n.out = append(n.out, h...)
	copy(n.out[start+len(h):], n.out[start:])
	copy(n.out[start:], h)
}

// header reads the tag and the length of the first element. What follows holds
// at least length octets.
func header(ber []byte) (tag byte, length int, body []byte, ok bool) {
	if len(ber) < 2 || ber[0]&0x1F == 0x1F { // CMS has no tag over 30
		return 0, 0, nil, false
	}
	tag, body = ber[0], ber[2:]
	switch l := ber[1]; {
	case l < 0x80:
		length = int(l)
	case l == 0x80:
		return tag, indefinite, body, tag&constructed != 0
	default:
		octets := int(l & 0x7F)
		if octets > 8 || octets > len(body) {
			return 0, 0, nil, false
		}
		var n int64
		for _, b := range body[:octets] {
			if n = n<<8 | int64(b); n > int64(len(body)) {
				return 0, 0, nil, false
			}
		}
		length, body = int(n), body[octets:]
	}
	return tag, length, body, length <= len(body)
}

// input is DER that is being read, element by element. Once something isn't what
// it should be, it stays bad.
type input struct {
	rest []byte
	bad  bool
}

// peek returns the tag of the next element, 0 at the end.
func (in *input) peek() byte {
	if in.bad || len(in.rest) == 0 {
		return 0
	}
	return in.rest[0]
}

// next returns the next element as a whole and its content.
func (in *input) next() (whole, content []byte) {
	_, length, body, ok := header(in.rest)
	if in.bad || !ok || length == indefinite {
		in.bad = true
		return nil, nil
	}
	whole = in.rest[:len(in.rest)-len(body)+length]
	in.rest = body[length:]
	return whole, body[:length]
}

// take returns the content of the next element, which has to have the tag.
func (in *input) take(tag byte) []byte {
	if in.peek() != tag {
		in.bad = true
		return nil
	}
	_, content := in.next()
	return content
}

// enter returns the next element, which has to have the tag, for reading.
func (in *input) enter(tag byte) input {
	content := in.take(tag)
	return input{content, in.bad}
}

// optional passes over the next element if it has the tag.
func (in *input) optional(tag byte) (content []byte, there bool) {
	if in.peek() != tag {
		return nil, false
	}
	return in.take(tag), true
}

// algorithm returns the identifier of an AlgorithmIdentifier and its parameters.
func (in *input) algorithm() (id string, parameters input) {
	a := in.enter(tagSequence)
	whole, _ := a.next()
	in.bad = in.bad || a.bad
	return string(whole), a
}
