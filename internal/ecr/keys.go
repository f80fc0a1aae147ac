package ecr

import (
	"encoding/binary"
	"encoding/json"
	"fmt"

	"github.com/modelwharf/modelwharf/internal/kv/tuple"
)

// The key space of this room. Every key is a tuple that begins with "ecr" and one of
// these; id is a repository's number, which is never used again:
//
//	repository | scope | account | region | name → see Repository
//	id                                → the number of the newest repository
//	registry | account                → of the account's public registry, see registry
//	alias    | alias                  → the account whose public registry it names
//	image    | id | digest            → what is known of a manifest, see image
//	manifest | id | digest            → its bytes
//	tag      | id | tag               → see tag
//	tagged   | id | digest | tag      → empty: the tags of an image
//	child    | id | digest | index    → empty: the indexes that name a manifest
//	referrer | id | subject | digest  → the descriptor of what refers to a manifest, in JSON
//	pushed   | id                     → empty: written with each new image
//	pulled   | id | digest            → when an image was last pulled, see lastPull
//	layer    | id | blob              → that the repository has a blob, see layer
//	use      | id | blob | digest     → empty: the manifests that need a blob
//	blob     | blob                   → that there are bytes, see package ledger
//	holder   | blob | id              → empty: the repositories that have a blob
//	evaluated | id                    → when the lifecycle policy was evaluated last
//	preview  | id                     → of a lifecycle policy's preview, see preview
//	previewed | id | number | row     → its results, see previewed
//	short    | upload                 → that a part of an upload is short, see shortPart
//	gone     | id                     → empty: a deleted repository, to be cleared
//	private  | account | region       → the settings of a private registry, see privateRegistry
//	catalog  | id                     → what a public repository says of itself, see catalogData
//	logo     | id                     → the bytes of its logo
//	template | account | region | prefix → of repositories that the registry creates, see template
//	replication | account | region    → where pushes to a registry are copied, see replication
//	batch    | account | region       → the number of the batch that pushes join, see replicationJob
//	copy     | account | region | batch | id | digest → an image to be copied, see copying
//	copied   | id | digest | account | region → how far a copy is, see copied
//	cacherule | account | region | prefix → of a pull through cache, see cacheRule
//	cacherules | account | region     → empty: written with each new rule
//	import   | id | digest            → a manifest that comes from upstream, see importing
//	imported | id | digest            → its bytes
//	wanted   | id | blob              → that an image needs a blob that comes from upstream, see wanted
//	checked  | id | tag               → what a tag was upstream, see checked
//	hold     | id | digest | holder   → that an image is held, see holding
//	held     | id                     → empty: written with each hold
const room = "ecr"

var (
	repositoriesPrefix = tuple.Of(room, "repository")
	lastIDKey          = tuple.Of(room, "id")
	registriesPrefix   = tuple.Of(room, "registry")
	aliasesPrefix      = tuple.Of(room, "alias")
	imagesPrefix       = tuple.Of(room, "image")
	manifestsPrefix    = tuple.Of(room, "manifest")
	tagsPrefix         = tuple.Of(room, "tag")
	taggedPrefix       = tuple.Of(room, "tagged")
	childrenPrefix     = tuple.Of(room, "child")
	referrersPrefix    = tuple.Of(room, "referrer")
	pushedPrefix       = tuple.Of(room, "pushed")
	pulledPrefix       = tuple.Of(room, "pulled")
	shortPartsPrefix   = tuple.Of(room, "short")
	layersPrefix       = tuple.Of(room, "layer")
	usesPrefix         = tuple.Of(room, "use")
	evaluatedPrefix    = tuple.Of(room, "evaluated")
	previewPrefix      = tuple.Of(room, "preview")
	previewedPrefix    = tuple.Of(room, "previewed")
	gonePrefix         = tuple.Of(room, "gone")
	privatePrefix      = tuple.Of(room, "private")
	catalogPrefix      = tuple.Of(room, "catalog")
	logosPrefix        = tuple.Of(room, "logo")
	templatesPrefix    = tuple.Of(room, "template")
	replicationPrefix  = tuple.Of(room, "replication")
	batchesPrefix      = tuple.Of(room, "batch")
	copiesPrefix       = tuple.Of(room, "copy")
	copiedPrefix       = tuple.Of(room, "copied")

	cacheRulesPrefix     = tuple.Of(room, "cacherule")
	cacheRuleCountPrefix = tuple.Of(room, "cacherules")
	importsPrefix        = tuple.Of(room, "import")
	importBytesPrefix    = tuple.Of(room, "imported")
	wantedPrefix         = tuple.Of(room, "wanted")
	checkedPrefix        = tuple.Of(room, "checked")
	holdsPrefix          = tuple.Of(room, "hold")
	heldPrefix           = tuple.Of(room, "held")
)

// ofRepository are the prefixes under which lies what a repository has.
var ofRepository = [][]byte{
	imagesPrefix, manifestsPrefix, tagsPrefix, taggedPrefix, childrenPrefix, referrersPrefix, layersPrefix, usesPrefix, pushedPrefix,
	evaluatedPrefix, previewPrefix, previewedPrefix, catalogPrefix, logosPrefix,
	copiedPrefix, importsPrefix, importBytesPrefix, wantedPrefix, checkedPrefix, pulledPrefix,
	holdsPrefix, heldPrefix,
}

// key appends a repository's number and texts to one of the prefixes above.
func key(prefix []byte, id uint64, texts ...string) []byte {
	n := len(prefix) + 9
	for _, t := range texts {
		n += len(t) + 2
	}
	dst := append(make([]byte, 0, n), prefix...)
	dst = tuple.AppendUint(dst, id)
	for _, t := range texts {
		dst = tuple.AppendString(dst, t)
	}
	return dst
}

// repositoryKey is where a repository is described.
func repositoryKey(n Name) []byte { return tuple.AppendString(repositoriesOf(n), n.Name) }

// repositoriesOf is the prefix of all repositories of a registry.
func repositoriesOf(n Name) []byte {
	scope := "private"
	if n.Public {
		scope = "public"
	}
	dst := append(make([]byte, 0, 64), repositoriesPrefix...)
	for _, t := range []string{scope, n.Account, n.Region} {
		dst = tuple.AppendString(dst, t)
	}
	return dst
}

func registryKey(account string) []byte { return textKey(registriesPrefix, account) }
func aliasKey(alias string) []byte      { return textKey(aliasesPrefix, alias) }

func textKey(prefix []byte, text string) []byte {
	return tuple.AppendString(append(make([]byte, 0, len(prefix)+len(text)+2), prefix...), text)
}

// lastText is the last element of a key, a text, which follows prefix.
func lastText(k, prefix []byte) (string, error) {
	text, _, err := tuple.String(k[len(prefix):])
	return text, err
}

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
		return nil, fmt.Errorf("ecr: a stored record is malformed: %w", err)
	}
	return v, nil
}

func encodeID(id uint64) []byte { return binary.BigEndian.AppendUint64(nil, id) }

func decodeID(b []byte) uint64 {
	if len(b) != 8 {
		return 0
	}
	return binary.BigEndian.Uint64(b)
}
