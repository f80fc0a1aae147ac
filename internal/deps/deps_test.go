package deps_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/codeartifact"
	"github.com/aws/aws-sdk-go-v2/service/codeartifact/types"

	"github.com/modelwharf/modelwharf/internal/deps"
)

// TestLockAndVerify locks packages of both formats, each with all files of its version, and
// finds them as they were.
func TestLockAndVerify(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	iris := w.python("team", "iris", "1.0", "iris")
	w.wheel("team", "iris", "1.0", "py2-none-any", "iris for the old")
	w.python("shared", "petals", "2.0", "petals")
	integrity := w.node("shared", "@team/model", "1.0.0", "model")
	requirements := w.write("requirements.txt", "# of the model\nIris[all]==1.0 \\\n  --hash=sha256:"+iris+"\npetals == 2.0.0 ; python_version > '3'  # which iris needs\n")
	packages := w.write("package-lock.json", `{"lockfileVersion":3,"packages":{"":{"name":"app"},"node_modules/@team/model":{"version":"1.0.0","integrity":"`+integrity+`"}}}`)
	lock := w.lock("1.0", requirements, packages)
	var got []string
	for _, p := range lock.Packages {
		got = append(got, fmt.Sprintf("%s %s %d", p.Format, p, len(p.Assets)))
	}
	if want := []string{"npm @team/model 1.0.0 1", "pypi iris 1.0 2", "pypi petals 2.0 1"}; !slices.Equal(got, want) {
		t.Errorf("%q is locked, and not %q", got, want)
	}
	w.problems("1.0")
	if text := lock.Requirements(); !strings.HasPrefix(text, "iris==1.0 \\\n    --hash=sha256:") || strings.Count(text, "--hash") != 3 {
		t.Error(text)
	}

	// The same version in another spelling is one version.
	if twice := w.make("1.0", w.write("requirements.txt", "iris==1.0\n"), w.write("more.txt", "IRIS==1.0.0\n")); len(twice.Packages) != 1 || len(twice.Packages[0].Assets) != 2 {
		t.Errorf("%+v", twice.Packages)
	}

	// Upstream loses what was only there: it has been kept.
	w.remove("shared", types.PackageFormatPypi, nil, "petals", "2.0")
	w.remove("shared", types.PackageFormatNpm, new("team"), "model", "1.0.0")
	w.problems("1.0")

	// Only the files that are wanted by hash.
	needed, _, err := w.Make(t.Context(), deps.Request{Model: "iris", ModelVersion: "1.0", Files: []string{requirements}, Needed: true})
	if err != nil || len(needed.Packages[0].Assets) != 1 || needed.Packages[0].Assets[0].SHA256 != iris {
		t.Errorf("%v %+v", err, needed)
	}
	all, err := w.List(t.Context())
	if err != nil || !slices.Equal(all, []deps.Locked{{Model: "iris", ModelVersion: "1.0", Status: "Published"}}) {
		t.Errorf("%v %+v", err, all)
	}
}

