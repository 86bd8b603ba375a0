package transfer

import (
	"encoding/binary"
	"io"
	"slices"
	"sync"
)

const (
	base64In  = encodedLine / 4 * 3 // octets that fill a line
	base64Out = encodedLine + 2     // octets of a full line with its CRLF
)

// pairs holds the two characters of every 12 bits, the first one in the low octet,
// so that three octets take two look-ups and one store.
var pairs = func() (t [4096]uint16) {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
	for i := range t {
		t[i] = uint16(alphabet[i>>6]) | uint16(alphabet[i&63])<<8
	}
	return t
}()

// Base64Len returns the number of octets that n octets become in base64 with a
// CRLF after each line of 76 characters, the last one included.
func Base64Len(n int64) int64 {
	full := n / base64In * base64Out
	if rest := n % base64In; rest > 0 {
		full += (rest+2)/3*4 + 2
	}
	return full
}

// AppendBase64 appends src in base64 with a CRLF after each line of 76
// characters, the last one included.
func AppendBase64[T string | []byte](dst []byte, src T) []byte {
	n := int(Base64Len(int64(len(src))))
	dst = slices.Grow(dst, n)
	end := len(dst) + n
	encodeLines(dst[len(dst):end], src)
	return dst[:end]
}

// encodeLines fills dst, which has just the room.
func encodeLines[T string | []byte](dst []byte, src T) {
	for len(src) >= base64In {
		line, in := dst[:base64Out], src[:base64In]
		o := 0
		for i := 0; i < base64In; i += 3 {
			group(line[o:o+4], uint(in[i])<<16|uint(in[i+1])<<8|uint(in[i+2]))
			o += 4
		}
		line[encodedLine], line[encodedLine+1] = '\r', '\n'
		dst, src = dst[base64Out:], src[base64In:]
	}
	if len(src) == 0 {
		return
	}
	o, i := 0, 0
	for ; i+2 < len(src); i += 3 {
		group(dst[o:o+4], uint(src[i])<<16|uint(src[i+1])<<8|uint(src[i+2]))
		o += 4
	}
	switch len(src) - i {
	case 1:
		group(dst[o:o+4], uint(src[i])<<16)
		dst[o+2], dst[o+3] = '=', '='
		o += 4
	case 2:
		group(dst[o:o+4], uint(src[i])<<16|uint(src[i+1])<<8)
		dst[o+3] = '='
		o += 4
	}
	dst[o], dst[o+1] = '\r', '\n'
}

// group writes the four characters of 24 bits.
func group(dst []byte, v uint) {
	binary.LittleEndian.PutUint32(dst, uint32(pairs[v>>12&0xFFF])|uint32(pairs[v&0xFFF])<<16)
}

// chunkLines is how many lines the streaming forms encode at a time.
const chunkLines = 256

// Base64Writer writes base64 lines to w. Close writes what is left; it doesn't
// close w.
type Base64Writer struct {
	w    io.Writer
	in   []byte // less than a line, left from earlier writes
	out  []byte
	err  error
	room [base64In]byte
}

// NewBase64Writer returns a Base64Writer. It holds about 20 KB.
func NewBase64Writer(w io.Writer) *Base64Writer {
	e := &Base64Writer{w: w}
	e.in = e.room[:0]
	return e
}

// Write encodes p. The first error of the underlying writer sticks.
func (e *Base64Writer) Write(p []byte) (int, error) {
	n := len(p)
	if len(e.in) > 0 {
		k := copy(e.room[len(e.in):], p)
		e.in = e.room[:len(e.in)+k]
		if p = p[k:]; len(e.in) == base64In {
			e.encode(e.in)
			e.in = e.room[:0]
		}
	}
	for len(p) >= base64In && e.err == nil {
		k := min(len(p)/base64In, chunkLines) * base64In
		e.encode(p[:k])
		p = p[k:]
	}
	if e.err != nil {
		return 0, e.err
	}
	if len(p) > 0 {
		e.in = append(e.in, p...)
	}
	return n, nil
}

func (e *Base64Writer) encode(p []byte) {
	if e.err == nil {
		e.out = AppendBase64(e.out[:0], p)
		_, e.err = e.w.Write(e.out)
	}
}

// Close writes the last line.
func (e *Base64Writer) Close() error {
	if len(e.in) > 0 {
		e.encode(e.in)
		e.in = e.room[:0]
	}
	return e.err
}

// Base64Reader reads octets from r and gives base64 lines.
type Base64Reader struct {
	r    io.Reader
	out  []byte // what is still to be given
	room *base64Room
	err  error // of r, once everything before it was given
}

// base64Room is what a Base64Reader works in, from the first reading to the end.
type base64Room struct {
	in  [chunkLines * base64In]byte
	out [chunkLines * base64Out]byte
}

var base64Rooms = sync.Pool{New: func() any { return new(base64Room) }}

// NewBase64Reader returns a Base64Reader. It holds about 35 KB while it is read,
// which the next one uses again if it is read to the end.
func NewBase64Reader(r io.Reader) *Base64Reader { return &Base64Reader{r: r} }

// Read gives the next octets. An error of the underlying reader comes out after
// the lines that were complete before it; no padding is written then, so a broken
// source never looks like a whole one.
func (d *Base64Reader) Read(p []byte) (int, error) {
	if err := d.fill(); err != nil {
		return 0, err
	}
	n := copy(p, d.out)
	d.out = d.out[n:]
	return n, nil
}

// WriteTo writes all lines to w.
func (d *Base64Reader) WriteTo(w io.Writer) (n int64, err error) {
	for {
		if err := d.fill(); err == io.EOF {
			return n, nil
		} else if err != nil {
			return n, err
		}
		k, err := w.Write(d.out)
		n, d.out = n+int64(k), d.out[k:]
		if err == nil && len(d.out) > 0 {
			err = io.ErrShortWrite
		}
		if err != nil {
			return n, err
		}
	}
}

// fill reads and encodes if nothing is left to be given.
func (d *Base64Reader) fill() error {
	for len(d.out) == 0 {
		if d.err != nil {
			if d.room != nil {
				base64Rooms.Put(d.room)
				d.room, d.out = nil, nil
			}
			return d.err
		}
		if d.room == nil {
			d.room = base64Rooms.Get().(*base64Room)
		}
		// Not io.ReadFull, which can't tell the end from a source that broke off with
		// io.ErrUnexpectedEOF.
		n, in := 0, d.room.in[:]
		for n < len(in) && d.err == nil {
			var k int
			k, d.err = d.r.Read(in[n:])
			n += k
		}
		if d.err != nil && d.err != io.EOF {
			n -= n % base64In
		}
		d.out = AppendBase64(d.room.out[:0], in[:n])
	}
	return nil
}
