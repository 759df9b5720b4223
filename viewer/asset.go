package viewer

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"html/template"
	"io/fs"
	"mime"
	"net/http"
	"net/url"
	"path"
	"strings"
)

//go:embed assets templates
var files embed.FS

// asset is a file that is the same for everybody: compressed once, named with
// its content's hash, and so kept by browsers for ever.
type asset struct {
	name, kind, version string
	plain, packed       []byte
}

func newAsset(name string, content []byte) asset {
	kind := mime.TypeByExtension(path.Ext(name))
	switch path.Ext(name) { // not every system's table is right, and one is wanted
	case ".js":
		kind = "text/javascript; charset=utf-8"
	case ".css":
		kind = "text/css; charset=utf-8"
	case ".svg":
		kind = "image/svg+xml"
	case ".json":
		kind = "application/json"
	}
	sum := sha256.Sum256(content)
	return asset{name: name, kind: kind, version: hex.EncodeToString(sum[:6]), plain: content, packed: gzipped(content)}
}

func (a asset) url() string { return "?" + url.Values{"asset": {a.name}, "v": {a.version}}.Encode() }

func loadAssets(opts *Options) (map[string]asset, error) {
	assets := map[string]asset{}
	err := fs.WalkDir(files, "assets", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		content, err := files.ReadFile(name)
		base := path.Base(name)
		assets[base] = newAsset(base, content)
		return err
	})
	if err != nil {
		return nil, err
	}
	if len(opts.ThemeCSS) > 0 {
		assets["theme.css"] = newAsset("theme.css", opts.ThemeCSS)
	}
	if len(opts.Logo) > 0 {
		if !bytes.Contains(opts.Logo, []byte("<svg")) {
			return nil, fmt.Errorf("viewer: Options.Logo is no SVG image")
		}
		assets["logo.svg"] = newAsset("logo.svg", opts.Logo)
	}
	return assets, nil
}

func (v *Viewer) serveAsset(w http.ResponseWriter, r *http.Request, name string) {
	a, ok := v.assets[name]
	if !ok {
		http.Error(w, "There is no such file.", http.StatusNotFound)
		return
	}
	h := w.Header()
	h.Set("Content-Type", a.kind)
	h.Set("Vary", "Accept-Encoding")
	h.Set("ETag", `"`+a.version+`"`)
	h.Set("Cache-Control", "private, max-age=31536000, immutable")
	if r.URL.Query().Get("v") != a.version {
		h.Set("Cache-Control", "private, no-cache") // asked for without its version, it may change
	}
	if strings.Contains(r.Header.Get("If-None-Match"), a.version) {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	body := a.plain
	if acceptsGzip(r) && len(a.packed) < len(a.plain) {
		h.Set("Content-Encoding", "gzip")
		body = a.packed
	}
	_, _ = w.Write(body)
}

func gzipped(content []byte) []byte { return gzippedAt(content, gzip.BestCompression) }

func gzippedAt(content []byte, level int) []byte {
	var b bytes.Buffer
	z, _ := gzip.NewWriterLevel(&b, level) // the levels are valid ones
	_, _ = z.Write(content)                // a buffer takes everything
	_ = z.Close()
	return b.Bytes()
}

// loadPages parses the templates with the functions that don't depend on a
// request.
func loadPages(v *Viewer) (*template.Template, error) {
	return template.New("").Funcs(template.FuncMap{
		"asset": func(name string) string { return v.assets[name].url() },
		"has":   func(name string) bool { _, ok := v.assets[name]; return ok },
		"shown": shown,
		"icon": func(name string) template.HTML {
			return template.HTML(`<svg class="` + iconClass(name) + `" aria-hidden="true"><use href="#i-` + template.HTMLEscapeString(name) + `"/></svg>`)
		},
	}).ParseFS(files, "templates/*.html")
}
