// Package resources has the types of resources that a stack can have: for each, what its
// properties are, and how its resources are made, changed and deleted through the
// operations of their service.
//
// A handler calls the operations that users call, in the caller's name: policy and the
// audit trail apply as if the caller had called them, through CloudFormation. So what a
// caller, or the role of the stack, may not do, a stack does not do for him.
//
// To add a type: write a file with a function that returns its *cloudformation.Type, and
// name it in Types. Its properties and attributes, and which of them ask for a replacement,
// are those of AWS's resource specification; what a service here does not have is left to
// the service to refuse, so that it is said in one way. A service is added to Services.
//
//   - Create makes the resource with ask, the tags of tagsOf on it. What is there already
//     is an error of the service, unless the step is tried again after a crash: then Find
//     has told whether this step has made it, and Create goes on where it was.
//   - Update brings the resource from Previous to Properties. It sets what changed says;
//     what was set already may be set again.
//   - Delete takes away what is there; absent takes an error for none.
package resources

import (
	"github.com/modelwharf/modelwharf/internal/api"
	"github.com/modelwharf/modelwharf/internal/cloudformation"
	"github.com/modelwharf/modelwharf/internal/s3"
)

// Services are the APIs by which resources are made. Types of a service that is nil are
// not there.
type Services struct {
	DynamoDB, CodeArtifact, ECR, ECRPublic, IAM, ServiceCatalog, SageMaker *api.Service
	S3                                                                     *s3.Service
}

// Types returns the types of resources of some services.
func Types(s Services) cloudformation.Types {
	types := cloudformation.Types{}
	add := func(service *api.Service, makers ...func(service) *cloudformation.Type) {
		if service == nil {
			return
		}
		for _, maker := range makers {
			t := maker(newService(service))
			types[t.Name] = t
		}
	}
	add(s.DynamoDB, table)
	add(s.CodeArtifact, packageDomain, packageRepository, packageGroup)
	add(s.ECR, imageRepository)
	add(s.ECRPublic, publicRepository)
	add(s.IAM, role, managedPolicy, inlinePolicy)
	add(s.ServiceCatalog, product, portfolio, portfolioProduct, portfolioPrincipal, portfolioShare, tagOption, tagOptionLink,
		launchRole, launchTemplate, launchNotification, resourceUpdate, serviceAction, serviceActionLink, provisionedProduct)
	add(s.SageMaker, model, endpointConfig, endpoint, modelPackageGroup, modelPackage)
	if s.S3 != nil {
		for _, t := range []*cloudformation.Type{bucket(s.S3), bucketPolicy(s.S3)} {
			types[t.Name] = t
		}
	}
	return types
}

// properties makes the table of a type's properties. A name may say more: "Name!" is
// required, "Name*" asks for a replacement when it changes, "Name!*" both.
func properties(names ...string) map[string]cloudformation.Property {
	all := map[string]cloudformation.Property{}
	for _, name := range names {
		var p cloudformation.Property
		for end := name[len(name)-1]; end == '!' || end == '*'; end = name[len(name)-1] {
			p.Required = p.Required || end == '!'
			p.Replace = p.Replace || end == '*'
			name = name[:len(name)-1]
		}
		all[name] = p
	}
	return all
}
