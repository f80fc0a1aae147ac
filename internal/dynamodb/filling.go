package dynamodb

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/modelwharf/modelwharf/internal/jobs"
	"github.com/modelwharf/modelwharf/internal/kv"
	"github.com/modelwharf/modelwharf/internal/kv/tuple"
)

// fill is the job of a restore or a backup. Its id is the number of what it fills.
const fill = "dynamodb.Fill"

// fillsAtOnce is how many of them a server runs at once. Others wait.
const fillsAtOnce = 2

// filling is a restore or a backup under way, as its job has it. It fills one table,
// or a backup, with what another holds or held:
//
//	restore to a point in time  a table, as it was at the end of a second
//	backup                      a table, as it was at the commit that made the backup
//	restore from a backup       a backup, as it is
//	export                      a table, as it was then, or how it changed; see exporter
type filling struct {
	From uint64 `json:"from"` // the number of what is read
	// Source is the table that is read and held, if it is one.
	Source *storedName `json:"source,omitempty"`
	// Second is the one at whose end the source is meant; zero for the commit of the hold.
	Second time.Time `json:"second,omitzero"`

	To uint64 `json:"to"` // the number of what is filled
	// Target is the table that is filled, if it is one.
	Target *storedName `json:"target,omitempty"`
	// Backup is what is made, or restored from.
	Backup *backupName `json:"backup,omitempty"`
	// Export is what is made, if it is one.
	Export *transferName `json:"export,omitempty"`
}

// storedName is a tableName as it is stored.
type storedName struct {
	Account string `json:"account"`
	Region  string `json:"region"`
	Name    string `json:"name"`
}

func storedNameOf(n tableName) *storedName { return &storedName{n.account, n.region, n.name} }

func (n *storedName) table() tableName { return tableName{n.Account, n.Region, n.Name} }

func (f filling) jobID() string { return jobOf(f.To) }

// place is the account and region of what is filled.
func (f filling) place() (account, region string) {
	switch {
	case f.Target != nil:
		return f.Target.Account, f.Target.Region
	case f.Export != nil:
		return f.Export.Account, f.Export.Region
	}
	return f.Backup.Account, f.Backup.Region
}

// key is where a filling is noted while it is under way.
func (f filling) key() []byte {
	account, region := f.place()
	return tuple.AppendUint(fillingsOf(account, region), f.To)
}

// fillingsOf is the prefix of the fillings of an account in a region.
func fillingsOf(account, region string) []byte {
	return tuple.AppendString(tuple.AppendString(fillingsPrefix[:len(fillingsPrefix):len(fillingsPrefix)], account), region)
}

// What a filling that is under way is noted to be.
const (
	noteRestore = "table"
	noteBackup  = "backup"
	noteExport  = "export"
	noteImport  = "import"
)

// underWay counts the fillings of a sort that an account has under way in a region.
func (s *Service) underWay(ctx context.Context, r kv.Reader, account, region, note string) (n int, err error) {
	prefix := fillingsOf(account, region)
	for p, err := range r.Scan(ctx, kv.Range{From: prefix, To: above(prefix)}) {
		if err != nil {
			return 0, err
		}
		if string(p.Val) == note {
			n++
		}
	}
	return n, nil
}

// enqueue leaves a filling to a job.
func (f filling) enqueue(ctx context.Context, tx kv.Txn) error {
	b, err := json.Marshal(f)
	if err != nil {
		return err
	}
	note := noteBackup
	if f.Target != nil {
		note = noteRestore
	}
	tx.Put(f.key(), []byte(note))
	return jobs.Enqueue(ctx, tx, fill, f.jobID(), b)
}

// filled is how far a filling is. It goes through its stages in order.
type filled struct {
	Stage string `json:"stage"`
	// Until is the commit to which the source is taken back.
	Until kv.Stamp `json:"until,omitempty"`
	// At is, of the copying, the place from which to go on; of the rewinding, the
	// entry of the log before which.
	At []byte `json:"at,omitempty"`

	Items   int64               `json:"items,omitempty"`
	Bytes   int64               `json:"bytes,omitempty"`
	Indexes map[uint64][2]int64 `json:"indexes,omitempty"` // items and bytes
}

const (
	fillBegins  = ""
	fillCopies  = "copying"
	fillRewinds = "rewinding"
	fillEnds    = "ending"
)

func decodeFilled(b []byte) (p filled, err error) {
	if b == nil {
		return p, nil
	}
	if err := json.Unmarshal(b, &p); err != nil {
		return p, fmt.Errorf("progress of a restore or backup: %w", err)
	}
	return p, nil
}

func (p filled) encode() []byte {
	b, err := json.Marshal(p)
	if err != nil {
		panic(err) // numbers, strings and bytes always have a form
	}
	return b
}

// add adds what a part of the filling did. It leaves p's own maps alone.
func (p filled) add(d effect) filled {
	p.Items += d.items
	p.Bytes += d.bytes
	if len(d.indexes) == 0 {
		return p
	}
	sums := make(map[uint64][2]int64, len(d.indexes))
	for id, sum := range p.Indexes {
		sums[id] = sum
	}
	for _, x := range d.indexes {
		sum := sums[x.index.ID]
		sums[x.index.ID] = [2]int64{sum[0] + x.items, sum[1] + x.bytes}
	}
	p.Indexes = sums
	return p
}

