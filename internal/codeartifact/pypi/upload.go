package pypi

import (
	"errors"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"strings"

	"github.com/modelwharf/modelwharf/internal/api"
)

// The limits of an upload's form.
const (
	maxFields     = 1000
	maxField      = 4 << 20 // bytes of one field; a readme is one
	maxFieldBytes = 16 << 20
)

// Upload is what twine and its like send to publish a file: a form whose field
// ":action" is "file_upload".
type Upload struct {
	Name, Version  string // as written
	Filename       string
	Filetype       string // "bdist_wheel" or "sdist"
	RequiresPython string
	// The digests that the client claims, "" if it claims none.
	MD5, SHA256, BLAKE2 string
}

// ErrForm says what is wrong with an upload's form; its text is for the client.
type ErrForm struct{ Text string }

func (e *ErrForm) Error() string { return e.Text }

func malformed(format string, args ...any) error { return &ErrForm{fmt.Sprintf(format, args...)} }

// ReadUpload reads the form of a request, and calls content with the bytes of the file,
// which are read once and not kept, and with what is known by then: the file's name, and
// what fields came before the file, of which nothing is checked yet. The error is content's,
// or an *ErrForm.
func ReadUpload(r *http.Request, content func(known *Upload, body io.Reader) error) (*Upload, error) {
	form, err := r.MultipartReader()
	if err != nil {
		return nil, malformed("The request must be a form of the type multipart/form-data.")
	}
	u, fields, total := &Upload{}, map[string]string{}, 0
	for n := 0; ; n++ {
		part, err := form.NextPart()
		if errors.Is(err, io.EOF) {
			break
		}
		if refused, ok := errors.AsType[*api.Error](err); ok {
			return nil, refused // by the body: there is too much of it
		}
		if err != nil {
			return nil, malformed("The form ends too early or is malformed.")
		}
		if n >= maxFields {
			return nil, malformed("The form has more than %d fields.", maxFields)
		}
		if part.FormName() == "content" {
			if u.Filename != "" {
				return nil, malformed("The form has more than one file.")
			}
			if u.Filename = filename(part); u.Filename == "" {
				return nil, malformed("The file of the form has no name.")
			}
			u.Name = fields["name"]
			if err := content(u, part); err != nil {
				return nil, err
			}
			continue
		}
		b, err := io.ReadAll(io.LimitReader(part, maxField+1))
		if total += len(b); err != nil || len(b) > maxField || total > maxFieldBytes {
			return nil, malformed("The field %q of the form is too large, or ends too early.", part.FormName())
		}
		if _, ok := fields[part.FormName()]; !ok {
			fields[part.FormName()] = string(b)
		}
	}
	if action := fields[":action"]; action != "file_upload" {
		return nil, malformed("The form's :action is %q; file_upload is the one that publishes.", action)
	}
	if v := fields["protocol_version"]; v != "" && v != "1" {
		return nil, malformed("The form's protocol_version is %q; 1 is known.", v)
	}
	if u.Filename == "" {
		return nil, malformed("The form has no file in the field content.")
	}
	u.Name, u.Version, u.Filetype = fields["name"], fields["version"], fields["filetype"]
	u.RequiresPython = fields["requires_python"]
	u.MD5, u.SHA256 = strings.ToLower(fields["md5_digest"]), strings.ToLower(fields["sha256_digest"])
	u.BLAKE2 = strings.ToLower(fields["blake2_256_digest"])
	return u, u.check()
}

// filename is the name of a part's file as it was sent: FileName of the package would cut
// a path, and so hide one.
func filename(part *multipart.Part) string {
	name := part.FileName()
	if strings.ContainsAny(part.Header.Get("Content-Disposition"), "/\\") {
		return ""
	}
	return name
}

// check checks that name, version and file of an upload are of one distribution.
func (u *Upload) check() error {
	name, err := Normalize(u.Name)
	if err != nil {
		return malformed("The name %q is not valid: %s.", u.Name, err)
	}
	version, err := Version(u.Version)
	if err != nil {
		return malformed("The version is not valid: %s.", err)
	}
	d, err := ParseFilename(u.Filename, name)
	switch {
	case err != nil:
		return malformed("The file's name is not valid: %s.", err)
	case d.Project != name || !Same(d.Version, version):
		return malformed("The file %q is not of version %s of %s.", u.Filename, u.Version, u.Name)
	case u.Filetype != "" && u.Filetype != "sdist" && u.Filetype != "bdist_wheel",
		d.Wheel && u.Filetype == "sdist", !d.Wheel && u.Filetype == "bdist_wheel":
		return malformed("The file %q is not of the type %q.", u.Filename, u.Filetype)
	}
	return nil
}
