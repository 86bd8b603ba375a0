package wrap

// class tells whether characters that stand side by side may be parted.
type class uint8

const (
	word   class = iota // letters and ASCII: not from each other
	wide                // Japanese and Chinese, Hangul, emoji: from anything
	symbol              // other symbols: from all but words
	space               // a line may be broken after it
)

// breaker finds the places where a line may be broken. It sees one character
// after the other.
type breaker struct {
	prev    char // the last one that was no space
	any     bool // there was one
	spaced  bool // spaces came after it
	number  bool // it ends a number
	decimal bool // it follows a number and may belong to it: 1,000 or 10:30
}

// before reports whether the line may be broken before c, and moves on.
func (b *breaker) before(c *char) bool {
	if c.class == space {
		b.spaced = true
		return false
	}
	ok := b.allowed(c)
	after := b.number && !b.spaced
	b.number = c.is(digit) || after && c.is(multiplier)
	b.decimal = after && c.is(separator)
	b.prev, b.any, b.spaced = *c, true, false
	return ok
}

func (b *breaker) allowed(c *char) bool {
	p := &b.prev
	switch {
	case !b.any:
		return b.spaced // after the indentation
	case c.is(noStart) || p.is(noEnd):
		return false
	case b.spaced:
		return true
	case p.is(glue) || c.is(glue):
		return false
	case c.class == word && p.class != wide || p.class == word && c.class != wide:
		return false
	case p.is(together) && p.base == c.base:
		return false
	case b.number && c.is(digit|afterNum|multiplier):
		return false
	case c.is(digit) && (b.decimal || p.is(beforeNum)):
		return false
	}
	return true
}
