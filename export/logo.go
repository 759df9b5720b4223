package export

import (
	"bytes"
	"errors"
	"fmt"
	"image"
	"image/draw"
	"image/jpeg"
	"image/png"

	"codeberg.org/go-pdf/fpdf"
)

// maxLogo is the most pixels of a logo's side.
const maxLogo = 4000

var errLogo = errors.New("export: Options.Logo is not a PNG or JPEG image")

// plainPNG is an image as a PNG of eight bits without interlacing, which is the kind
// that a PDF takes. Its sides are at most maxLogo pixels.
func plainPNG(data []byte) ([]byte, error) {
	size, decode := png.DecodeConfig, png.Decode
	if !bytes.HasPrefix(data, []byte("\x89PNG")) {
		size, decode = jpeg.DecodeConfig, jpeg.Decode
	}
	config, err := size(bytes.NewReader(data))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errLogo, err)
	}
	if config.Width > maxLogo || config.Height > maxLogo || config.Width == 0 || config.Height == 0 {
		return nil, fmt.Errorf("export: Options.Logo has %d × %d pixels, and can have %d × %d", config.Width, config.Height, maxLogo, maxLogo)
	}
	decoded, err := decode(bytes.NewReader(data))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errLogo, err)
	}
	plain := image.NewNRGBA(image.Rect(0, 0, config.Width, config.Height))
	draw.Draw(plain, plain.Bounds(), decoded, decoded.Bounds().Min, draw.Src)
	var buf bytes.Buffer
	if err := png.Encode(&buf, plain); err != nil {
		return nil, err
	}
	return buf.Bytes(), nil
}

// The room of the logo, in millimetres, at the upper right of the first page.
const (
	logoTop    = 7.0
	logoHeight = 14.0
	logoWidth  = 50.0
)

// logo draws the host's, and returns how much of the title's width it takes.
func (d *document) logo() float64 {
	if d.t.logo == nil {
		return 0
	}
	options := fpdf.ImageOptions{ImageType: "PNG"}
	info := d.pdf.RegisterImageOptionsReader("logo", options, bytes.NewReader(d.t.logo))
	if info == nil || d.pdf.Error() != nil {
		return 0 // the document's error says why
	}
	scale := min(logoHeight/info.Height(), logoWidth/info.Width())
	width, height := info.Width()*scale, info.Height()*scale
	x := d.width - margin - width
	if d.set.mirrored {
		x = margin
	}
	d.pdf.ImageOptions("logo", x, logoTop, width, height, false, options, 0, "")
	return width + 5
}
