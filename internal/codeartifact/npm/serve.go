package npm

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"

	"github.com/modelwharf/modelwharf/internal/api"
	"github.com/modelwharf/modelwharf/internal/codeartifact"
)

// Serve answers npm, pnpm and yarn.
func (f Format) Serve(x *codeartifact.Exchange) error {
	parts, err := x.Parts()
	if err != nil {
		return err
	}
	if len(parts) > 1 && parts[len(parts)-1] == "" {
		parts = parts[:len(parts)-1]
	}
	switch parts[0] {
	case "":
		if !reads(x) {
			return x.MethodNotAllowed("GET", "HEAD")
		}
		return sendJSON(x, http.StatusOK, struct{}{})
	case "-":
		return f.service(x, parts[1:])
	}
	n, rest, err := cutName(parts)
	if err != nil {
		return x.NothingHere()
	}
	switch {
	case len(rest) == 0 && reads(x):
		return f.sendPackument(x, n)
	case len(rest) == 0 && x.Request.Method == http.MethodPut:
		return f.put(x, n)
	case len(rest) == 0:
		return x.MethodNotAllowed("GET", "HEAD", "PUT")
	case rest[0] == "-rev" || len(rest) > 2 && rest[len(rest)-2] == "-rev":
		return notUnpublished(x)
	case !reads(x):
		return x.MethodNotAllowed("GET", "HEAD")
	case rest[0] == "-" && len(rest) > 1:
		return f.sendTarball(x, n, rest[1:])
	case len(rest) == 1:
		return f.sendManifest(x, n, rest[0])
	}
	return x.NothingHere()
}

// cutName takes the name of a package off the parts of a path. A scope and the name behind it
// are one part, as npm escapes them, or two.
func cutName(parts []string) (n Name, rest []string, err error) {
	text, rest := parts[0], parts[1:]
	if strings.HasPrefix(text, "@") && !strings.Contains(text, "/") && len(rest) > 0 {
		text, rest = text+"/"+rest[0], rest[1:]
	}
	n, err = ParseName(text)
	return n, rest, err
}

func reads(x *codeartifact.Exchange) bool {
	return x.Request.Method == http.MethodGet || x.Request.Method == http.MethodHead
}

// service answers what is below "-": everything that is not a package.
func (f Format) service(x *codeartifact.Exchange, parts []string) error {
	switch strings.Join(parts, "/") {
	case "ping":
		return sendJSON(x, http.StatusOK, struct{}{})
	case "whoami":
		return sendJSON(x, http.StatusOK, map[string]string{"username": username(api.RequestOf(x.Context()).Caller)})
	}
	if len(parts) > 2 && parts[0] == "package" {
		if n, rest, err := cutName(parts[1:]); err == nil && len(rest) > 0 && rest[0] == "dist-tags" {
			return f.tags(x, n, rest[1:])
		}
	}
	// https://docs.aws.amazon.com/codeartifact/latest/ug/npm-commands.html has the commands that
	// are not: those of the accounts, the search and the audits of the public registry.
	return api.Errorf("NotFound", http.StatusNotFound, "There is nothing at '-/%s': this repository has packages, dist-tags, ping and whoami, and neither search nor audits nor accounts.", strings.Join(parts, "/"))
}

// username is how npm calls whoever asks: the end of the ARN, "user/alice".
func username(c api.Caller) string {
	if i := strings.LastIndexByte(c.ARN, ':'); i >= 0 && c.ARN[i+1:] != "" {
		return strings.TrimPrefix(c.ARN[i+1:], "user/")
	}
	return c.Account
}

// notUnpublished refuses npm unpublish, as AWS does. Not with 404, which npm takes for
// success.
func notUnpublished(x *codeartifact.Exchange) error {
	x.Header().Set("Allow", "GET, HEAD")
	return api.Errorf("MethodNotAllowed", http.StatusMethodNotAllowed, "Packages cannot be unpublished by npm: use aws codeartifact delete-package-versions.")
}

// WriteError answers as npm wants to be told.
func (Format) WriteError(x *codeartifact.Exchange, e *api.Error) {
	_ = sendJSON(x, e.HTTPStatus(), map[string]string{"error": e.Message}) // a text has a form
}

func sendJSON(x *codeartifact.Exchange, status int, v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return err
	}
	return x.Send(status, "application/json", b)
}

// sendDone answers that a change was made. Old yarn looks for ok.
func sendDone(x *codeartifact.Exchange) error {
	return sendJSON(x, http.StatusOK, map[string]bool{"ok": true})
}

// maxSmall is how large the body of a request can be that is neither a tarball nor a
// manifest, in bytes.
const maxSmall = 1 << 20

// readJSON reads a small body.
func readJSON(x *codeartifact.Exchange, v any) error {
	b, err := io.ReadAll(io.LimitReader(x.Request.Body, maxSmall+1))
	if err != nil {
		return cut(err)
	}
	if len(b) > maxSmall {
		return codeartifact.Invalid("The body has more than %d bytes.", maxSmall)
	}
	if err := json.Unmarshal(b, v); err != nil {
		return codeartifact.Invalid("The body is not the JSON that is wanted here: %s.", err)
	}
	return nil
}

// cut is the error of a body that ended before its end.
func cut(err error) error {
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return codeartifact.Invalid("The body ended too early.")
	}
	return err
}
