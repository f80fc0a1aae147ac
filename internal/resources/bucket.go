package resources

import (
	"context"
	"net/http"
	"strings"

	"github.com/modelwharf/modelwharf/internal/api"
	"github.com/modelwharf/modelwharf/internal/cloudformation"
	"github.com/modelwharf/modelwharf/internal/cloudformation/template"
	"github.com/modelwharf/modelwharf/internal/s3"
)

// objectStore is the service of objects as handlers ask it.
type objectStore struct{ *s3.Service }

// by is a context for an operation of the service.
func (objectStore) by(ctx context.Context, operation string) context.Context {
	r := new(*api.RequestOf(ctx))
	r.Service, r.Operation = "s3", operation
	return api.WithRequest(ctx, r)
}

// bucket is AWS::S3::Bucket. Of its properties those that have a meaning here may say something;
// the others may be there as far as they say what every bucket is.
// https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-s3-bucket.html
func bucket(s *s3.Service) *cloudformation.Type {
	return &cloudformation.Type{
		Name: "AWS::S3::Bucket", NamedBy: "BucketName",
		Properties: properties("BucketName*", "Tags", "OwnershipControls", "AccessControl", "VersioningConfiguration", "AbacStatus", "AccelerateConfiguration",
			"AnalyticsConfigurations", "BucketEncryption", "BucketNamePrefix*", "BucketNamespace*", "CorsConfiguration", "IntelligentTieringConfigurations",
			"InventoryConfigurations", "LifecycleConfiguration", "LoggingConfiguration", "MetadataConfiguration", "MetadataTableConfiguration",
			"MetricsConfigurations", "NotificationConfiguration", "ObjectLockConfiguration", "ObjectLockEnabled*", "PublicAccessBlockConfiguration",
			"ReplicationConfiguration", "WebsiteConfiguration"),
		Attributes: []string{"Arn", "DomainName", "DualStackDomainName", "RegionalDomainName", "WebsiteURL"},
		Handler:    buckets{objectStore{s}},
	}
}

type buckets struct{ objectStore }

// meaning are the properties that a bucket may have here.
var meaning = map[string]func(*template.Node) bool{
	"BucketName":              func(*template.Node) bool { return true },
	"Tags":                    func(*template.Node) bool { return true },
	"AccessControl":           func(n *template.Node) bool { return n.Text == "Private" || n.Text == "BucketOwnerFullControl" },
	"VersioningConfiguration": func(n *template.Node) bool { return str(n, "Status") == "Suspended" },
	"ObjectLockEnabled":       func(n *template.Node) bool { return strings.EqualFold(n.Text, "false") },
	"OwnershipControls": func(n *template.Node) bool {
		rules := n.Get("Rules")
		return rules != nil && len(rules.Items) == 1 && str(rules.Items[0], "ObjectOwnership") == "BucketOwnerEnforced"
	},
}

// possible refuses properties that a bucket cannot have here.
func possible(n *template.Node) error {
	for _, f := range n.Fields {
		if fits := meaning[f.Name]; fits == nil || !fits(f.Value) {
			return s3.NotImplemented("This " + f.Name + " of a bucket is")
		}
	}
	return nil
}

func bucketTags(tags map[string]string) (list []s3.Tag) {
	for _, t := range pairs(tags, func(k, v *string) *s3.Tag { return &s3.Tag{Key: *k, Value: *v} }) {
		list = append(list, *t)
	}
	return list
}

func (h buckets) made(name, region string) cloudformation.Made {
	return cloudformation.Made{PhysicalID: name, Attributes: attributes("Arn", new("arn:aws:s3:::"+name), "DomainName", new(name+".s3.amazonaws.com"),
		"DualStackDomainName", new(name+".s3.dualstack."+region+".amazonaws.com"), "RegionalDomainName", new(name+".s3."+region+".amazonaws.com"),
		"WebsiteURL", new("http://"+name+".s3-website-"+region+".amazonaws.com"))}
}

