package cms

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"io"
)

const (
	keySize   = 32 // of AES-256
	nonceSize = 12 // of GCM
	tagSize   = 16
)

// Envelope is an EnvelopedData with AES-256-CBC. Key and initialization vector are
// chosen when it is made, so the same content gives the same octets each time.
type Envelope struct {
	head  []byte
	size  int64 // of the content
	block cipher.Block
	iv    []byte
}

// NewEnvelope makes an EnvelopedData for a content of size octets.
func NewEnvelope(to []Recipient, size int64) (*Envelope, error) {
	key, iv := random(keySize), random(aes.BlockSize)
	infos, version, err := recipientInfos(key, to)
	if err != nil {
		return nil, err
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	padded := (size/aes.BlockSize + 1) * aes.BlockSize
	alg := algorithm(idAES256CBC, element(tagOctetString, iv))
	e := &Envelope{size: size, block: block, iv: iv}
	e.head = enveloped(idEnvelopedData, version, infos, alg, padded, 0)
	return e, nil
}

func random(n int) []byte {
	b := make([]byte, n)
	rand.Read(b) // never fails
	return b
}

// enveloped returns the beginning of an EnvelopedData or AuthEnvelopedData, up to
// the encrypted content of size octets, after which come more octets.
func enveloped(id string, version byte, infos, alg []byte, size, more int64) []byte {
	info := int64(len(idData)+len(alg)) + headerLen(size) + size
	v := number(version)
	data := int64(len(v)+len(infos)) + headerLen(info) + info + more
	wrapped := headerLen(data) + data
	head := make([]byte, 0, 128+len(infos))
	head = appendHeader(head, tagSequence, int64(len(id))+headerLen(wrapped)+wrapped)
	head = append(head, id...)
	head = appendHeader(head, explicit0, wrapped)
	head = appendHeader(head, tagSequence, data)
	head = append(head, v...)
	head = append(head, infos...)
	head = appendHeader(head, tagSequence, info)
	head = append(head, idData...)
	head = append(head, alg...)
	return appendHeader(head, context0, size)
}

// Size is the number of octets of the EnvelopedData.
func (e *Envelope) Size() int64 {
	return int64(len(e.head)) + (e.size/aes.BlockSize+1)*aes.BlockSize
}

// Reader returns the EnvelopedData of a content.
func (e *Envelope) Reader(content io.Reader) io.Reader {
	return &cbcReader{
		src:  content,
		mode: cipher.NewCBCEncrypter(e.block, e.iv),
		buf:  append(make([]byte, 0, max(len(e.head), cbcBuffer)), e.head...),
	}
}

const cbcBuffer = 16 << 10

// cbcReader encrypts what it reads and pads it at the end (RFC 5652 section 6.3).
type cbcReader struct {
	src  io.Reader
	mode cipher.BlockMode
	buf  []byte // encrypted; capacity for a buffer
	at   int    // how much of buf was given out
	err  error  // after buf
}

func (r *cbcReader) Read(p []byte) (int, error) {
	for r.at == len(r.buf) {
		if r.err != nil {
			return 0, r.err
		}
		r.fill()
	}
	n := copy(p, r.buf[r.at:])
	r.at += n
	return n, nil
}

func (r *cbcReader) fill() {
	b := r.buf[:cbcBuffer]
	n, err := io.ReadFull(r.src, b)
	switch err {
	case nil:
	case io.EOF, io.ErrUnexpectedEOF:
		r.err = io.EOF
		pad := aes.BlockSize - n%aes.BlockSize
		for range pad {
			b[n] = byte(pad)
			n++
		}
	default:
		r.err, n = err, 0
	}
	r.buf, r.at = b[:n], 0
	r.mode.CryptBlocks(r.buf, r.buf)
}

// Seal returns an AuthEnvelopedData with AES-256-GCM (RFC 5083, RFC 5084) of a
// content of size octets. It is held in memory as a whole, because nothing of it
// may be believed before its end, neither here nor where it is read.
func Seal(to []Recipient, content io.Reader, size int64) ([]byte, error) {
	key, nonce := random(keySize), random(nonceSize)
	infos, _, err := recipientInfos(key, to)
	if err != nil {
		return nil, err
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	gcm, err := cipher.NewGCM(block)
	if err != nil {
		return nil, err
	}
	mac := appendHeader(nil, tagOctetString, tagSize)
	alg := algorithm(idAES256GCM, sequence(element(tagOctetString, nonce), number(tagSize)))
	head := enveloped(idAuthEnveloped, 0, infos, alg, size, int64(len(mac)+tagSize))
	start, end := int64(len(head)), int64(len(head))+size
	out := make([]byte, end+int64(len(mac)+tagSize))
	copy(out, head)
	plain := out[start:end]
	if err := readAll(content, plain); err != nil {
		return nil, err
	}
	gcm.Seal(plain[:0], nonce, plain, nil)               // in place, with the tag behind it
	copy(out[end+int64(len(mac)):], out[end:][:tagSize]) // which needs a header
	copy(out[end:], mac)
	return out, nil
}

// readAll reads a content of known size to its end, where a reader may object.
func readAll(r io.Reader, p []byte) error {
	if _, err := io.ReadFull(r, p); err != nil {
		return err
	}
	var more [1]byte
	_, err := io.ReadFull(r, more[:])
	switch err {
	case io.EOF:
		return nil
	case nil:
		return io.ErrShortBuffer
	}
	return err
}
