// Package seal makes texts that clients hand back, such as cursors, unreadable and
// unforgeable.
//
// A text is padded, encrypted and authenticated with a synthetic initialization
// vector, as in RFC 5297 but with HMAC-SHA-256 as the pseudorandom function. Equal texts
// have equal seals, and nothing else is told but the length, which is one of a few
// steps.
package seal

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"strings"
)

// tagSize is the synthetic initialization vector, in bytes. smallest is the shortest
// seal, a power of two; longer ones have twice its size, four times, and so on.
const (
	tagSize  = aes.BlockSize
	smallest = 128
)

// end closes a text; zeros follow it.
const end = 0x80

// Box seals texts with one key and opens those of former keys too. It is safe for
// concurrent use.
type Box struct {
	current key
	former  []key
}

type key struct {
	block cipher.Block
	mac   []byte
}

// New returns a Box. The keys are secret, have 32 bytes each, and are used for nothing
// else.
func New(current []byte, former ...[]byte) *Box {
	b := &Box{current: newKey(current)}
	for _, f := range former {
		b.former = append(b.former, newKey(f))
	}
	return b
}

func newKey(root []byte) key {
	block, err := aes.NewCipher(sum(root, []byte("encrypt")))
	if err != nil { // only of another length
		panic(err)
	}
	return key{block: block, mac: sum(root, []byte("authenticate"))}
}

func sum(key, data []byte) []byte {
	h := hmac.New(sha256.New, key)
	h.Write(data)
	return h.Sum(nil)
}

// Seal returns the text sealed, in characters that need no escaping in URLs.
func (b *Box) Seal(text string) string {
	size := smallest
	for size < tagSize+len(text)+1 {
		size *= 2
	}
	sealed := make([]byte, size)
	tag, body := sealed[:tagSize], sealed[tagSize:]
	body[copy(body, text)] = end
	copy(tag, sum(b.current.mac, body))
	b.current.crypt(tag, body)
	return base64.RawURLEncoding.EncodeToString(sealed)
}

// WellFormed reports whether a text has the form of a seal, whatever key made it.
func WellFormed(seal string) bool {
	_, ok := decode(seal)
	return ok
}

func decode(seal string) (raw []byte, ok bool) {
	raw, err := base64.RawURLEncoding.Strict().DecodeString(seal)
	n := len(raw)
	return raw, err == nil && n >= smallest && n&(n-1) == 0 && !strings.ContainsAny(seal, "\r\n") // which Strict skips
}

// Open returns the text of a seal; ok is false if none of the keys made it.
func (b *Box) Open(seal string) (text string, ok bool) {
	raw, ok := decode(seal)
	if !ok {
		return "", false
	}
	if text, ok = b.current.open(raw); ok {
		return text, true
	}
	for _, k := range b.former {
		if text, ok = k.open(raw); ok {
			return text, true
		}
	}
	return "", false
}

func (k key) open(raw []byte) (string, bool) {
	tag, body := raw[:tagSize], bytes.Clone(raw[tagSize:])
	k.crypt(tag, body)
	if !hmac.Equal(tag, sum(k.mac, body)[:tagSize]) {
		return "", false
	}
	text := bytes.TrimRight(body, "\x00")
	if len(text) == 0 || text[len(text)-1] != end {
		return "", false
	}
	return string(text[:len(text)-1]), true
}

// crypt encrypts, and decrypts what is encrypted.
func (k key) crypt(tag, body []byte) { cipher.NewCTR(k.block, tag).XORKeyStream(body, body) }