// Create makes the bucket. In us-east-1 it is no error to make a bucket of one's own again, so
// that it is looked for before; who makes one meanwhile has its tags.
func (h buckets) Create(ctx context.Context, r *cloudformation.Request) (made cloudformation.Made, err error) {
	if err := possible(r.Properties); err != nil {
		return made, err
	}
	name := str(r.Properties, "BucketName")
	if name == "" {
		name = strings.ToLower(r.Name)
	}
	tags, err := tagsOf(r.Properties, r.Tags)
	if err != nil {
		return made, err
	}
	if h.Exists(ctx, name) {
		b, err := h.Service.Setting(h.by(ctx, "HeadBucket"), "GetBucketTagging", name)
		if err != nil || !ours(r, tagMap(b.Tags), &b.Created) {
			return made, s3.Refuse("BucketAlreadyExists", http.StatusConflict, "%s already exists", name)
		}
		return h.made(name, r.Region), nil
	}
	constraint := r.Region
	if constraint == "us-east-1" {
		constraint = ""
	}
	if _, err := h.CreateBucket(h.by(ctx, "CreateBucket"), name, constraint, bucketTags(tags)); err != nil {
		return made, err
	}
	return h.made(name, r.Region), nil
}

func tagMap(list []s3.Tag) map[string]string {
	m := map[string]string{}
	for _, t := range list {
		m[t.Key] = t.Value
	}
	return m
}

func (h buckets) Update(ctx context.Context, r *cloudformation.Request) (made cloudformation.Made, err error) {
	made = h.made(r.PhysicalID, r.Region)
	if err := possible(r.Properties); err != nil {
		return made, err
	}
	tags, err := tagsOf(r.Properties, r.Tags)
	if err != nil {
		return made, err
	}
	return made, h.PutBucketTagging(h.by(ctx, "PutBucketTagging"), r.PhysicalID, bucketTags(tags))
}

// Delete deletes a bucket, which must be empty, as on AWS.
func (h buckets) Delete(ctx context.Context, r *cloudformation.Request) error {
	return absent(h.DeleteBucket(h.by(ctx, "DeleteBucket"), r.PhysicalID), "NoSuchBucket")
}

// bucketPolicy is AWS::S3::BucketPolicy.
// https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-s3-bucketpolicy.html
func bucketPolicy(s *s3.Service) *cloudformation.Type {
	return &cloudformation.Type{
		Name:       "AWS::S3::BucketPolicy",
		Properties: properties("Bucket!*", "PolicyDocument!"),
		Handler:    bucketPolicies{objectStore{s}},
	}
}

type bucketPolicies struct{ objectStore }

// Create sets the policy of a bucket that has none.
func (h bucketPolicies) Create(ctx context.Context, r *cloudformation.Request) (made cloudformation.Made, err error) {
	name := str(r.Properties, "Bucket")
	if !r.Retry {
		_, err := h.GetBucketPolicy(h.by(ctx, "GetBucketPolicy"), name)
		if err == nil {
			return made, s3.Refuse("AlreadyExists", http.StatusConflict, "The bucket policy already exists on bucket %s.", name)
		}
		if !isCode(err, "NoSuchBucketPolicy") {
			return made, err
		}
	}
	return h.put(ctx, name, r.Properties)
}

func (h bucketPolicies) put(ctx context.Context, name string, n *template.Node) (made cloudformation.Made, err error) {
	if err := h.PutBucketPolicy(h.by(ctx, "PutBucketPolicy"), name, *document(n.Get("PolicyDocument"))); err != nil {
		return made, err
	}
	return cloudformation.Made{PhysicalID: name}, nil
}

func (h bucketPolicies) Update(ctx context.Context, r *cloudformation.Request) (cloudformation.Made, error) {
	return h.put(ctx, r.PhysicalID, r.Properties)
}

func (h bucketPolicies) Delete(ctx context.Context, r *cloudformation.Request) error {
	return absent(h.DeleteBucketPolicy(h.by(ctx, "DeleteBucketPolicy"), r.PhysicalID), "NoSuchBucket")
}
