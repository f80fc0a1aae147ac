package resources

import (
	"context"

	"github.com/modelwharf/modelwharf/internal/api/servicecatalog"
	"github.com/modelwharf/modelwharf/internal/cloudformation"
)

// tagOption is AWS::ServiceCatalog::TagOption.
// https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-servicecatalog-tagoption.html
func tagOption(s service) *cloudformation.Type {
	return &cloudformation.Type{
		Name:       "AWS::ServiceCatalog::TagOption",
		Properties: properties("Key!*", "Value!*", "Active"),
		Handler:    tagOptions{s},
	}
}

type tagOptions struct{ service }

func (h tagOptions) Create(ctx context.Context, r *cloudformation.Request) (made cloudformation.Made, err error) {
	in := &servicecatalog.CreateTagOptionInput{}
	if err := fill(in, r.Properties); err != nil {
		return made, err
	}
	out, err := ask[servicecatalog.CreateTagOptionOutput](ctx, h.service, "CreateTagOption", in)
	switch {
	case err == nil:
		made.PhysicalID = *out.TagOptionDetail.Id
	case r.Retry && r.PhysicalID != "" && isCode(err, "DuplicateResourceException"):
		made.PhysicalID = r.PhysicalID
	default:
		return made, err
	}
	if str(r.Properties, "Active") != "" {
		err = h.activate(ctx, r, made.PhysicalID)
	} else {
		err = nil
	}
	return made, err
}

// activate makes an option active, or no longer; without a word of it, it is active.
func (h tagOptions) activate(ctx context.Context, r *cloudformation.Request, id string) error {
	return h.tell(ctx, "UpdateTagOption", &servicecatalog.UpdateTagOptionInput{Id: &id, Active: new(str(r.Properties, "Active") == "" || isTrue(r.Properties, "Active"))})
}

func (h tagOptions) Update(ctx context.Context, r *cloudformation.Request) (cloudformation.Made, error) {
	return cloudformation.Made{PhysicalID: r.PhysicalID}, h.activate(ctx, r, r.PhysicalID)
}

func (h tagOptions) Delete(ctx context.Context, r *cloudformation.Request) error {
	return absent(h.tell(ctx, "DeleteTagOption", &servicecatalog.DeleteTagOptionInput{Id: &r.PhysicalID}), "ResourceNotFoundException")
}
