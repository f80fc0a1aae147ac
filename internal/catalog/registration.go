package catalog

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/modelwharf/modelwharf/internal/blob"
	"github.com/modelwharf/modelwharf/internal/codeartifact"
	"github.com/modelwharf/modelwharf/internal/dynamodb"
	"github.com/modelwharf/modelwharf/internal/ecr"
	"github.com/modelwharf/modelwharf/internal/kv"
	"github.com/modelwharf/modelwharf/internal/kv/tuple"
)

// The key space of this room; table is a table's UUID:
//
//	version | table | model | version → see registration
//	changed | table                   → empty: written with each registration
const room = "catalog"

var (
	versionsPrefix = tuple.Of(room, "version")
	changedPrefix  = tuple.Of(room, "changed")
)

// status is that of a version.
type status string

// The statuses of versions. UNREGISTERED is an item that was not registered: any client's.
const (
	draft        status = "DRAFT" // until it expires, or is confirmed
	registered   status = "REGISTERED"
	retired      status = "RETIRED" // holds nothing; its name is never used again
	unregistered status = "UNREGISTERED"
)

// registration is what makes an item a version of a model.
type registration struct {
	Status   status        `json:"status"`
	Image    *image        `json:"image,omitempty"`
	Packages *dependencies `json:"packages,omitempty"`
	Aliases  []string      `json:"aliases,omitempty"` // that name the version; sorted
}

// image is the one that a version has.
type image struct {
	Repository ecr.Name    `json:"repository"`
	Digest     blob.Digest `json:"digest"`
}

// dependencies are the versions of packages that a version is built from, the one of the
// lock among them.
type dependencies struct {
	Repository codeartifact.RepositoryName `json:"repository"`
	Versions   []codeartifact.HeldVersion  `json:"versions"`
}

func versionsOf(table dynamodb.TableID) []byte {
	return tuple.AppendString(slices.Clone(versionsPrefix), table.UUID)
}

func (v versionID) key() []byte {
	return tuple.AppendString(tuple.AppendString(versionsOf(v.table), v.model), v.version)
}

func changedKey(table dynamodb.TableID) []byte {
	return tuple.AppendString(slices.Clone(changedPrefix), table.UUID)
}

// find returns the registration of a version, nil if there is none.
func find(ctx context.Context, tx kv.Reader, v versionID) (*registration, error) {
	b, err := tx.Get(ctx, v.key())
	if err != nil || b == nil {
		return nil, err
	}
	return decode(b)
}

func decode(b []byte) (*registration, error) {
	r := new(registration)
	if err := json.Unmarshal(b, r); err != nil {
		return nil, fmt.Errorf("catalog: a stored registration is malformed: %w", err)
	}
	return r, nil
}

// put writes the registration of a version. Who drops the table sees it.
func (r *registration) put(tx kv.Txn, v versionID) {
	b, err := json.Marshal(r)
	if err != nil {
		panic(err) // texts always have a form
	}
	tx.Put(v.key(), b)
	tx.Put(changedKey(v.table), []byte{})
}

// hold takes the holds of a version. What is missing it says of each.
func (s *Service) hold(ctx context.Context, tx kv.Txn, v versionID, r *registration) (missing []string, err error) {
	if r.Image != nil {
		_, err := s.images.HoldImage(ctx, tx, r.Image.Repository, string(r.Image.Digest), v.holder())
		switch {
		case isCode(err, "ImageNotFoundException", "RepositoryNotFoundException"):
			missing = append(missing, r.Image.String())
		case err != nil:
			return nil, err
		}
	}
	if r.Packages != nil {
		packages, err := s.packages.HoldVersions(ctx, tx, r.Packages.Repository, r.Packages.Versions, v.holder())
		switch {
		case isCode(err, "ResourceNotFoundException"):
			missing = append(missing, "the repository "+r.Packages.Repository.ARN()+" of packages")
		case err != nil:
			return nil, err
		}
		missing = append(missing, packages...)
	}
	return missing, nil
}

// release gives up the holds of a version.
func (s *Service) release(ctx context.Context, tx kv.Txn, v versionID, r *registration) error {
	if r.Image != nil {
		if err := s.images.ReleaseImage(ctx, tx, r.Image.Repository, r.Image.Digest, v.holder()); err != nil {
			return err
		}
	}
	if r.Packages != nil {
		return s.packages.ReleaseVersions(ctx, tx, r.Packages.Repository, r.Packages.Versions, v.holder())
	}
	return nil
}

// missing says what is not there of what a version is made of.
func (s *Service) missing(ctx context.Context, tx kv.Reader, r *registration) (missing []string, err error) {
	if r.Image != nil {
		there, err := s.images.HasImage(ctx, tx, r.Image.Repository, r.Image.Digest)
		if err != nil {
			return nil, err
		}
		if !there {
			missing = append(missing, r.Image.String())
		}
	}
	if r.Packages != nil {
		packages, err := s.packages.MissingVersions(ctx, tx, r.Packages.Repository, r.Packages.Versions)
		if err != nil {
			return nil, err
		}
		missing = append(missing, packages...)
	}
	return missing, nil
}

// String is the image for people.
func (i *image) String() string {
	return "the image " + string(i.Digest) + " of the repository " + i.Repository.ARN()
}

// name and unname note that an alias names the version, or no longer does.
func (r *registration) name(alias string) {
	if i, ok := slices.BinarySearch(r.Aliases, alias); !ok {
		r.Aliases = slices.Insert(r.Aliases, i, alias)
	}
}

func (r *registration) unname(alias string) {
	r.Aliases = slices.DeleteFunc(r.Aliases, func(a string) bool { return a == alias })
}
