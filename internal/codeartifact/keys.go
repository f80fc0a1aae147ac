package codeartifact

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/modelwharf/modelwharf/internal/kv/tuple"
)

// The key space of this room. Every key is a tuple that begins with "codeartifact" and one
// of these; domain and repository are numbers, which are never used again; package stands
// for the format, the namespace and the name of a package:
//
//	domain      | owner | region | name    → see Domain
//	repository  | domain | name            → see Repository
//	administered | account | region | name | owner | domain → empty: the repositories that an account created
//	id                                     → the number of the newest domain or repository
//	package     | repository | package     → see Package
//	version     | repository | package | version → see Version
//	metadata    | repository | package | version → what the format keeps of it, see Edit.SetMetadata
//	detail      | repository | package | version → see Detail
//	document    | repository | package | name → what the format keeps of the package
//	asset       | domain | digest          → that a domain has bytes, see assetRecord
//	size        | domain | shard           → bytes of a domain's assets, in parts
//	groups      | domain                   → the package groups of a domain
//	fresh       | repository | package     → when an external connection was asked, see freshness
//	hold        | repository | package | version | holder → that a version is held, see holding
//	held        | repository               → empty: written with each hold
//	gone        | repository               → a deleted repository, to be cleared
//	blob, holder                           → see package ledger; domains are holders
const room = "codeartifact"

var (
	domainsPrefix      = tuple.Of(room, "domain")
	repositoriesPrefix = tuple.Of(room, "repository")
	administeredPrefix = tuple.Of(room, "administered")
	lastIDKey          = tuple.Of(room, "id")
	packagesPrefix     = tuple.Of(room, "package")
	versionsPrefix     = tuple.Of(room, "version")
	metadataPrefix     = tuple.Of(room, "metadata")
	detailsPrefix      = tuple.Of(room, "detail")
	documentsPrefix    = tuple.Of(room, "document")
	assetsPrefix       = tuple.Of(room, "asset")
	sizesPrefix        = tuple.Of(room, "size")
	groupsPrefix       = tuple.Of(room, "groups")
	freshPrefix        = tuple.Of(room, "fresh")
	gonePrefix         = tuple.Of(room, "gone")
	holdsPrefix        = tuple.Of(room, "hold")
	heldPrefix         = tuple.Of(room, "held")
)

// ofRepository are the prefixes under which lies what a repository has.
var ofRepository = [][]byte{packagesPrefix, versionsPrefix, metadataPrefix, detailsPrefix, documentsPrefix, freshPrefix, holdsPrefix, heldPrefix}

// key appends a number and texts to one of the prefixes above.
func key(prefix []byte, id uint64, texts ...string) []byte {
	return texted(tuple.AppendUint(append(make([]byte, 0, len(prefix)+128), prefix...), id), texts...)
}

func texted(dst []byte, texts ...string) []byte {
	for _, t := range texts {
		dst = tuple.AppendString(dst, t)
	}
	return dst
}

func domainsOf(owner, region string) []byte {
	return texted(slices.Clone(domainsPrefix), owner, region)
}

func (n DomainName) key() []byte { return texted(domainsOf(n.Owner, n.Region), n.Name) }

func (n RepositoryName) administeredKey(account string) []byte {
	return texted(slices.Clone(administeredPrefix), account, n.Domain.Region, n.Name, n.Domain.Owner, n.Domain.Name)
}

// packageKey is one of the keys of a package: those of its versions are below that of
// versionsPrefix.
func packageKey(prefix []byte, repository uint64, p PackageName, more ...string) []byte {
	return texted(key(prefix, repository, p.Format, p.Namespace, p.Name), more...)
}

// texts reads the texts of a key behind its prefix.
func texts(k, prefix []byte) (all []string, err error) {
	for rest := k[len(prefix):]; len(rest) > 0; {
		var t string
		if t, rest, err = tuple.String(rest); err != nil {
			return nil, err
		}
		all = append(all, t)
	}
	return all, nil
}

// after is the key that follows k directly.
func after(k []byte) []byte { return append(slices.Clone(k), 0) }

// encode and decode are the form of the values.
func encode(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err) // texts, numbers and times of four-digit years always have a form
	}
	return b
}

func decode[T any](b []byte) (*T, error) {
	if b == nil {
		return nil, nil
	}
	v := new(T)
	if err := json.Unmarshal(b, v); err != nil {
		return nil, fmt.Errorf("codeartifact: a stored record is malformed: %w", err)
	}
	return v, nil
}

func encodeNumber(n uint64) []byte { return binary.BigEndian.AppendUint64(nil, n) }

func decodeNumber(b []byte) uint64 {
	if len(b) != 8 {
		return 0
	}
	return binary.BigEndian.Uint64(b)
}
