package ecr

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"

	wharf "github.com/modelwharf/modelwharf/internal/api"
	"github.com/modelwharf/modelwharf/internal/api/ecrpublic"
	"github.com/modelwharf/modelwharf/internal/identity"
	"github.com/modelwharf/modelwharf/internal/kv"
)

// catalogData is what a public repository says of itself.
type catalogData struct {
	Description      *string  `json:"description,omitempty"`
	Architectures    []string `json:"architectures,omitempty"`
	OperatingSystems []string `json:"operatingSystems,omitempty"`
	About            *string  `json:"about,omitempty"`
	Usage            *string  `json:"usage,omitempty"`
	Logo             string   `json:"logo,omitempty"` // its media type; "" if there is none
}

// logoTypes are the media types that a logo can have.
var logoTypes = []string{"image/png", "image/jpeg", "image/gif", "image/webp"}

// catalogDataFrom reads what a request says of a repository. Its errors are
// InvalidParameterException, beside what the model refuses.
func catalogDataFrom(in *ecrpublic.RepositoryCatalogDataInput) (*catalogData, error) {
	d := &catalogData{
		Description: in.Description, Architectures: in.Architectures, OperatingSystems: in.OperatingSystems,
		About: in.AboutText, Usage: in.UsageText,
	}
	if len(in.LogoImageBlob) > 0 {
		if d.Logo = http.DetectContentType(in.LogoImageBlob); !slices.Contains(logoTypes, d.Logo) {
			return nil, invalid("logoImageBlob", "must be an image in PNG, JPEG, GIF or WebP")
		}
	}
	return d, nil
}

// put writes the catalog data of a repository, in the place of what there was.
func (d *catalogData) put(tx kv.Txn, r *Repository, logo []byte) {
	tx.Put(key(catalogPrefix, r.ID), encode(d))
	if d.Logo == "" {
		tx.Delete(key(logosPrefix, r.ID))
	} else {
		tx.Put(key(logosPrefix, r.ID), logo)
	}
}

func (a publicAPI) describeCatalogData(ctx context.Context, n Name, d *catalogData) (*ecrpublic.RepositoryCatalogData, error) {
	out := &ecrpublic.RepositoryCatalogData{
		Description: d.Description, Architectures: d.Architectures, OperatingSystems: d.OperatingSystems,
		AboutText: d.About, UsageText: d.Usage, MarketplaceCertified: new(false),
	}
	if d.Logo != "" {
		alias, err := a.Alias(ctx, n.Account)
		if err != nil {
			return nil, err
		}
		out.LogoUrl = new(a.baseURL(ctx) + logosPath + alias + "/" + n.Name)
	}
	return out, nil
}

func (a publicAPI) PutRepositoryCatalogData(ctx context.Context, in *ecrpublic.PutRepositoryCatalogDataInput) (*ecrpublic.PutRepositoryCatalogDataOutput, error) {
	n := publicName(ctx, in.RegistryId, in.RepositoryName)
	if err := a.authorizeNamed(ctx, n, "PutRepositoryCatalogData"); err != nil {
		return nil, err
	}
	d, err := catalogDataFrom(in.CatalogData)
	if err != nil {
		return nil, err
	}
	err = a.update(ctx, func(tx kv.Txn) error {
		r, err := find(ctx, tx, n)
		if err != nil {
			return err
		}
		d.put(tx, r, in.CatalogData.LogoImageBlob)
		a.record(ctx, tx, r, map[string]any{"catalogData": d})
		return nil
	})
	if err != nil {
		return nil, err
	}
	shown, err := a.describeCatalogData(ctx, n, d)
	return &ecrpublic.PutRepositoryCatalogDataOutput{CatalogData: shown}, err
}

// GetRepositoryCatalogData answers with no data, and not with an error, for a repository
// that was given none, as AWS does.
func (a publicAPI) GetRepositoryCatalogData(ctx context.Context, in *ecrpublic.GetRepositoryCatalogDataInput) (*ecrpublic.GetRepositoryCatalogDataOutput, error) {
	n := publicName(ctx, in.RegistryId, in.RepositoryName)
	if err := a.authorizeNamed(ctx, n, "GetRepositoryCatalogData"); err != nil {
		return nil, err
	}
	d := &catalogData{}
	err := a.view(ctx, func(tx kv.Reader) error {
		r, err := find(ctx, tx, n)
		if err != nil {
			return err
		}
		b, err := tx.Get(ctx, key(catalogPrefix, r.ID))
		if err != nil || b == nil {
			return err
		}
		d, err = decode[catalogData](b)
		return err
	})
	if err != nil {
		return nil, err
	}
	shown, err := a.describeCatalogData(ctx, n, d)
	return &ecrpublic.GetRepositoryCatalogDataOutput{CatalogData: shown}, err
}

