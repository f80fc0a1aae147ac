package catalog

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/go-faster/jx"

	ddb "github.com/modelwharf/modelwharf/internal/api/dynamodb"
	api "github.com/modelwharf/modelwharf/internal/api/modelwharf"
	"github.com/modelwharf/modelwharf/internal/dynamodb/item"
)

// owned are the attributes of a version's item that the catalog writes, and nobody else
// changes, but for the primary key. All others are the users' own.
var owned = []string{
	"CreationDate", "ModelType", "ModelDescription", "Status", "RegisteredBy", "TimeToLive",
	"ImageUri", "ImageTag", "ImageDigest", "ImageRepository",
	"DependencyRepository", "DependencyLock", "Dependencies",
	"ProductId", "ProvisioningArtifactId", "EndpointName",
	"Metrics", "Files", "RetiredBy", "RetiredAt", "RetirementReason",
}

func textValue(s string) ddb.AttributeValue   { return ddb.AttributeValue{Type: ddb.TypeS, S: s} }
func numberValue(s string) ddb.AttributeValue { return ddb.AttributeValue{Type: ddb.TypeN, S: s} }

// setText sets an attribute to a text, if there is any.
func setText(a ddb.Attributes, name string, text *string) ddb.Attributes {
	if text == nil || *text == "" {
		return a
	}
	return a.Set(name, textValue(*text))
}

// keyOf is the primary key of an item.
func keyOf(model, version string) ddb.Attributes {
	return ddb.Attributes{{Name: hashName, Value: textValue(model)}, {Name: sortName, Value: textValue(version)}}
}

// itemOf is the item of a version that is being registered.
func itemOf(d *api.ModelVersionDescription) ddb.Attributes {
	a := keyOf(*d.ModelId, *d.ModelVersion)
	for name, text := range map[string]*string{
		"CreationDate": d.CreationDate, "ModelType": d.ModelType, "ModelDescription": d.ModelDescription, "Status": d.Status, "RegisteredBy": d.RegisteredBy,
		"ImageUri": d.ImageUri, "ImageDigest": d.ImageDigest, "ImageRepository": d.ImageRepository,
		"DependencyRepository": d.DependencyRepository, "DependencyLock": d.DependencyLock,
		"ProductId": d.ProductId, "ProvisioningArtifactId": d.ProvisioningArtifactId, "EndpointName": d.EndpointName,
	} {
		a = setText(a, name, text)
	}
	if d.Dependencies != nil {
		list := ddb.AttributeValue{Type: ddb.TypeL, L: []ddb.AttributeValue{}}
		for _, text := range d.Dependencies {
			list.L = append(list.L, textValue(text))
		}
		a = a.Set("Dependencies", list)
	}
	if len(d.Metrics) > 0 {
		m := ddb.AttributeValue{Type: ddb.TypeM}
		for name, value := range d.Metrics {
			m.M = m.M.Set(name, numberValue(value))
		}
		a = a.Set("Metrics", m)
	}
	if len(d.Files) > 0 {
		list := ddb.AttributeValue{Type: ddb.TypeL}
		for _, f := range d.Files {
			m := ddb.Attributes{}.Set("Name", textValue(*f.Name)).Set("SHA256", textValue(*f.SHA256))
			if f.Size != nil {
				m = m.Set("Size", numberValue(strconv.FormatInt(*f.Size, 10)))
			}
			list.L = append(list.L, ddb.AttributeValue{Type: ddb.TypeM, M: m})
		}
		a = a.Set("Files", list)
	}
	return a
}

// decodeItem reads an item as the tables answer with it.
func decodeItem(raw ddb.RawAttributes) (ddb.Attributes, error) {
	var a ddb.Attributes
	if err := a.DecodeJSON(jx.DecodeBytes(raw)); err != nil {
		return nil, fmt.Errorf("catalog: an item cannot be read: %w", err)
	}
	return a, nil
}

