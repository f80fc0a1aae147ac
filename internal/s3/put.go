package s3

import (
	"cmp"
	"context"

	"github.com/modelwharf/modelwharf/internal/api"
	"github.com/modelwharf/modelwharf/internal/kv"
)

// Put is an object to be written.
type Put struct {
	Name
	Attributes
	Content
	Conditions
}

// MaxMetadata is how many bytes the names and values of an object's metadata may have.
const MaxMetadata = 2 << 10

func (a *Attributes) check(ctx context.Context) error {
	n := 0
	for k, v := range a.Metadata {
		n += len(k) + len(v)
	}
	if n > MaxMetadata {
		return Refuse("MetadataTooLarge", 400, "Your metadata headers exceed the maximum allowed metadata size")
	}
	return checkTags(ctx, a.Tags, nil, maxObjectTags)
}

// PutObject writes an object, durably, in the place of what is there. The errors are those
// of policy, NoSuchBucket, PreconditionFailed, those of the content, and the body's.
func (s *Service) PutObject(ctx context.Context, in Put) (*Object, error) {
	b, err := s.mayPut(ctx, in.Name, &in.Attributes)
	if err != nil {
		return nil, err
	}
	if in.Conditions != (Conditions{}) { // early, before the bytes have come
		was, err := s.object(ctx, b, in.Key)
		if err != nil {
			return nil, err
		}
		if err := in.Conditions.check(was); err != nil {
			return nil, err
		}
	}
	p, err := s.stage(ctx, in.Content)
	if err != nil {
		return nil, err
	}
	o := &Object{
		Key: in.Key, Size: p.Size, ETag: p.MD5, Attributes: in.Attributes, Piece: p,
		Checksum: Checksum{Algorithm: cmp.Or(in.Algorithm, CRC64NVME), Value: p.Checksum},
	}
	return o, s.write(ctx, b, o, in.Conditions)
}

// mayPut authorizes to write an object.
func (s *Service) mayPut(ctx context.Context, n Name, a *Attributes) (*Bucket, error) {
	b, err := s.onObject(ctx, "PutObject", n, tagConditions("s3:RequestObjectTag/", a.Tags))
	if err != nil {
		return nil, err
	}
	if len(a.Tags) > 0 {
		if err := s.ask(ctx, b, "PutObjectTagging", b.objectARN(n.Key), tagConditions("s3:RequestObjectTag/", a.Tags)); err != nil {
			return nil, err
		}
	}
	return b, a.check(ctx)
}

// write writes an object of one piece, whose bytes are there.
func (s *Service) write(ctx context.Context, was *Bucket, o *Object, c Conditions) error {
	return s.update(ctx, func(tx kv.Txn) error {
		b, err := same(ctx, tx, was)
		if err != nil {
			return err
		}
		old, err := readObject(ctx, tx, b, o.Key)
		if err != nil {
			return err
		}
		if err := c.check(old); err != nil {
			return err
		}
		o.ID, o.Modified = newID(), s.instant()
		if err := s.hold(ctx, tx, o.Piece); err != nil {
			return err
		}
		record(ctx, tx, b, o.Key)
		return s.put(ctx, tx, b, old, o)
	})
}

// DeleteObject deletes an object, if it is there and its ETag is that of the condition.
func (s *Service) DeleteObject(ctx context.Context, n Name, c Conditions) error {
	b, err := s.onObject(ctx, "DeleteObject", n, nil)
	if err != nil {
		return err
	}
	return s.update(ctx, func(tx kv.Txn) error { return s.remove(ctx, tx, b, n.Key, c) })
}

// remove deletes an object in a transaction.
func (s *Service) remove(ctx context.Context, tx kv.Txn, was *Bucket, name string, c Conditions) error {
	b, err := same(ctx, tx, was)
	if err != nil {
		return err
	}
	o, err := readObject(ctx, tx, b, name)
	if err != nil {
		return err
	}
	if c.IfMatch != "" {
		if err := c.check(o); err != nil {
			return err
		}
	}
	if o == nil {
		return nil
	}
	tx.Delete(key(objectsPrefix, b.ID, name))
	record(ctx, tx, b, name)
	return s.drop(ctx, tx, o)
}

// Deletion is an object to be deleted, and why it was not.
type Deletion struct {
	Key     string
	IfMatch string
	Err     *api.Error
}

// DeleteObjects deletes objects, each as DeleteObject does and by a transaction of its own.
func (s *Service) DeleteObjects(ctx context.Context, bucket string, all []Deletion) error {
	b, err := s.find(ctx, bucket)
	if err != nil {
		return err
	}
	for i := range all {
		d := &all[i]
		n := Name{bucket, d.Key}
		err := n.check()
		if err == nil {
			err = s.ask(ctx, b, "DeleteObject", b.objectARN(d.Key), nil)
		}
		if err == nil {
			err = s.update(ctx, func(tx kv.Txn) error { return s.remove(ctx, tx, b, d.Key, Conditions{IfMatch: d.IfMatch}) })
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			d.Err = api.AsError(err)
		}
	}
	return nil
}