// authorizePublicRegistry asks policy for an action on the caller's public registry.
func (a publicAPI) authorizePublicRegistry(ctx context.Context, action string) error {
	return a.identity.Authorize(ctx, identity.Check{Action: "ecr-public:" + action, Resource: publicRegistryARN(registryOf(ctx, nil))})
}

func publicRegistryARN(account string) string {
	return "arn:aws:ecr-public::" + account + ":registry/" + account
}

func (a publicAPI) PutRegistryCatalogData(ctx context.Context, in *ecrpublic.PutRegistryCatalogDataInput) (*ecrpublic.PutRegistryCatalogDataOutput, error) {
	if err := a.authorizePublicRegistry(ctx, "PutRegistryCatalogData"); err != nil {
		return nil, err
	}
	account := registryOf(ctx, nil)
	err := a.update(ctx, func(tx kv.Txn) error {
		reg, err := a.ensureRegistry(ctx, tx, account)
		if err != nil {
			return err
		}
		reg.DisplayName = in.DisplayName
		tx.Put(registryKey(account), encode(reg))
		a.recordRegistry(ctx, tx, Name{Public: true, Account: account}, map[string]any{"displayName": in.DisplayName})
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &ecrpublic.PutRegistryCatalogDataOutput{RegistryCatalogData: &ecrpublic.RegistryCatalogData{DisplayName: in.DisplayName}}, nil
}

func (a publicAPI) GetRegistryCatalogData(ctx context.Context, _ *ecrpublic.GetRegistryCatalogDataInput) (*ecrpublic.GetRegistryCatalogDataOutput, error) {
	if err := a.authorizePublicRegistry(ctx, "GetRegistryCatalogData"); err != nil {
		return nil, err
	}
	out := &ecrpublic.GetRegistryCatalogDataOutput{RegistryCatalogData: &ecrpublic.RegistryCatalogData{}}
	err := a.view(ctx, func(tx kv.Reader) error {
		b, err := tx.GetHot(ctx, registryKey(registryOf(ctx, nil)))
		if err != nil {
			return err
		}
		reg, err := decode[registry](b)
		if reg != nil {
			out.RegistryCatalogData.DisplayName = reg.DisplayName
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// logosPath is the path below which logos are, by alias and name.
const logosPath = "/logos/"

// ServesLogo tells whether a path is that of a logo.
func ServesLogo(path string) bool { return strings.HasPrefix(path, logosPath) }

// ServeLogo gives everyone the logo of a public repository.
func (s *Service) ServeLogo(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		http.Error(w, "A logo can be read only.", http.StatusMethodNotAllowed)
		return
	}
	kind, logo, err := s.logo(r.Context(), strings.TrimPrefix(r.URL.Path, logosPath))
	if err != nil {
		s.log.Error("images: cannot read a logo", "path", r.URL.Path, "error", err)
		http.Error(w, "The logo could not be read because of an internal error.", http.StatusInternalServerError)
		return
	}
	if logo == nil {
		http.Error(w, "There is no such logo.", http.StatusNotFound)
		return
	}
	w.Header().Set("Content-Type", kind)
	w.Header().Set("Content-Length", strconv.Itoa(len(logo)))
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.Header().Set("Content-Security-Policy", "default-src 'none'; sandbox")
	if r.Method == http.MethodGet {
		_, _ = w.Write(logo)
	}
}

// logo returns the logo of a public repository with its media type, nil if there is none.
func (s *Service) logo(ctx context.Context, path string) (kind string, logo []byte, err error) {
	p, ok := ParsePath(path)
	if !ok || p.Alias == "" {
		return "", nil, nil
	}
	n, err := s.Resolve(ctx, p)
	if err != nil {
		return "", nil, orNone(err)
	}
	err = s.view(ctx, func(tx kv.Reader) error {
		r, err := find(ctx, tx, n)
		if err != nil {
			return orNone(err)
		}
		got, err := tx.GetMany(ctx, [][]byte{key(catalogPrefix, r.ID), key(logosPrefix, r.ID)})
		if err != nil {
			return err
		}
		d, err := decode[catalogData](got[0])
		if d != nil && d.Logo != "" {
			kind, logo = d.Logo, got[1]
		}
		return err
	})
	return kind, logo, err
}

// orNone takes away the error that there is no repository.
func orNone(err error) error {
	if errors.Is(err, &wharf.Error{Code: "RepositoryNotFoundException"}) {
		return nil
	}
	return err
}
