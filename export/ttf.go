package export

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// face is what has to be known of a TrueType font to choose and measure glyphs:
// which characters up to U+FFFF it has, and how wide they are.
type face struct {
	family string
	data   []byte
	widths []uint16 // of each rune in thousandths of the size, plus 1; 0: no glyph
	name   string   // what a page calls it
	used   []bool   // which runes were drawn
}

// newFace reads a font's cmap and hmtx (OpenType 1.9). A font that a PDF can't
// embed as TrueType is an error: a collection, CFF outlines, no Unicode cmap of
// format 4, or one whose maker forbids embedding.
func newFace(family string, data []byte) (*face, error) {
	t, err := readTables(data)
	if err != nil {
		return nil, fmt.Errorf("export: font %s: %w", family, err)
	}
	f := &face{family: family, data: data, widths: make([]uint16, 1<<16), used: make([]bool, 1<<16)}
	if err := f.read(t); err != nil {
		return nil, fmt.Errorf("export: font %s: %w", family, err)
	}
	return f, nil
}

var errFontDamaged = errors.New("is damaged")

func readTables(data []byte) (map[string][]byte, error) {
	if len(data) < 12 {
		return nil, errFontDamaged
	}
	switch tag := string(data[:4]); tag {
	case "\x00\x01\x00\x00", "true":
	case "ttcf":
		return nil, errors.New("is a collection (.ttc); one font of it is wanted, as .ttf")
	case "OTTO":
		return nil, errors.New("has CFF outlines; TrueType outlines (.ttf) are wanted")
	default:
		return nil, errors.New("is not a TrueType font")
	}
	tables := map[string][]byte{}
	for i := range int(binary.BigEndian.Uint16(data[4:])) {
		at := 12 + 16*i
		if at+16 > len(data) {
			return nil, errFontDamaged
		}
		offset, size := binary.BigEndian.Uint32(data[at+8:]), binary.BigEndian.Uint32(data[at+12:])
		if uint64(offset)+uint64(size) > uint64(len(data)) {
			return nil, errFontDamaged
		}
		tables[string(data[at:at+4])] = data[offset : offset+size]
	}
	for tag, least := range map[string]int{"head": 54, "hhea": 36, "hmtx": 4, "cmap": 4, "glyf": 0, "loca": 2, "maxp": 6, "post": 32, "name": 6} {
		if table, ok := tables[tag]; !ok || len(table) < least {
			return nil, fmt.Errorf("has no %q table", tag)
		}
	}
	return tables, nil
}

func (f *face) read(t map[string][]byte) error {
	if os2 := t["OS/2"]; len(os2) >= 10 {
		// fsType: 2 is "restricted", 0x300 "no subsetting" or "bitmaps only".
		if rights := binary.BigEndian.Uint16(os2[8:]); rights&0xf == 2 || rights&0x300 != 0 {
			return errors.New("forbids to be embedded in part")
		}
	}
	units := int(binary.BigEndian.Uint16(t["head"][18:]))
	metrics := int(binary.BigEndian.Uint16(t["hhea"][34:]))
	if units == 0 || metrics == 0 || len(t["hmtx"]) < 4*metrics {
		return errFontDamaged
	}
	segments, err := unicodeSegments(t["cmap"])
	if err != nil {
		return err
	}
	return eachGlyph(segments, func(r rune, glyph int) {
		advance := int(binary.BigEndian.Uint16(t["hmtx"][4*min(glyph, metrics-1):]))
		f.widths[r] = uint16(min((advance*1000+units/2)/units, 1<<15)) + 1
	})
}

// unicodeSegments finds the subtable of format 4 that fpdf will use too.
func unicodeSegments(cmap []byte) ([]byte, error) {
	for i := range int(binary.BigEndian.Uint16(cmap[2:])) {
		at := 4 + 8*i
		if at+8 > len(cmap) {
			return nil, errFontDamaged
		}
		platform, encoding := binary.BigEndian.Uint16(cmap[at:]), binary.BigEndian.Uint16(cmap[at+2:])
		offset := int(binary.BigEndian.Uint32(cmap[at+4:]))
		if offset+14 > len(cmap) {
			return nil, errFontDamaged
		}
		if (platform == 3 && encoding == 1 || platform == 0) && binary.BigEndian.Uint16(cmap[offset:]) == 4 {
			return cmap[offset:], nil
		}
	}
	return nil, errors.New("has no Unicode cmap of format 4")
}

func eachGlyph(s []byte, yield func(r rune, glyph int)) error {
	count := int(binary.BigEndian.Uint16(s[6:])) / 2
	if len(s) < 16+8*count {
		return errFontDamaged
	}
	word := func(at int) int { return int(binary.BigEndian.Uint16(s[at:])) }
	for i := range count {
		end, start := word(14+2*i), word(16+2*count+2*i)
		delta, rangeAt := word(16+4*count+2*i), 16+6*count+2*i
		for r := start; r <= end && r < 0xffff; r++ {
			glyph := (r + delta) & 0xffff
			if offset := word(rangeAt); offset != 0 {
				at := rangeAt + offset + 2*(r-start)
				if at+2 > len(s) {
					break
				}
				if glyph = word(at); glyph != 0 {
					glyph = (glyph + delta) & 0xffff
				}
			}
			if glyph != 0 {
				yield(rune(r), glyph)
			}
		}
	}
	return nil
}

// has reports whether the font has a glyph for r.
func (f *face) has(r rune) bool { return r <= 0xffff && f.widths[r] != 0 }

// width of a rune in thousandths of the font's size.
func (f *face) width(r rune) int { return int(f.widths[r]) - 1 }
