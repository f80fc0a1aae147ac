// Package pypi speaks to pip, twine, uv and their like: the simple index in both its
// forms (PEP 503, 629, 691, 700), yanked files (PEP 592), metadata beside the files
// (PEP 658, 714), and the form by which twine publishes.
package pypi

import (
	"encoding/json"
	"errors"
	"fmt"
	"html"
	"io"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/go-faster/jx"
	nethtml "golang.org/x/net/html"
)

// Content types of the simple index.
const (
	TypeJSON = "application/vnd.pypi.simple.v1+json"
	TypeHTML = "application/vnd.pypi.simple.v1+html"
	typeText = "text/html"
)

// apiVersion is the version of the index's form: 1.1 has sizes, versions and upload times
// (PEP 700).
const apiVersion = "1.1"

// Negotiate chooses the content type of an index by the header Accept, HTML if that says
// nothing. It returns "" if none of the three would be accepted (406).
func Negotiate(accept string) string {
	if strings.TrimSpace(accept) == "" {
		return typeText
	}
	best, chosen := 0.0, ""
	for part := range strings.SplitSeq(accept, ",") {
		kind, parameters, _ := strings.Cut(part, ";")
		q := 1.0
		for p := range strings.SplitSeq(parameters, ";") {
			if v, ok := strings.CutPrefix(strings.TrimSpace(p), "q="); ok {
				q, _ = strconv.ParseFloat(v, 64)
			}
		}
		offer := ""
		switch strings.ToLower(strings.TrimSpace(kind)) {
		case TypeJSON, "application/vnd.pypi.simple.latest+json":
			offer = TypeJSON
		case TypeHTML, "application/vnd.pypi.simple.latest+html":
			offer = TypeHTML
		case typeText, "text/*", "*/*":
			offer = typeText
		}
		if offer != "" && q > best {
			best, chosen = q, offer
		}
	}
	return chosen
}

// File is a file of a project, as the index shows it.
type File struct {
	Filename       string
	URL            string // absolute, or relative to the index
	SHA256         string // hexadecimal; "" if it is not known
	RequiresPython string
	MetadataSHA256 string    // of the file's metadata, which is at URL+".metadata"; "" if it is not known
	Metadata       bool      // there is metadata, whether its hash is known or not
	Yanked         bool      // installers leave it unless it is asked for exactly
	YankedReason   string    // may be ""
	Size           int64     // bytes; -1 if it is not known
	Uploaded       time.Time // zero if it is not known
}

// Project is a page of the index.
type Project struct {
	Name     string // normalized
	Versions []string
	Files    []File
}

// AppendJSON appends the page as PEP 691 has it.
func (p *Project) AppendJSON(dst []byte) []byte {
	e := &jx.Writer{Buf: dst}
	e.RawStr(`{"meta":{"api-version":"` + apiVersion + `"},"name":`)
	e.Str(p.Name)
	e.RawStr(`,"versions":[`)
	for i, v := range p.Versions {
		if i > 0 {
			e.Comma()
		}
		e.Str(v)
	}
	e.RawStr(`],"files":[`)
	for i := range p.Files {
		if i > 0 {
			e.Comma()
		}
		p.Files[i].appendJSON(e)
	}
	e.RawStr("]}")
	return e.Buf
}

func (f *File) appendJSON(e *jx.Writer) {
	e.RawStr(`{"filename":`)
	e.Str(f.Filename)
	e.RawStr(`,"url":`)
	e.Str(f.URL)
	e.RawStr(`,"hashes":{`)
	if f.SHA256 != "" {
		e.RawStr(`"sha256":`)
		e.Str(f.SHA256)
	}
	e.RawStr(`}`)
	if f.RequiresPython != "" {
		e.RawStr(`,"requires-python":`)
		e.Str(f.RequiresPython)
	}
	// PEP 714 has the name core-metadata; clients of before read the old one.
	for _, name := range []string{`,"core-metadata":`, `,"dist-info-metadata":`} {
		e.RawStr(name)
		if f.MetadataSHA256 == "" {
			e.Bool(f.Metadata)
		} else {
			e.RawStr(`{"sha256":`)
			e.Str(f.MetadataSHA256)
			e.RawStr(`}`)
		}
	}
	e.RawStr(`,"yanked":`)
	if f.Yanked && f.YankedReason != "" {
		e.Str(f.YankedReason)
	} else {
		e.Bool(f.Yanked)
	}
	if f.Size >= 0 {
		e.RawStr(`,"size":`)
		e.Int64(f.Size)
	}
	if !f.Uploaded.IsZero() {
		e.RawStr(`,"upload-time":`)
		e.Str(f.Uploaded.UTC().Format("2006-01-02T15:04:05.000000Z"))
	}
	e.RawStr(`}`)
}

