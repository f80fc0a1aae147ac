// Package login tells package tools of a repository: it writes the settings files that they
// read anyway, with the repository's endpoint and a token, and keeps what else is in them. The
// tools themselves need not be there. It knows CodeArtifact's clients and not the server, so
// what it writes works with any server that speaks that API.
package login

import (
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"
)

// entry is what a login is called in files that give repositories names: the name that AWS's
// own login and documentation use. A further login replaces it.
const entry = "codeartifact"

// Repository is what a tool logs in to.
type Repository struct {
	Endpoint  string    // for the format of the tool, with a slash at its end
	Token     string    // the password of the user "aws", or a bearer token
	Expires   time.Time // when the token ends
	Namespace string    // an npm scope with its @; the tool uses the repository for it alone
}

// withToken is a URL below the endpoint that has the token in it.
func (r Repository) withToken(path string) (string, error) {
	u, err := url.Parse(r.Endpoint + path)
	if err != nil {
		return "", err
	}
	u.User = url.UserPassword("aws", r.Token)
	return u.String(), nil
}

// bare is the endpoint as npm's clients name it in keys: without a scheme.
func (r Repository) bare() string {
	_, rest, _ := strings.Cut(r.Endpoint, ":")
	return rest
}

// User is whose settings are changed.
type User struct {
	Home   string
	Getenv func(string) string
}

// config is the folder of a program's settings.
func (u User) config(parts ...string) string {
	folder := u.Getenv("XDG_CONFIG_HOME")
	if appData := u.Getenv("APPDATA"); runtime.GOOS == "windows" && appData != "" {
		folder = appData
	} else if folder == "" {
		folder = filepath.Join(u.Home, ".config")
	}
	return filepath.Join(append([]string{folder}, parts...)...)
}

// elsewhere is the file that a variable names, or else one in the home folder.
func (u User) elsewhere(variables []string, parts ...string) string {
	for _, name := range variables {
		if path := u.Getenv(name); path != "" {
			return path
		}
	}
	return filepath.Join(append([]string{u.Home}, parts...)...)
}

// Tool is a package tool.
type Tool struct {
	Name   string
	Format string // of the packages that it handles, as the API calls it
	Scopes bool   // it can use a repository for a namespace alone
	Next   string // what its user can do after the login
	// Before are variables that count before the files, and lead the tool elsewhere.
	Before []string

	files func(User, Repository) []change
}

// change is what a login does to a file. It is given what is in the file, nothing if there is
// none, and must find what an earlier login wrote.
type change struct {
	path  string
	apply func(old []byte) ([]byte, error)
	// others, if there is one, names the settings in the file that lead elsewhere and stay.
	others func(old []byte) []string
}

var npmVariables = []string{"npm_config_registry", "NPM_CONFIG_REGISTRY"}

var tools = []Tool{
	{Name: "pip", Format: "pypi", Next: "pip install NAME", files: pip, Before: []string{"PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "PIP_FIND_LINKS", "PIP_NO_INDEX", "PIP_CONFIG_FILE"}},
	{Name: "twine", Format: "pypi", Next: "twine upload --repository " + entry + " dist/*", files: twine, Before: []string{"TWINE_REPOSITORY", "TWINE_REPOSITORY_URL", "TWINE_USERNAME", "TWINE_PASSWORD"}},
	{Name: "uv", Format: "pypi", Next: "uv add NAME, uv pip install NAME, uv publish --index " + entry, files: uv, Before: []string{"UV_DEFAULT_INDEX", "UV_INDEX", "UV_INDEX_URL", "UV_EXTRA_INDEX_URL", "UV_FIND_LINKS", "UV_NO_CONFIG"}},
	{Name: "npm", Format: "npm", Scopes: true, Next: "npm install NAME, npm publish", files: npm, Before: npmVariables},
	{Name: "pnpm", Format: "npm", Scopes: true, Next: "pnpm add NAME, pnpm publish", files: npm, Before: npmVariables},
	{Name: "yarn", Format: "npm", Scopes: true, Next: "yarn add NAME, yarn npm publish (yarn 1: yarn publish)", files: yarn, Before: append([]string{"YARN_REGISTRY", "YARN_NPM_REGISTRY_SERVER", "YARN_NPM_AUTH_TOKEN"}, npmVariables...)},
	{Name: "mvn", Format: "maven", Next: "mvn package, mvn deploy -DaltDeploymentRepository=" + entry + "::ENDPOINT", files: maven},
	{
		Name: "gradle", Format: "maven", files: gradle,
		Next: `maven { name = "` + entry + `"; url = uri(providers.gradleProperty("` + entry + `Url").get()); credentials(PasswordCredentials) } in repositories`,
	},
}

// Names are the tools that there are.
func Names() []string {
	var names []string
	for _, t := range tools {
		names = append(names, t.Name)
	}
	return names
}

// Find returns a tool by its name.
func Find(name string) (Tool, bool) {
	i := slices.IndexFunc(tools, func(t Tool) bool { return t.Name == name })
	if i < 0 {
		return Tool{}, false
	}
	return tools[i], true
}

// Overridden are the variables of a user that lead the tool elsewhere, whatever its files say.
func (t Tool) Overridden(u User) (names []string) {
	for _, name := range t.Before {
		if u.Getenv(name) != "" {
			names = append(names, name)
		}
	}
	return names
}

// Plan returns the files that a login writes. None is written yet.
func (t Tool) Plan(u User, r Repository) ([]File, error) {
	if r.Namespace != "" && !t.Scopes {
		return nil, fmt.Errorf("%s has no namespaces: it uses the repository for everything", t.Name)
	}
	if !strings.HasSuffix(r.Endpoint, "/") {
		return nil, fmt.Errorf("the endpoint %q has no slash at its end", r.Endpoint)
	}
	if r.Token == "" || strings.ContainsAny(r.Token, "\r\n\"\\<>& ") {
		return nil, errors.New("the token is none that settings files can have")
	}
	var files []File
	for _, c := range t.files(u, r) {
		f, err := read(c.path)
		if err != nil {
			return nil, err
		}
		if f.after, err = c.apply(f.before); err != nil {
			return nil, fmt.Errorf("%s stays as it is: %w", f.Path, err)
		}
		f.secret = r.Token
		if c.others != nil {
			f.Others = c.others(f.before)
		}
		files = append(files, f)
	}
	return files, nil
}
