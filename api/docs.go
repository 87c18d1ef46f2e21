package api

import (
	"bytes"
	"compress/gzip"
	"embed"
	"io"
	"io/fs"
	"net/http"
	"strings"

	"github.com/gin-gonic/gin"
	swaggerui "github.com/swaggest/swgui/v5/static"
)

// The OpenAPI document and a page to browse it with. All that the page loads
// comes from here: it works without any other host, and its policy forbids
// them.

//go:embed openapi.yaml
var openAPI []byte

//go:embed docs
var docsFiles embed.FS

// pagePolicy lets the page run our own scripts and call our own API. Swagger
// UI sets styles and draws icons from within its script and style sheet.
const pagePolicy = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; " +
	"connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// asset is a file that the page loads. Some are kept compressed, as they are
// sent.
type asset struct {
	media      string
	content    []byte
	compressed bool
}

// assets are the page's files by their names below /docs/.
var assets = map[string]asset{
	"page.js":              {"text/javascript", file(docsFiles, "docs/page.js"), false},
	"page.css":             {"text/css", file(docsFiles, "docs/page.css"), false},
	"swagger-ui-bundle.js": {"text/javascript", file(swaggerui.FS, "swagger-ui-bundle.js.gz"), true},
	"swagger-ui.css":       {"text/css", file(swaggerui.FS, "swagger-ui.css.gz"), true},
	"favicon-32x32.png":    {"image/png", file(swaggerui.FS, "favicon-32x32.png"), false},
}

func file(files fs.FS, name string) []byte {
	content, err := fs.ReadFile(files, name)
	if err != nil {
		panic(err) // it is embedded
	}
	return content
}

// docsPage serves the page.
func docsPage(content []byte) gin.HandlerFunc {
	return func(c *gin.Context) {
		c.Header("Content-Security-Policy", pagePolicy)
		c.Header("X-Content-Type-Options", "nosniff")
		c.Header("Cache-Control", "no-cache")
		c.Data(http.StatusOK, "text/html; charset=utf-8", content)
	}
}

// docsAsset serves what the page loads.
func docsAsset(c *gin.Context) {
	a, ok := assets[c.Param("asset")]
	if !ok {
		nothing(c)
		return
	}
	content := a.content
	if a.compressed {
		c.Header("Vary", "Accept-Encoding")
		if takesGzip(c.GetHeader("Accept-Encoding")) {
			c.Header("Content-Encoding", "gzip")
		} else {
			content = uncompressed(content)
		}
	}
	c.Header("X-Content-Type-Options", "nosniff")
	c.Header("Cache-Control", "public, max-age=3600")
	c.Data(http.StatusOK, a.media, content)
}

// takesGzip reads an Accept-Encoding header (RFC 9110, section 12.5.3): gzip
// is named, with no weight or one that is not zero.
func takesGzip(header string) bool {
	for coding := range strings.SplitSeq(strings.ReplaceAll(header, " ", ""), ",") {
		name, weight, weighted := strings.Cut(coding, ";")
		if strings.EqualFold(name, "gzip") {
			return !weighted || strings.Trim(weight, "qQ=0.") != ""
		}
	}
	return false
}

func uncompressed(content []byte) []byte {
	r, err := gzip.NewReader(bytes.NewReader(content))
	if err != nil {
		panic(err) // it is embedded
	}
	plain, err := io.ReadAll(r)
	if err != nil {
		panic(err)
	}
	return plain
}