// total is what a filled table holds.
func (p filled) total() (s total) {
	s.size = size{p.Items, p.Bytes}
	for id, sum := range p.Indexes {
		if s.indexes == nil {
			s.indexes = map[uint64]size{}
		}
		s.indexes[id] = size{sum[0], sum[1]}
	}
	return s
}

// fillTable is the job of a filling. Each of its transactions saves how far it is, so
// that it goes on there after a restart.
//
// First it copies what the source holds, a part at a time, each part from a snapshot of
// its own. Then it reads the log of the source backwards, from the newest change at the
// end of the copying down to the first after the moment that is meant, and undoes each
// change in the target. What is put back last at a place was there at that moment: for
// the last change of a place to be undone is the first after it. It does not matter
// which snapshot a part was copied from, since the log has every change up to the last
// of them. So the cost is that of the table and of the changes since.
func (s *Service) fillTable(ctx context.Context, job *jobs.Job) error {
	var f filling
	if err := json.Unmarshal(job.Input, &f); err != nil {
		return fmt.Errorf("a restore or backup: %w", err)
	}
	p, err := decodeFilled(job.Progress)
	if err != nil {
		return err
	}
	for w := (&filler{Service: s, job: job, filling: f}); ; {
		switch p.Stage {
		case fillBegins:
			p, err = w.begin(ctx)
		case fillCopies:
			p, err = w.copyItems(ctx, p)
		case fillRewinds:
			p, err = w.rewind(ctx, p)
		case fillEnds:
			return w.end(ctx, p)
		default:
			err = fmt.Errorf("a restore or backup is at an unknown stage: %s", p.Stage)
		}
		if err != nil {
			return err
		}
	}
}

// clockInterval is how often a filling looks whether its second is over.
const clockInterval = 20 * time.Millisecond

// begin finds the commit to which the source is taken back.
func (w *filler) begin(ctx context.Context) (p filled, err error) {
	p.Stage = fillCopies
	switch end := w.Second.Add(time.Second); {
	case w.Source == nil:
	case w.Second.IsZero():
		err = w.store.View(ctx, func(r kv.Reader) error {
			p.Until, err = holdOf(ctx, r, w.From, w.jobID())
			return err
		})
	default:
		for w.now().Before(end) {
			if err := rest(ctx, clockInterval); err != nil {
				return p, err
			}
		}
		// Which commits a second has is final once there is one of a later second.
		if _, err := w.job.Update(ctx, func(tx kv.Txn) error {
			w.job.Save(tx, filled{}.encode())
			return nil
		}); err != nil {
			return p, err
		}
		p.Until, err = w.store.StampAt(ctx, end)
	}
	if err != nil {
		return p, err
	}
	_, err = w.job.Update(ctx, func(tx kv.Txn) error {
		w.job.Save(tx, p.encode())
		return nil
	})
	return p, err
}

// end makes what was filled known as whole, and gives up the hold on the source.
func (w *filler) end(ctx context.Context, p filled) error {
	_, err := w.job.Update(ctx, func(tx kv.Txn) error {
		noted, err := tx.Get(ctx, w.key())
		if err != nil || noted == nil {
			return err // it was done already
		}
		tx.Delete(w.key())
		if w.Source != nil {
			if err := w.release(ctx, tx, w.Source.table(), w.From, w.jobID()); err != nil {
				return err
			}
		}
		if w.Target == nil {
			return w.completeBackup(ctx, tx, w.filling, p)
		}
		if w.Source == nil {
			if err := w.releaseBackup(ctx, tx, w.filling); err != nil {
				return err
			}
		}
		return w.completeTable(ctx, tx, w.filling, p)
	})
	if err != nil {
		return err
	}
	if w.Source != nil {
		w.cache.drop(w.Source.table())
	}
	if w.Target != nil {
		w.cache.drop(w.Target.table())
	}
	return nil
}

// completeTable lets the operations on items see a restored table.
func (s *Service) completeTable(ctx context.Context, tx kv.Txn, f filling, p filled) error {
	t, err := s.readAny(ctx, tx, f.Target.table())
	if err != nil {
		return err
	}
	if t == nil || t.ID != f.To || !t.Restore.running() {
		return fmt.Errorf("table %s is not the one that was being restored", f.Target.table().arn())
	}
	tx.Put(ofTable(totalsPrefix, f.To), p.total().encode())
	st := t.tableState
	done := *st.Restore
	done.Running = false
	st.Restore = &done
	return st.put(tx, t.tableName)
}

// filledTable is the table that is filled, or what stands for a backup or an export: items
// without anything that is derived of them.
func (s *Service) filledTable(ctx context.Context, r kv.Reader, f filling) (*table, error) {
	switch {
	case f.Backup != nil && f.Target == nil:
		return s.backupTable(ctx, r, f)
	case f.Export != nil:
		t := &table{tableName: f.Export.table()}
		t.ID = f.To
		t.derive(s.now)
		return t, nil
	}
	t, err := s.readAny(ctx, r, f.Target.table())
	if err == nil && (t == nil || t.ID != f.To) {
		err = fmt.Errorf("table %s is gone, though it was being restored", f.Target.table().arn())
	}
	return t, err
}
