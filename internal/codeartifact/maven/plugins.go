package maven

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"strings"

	"github.com/modelwharf/modelwharf/internal/api"
	"github.com/modelwharf/modelwharf/internal/codeartifact"
)

// assetData is what is kept of a jar.
type assetData struct {
	Plugin *Plugin `json:"plugin,omitempty"`
}

// descriptor is the file of a plugin's jar that says what it is.
const descriptor = "META-INF/maven/plugin.xml"

// maxDescriptor is how large it may be, in bytes.
const maxDescriptor = 4 << 20

// pluginOf reads what a plugin's jar says of it: nil if it is none, or no jar at all.
func pluginOf(r io.ReaderAt, size int64, artifact string) *Plugin {
	text, err := codeartifact.ReadZip(r, size, func(name string) bool { return name == descriptor }, maxDescriptor)
	if err != nil || text == nil {
		return nil
	}
	var plugin struct {
		Name   string `xml:"name"`
		Prefix string `xml:"goalPrefix"`
	}
	if decode(bytes.NewReader(text), "plugin", &plugin) != nil || strings.TrimSpace(plugin.Prefix) == "" {
		return nil
	}
	return &Plugin{Name: strings.TrimSpace(plugin.Name), Prefix: strings.TrimSpace(plugin.Prefix), Artifact: artifact}
}

// maxGroup is how many packages of a group are looked at for plugins.
const maxGroup = 1000

// plugins is the metadata of a group: the plugins among its packages, as the newest published
// version of each says. The error is a 404 if there are none.
func plugins(x *codeartifact.Exchange, group string) (*Metadata, error) {
	names, err := x.Packages(&codeartifact.PackageName{Format: Format{}.Name(), Namespace: group}, maxGroup)
	if err != nil {
		return nil, err
	}
	m := &Metadata{Plugins: &Plugins{}}
	for _, name := range names {
		if name.Namespace != group {
			break
		}
		plugin, err := plugin(x, name)
		if err != nil {
			return nil, err
		}
		if plugin != nil {
			m.Plugins.List = append(m.Plugins.List, *plugin)
		}
	}
	if len(m.Plugins.List) == 0 {
		return nil, api.Errorf("ResourceNotFoundException", http.StatusNotFound, "There are neither versions nor plugins at %s.", strings.ReplaceAll(group, ".", "/"))
	}
	return m, nil
}

// plugin is what the newest published version of a package says of it, nil if it is none.
func plugin(x *codeartifact.Exchange, name codeartifact.PackageName) (*Plugin, error) {
	view, err := x.View(name)
	if isNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	all, err := view.Versions(x.Context())
	if err != nil {
		return nil, err
	}
	for _, v := range slices.Backward(all) {
		for _, a := range v.Assets {
			var d assetData
			if a.Data != nil && json.Unmarshal(a.Data, &d) == nil && d.Plugin != nil {
				return d.Plugin, nil
			}
		}
	}
	return nil, nil
}