// AppendHTML appends the page as PEP 503 has it.
func (p *Project) AppendHTML(dst []byte) []byte {
	name := html.EscapeString(p.Name)
	dst = append(dst, "<!DOCTYPE html>\n<html><head><meta name=\"pypi:repository-version\" content=\""+apiVersion+"\"><title>Links for "+name+"</title></head>\n<body>\n<h1>Links for "+name+"</h1>\n"...)
	for i := range p.Files {
		dst = p.Files[i].appendHTML(dst)
	}
	return append(dst, "</body></html>\n"...)
}

func (f *File) appendHTML(dst []byte) []byte {
	attribute := func(name, value string) {
		dst = append(append(append(append(dst, ' '), name...), `="`...), html.EscapeString(value)...)
		dst = append(dst, '"')
	}
	link := f.URL
	if f.SHA256 != "" {
		link += "#sha256=" + f.SHA256
	}
	dst = append(dst, "<a"...)
	attribute("href", link)
	if f.RequiresPython != "" {
		attribute("data-requires-python", f.RequiresPython)
	}
	if f.MetadataSHA256 != "" || f.Metadata {
		value := "true"
		if f.MetadataSHA256 != "" {
			value = "sha256=" + f.MetadataSHA256
		}
		attribute("data-core-metadata", value)
		attribute("data-dist-info-metadata", value)
	}
	if f.Yanked {
		attribute("data-yanked", f.YankedReason)
	}
	return append(append(append(dst, '>'), html.EscapeString(f.Filename)...), "</a><br>\n"...)
}

// AppendProjectsJSON appends the list of all projects.
func AppendProjectsJSON(dst []byte, names []string) []byte {
	e := &jx.Writer{Buf: dst}
	e.RawStr(`{"meta":{"api-version":"` + apiVersion + `"},"projects":[`)
	for i, n := range names {
		if i > 0 {
			e.Comma()
		}
		e.RawStr(`{"name":`)
		e.Str(n)
		e.RawStr(`}`)
	}
	e.RawStr("]}")
	return e.Buf
}

// AppendProjectsHTML appends the list of all projects.
func AppendProjectsHTML(dst []byte, names []string) []byte {
	dst = append(dst, "<!DOCTYPE html>\n<html><head><meta name=\"pypi:repository-version\" content=\""+apiVersion+"\"><title>Simple index</title></head>\n<body>\n"...)
	for _, n := range names {
		n = html.EscapeString(n)
		dst = append(dst, `<a href="`+n+`/">`+n+"</a><br>\n"...)
	}
	return append(dst, "</body></html>\n"...)
}

// MaxPage is how many bytes of another index's page are read.
const MaxPage = 64 << 20

// ParsePage reads another index's page of a project, in either form. Links are made
// absolute by the URL of the page. What is no distribution is left out.
func ParsePage(r io.Reader, contentType, page, project string) (*Project, error) {
	base, err := url.Parse(page)
	if err != nil {
		return nil, err
	}
	r = &limited{r, MaxPage}
	p := &Project{Name: project}
	if kind, _, _ := strings.Cut(contentType, ";"); strings.HasSuffix(strings.TrimSpace(kind), "json") {
		err = p.readJSON(r)
	} else {
		err = p.readHTML(r)
	}
	if err != nil {
		return nil, fmt.Errorf("the index's page cannot be read: %w", err)
	}
	kept := p.Files[:0]
	for _, f := range p.Files {
		u, err := base.Parse(f.URL)
		if err != nil || u.Scheme != "http" && u.Scheme != "https" {
			continue
		}
		if _, err := ParseFilename(f.Filename, project); err != nil {
			continue
		}
		f.URL = u.String()
		kept = append(kept, f)
	}
	p.Files = kept
	return p, nil
}

