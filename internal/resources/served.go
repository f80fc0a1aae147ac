package resources

import (
	"context"
	"strings"

	"github.com/modelwharf/modelwharf/internal/api"
	"github.com/modelwharf/modelwharf/internal/api/sagemaker"
	"github.com/modelwharf/modelwharf/internal/cloudformation"
)

// served is what the types of SageMaker have in common: the physical IDs of their resources
// are ARNs, by which they are tagged.
type served struct{ service }

// nameLen is how long the names of SageMaker are at most.
const nameLen = 63

// servedName is the name of a resource: the name that it gets may be longer than SageMaker's are.
func servedName(r *cloudformation.Request, property string) *string {
	name := named(r, property)
	if str(r.Properties, property) == "" && len(name) > nameLen {
		const tail = 13 // what tells it from others
		name = name[:nameLen-tail] + name[len(name)-tail:]
	}
	return &name
}

func sagemakerTag(k, v *string) *sagemaker.Tag { return &sagemaker.Tag{Key: k, Value: v} }

// nameOf is the name in a physical ID.
func (h served) nameOf(arn string) *string {
	return new(arn[strings.LastIndexByte(arn, '/')+1:])
}

// says tells whether an error says something: those of SageMaker have one code for all.
func (h served) says(err error, text string) bool {
	return isCode(err, "ValidationException") && strings.HasPrefix(api.AsError(err).Message, text)
}

// gone is an error of a deletion, nil if it says that there is nothing to delete.
func (h served) gone(err error, text string) error {
	if h.says(err, text) {
		return nil
	}
	return err
}

// tags are those of a resource.
func (h served) tags(ctx context.Context, arn string) (map[string]string, error) {
	out, err := ask[sagemaker.ListTagsOutput](ctx, h.service, "ListTags", &sagemaker.ListTagsInput{ResourceArn: &arn})
	if err != nil {
		return nil, err
	}
	tags := map[string]string{}
	for _, t := range out.Tags {
		tags[*t.Key] = *t.Value
	}
	return tags, nil
}

// retag brings the tags of a resource to what they are to be.
func (h served) retag(ctx context.Context, r *cloudformation.Request) error {
	return retag(r,
		func(tags map[string]string) error {
			return h.tell(ctx, "AddTags", &sagemaker.AddTagsInput{ResourceArn: &r.PhysicalID, Tags: pairs(tags, sagemakerTag)})
		},
		func(keys []string) error {
			return h.tell(ctx, "DeleteTags", &sagemaker.DeleteTagsInput{ResourceArn: &r.PhysicalID, TagKeys: keys})
		})
}