// TestLockTwice locks the same twice, which is the same, and something else under the same
// version, which is refused with what differs; also when several do it at once.
func TestLockTwice(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, version := range []string{"1.0", "1.1"} {
		w.python("team", "iris", version, version)
	}
	w.python("team", "petals", "2.0", "petals")
	first := w.write("requirements.txt", "iris==1.0\npetals==2.0\n")
	lock := w.lock("1.0", first)
	again := w.make("1.0", first)
	if fresh, err := w.Publish(t.Context(), again); fresh || err != nil || !bytes.Equal(again.Text(), lock.Text()) {
		t.Errorf("the same again: %v %v", fresh, err)
	}
	_, err := w.Publish(t.Context(), w.make("1.0", w.write("requirements.txt", "iris==1.1\n")))
	if want := "iris 1.0: it is locked already with other content:\n  - pypi iris 1.0\n  + pypi iris 1.1\n  - pypi petals 2.0"; !errors.Is(err, deps.ErrLocked) || err.Error() != want {
		t.Errorf("%v\nand not\n%s", err, want)
	}
	if _, err := w.Publish(t.Context(), w.make("1.0", w.write("requirements.txt", "petals==2.0\niris==1.0\n"))); !errors.Is(err, deps.ErrLocked) || !strings.Contains(err.Error(), "other files: requirements.txt") {
		t.Error(err)
	}
	w.problems("1.0")

	var wait sync.WaitGroup
	var mu sync.Mutex
	fresh, refused := 0, 0
	for i := range 8 {
		one := w.make("2.0", w.write("requirements.txt", fmt.Sprintf("iris==1.%d\n", i%2)))
		wait.Go(func() {
			is, err := w.Publish(t.Context(), one)
			mu.Lock()
			defer mu.Unlock()
			if is {
				fresh++
			}
			if errors.Is(err, deps.ErrLocked) {
				refused++
			} else if err != nil {
				t.Error(err)
			}
		})
	}
	wait.Wait()
	if fresh == 0 || refused != 4 {
		t.Errorf("%d of eight have locked, and %d were refused", fresh, refused)
	}

	if _, err = w.Load(t.Context(), "iris", "3.0"); !errors.Is(err, deps.ErrAbsent) {
		t.Error(err)
	}
	// A lock that is archived is told as that, and is not published again.
	out, err := w.Client.UpdatePackageVersionsStatus(t.Context(), &codeartifact.UpdatePackageVersionsStatusInput{
		Domain: &w.Domain, Repository: &w.Name, Format: types.PackageFormatGeneric, Namespace: new(deps.Namespace), Package: new("iris"), Versions: []string{"1.0"}, TargetStatus: types.PackageVersionStatusArchived,
	})
	if err != nil || len(out.FailedVersions) > 0 {
		t.Fatal(err, out)
	}
	if _, err := w.Publish(t.Context(), lock); err == nil || !strings.Contains(err.Error(), "its lock has status Archived") {
		t.Error(err)
	}
}

// TestVerifyNamesWhatIsNotAsItWas archives, disposes of, deletes and replaces versions.
func TestVerifyNamesWhatIsNotAsItWas(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var lines string
	for _, name := range []string{"archived", "changed", "disposed", "fine", "gone", "unlisted"} {
		w.python("team", name, "1.0", name)
		lines += name + "==1.0\n"
	}
	integrity := w.node("team", "model", "1.0.0", "model")
	w.lock("1.0", w.write("requirements.txt", lines), w.write("package-lock.json", `{"lockfileVersion":2,"packages":{"node_modules/model":{"version":"1.0.0","integrity":"`+integrity+`"}}}`))
	w.problems("1.0")
	pypi := types.PackageFormatPypi
	w.status(pypi, "archived", "1.0", types.PackageVersionStatusArchived)
	w.status(pypi, "unlisted", "1.0", types.PackageVersionStatusUnlisted) // which a pinned install finds
	w.dispose(pypi, "disposed", "1.0")
	w.remove("team", pypi, nil, "gone", "1.0")
	w.remove("team", pypi, nil, "changed", "1.0")
	w.python("team", "changed", "1.0", "something else")
	w.remove("team", types.PackageFormatNpm, nil, "model", "1.0.0")
	w.node("team", "model", "1.0.0", "something else")
	problems := []string{"model 1.0.0 changed", "archived 1.0 archived", "changed 1.0 changed", "disposed 1.0 disposed", "gone 1.0 missing"}
	w.problems("1.0", problems...)
	w.status(pypi, "archived", "1.0", types.PackageVersionStatusPublished)
	w.problems("1.0", slices.Delete(problems, 1, 2)...)
}

