package pypi

import (
	"encoding/json"
	"slices"
	"time"

	"github.com/modelwharf/modelwharf/internal/codeartifact"
)

// facts are what the index shows of a file that its asset does not say itself. They are
// kept in Asset.Data.
type facts struct {
	RequiresPython string `json:"python,omitempty"`
	MetadataSHA256 string `json:"metadata,omitempty"`
	Yanked         bool   `json:"yanked,omitempty"`
	YankedReason   string `json:"reason,omitempty"`
	// Uploaded is when the file came to the index that it was fetched from; zero for one
	// that was published here.
	Uploaded time.Time `json:"uploaded,omitzero"`
}

// readFacts returns the facts of an asset. One that came by another way than this format's
// has none.
func readFacts(a *codeartifact.Asset) (f facts) {
	if len(a.Data) > 0 && json.Unmarshal(a.Data, &f) != nil {
		return facts{}
	}
	return f
}

func (f facts) encode() json.RawMessage {
	b, err := json.Marshal(f)
	if err != nil {
		panic(err) // texts and times always have a form
	}
	return b
}

// yankedAs returns the facts, yanked if those of the same file elsewhere are.
func (f facts) yankedAs(other facts) facts {
	f.Yanked, f.YankedReason = other.Yanked, other.YankedReason
	return f
}

// fileOfAsset is an asset as the index shows it. A version that is unlisted is shown as
// yanked: who asks for exactly it gets it, and nobody else does.
func fileOfAsset(v *codeartifact.Version, a *codeartifact.Asset, url string) File {
	f := readFacts(a)
	file := File{
		Filename: a.Name, URL: url, SHA256: a.SHA256, Size: a.Size,
		RequiresPython: f.RequiresPython, MetadataSHA256: f.MetadataSHA256,
		Yanked: f.Yanked || v.Status == codeartifact.Unlisted, YankedReason: f.YankedReason,
		Uploaded: f.Uploaded,
	}
	// Of a wheel that is elsewhere it is read there.
	file.Metadata = file.MetadataSHA256 != "" || a.Remote != "" && isWheel(*a)
	if a.Remote != "" && a.Size == 0 {
		file.Size = -1
	}
	if file.Uploaded.IsZero() {
		file.Uploaded = a.Published
	}
	return file
}

// Known returns the versions of a page of another index, the oldest first, with their files
// as remote assets: what an external connection keeps of a project before anything of it is
// fetched. Files come in the page's order.
func (p *Project) Known() []*codeartifact.Version {
	versions := map[string]*codeartifact.Version{}
	var all []*codeartifact.Version
	for _, f := range p.Files {
		d, err := ParseFilename(f.Filename, p.Name)
		if err != nil || d.Project != p.Name {
			continue
		}
		v := versions[d.Version]
		if v == nil {
			v = &codeartifact.Version{Version: d.Version, Status: codeartifact.Published, Published: f.Uploaded, Remote: true}
			versions[d.Version] = v
			all = append(all, v)
		}
		if v.Asset(f.Filename) != nil {
			continue
		}
		v.Assets = append(v.Assets, codeartifact.Asset{
			Name: f.Filename, Size: max(f.Size, 0), Published: f.Uploaded, Remote: f.URL, Hashes: codeartifact.Hashes{SHA256: f.SHA256},
			Data: facts{f.RequiresPython, f.MetadataSHA256, f.Yanked, f.YankedReason, f.Uploaded}.encode(),
		})
		if v.Published.IsZero() || !f.Uploaded.IsZero() && f.Uploaded.Before(v.Published) {
			v.Published = f.Uploaded
		}
	}
	slices.SortStableFunc(all, func(a, b *codeartifact.Version) int {
		return Format{}.CompareVersions(a.Version, b.Version)
	})
	return all
}