func (p *Project) readJSON(r io.Reader) error {
	var page struct {
		Meta struct {
			Version string `json:"api-version"`
		} `json:"meta"`
		Versions []string `json:"versions"`
		Files    []struct {
			Filename string            `json:"filename"`
			URL      string            `json:"url"`
			Hashes   map[string]string `json:"hashes"`
			Requires string            `json:"requires-python"`
			Core     json.RawMessage   `json:"core-metadata"`
			Info     json.RawMessage   `json:"dist-info-metadata"`
			Yanked   json.RawMessage   `json:"yanked"`
			Size     *int64            `json:"size"`
			Uploaded string            `json:"upload-time"`
		} `json:"files"`
	}
	if err := json.NewDecoder(r).Decode(&page); err != nil {
		return err
	}
	if major, _, _ := strings.Cut(page.Meta.Version, "."); major != "1" {
		return fmt.Errorf("its version is %q, and 1 is known", page.Meta.Version)
	}
	p.Versions = page.Versions
	for _, f := range page.Files {
		file := File{Filename: f.Filename, URL: f.URL, SHA256: strings.ToLower(f.Hashes["sha256"]), RequiresPython: f.Requires, Size: -1}
		for _, raw := range []json.RawMessage{f.Core, f.Info} {
			var hashes map[string]string
			if file.MetadataSHA256 == "" && json.Unmarshal(raw, &hashes) == nil {
				file.MetadataSHA256 = strings.ToLower(hashes["sha256"])
			}
		}
		if json.Unmarshal(f.Yanked, &file.Yanked) != nil && json.Unmarshal(f.Yanked, &file.YankedReason) == nil {
			file.Yanked = true
		}
		if f.Size != nil {
			file.Size = *f.Size
		}
		file.Uploaded, _ = time.Parse(time.RFC3339, f.Uploaded)
		p.Files = append(p.Files, file)
	}
	return nil
}

func (p *Project) readHTML(r io.Reader) error {
	z := nethtml.NewTokenizer(r)
	z.SetMaxBuf(1 << 20)
	var file *File
	for {
		switch z.Next() {
		case nethtml.ErrorToken:
			if err := z.Err(); !errors.Is(err, io.EOF) {
				return err
			}
			return nil
		case nethtml.StartTagToken:
			if t := z.Token(); t.Data == "a" {
				file = fileOf(t.Attr)
			}
		case nethtml.TextToken:
			if file != nil {
				file.Filename += z.Token().Data
			}
		case nethtml.EndTagToken:
			if t := z.Token(); t.Data == "a" && file != nil {
				file.Filename = strings.TrimSpace(file.Filename)
				p.Files = append(p.Files, *file)
				file = nil
			}
		}
	}
}

// fileOf is what the attributes of a link say.
func fileOf(attributes []nethtml.Attribute) *File {
	f := &File{Size: -1}
	for _, a := range attributes {
		switch a.Key {
		case "href":
			link, fragment, _ := strings.Cut(a.Val, "#")
			f.URL = link
			if sum, ok := strings.CutPrefix(fragment, "sha256="); ok {
				f.SHA256 = strings.ToLower(sum)
			}
		case "data-requires-python":
			f.RequiresPython = a.Val
		case "data-core-metadata", "data-dist-info-metadata":
			if sum, ok := strings.CutPrefix(a.Val, "sha256="); ok {
				f.MetadataSHA256 = strings.ToLower(sum)
			}
		case "data-yanked":
			f.Yanked, f.YankedReason = true, a.Val
		}
	}
	return f
}
