package maven_test

import (
	"bytes"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/modelwharf/modelwharf/internal/codeartifact"
	"github.com/modelwharf/modelwharf/internal/codeartifact/maven"
)

func TestParsePath(t *testing.T) {
	t.Parallel()
	for path, want := range map[string]string{
		"org/example/model/1.0/model-1.0.jar":                   "0 org.example:model:1.0 model-1.0.jar  {0 } /jar",
		"org/example/model/1.0/model-1.0-sources.tar.gz.sha512": "0 org.example:model:1.0 model-1.0-sources.tar.gz sha512 {0 } sources/tar.gz",
		"g/a/1.0-SNAPSHOT/a-1.0-20260102.030405-6.pom":          "0 g:a:1.0-SNAPSHOT a-1.0-20260102.030405-6.pom  {6 20260102.030405} /pom",
		"g/a/1.0-SNAPSHOT/a-1.0-SNAPSHOT-tests.jar.md5":         "0 g:a:1.0-SNAPSHOT a-1.0-SNAPSHOT-tests.jar md5 {0 } tests/jar",
		"g/a/1.0/something.txt":                                 "0 g:a:1.0 something.txt  {0 } /",
		"org/example/model/maven-metadata.xml":                  "1 org.example:model: maven-metadata.xml  {0 } /",
		"org/example/model/maven-metadata.xml.sha1":             "1 org.example:model: maven-metadata.xml sha1 {0 } /",
		"org/example/model/1.0-SNAPSHOT/maven-metadata.xml":     "2 org.example:model:1.0-SNAPSHOT maven-metadata.xml  {0 } /",
		"g/maven-metadata.xml":                                  "3 g:: maven-metadata.xml  {0 } /",
		"model-1.0.jar":                                         "", "a/b/c": "", "": "", "a//b/1/c": "", "../a/b/1/c": "", "a/b/1/..": "", "a/b/%2e/c": "", "a/b/1/c\x00": "", "a/b/1/ c": "", "/a/b/1/c": "",
		"a/b/1/" + strings.Repeat("x", 256): "",
	} {
		p, err := maven.ParsePath(path)
		got := ""
		if err == nil {
			got = fmt.Sprintf("%d %s:%s:%s %s %s {%d %s} %s/%s", p.Kind, p.Group, p.Artifact, p.Version, p.File, p.Checksum, p.Build.Number, p.Build.Timestamp, p.Classifier, p.Type)
		} else if !errors.Is(err, maven.ErrPath) {
			t.Errorf("%s: %v", path, err)
		}
		if got != want {
			t.Errorf("%s:\ngot  %s\nwant %s", path, got, want)
		}
	}
}

func TestVersionsAreInMavensOrder(t *testing.T) {
	t.Parallel()
	m := maven.Versions("org.example", "model", []string{"1.10", "1.9", "2.0-SNAPSHOT", "1.0-alpha-1", "1.0", "1.9"}, time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC))
	const want = `<?xml version="1.0" encoding="UTF-8"?>
<metadata>
  <groupId>org.example</groupId>
  <artifactId>model</artifactId>
  <versioning>
    <latest>2.0-SNAPSHOT</latest>
    <release>1.10</release>
    <versions>
      <version>1.0-alpha-1</version>
      <version>1.0</version>
      <version>1.9</version>
      <version>1.10</version>
      <version>2.0-SNAPSHOT</version>
    </versions>
    <lastUpdated>20260102030405</lastUpdated>
  </versioning>
</metadata>
`
	if got := string(m.Bytes()); got != want {
		t.Errorf("got %s", got)
	}
	again, err := maven.ReadMetadata(bytes.NewReader(m.Bytes()))
	if err != nil || !reflect.DeepEqual(again.Versioning, m.Versioning) {
		t.Errorf("%+v %v", again, err)
	}
}

func TestBuildsNameTheNewestOfEachFile(t *testing.T) {
	t.Parallel()
	var files []maven.Path
	for _, name := range []string{
		"a-1.0-20260102.030405-1.jar", "a-1.0-20260102.030405-1.pom", "a-1.0-20260102.030405-1-sources.jar",
		"a-1.0-20260103.030405-10.jar", "a-1.0-20260103.030405-10.pom", "a-1.0-20260102.040405-2.jar", "a-1.0-20260103.030405-10.jar.sha1",
	} {
		p, err := maven.ParsePath("g/a/1.0-SNAPSHOT/" + name)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, p)
	}
	m := maven.Builds(files)
	want := &maven.Versioning{
		Snapshot: &maven.Snapshot{Timestamp: "20260103.030405", Number: 10}, LastUpdated: "20260103030405",
		Builds: &maven.SnapshotVersions{List: []maven.SnapshotVersion{
			{Type: "jar", Value: "1.0-20260103.030405-10", Updated: "20260103030405"},
			{Type: "pom", Value: "1.0-20260103.030405-10", Updated: "20260103030405"},
			{Classifier: "sources", Type: "jar", Value: "1.0-20260102.030405-1", Updated: "20260102030405"},
		}},
	}
	if m == nil || !reflect.DeepEqual(m.Versioning, want) || m.Version != "1.0-SNAPSHOT" {
		t.Errorf("got %+v", m)
	}
	if maven.Builds(nil) != nil {
		t.Error("no files have builds")
	}
}