// TestLockRefusals tries what cannot be locked: each says where and why.
func TestLockRefusals(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	sum := w.python("team", "iris", "1.0", "iris")
	w.node("team", "model", "1.0.0", "model")
	w.python("team", "kept", "1.0", "kept")
	w.status(types.PackageFormatPypi, "kept", "1.0", types.PackageVersionStatusArchived)
	wrong := strings.Repeat("ab", 32)
	for text, c := range map[string]struct{ name, content string }{
		"iris 1.0 (requirements.txt:1): it cannot be locked: no file of the repository has the hash that is wanted, sha256:" + wrong + ":\n  iris-1.0-py3-none-any.whl is sha256:" + sum: {"requirements.txt", "iris==1.0 --hash=sha256:" + wrong},
		"iris 2.0 (requirements.txt:2): it cannot be locked: neither repository team nor an upstream has it":                                                                             {"requirements.txt", "\niris==2.0"},
		"absent 1.0 (requirements.txt:1): it cannot be locked: neither repository team":                                                                                                  {"requirements.txt", "absent==1.0"},
		"has it with status Archived": {"requirements.txt", "kept==1.0"},
		"model 1.0.0 (package-lock.json): it cannot be locked: no file of the repository has the hash":  {"package-lock.json", `{"lockfileVersion":3,"packages":{"node_modules/model":{"version":"1.0.0","integrity":"sha512-` + strings.Repeat("A", 86) + `=="}}}`},
		"model 1.0.1 (package-lock.json): it cannot be locked: neither repository team nor an upstream": {"package-lock.json", `{"lockfileVersion":3,"packages":{"node_modules/model":{"version":"1.0.1","integrity":"sha512-` + strings.Repeat("A", 86) + `=="}}}`},
	} {
		w.refuses(text, deps.Request{Files: []string{w.write(c.name, c.content)}})
	}
	// All that is wrong is told at once.
	w.refuses("absent 1.0 (requirements.txt:1): it cannot be locked: neither repository team nor an upstream has it\niris 3.0 (requirements.txt:2)", deps.Request{Files: []string{w.write("requirements.txt", "absent==1.0\niris==3.0\n")}})
	w.refuses("no such file", deps.Request{Files: []string{"absent.txt"}})
	// Of several hashes, one must be right, as for pip.
	w.make("1.0", w.write("requirements.txt", "iris==1.0 --hash=sha256:"+wrong+" --hash sha256:"+sum))
	// Nothing has been locked by all this.
	if all, err := w.List(t.Context()); err != nil || len(all) > 0 {
		t.Error(all, err)
	}
	w.Name = "absent"
	w.refuses("ResourceNotFoundException", deps.Request{Files: []string{w.write("requirements.txt", "iris==1.0")}})
}

