package login

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"

	"github.com/BurntSushi/toml"
)

// pip gets the index in the user's own settings, as of `pip config set global.index-url`.
func pip(u User, r Repository) []change {
	name := "pip.conf"
	if runtime.GOOS == "windows" {
		name = "pip.ini"
	}
	path := u.config("pip", name)
	// On macOS, pip's own folder counts where there is one.
	if own := filepath.Join(u.Home, "Library", "Application Support", "pip"); runtime.GOOS == "darwin" && isFolder(own) {
		path = filepath.Join(own, name)
	}
	set := func(old []byte) ([]byte, error) {
		index, err := r.withToken("simple/")
		if err != nil {
			return nil, err
		}
		l := pythonSettings(old)
		l.set("global", "index-url", " = ", index)
		return l.bytes(), nil
	}
	return []change{{path: path, apply: set, others: otherIndexes}}
}

// otherIndexes are the settings of a pip.conf by which pip takes packages from elsewhere too: of
// several indexes it takes the newest version, whoever has published it.
func otherIndexes(old []byte) (all []string) {
	l := pythonSettings(old)
	for _, section := range []string{"global", "install", "download", "wheel"} {
		for _, key := range []string{"index-url", "extra-index-url", "find-links", "no-index"} {
			if l.get(section, key) != "" && (section != "global" || key != "index-url") {
				all = append(all, "["+section+"] "+key)
			}
		}
	}
	return all
}

func isFolder(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}

// twine gets a server of its own in .pypirc, beside those that are there.
func twine(u User, r Repository) []change {
	return []change{{path: filepath.Join(u.Home, ".pypirc"), apply: func(old []byte) ([]byte, error) {
		l := pythonSettings(old)
		servers := strings.Fields(l.get("distutils", "index-servers"))
		if len(servers) == 0 {
			servers = []string{"pypi"} // what twine knows if nothing is said
		}
		if !strings.Contains(" "+strings.Join(servers, " ")+" ", " "+entry+" ") {
			servers = append(servers, entry)
		}
		l.set("distutils", "index-servers", " =\n    ", strings.Join(servers, "\n    "))
		l.set(entry, "repository", " = ", r.Endpoint)
		l.set(entry, "username", " = ", "aws")
		l.set(entry, "password", " = ", r.Token)
		return linesOf(l.bytes(), l.separator).bytes(), nil
	}}}
}

// uv gets the index in the user's uv.toml, instead of its own default one, and to publish to.
// If another index is the default there, it stays the default and this one is asked before it.
func uv(u User, r Repository) []change {
	path := u.Getenv("UV_CONFIG_FILE")
	if path == "" {
		path = u.config("uv", "uv.toml")
	}
	return []change{{path: path, apply: func(old []byte) ([]byte, error) {
		index, err := r.withToken("simple/")
		if err != nil {
			return nil, err
		}
		publish, err := r.withToken("")
		if err != nil {
			return nil, err
		}
		kept := withoutIndex(string(old), entry)
		var there struct {
			Index []struct {
				Default bool `toml:"default"`
			} `toml:"index"`
		}
		if err := toml.Unmarshal([]byte(kept), &there); err != nil {
			return nil, err
		}
		isDefault := true
		for _, one := range there.Index {
			isDefault = isDefault && !one.Default
		}
		ours := fmt.Sprintf("[[index]]\nname = %q\nurl = %q\npublish-url = %q\ndefault = %s\n", entry, index, publish, strconv.FormatBool(isDefault))
		// Before the tables that are there: earlier indexes count first.
		at := len(kept)
		if header := tomlHeader.FindStringIndex(kept); header != nil {
			at = header[0]
		}
		var out bytes.Buffer
		out.WriteString(kept[:at])
		if at > 0 && !strings.HasSuffix(kept[:at], "\n") {
			out.WriteString("\n")
		}
		out.WriteString(ours)
		if at < len(kept) {
			out.WriteString("\n" + kept[at:])
		}
		var whole map[string]any
		if err := toml.Unmarshal(out.Bytes(), &whole); err != nil {
			return nil, fmt.Errorf("an index cannot be added to it: %w", err)
		}
		return out.Bytes(), nil
	}}}
}

// tomlHeader is the line that begins a table. An element of an array, which could look alike,
// is no bare key.
var tomlHeader = regexp.MustCompile(`(?m)^[ \t]*\[\[?[ \t]*[A-Za-z][A-Za-z0-9_.-]*[ \t]*\]\]?[ \t]*(#.*)?$`)

// withoutIndex is a uv.toml without the [[index]] of a name.
func withoutIndex(text, name string) string {
	headers := tomlHeader.FindAllStringIndex(text, -1)
	for i := len(headers) - 1; i >= 0; i-- {
		from, to := headers[i][0], len(text)
		if i+1 < len(headers) {
			to = headers[i+1][0]
		}
		var table struct {
			Index []struct {
				Name string `toml:"name"`
			} `toml:"index"`
		}
		if toml.Unmarshal([]byte(text[from:to]), &table) == nil && len(table.Index) == 1 && table.Index[0].Name == name {
			text = text[:from] + text[to:]
		}
	}
	return text
}