func TestReadPOM(t *testing.T) {
	t.Parallel()
	p, err := maven.ReadPOM(strings.NewReader(`<project><parent><groupId>g</groupId><artifactId>p</artifactId><version>2</version></parent>
		<artifactId>a</artifactId><properties><v>1.5</v></properties><licenses><license><name>MIT</name><url>https://example.org/mit</url></license></licenses>
		<scm><url>https://example.org/src</url></scm>
		<dependencies><dependency><groupId>x</groupId><artifactId>y</artifactId><version>${v}</version></dependency>
		<dependency><groupId>${project.groupId}</groupId><artifactId>w</artifactId><version>${revision}</version></dependency>
		<dependency><groupId>x</groupId><artifactId>z</artifactId><scope>test</scope><optional>true</optional></dependency></dependencies></project>`))
	want := &maven.POM{
		Group: "g", Artifact: "a", Version: "2", Packaging: "jar", Licenses: []codeartifact.License{{Name: "MIT", URL: "https://example.org/mit"}}, SourceCode: "https://example.org/src",
		Parent: &maven.Dependency{Group: "g", Artifact: "p", Range: "2"},
		Dependencies: []maven.Dependency{
			{Group: "x", Artifact: "y", Range: "1.5", Scope: "compile"}, {Group: "g", Artifact: "w", Range: "${revision}", Scope: "compile"},
			{Group: "x", Artifact: "z", Scope: "test", Optional: true},
		},
	}
	if err != nil || !reflect.DeepEqual(p, want) {
		t.Errorf("%+v %v", p, err)
	}
	for _, bad := range []string{"", "<project>", "<other/>", `<!DOCTYPE p [<!ENTITY e "x">]><project><artifactId>&e;</artifactId></project>`} {
		if p, err := maven.ReadPOM(strings.NewReader(bad)); err == nil {
			t.Errorf("%q: %+v", bad, p)
		}
	}
}

// TestReadPOMOfOldTools reads other encodings, and HTML's entities, as Maven does.
func TestReadPOMOfOldTools(t *testing.T) {
	t.Parallel()
	p, err := maven.ReadPOM(strings.NewReader("<?xml version='1.0' encoding='ISO-8859-1'?><project><name>caf\xe9 &ntilde;</name></project>"))
	if err != nil || p.Name != "café ñ" {
		t.Errorf("%+v %v", p, err)
	}
}

// TestPropertiesEnd reads properties that are defined by each other, for ever or without
// bounds.
func TestPropertiesEnd(t *testing.T) {
	t.Parallel()
	var grow strings.Builder
	for i := range 60 {
		fmt.Fprintf(&grow, "<p%d>${p%d}${p%d}${p%d}</p%d>", i, i+1, i+1, i+1, i)
	}
	for _, properties := range []string{"<p0>${p0}</p0>", "<p0>${p1}</p0><p1>x${p0}</p1>", grow.String()} {
		p, err := maven.ReadPOM(strings.NewReader("<project><name>${p0}</name><properties>" + properties + "</properties></project>"))
		if err != nil || len(p.Name) > 1<<20 {
			t.Errorf("%d bytes, %v", len(p.Name), err)
		}
	}
}

func FuzzParsePath(f *testing.F) {
	f.Add("org/example/model/1.0/model-1.0.jar")
	f.Add("g/a/1.0-SNAPSHOT/a-1.0-20260102.030405-6.pom.sha1")
	f.Add("g/a/maven-metadata.xml")
	f.Fuzz(func(t *testing.T, path string) {
		p, err := maven.ParsePath(path)
		if err == nil && (strings.Contains(p.File, "/") || p.File == "" || p.File == ".." || p.Group == "") {
			t.Fatalf("%+v", p)
		}
	})
}

func FuzzReadPOM(f *testing.F) {
	f.Add("<project><artifactId>a</artifactId><properties><a>${b}</a><b>${a}</b></properties><version>${a}</version></project>")
	f.Fuzz(func(_ *testing.T, pom string) { _, _ = maven.ReadPOM(strings.NewReader(pom)) })
}
