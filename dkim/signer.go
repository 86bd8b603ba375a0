package dkim

import (
	"bufio"
	"errors"
	"io"
	"log/slog"
	"strings"
	"sync/atomic"
	"time"

	msgauth "github.com/emersion/go-msgauth/dkim"
)

// Signer signs messages. It is made by New and may be used from many goroutines at
// once.
type Signer struct {
	keys          map[string][]Key // by domain
	cover         []cover
	parents       bool
	allowUnsigned bool
	lifetime      time.Duration
}

// String tells nothing about the keys.
func (s *Signer) String() string { return "dkim signer" }

// GoString is String.
func (s *Signer) GoString() string { return s.String() }

// LogValue is String, for log/slog.
func (s *Signer) LogValue() slog.Value { return slog.StringValue(s.String()) }

// SignMessage reads a finished message, once and a few kilobytes at a time, and
// returns what belongs right before it: a DKIM-Signature field for each key, folded
// and with CRLF; nothing if there is no key and Config.AllowUnsigned says so. It
// comes last: whatever changes the message later makes the signature fail.
//
// The signature covers the body and the fields From, To, Cc, Reply-To, Subject,
// MIME-Version, Content-Type and Content-Transfer-Encoding, each once more than
// there are of it; and so, where there are any, Date, Message-ID, In-Reply-To,
// References, List-Id, List-Unsubscribe, List-Unsubscribe-Post (RFC 8058 section
// 4) and the fields that Config.Fields names. A message that has one of these twice,
// or one of Config.Fields more than ten times, is refused: readers disagree about
// which counts.
//
// The time of signing (t=) is that of the system's clock, whatever clock the
// message was dated by: receivers hold it against theirs.
//
// An error of open or of its reader is returned as it is, others are an Error;
// a message that could not be read to its end never reaches a key.
func (s *Signer) SignMessage(open func() (io.ReadCloser, error)) (field string, err error) {
	r, err := open()
	if err != nil {
		return "", err
	}
	defer r.Close()
	// A reader with a shortcut of its own would hand over all at once.
	br := bufio.NewReader(struct{ io.Reader }{r})
	h, err := readHeader(br)
	if errors.Is(err, ErrHeader) {
		return "", &Error{Err: err}
	} else if err != nil {
		return "", err
	}
	domain, err := h.author()
	if err != nil {
		return "", &Error{Err: err}
	}
	keys := s.keysFor(domain)
	if len(keys) == 0 {
		if s.allowUnsigned {
			return "", nil
		}
		return "", &Error{Domain: domain, Err: ErrNoKey}
	}
	text, names, err := h.covered(s.cover)
	if err != nil {
		return "", &Error{Domain: domain, Err: err}
	}
	return s.sign(keys, names, text, br)
}

// keysFor returns the keys that sign for a domain in From.
func (s *Signer) keysFor(domain string) []Key {
	domain, err := hostname(domain)
	if err != nil {
		return nil // an address literal, say
	}
	for {
		keys := s.keys[domain]
		_, parent, ok := strings.Cut(domain, ".")
		if len(keys) > 0 || !s.parents || !ok {
			return keys
		}
		domain = parent
	}
}

// sign gives header and body to a signer of go-msgauth for each key. These work in
// goroutines that end when they are closed, so all are, whatever happens.
func (s *Signer) sign(keys []Key, names []string, header []byte, body io.Reader) (string, error) {
	var whole atomic.Bool
	options := msgauth.SignOptions{
		HeaderCanonicalization: msgauth.CanonicalizationRelaxed,
		BodyCanonicalization:   msgauth.CanonicalizationRelaxed,
		HeaderKeys:             names,
	}
	if s.lifetime > 0 {
		options.Expiration = time.Now().Add(s.lifetime)
	}
	signers := make([]*msgauth.Signer, 0, len(keys))
	writers := make([]io.Writer, 0, len(keys))
	var err error
	for _, k := range keys {
		o := options
		o.Domain, o.Selector, o.Identifier, o.Signer = k.Domain, k.Selector, k.Identity, guard{k.Private, &whole}
		var one *msgauth.Signer
		if one, err = msgauth.NewSigner(&o); err != nil {
			err = &Error{k.Domain, k.Selector, err}
			break
		}
		signers, writers = append(signers, one), append(writers, one)
	}
	w := io.MultiWriter(writers...)
	if err == nil {
		_, err = w.Write(header)
	}
	if err == nil {
		_, err = io.Copy(w, body)
	}
	whole.Store(err == nil)
	var fields strings.Builder
	for i, one := range signers {
		if e := one.Close(); e == nil {
			fields.WriteString(fold(one.Signature()))
		} else if err == nil {
			err = &Error{keys[i].Domain, keys[i].Selector, e}
		}
	}
	if err != nil {
		return "", err
	}
	return fields.String(), nil
}