// TestPipResolves lets something that stands for pip choose: it is given the repository's index,
// none of the user's, and no secret that other users of the machine see.
func TestPipResolves(t *testing.T) {
	w := newWorld(t)
	w.python("team", "iris", "1.1", "iris")
	sum := w.python("team", "petals", "2.0", "petals")
	t.Setenv("PIP_EXTRA_INDEX_URL", "http://127.0.0.1:1/")
	python := w.write("python", `#!/bin/sh
case "$*" in *aws:*) echo "the token is seen" >&2; exit 1;; esac
[ -z "$PIP_EXTRA_INDEX_URL" ] || { echo "another index" >&2; exit 1; }
while [ $# -gt 0 ]; do case "$1" in -r) grep -q '^iris>=1' "$2" || exit 3; grep -q index-url "$2" && exit 4;; -c) grep -q '^petals<3' "$2" || exit 5;; esac; shift; done
case "$PIP_INDEX_URL" in http://aws:*/pypi/team/simple/) ;; *) exit 6;; esac
grep -q fail "$0.mode" 2>/dev/null && { echo "no way to $PIP_INDEX_URL" >&2; exit 1; }
echo '{"version":"1","install":[{"metadata":{"name":"Iris","version":"1.1"}},{"metadata":{"name":"petals","version":"2.0"},"download_info":{"archive_info":{"hashes":{"sha256":"`+sum+`"}}}}]}'
`)
	if err := os.Chmod(python, 0o700); err != nil {
		t.Fatal(err)
	}
	constraints := w.write("constraints.txt", "petals<3\n")
	q := deps.Request{Model: "iris", ModelVersion: "1.0", Python: python, Files: []string{w.write("requirements.txt", "--extra-index-url http://127.0.0.1:1/\n-c "+constraints+"\niris>=1\n")}}
	lock, notes, err := w.Make(t.Context(), q)
	if err != nil {
		t.Fatal(err)
	}
	if len(lock.Packages) != 2 || lock.Packages[0].String() != "iris 1.1" || lock.Sources[0].ResolvedBy != "pip" {
		t.Errorf("%+v", lock)
	}
	if said := strings.Join(notes, "\n"); !strings.Contains(said, "--extra-index-url does not count") || !strings.Contains(said, "pip has chosen 2 packages") {
		t.Error(said)
	}
	if err := os.WriteFile(python+".mode", []byte("fail"), 0o600); err != nil {
		t.Fatal(err)
	}
	w.refuses("no way to the repository's index", q)
	t.Setenv("PATH", "")
	q.Python = ""
	w.refuses("without pip, each requirement needs a version (NAME==VERSION):\n  requirements.txt:3: iris>=1", q)
}

// TestLockIsCopied copies a lock to another repository: there it is of what that repository has.
func TestLockIsCopied(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.python("team", "iris", "1.0", "iris")
	w.lock("1.0", w.write("requirements.txt", "iris==1.0\n"))
	if _, err := w.Client.CreateRepository(t.Context(), &codeartifact.CreateRepositoryInput{Domain: &w.Domain, Repository: new("production")}); err != nil {
		t.Fatal(err)
	}
	copied := func(format types.PackageFormat, namespace *string) {
		t.Helper()
		out, err := w.Client.CopyPackageVersions(t.Context(), &codeartifact.CopyPackageVersionsInput{
			Domain: &w.Domain, SourceRepository: new("team"), DestinationRepository: new("production"), Format: format, Namespace: namespace, Package: new("iris"), Versions: []string{"1.0"},
		})
		if err != nil || len(out.FailedVersions) > 0 {
			t.Fatal(err, out)
		}
	}
	copied(types.PackageFormatGeneric, new(deps.Namespace))
	w.Name = "production"
	w.problems("1.0", "iris 1.0 missing")
	copied(types.PackageFormatPypi, nil)
	w.problems("1.0")
}

// TestLockNeedsPublishPackageVersion lets somebody who may read verify, and not lock.
func TestLockNeedsPublishPackageVersion(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.python("team", "iris", "1.0", "iris")
	w.lock("1.0", w.write("requirements.txt", "iris==1.0\n"))
	reader := *w
	reader.Repository = &deps.Repository{Client: w.user(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Resource":"*","Action":[
		"codeartifact:Get*","codeartifact:List*","codeartifact:Describe*","codeartifact:ReadFromRepository","sts:GetServiceBearerToken"]}]}`), Domain: w.Domain, Name: w.Name}
	reader.problems("1.0")
	lock := reader.make("2.0", w.write("requirements.txt", "iris==1.0\n"))
	if _, err := reader.Publish(t.Context(), lock); err == nil || !strings.Contains(err.Error(), "AccessDenied") || !strings.Contains(err.Error(), "codeartifact:PublishPackageVersion") {
		t.Error(err)
	}
	nobody := *w
	nobody.Repository = &deps.Repository{Client: w.user(""), Domain: w.Domain, Name: w.Name}
	if _, err := nobody.Load(t.Context(), "iris", "1.0"); err == nil || !strings.Contains(err.Error(), "AccessDenied") {
		t.Error(err)
	}
}
