package resources

import (
	"context"

	"github.com/modelwharf/modelwharf/internal/api/servicecatalog"
	"github.com/modelwharf/modelwharf/internal/cloudformation"
	"github.com/modelwharf/modelwharf/internal/cloudformation/template"
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
	if r.PhysicalID == "" {
		switch id, err := h.find(r.Look(ctx), r.Properties); {
		case err != nil:
			return made, err
		case id != "":
			return made, servicecatalog.DuplicateResourceException("A TagOption with key %s and value %s already exists.", str(r.Properties, "Key"), str(r.Properties, "Value"))
		}
		if err := r.Began(unnamed); err != nil { // from here on what is there is this one
			return made, err
		}
	}
	out, err := ask[servicecatalog.CreateTagOptionOutput](ctx, h.service, "CreateTagOption", in)
	switch {
	case err == nil:
		made.PhysicalID = *out.TagOptionDetail.Id
	case r.Retry && isCode(err, "DuplicateResourceException"):
		if made.PhysicalID, err = h.find(r.Look(ctx), r.Properties); err != nil || made.PhysicalID == "" {
			return made, err
		}
	default:
		return made, err
	}
	if str(r.Properties, "Active") != "" {
		return made, h.activate(ctx, r, made.PhysicalID)
	}
	return made, nil
}

// unnamed is the physical ID of an option that is being made: the service gives it another.
const unnamed = "tag-"

// find returns the ID of the option with a key and a value, "" if there is none.
func (h tagOptions) find(ctx context.Context, properties *template.Node) (string, error) {
	for page, more := (*string)(nil), true; more; more = page != nil {
		out, err := ask[servicecatalog.ListTagOptionsOutput](ctx, h.service, "ListTagOptions", &servicecatalog.ListTagOptionsInput{
			Filters: &servicecatalog.ListTagOptionsFilters{Key: ptr(properties, "Key"), Value: ptr(properties, "Value")}, PageToken: page,
		})
		if err != nil {
			return "", err
		}
		for _, o := range out.TagOptionDetails {
			return *o.Id, nil
		}
		page = out.PageToken
	}
	return "", nil
}

// activate makes an option active, or no longer; without a word of it, it is active.
func (h tagOptions) activate(ctx context.Context, r *cloudformation.Request, id string) error {
	return h.tell(ctx, "UpdateTagOption", &servicecatalog.UpdateTagOptionInput{Id: &id, Active: new(str(r.Properties, "Active") == "" || isTrue(r.Properties, "Active"))})
}

func (h tagOptions) Update(ctx context.Context, r *cloudformation.Request) (cloudformation.Made, error) {
	return cloudformation.Made{PhysicalID: r.PhysicalID}, h.activate(ctx, r, r.PhysicalID)
}

func (h tagOptions) Delete(ctx context.Context, r *cloudformation.Request) error {
	id := r.PhysicalID
	if id == unnamed {
		var err error
		if id, err = h.find(r.Look(ctx), r.Properties); err != nil || id == "" {
			return err
		}
	}
	return absent(h.tell(ctx, "DeleteTagOption", &servicecatalog.DeleteTagOptionInput{Id: &id}), "ResourceNotFoundException")
}