// getText is an attribute that is a text, nil if there is none.
func getText(a ddb.Attributes, name string) *string {
	if v, ok := a.Get(name); ok && v.Type == ddb.TypeS {
		return &v.S
	}
	return nil
}

// describe describes a version by its item, and by its registration, which is nil of an item
// that is none: what such an item says of its status means nothing.
func describe(v versionID, a ddb.Attributes, r *registration) *api.ModelVersionDescription {
	d := &api.ModelVersionDescription{
		TableName: new(tableName(v.table.ARN)), ModelId: &v.model, ModelVersion: &v.version, ModelArn: new(v.arn()), Status: new(string(unregistered)),
		CreationDate: getText(a, "CreationDate"), ModelType: getText(a, "ModelType"), ModelDescription: getText(a, "ModelDescription"),
		ImageUri: getText(a, "ImageUri"), ImageDigest: getText(a, "ImageDigest"), ImageRepository: getText(a, "ImageRepository"),
		DependencyRepository: getText(a, "DependencyRepository"), DependencyLock: getText(a, "DependencyLock"),
		ProductId: getText(a, "ProductId"), ProvisioningArtifactId: getText(a, "ProvisioningArtifactId"), EndpointName: getText(a, "EndpointName"),
		RegisteredBy: getText(a, "RegisteredBy"), RetiredBy: getText(a, "RetiredBy"), RetiredAt: getText(a, "RetiredAt"), RetirementReason: getText(a, "RetirementReason"),
	}
	if r != nil {
		d.Status, d.Aliases = new(string(r.Status)), r.Aliases
	}
	if list, ok := a.Get("Dependencies"); ok && list.Type == ddb.TypeL {
		d.Dependencies = []string{}
		for _, x := range list.L {
			d.Dependencies = append(d.Dependencies, x.S)
		}
	}
	if m, ok := a.Get("Metrics"); ok && m.Type == ddb.TypeM {
		d.Metrics = map[string]string{}
		for _, x := range m.M {
			d.Metrics[x.Name] = x.Value.S
		}
	}
	if list, ok := a.Get("Files"); ok && list.Type == ddb.TypeL {
		for _, x := range list.L {
			f := &api.ModelFile{Name: getText(x.M, "Name"), SHA256: getText(x.M, "SHA256")}
			if size, ok := x.M.Get("Size"); ok {
				if n, err := strconv.ParseInt(size.S, 10, 64); err == nil {
					f.Size = &n
				}
			}
			d.Files = append(d.Files, f)
		}
	}
	if ttl, ok := a.Get("TimeToLive"); ok && ttl.Type == ddb.TypeN {
		if n, err := strconv.ParseInt(ttl.S, 10, 64); err == nil {
			d.ExpiresAt = new(time.Unix(n, 0).UTC().Format(time.RFC3339))
		}
	}
	return d
}

// differing are the attributes by which a version that there is differs from one that is to be
// registered, but for those that are not of the words of a registration.
func differing(is, asked ddb.Attributes) (names []string) {
	for _, name := range owned {
		switch name {
		case "CreationDate", "RegisteredBy", "TimeToLive", "ProductId", "ProvisioningArtifactId", "EndpointName":
			continue
		}
		a, _ := is.Get(name)
		b, _ := asked.Get(name)
		if !item.Equal(a, b) { // both in the form in which they are stored: a put brings its item there
			names = append(names, name)
		}
	}
	return names
}

// files sorts the files of a version by name, and refuses two of one name.
func files(in []*api.ModelFile) ([]*api.ModelFile, error) {
	byName := map[string]*api.ModelFile{}
	for _, f := range in {
		if byName[*f.Name] != nil {
			return nil, invalid("There are two files of the name '%s'.", *f.Name)
		}
		byName[*f.Name] = f
	}
	var all []*api.ModelFile
	for _, name := range slices.Sorted(maps.Keys(byName)) {
		all = append(all, byName[name])
	}
	return all, nil
}
