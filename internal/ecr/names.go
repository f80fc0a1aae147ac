package ecr

import (
	"regexp"
	"strings"
)

// Name is the full name of a repository.
type Name struct {
	Public  bool
	Account string // 12 digits: whose registry it is in
	Region  string // "" if public: those are global
	Name    string
}

// ARN is the repository's Amazon resource name.
func (n Name) ARN() string {
	if n.Public {
		return "arn:aws:ecr-public::" + n.Account + ":repository/" + n.Name
	}
	return "arn:aws:ecr:" + n.Region + ":" + n.Account + ":repository/" + n.Name
}

// action is the name of an operation in policies.
func (n Name) action(operation string) string {
	if n.Public {
		return "ecr-public:" + operation
	}
	return "ecr:" + operation
}

// The names of the two APIs differ, in their length and in what may part words. See the
// patterns of RepositoryName in their service models.
var (
	privateForm = regexp.MustCompile(`^[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*(/[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*)*$`)
	publicForm  = regexp.MustCompile(`^(?:[a-z0-9]+(?:[._-][a-z0-9]+)*/)*[a-z0-9]+(?:[._-][a-z0-9]+)*$`)
	accountForm = regexp.MustCompile(`^[0-9]{12}$`)
	regionForm  = regexp.MustCompile(`^[a-z]{2,}(-[a-z]+)+-[0-9]+$|^local(host)?$`)
	aliasForm   = regexp.MustCompile(`^[a-z][a-z0-9]+(?:[._-][a-z0-9]+)*$`)
	tagForm     = regexp.MustCompile(`^[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}$`)
)

// The lengths of repositories' names.
const (
	minName        = 2
	maxPrivateName = 256
	maxPublicName  = 205
	maxAlias       = 50
)

// Valid tells whether a repository can have the name.
func (n Name) Valid() bool {
	if n.Public {
		return len(n.Name) >= minName && len(n.Name) <= maxPublicName && publicForm.MatchString(n.Name)
	}
	return len(n.Name) >= minName && len(n.Name) <= maxPrivateName && privateForm.MatchString(n.Name)
}

// ValidTag tells whether an image can have the tag.
func ValidTag(tag string) bool { return tagForm.MatchString(tag) }

// Path is what the path of an image's name says, "123456789012/eu-west-1/team/model" of a
// private repository and "alias/team/model" of a public one.
type Path struct {
	Account, Region string // of a private one
	Alias           string // of a public one
	Name            string
}

// ParsePath reads the path of an image's name.
func ParsePath(path string) (Path, bool) {
	first, rest, ok := strings.Cut(path, "/")
	if !ok {
		return Path{}, false
	}
	if accountForm.MatchString(first) {
		region, name, ok := strings.Cut(rest, "/")
		p := Path{Account: first, Region: region, Name: name}
		return p, ok && regionForm.MatchString(region) && Name{Name: name}.Valid()
	}
	p := Path{Alias: first, Name: rest}
	return p, len(first) <= maxAlias && aliasForm.MatchString(first) && Name{Public: true, Name: rest}.Valid()
}
