package rest

import (
	"net/http"

	"github.com/modelwharf/modelwharf/internal/s3"
)

// ownership is the form of ownership controls.
type ownership struct {
	Rule struct{ ObjectOwnership string }
}

const ownerEnforced = "BucketOwnerEnforced"

func (x *exchange) getOwnershipControls() error {
	b, err := x.s.Setting(x.ctx, "GetBucketOwnershipControls", x.at.Bucket)
	if err != nil {
		return err
	}
	if b.Uncontrolled {
		return s3.Refuse("OwnershipControlsNotFoundError", http.StatusNotFound, "The bucket ownership controls were not found")
	}
	var out ownership
	out.Rule.ObjectOwnership = ownerEnforced
	return x.write("OwnershipControls", out)
}

func (x *exchange) putOwnershipControls() error {
	var in ownership
	if err := x.read("OwnershipControls", &in); err != nil {
		return err
	}
	if in.Rule.ObjectOwnership != ownerEnforced {
		return s3.NotImplemented("Object ownership other than BucketOwnerEnforced is")
	}
	return x.done(http.StatusOK, x.s.SetOwnershipControls(x.ctx, x.at.Bucket, true))
}

func (x *exchange) deleteOwnershipControls() error {
	return x.done(http.StatusNoContent, x.s.SetOwnershipControls(x.ctx, x.at.Bucket, false))
}
