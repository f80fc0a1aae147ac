package control

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"slices"

	"github.com/modelwharf/modelwharf/internal/audit"
	"github.com/modelwharf/modelwharf/internal/identity"
	"github.com/modelwharf/modelwharf/internal/kv"
)

// Backend is what the commands are answered from.
type Backend struct {
	Store    *kv.DB
	Identity *identity.Service
	Ready    func() error
	// TakeBackup writes a backup, see archive.
	TakeBackup func(ctx context.Context, out io.Writer) (Backup, error)
	// AsRoot returns a context in which the administrator does an operation.
	AsRoot func(ctx context.Context, operation string) context.Context
	Log    *slog.Logger
}

// Handler answers the commands.
func Handler(b Backend) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+readyPath, b.ready)
	mux.HandleFunc("GET "+accountsPath, b.listAccounts)
	mux.HandleFunc("POST "+accountsPath, b.createAccount)
	mux.HandleFunc("POST "+auditPath, b.audit)
	mux.HandleFunc("POST "+backupPath, b.backup)
	return mux
}

func (b *Backend) ready(w http.ResponseWriter, r *http.Request) {
	if err := b.Ready(); err != nil {
		answer(w, http.StatusServiceUnavailable, failure{err.Error()})
		return
	}
	answer(w, http.StatusOK, struct{}{})
}

func (b *Backend) listAccounts(w http.ResponseWriter, r *http.Request) {
	all, err := b.Identity.Accounts(r.Context())
	if err != nil {
		b.fail(w, r, err)
		return
	}
	out := make([]Account, len(all))
	for i, a := range all {
		out[i] = accountOf(a)
	}
	answer(w, http.StatusOK, out)
}

// createAccount makes an account and its root's first key.
func (b *Backend) createAccount(w http.ResponseWriter, r *http.Request) {
	var in NewAccount
	if !read(w, r, &in) {
		return
	}
	ctx := b.AsRoot(r.Context(), "CreateAccount")
	a, key, err := b.Identity.CreateAccount(ctx, identity.Account{ID: in.ID, Name: in.Name, Email: in.Email})
	if err != nil {
		b.fail(w, r, err)
		return
	}
	out := accountOf(a)
	out.AccessKeyID, out.SecretAccessKey = key.AccessKeyID, key.Secret
	answer(w, http.StatusOK, out)
}

func accountOf(a identity.Account) Account {
	return Account{ID: a.ID, Name: a.Name, Email: a.Email, Created: a.Created}
}

func (b *Backend) audit(w http.ResponseWriter, r *http.Request) {
	var in AuditQuery
	if !read(w, r, &in) {
		return
	}
	res, err := audit.Search(r.Context(), b.Store, audit.Query{
		From: in.From, To: in.To, Account: in.Account, Region: in.Region, Caller: in.Caller,
		Action: in.Action, Resource: in.Resource, Data: in.Data, Limit: in.Limit, Page: in.Page,
	})
	if err != nil {
		b.fail(w, r, err)
		return
	}
	page := AuditPage{Events: make([]Event, len(res.Events)), Next: res.Next}
	for i := range res.Events {
		page.Events[i] = eventOf(&res.Events[i])
	}
	answer(w, http.StatusOK, page)
}

// backup streams a backup. One that fails on its way is cut off, so that what the
// command has is not whole; the stream's own end would tell, too.
func (b *Backend) backup(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/octet-stream")
	taken, err := b.TakeBackup(r.Context(), w)
	if err != nil {
		b.Log.Error("backup failed", "error", err)
		panic(http.ErrAbortHandler)
	}
	b.Log.Info("backup taken", "commit", taken.Commit, "pairs", taken.Pairs, "blobs", taken.Blobs, "bytes", taken.Bytes)
}

func read(w http.ResponseWriter, r *http.Request, into any) bool {
	err := json.NewDecoder(io.LimitReader(r.Body, 1<<20)).Decode(into)
	if err != nil {
		answer(w, http.StatusBadRequest, failure{err.Error()})
	}
	return err == nil
}

func answer(w http.ResponseWriter, status int, out any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(out) // the command is gone if it fails
}

// fail answers with an error. Whoever asks owns the server: they see it whole.
func (b *Backend) fail(w http.ResponseWriter, r *http.Request, err error) {
	status := http.StatusInternalServerError
	mistake := func(of error) bool { return errors.Is(err, of) }
	if slices.ContainsFunc([]error{identity.ErrAccountExists, identity.ErrAccountID, identity.ErrAccountName, audit.ErrPage}, mistake) {
		status = http.StatusBadRequest
	} else {
		b.Log.Error("a command failed", "path", r.URL.Path, "error", err)
	}
	answer(w, status, failure{err.Error()})
}
