package resources_test

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/codeartifact"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecrpublic"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/servicecatalog"
)

// inventory is all that an account has: kind and physical ID, and all that its service
// tells of it but what is another at each change, as JSON.
type inventory map[string]string

// passing are members that tell when something was changed, not what it is.
var passing = regexp.MustCompile(`(?i)(date|datetime|time|timestamp|etag|revision|versionid|latest(stream).*|defaultversionid|numberofdecreasestoday|resultmetadata|itemcount|tablesizebytes|createdtime|lastdecrease.*)$`)

// steady is a value as JSON without what passes, the elements of lists in order.
func steady(values ...any) string {
	var walk func(v any) any
	walk = func(v any) any {
		switch v := v.(type) {
		case map[string]any:
			for k, of := range v {
				if passing.MatchString(k) || of == nil {
					delete(v, k)
					continue
				}
				v[k] = walk(of)
			}
		case []any:
			for i := range v {
				v[i] = walk(v[i])
			}
			slices.SortFunc(v, func(a, b any) int { return strings.Compare(text(a), text(b)) })
		}
		return v
	}
	var lines []string
	for _, v := range values {
		var decoded any
		if err := json.Unmarshal([]byte(text(v)), &decoded); err != nil {
			panic(err)
		}
		lines = append(lines, text(walk(decoded)))
	}
	return strings.Join(lines, "\n")
}

func text(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return string(b)
}

// inventory reads it. What another test's step takes away meanwhile is not there.
func (w *world) inventory() inventory {
	w.Helper()
	c, ctx, all := w.server.AWS(), context.Background(), inventory{}
	check := func(err error) {
		w.Helper()
		if err != nil {
			w.Fatal(err)
		}
	}
	w.tables(dynamodb.NewFromConfig(c), all, check)
	w.packages(codeartifact.NewFromConfig(c), all, check)
	w.identities(iam.NewFromConfig(c), all, check)
	w.catalog(servicecatalog.NewFromConfig(c), all, check)

	private := ecr.NewFromConfig(c)
	images, err := private.DescribeRepositories(ctx, &ecr.DescribeRepositoriesInput{})
	check(err)
	for _, r := range images.Repositories {
		tags, err := private.ListTagsForResource(ctx, &ecr.ListTagsForResourceInput{ResourceArn: r.RepositoryArn})
		check(err)
		policy, _ := private.GetRepositoryPolicy(ctx, &ecr.GetRepositoryPolicyInput{RepositoryName: r.RepositoryName})
		life, _ := private.GetLifecyclePolicy(ctx, &ecr.GetLifecyclePolicyInput{RepositoryName: r.RepositoryName})
		all["images "+*r.RepositoryName] = steady(r, tags, policy, life)
	}
	public := ecrpublic.NewFromConfig(c)
	offered, err := public.DescribeRepositories(ctx, &ecrpublic.DescribeRepositoriesInput{})
	check(err)
	for _, r := range offered.Repositories {
		tags, err := public.ListTagsForResource(ctx, &ecrpublic.ListTagsForResourceInput{ResourceArn: r.RepositoryArn})
		check(err)
		policy, _ := public.GetRepositoryPolicy(ctx, &ecrpublic.GetRepositoryPolicyInput{RepositoryName: r.RepositoryName})
		data, err := public.GetRepositoryCatalogData(ctx, &ecrpublic.GetRepositoryCatalogDataInput{RepositoryName: r.RepositoryName})
		check(err)
		all["public "+*r.RepositoryName] = steady(r, tags, policy, data)
	}
	return all
}

func (w *world) tables(c *dynamodb.Client, all inventory, check func(error)) {
	ctx := context.Background()
	tables, err := c.ListTables(ctx, &dynamodb.ListTablesInput{})
	check(err)
	for _, name := range tables.TableNames {
		d, err := c.DescribeTable(ctx, &dynamodb.DescribeTableInput{TableName: &name})
		check(err)
		tags, err := c.ListTagsOfResource(ctx, &dynamodb.ListTagsOfResourceInput{ResourceArn: d.Table.TableArn})
		check(err)
		expiry, err := c.DescribeTimeToLive(ctx, &dynamodb.DescribeTimeToLiveInput{TableName: &name})
		check(err)
		backups, err := c.DescribeContinuousBackups(ctx, &dynamodb.DescribeContinuousBackupsInput{TableName: &name})
		check(err)
		if mode := d.Table.BillingModeSummary; mode != nil && mode.BillingMode == "PROVISIONED" {
			d.Table.BillingModeSummary = nil // it stays once a table was on demand
		}
		if class := d.Table.TableClassSummary; class != nil && class.TableClass == "STANDARD" {
			d.Table.TableClassSummary = nil
		}
		// What a table has warmed up to stays when its capacity goes back.
		d.Table.WarmThroughput = nil
		for i := range d.Table.GlobalSecondaryIndexes {
			d.Table.GlobalSecondaryIndexes[i].WarmThroughput = nil
		}
		all["table "+name] = steady(d.Table, tags, expiry, backups)
	}
}

func (w *world) packages(c *codeartifact.Client, all inventory, check func(error)) {
	ctx := context.Background()
	domains, err := c.ListDomains(ctx, &codeartifact.ListDomainsInput{})
	check(err)
	for _, d := range domains.Domains {
		tags, err := c.ListTagsForResource(ctx, &codeartifact.ListTagsForResourceInput{ResourceArn: d.Arn})
		check(err)
		policy, _ := c.GetDomainPermissionsPolicy(ctx, &codeartifact.GetDomainPermissionsPolicyInput{Domain: d.Name})
		all["domain "+*d.Name] = steady(d, tags, policy)
		groups, err := c.ListPackageGroups(ctx, &codeartifact.ListPackageGroupsInput{Domain: d.Name})
		check(err)
		for _, g := range groups.PackageGroups {
			tags, err := c.ListTagsForResource(ctx, &codeartifact.ListTagsForResourceInput{ResourceArn: g.Arn})
			check(err)
			one, err := c.DescribePackageGroup(ctx, &codeartifact.DescribePackageGroupInput{Domain: d.Name, PackageGroup: g.Pattern})
			check(err)
			all["packages "+*d.Name+*g.Pattern] = steady(one, tags)
		}
	}
	repositories, err := c.ListRepositories(ctx, &codeartifact.ListRepositoriesInput{})
	check(err)
	for _, r := range repositories.Repositories {
		tags, err := c.ListTagsForResource(ctx, &codeartifact.ListTagsForResourceInput{ResourceArn: r.Arn})
		check(err)
		one, err := c.DescribeRepository(ctx, &codeartifact.DescribeRepositoryInput{Domain: r.DomainName, Repository: r.Name})
		check(err)
		policy, _ := c.GetRepositoryPermissionsPolicy(ctx, &codeartifact.GetRepositoryPermissionsPolicyInput{Domain: r.DomainName, Repository: r.Name})
		all["packages "+*r.DomainName+"/"+*r.Name] = steady(one, tags, policy)
	}
}

func (w *world) identities(c *iam.Client, all inventory, check func(error)) {
	ctx := context.Background()
	roles, err := c.ListRoles(ctx, &iam.ListRolesInput{})
	check(err)
	for _, r := range roles.Roles {
		one, err := c.GetRole(ctx, &iam.GetRoleInput{RoleName: r.RoleName})
		check(err)
		one.Role.RoleLastUsed = nil
		attached, err := c.ListAttachedRolePolicies(ctx, &iam.ListAttachedRolePoliciesInput{RoleName: r.RoleName})
		check(err)
		names, err := c.ListRolePolicies(ctx, &iam.ListRolePoliciesInput{RoleName: r.RoleName})
		check(err)
		said := []any{one, attached}
		for _, name := range names.PolicyNames {
			p, err := c.GetRolePolicy(ctx, &iam.GetRolePolicyInput{RoleName: r.RoleName, PolicyName: &name})
			check(err)
			said = append(said, p)
		}
		all["role "+*r.RoleName] = steady(said...)
	}
	policies, err := c.ListPolicies(ctx, &iam.ListPoliciesInput{Scope: "Local"})
	check(err)
	for _, p := range policies.Policies {
		v, err := c.GetPolicyVersion(ctx, &iam.GetPolicyVersionInput{PolicyArn: p.Arn, VersionId: p.DefaultVersionId})
		check(err)
		v.PolicyVersion.VersionId = nil
		all["policy "+*p.Arn] = steady(p, v)
	}
	users, err := c.ListUsers(ctx, &iam.ListUsersInput{})
	check(err)
	for _, u := range users.Users {
		all["user "+*u.UserName] = ""
	}
}

func (w *world) catalog(c *servicecatalog.Client, all inventory, check func(error)) {
	ctx := context.Background()
	portfolios, err := c.ListPortfolios(ctx, &servicecatalog.ListPortfoliosInput{})
	check(err)
	for _, p := range portfolios.PortfolioDetails {
		one, err := c.DescribePortfolio(ctx, &servicecatalog.DescribePortfolioInput{Id: p.Id})
		check(err)
		products, err := c.SearchProductsAsAdmin(ctx, &servicecatalog.SearchProductsAsAdminInput{PortfolioId: p.Id})
		check(err)
		var ids []string
		for _, of := range products.ProductViewDetails {
			ids = append(ids, *of.ProductViewSummary.ProductId)
		}
		principals, err := c.ListPrincipalsForPortfolio(ctx, &servicecatalog.ListPrincipalsForPortfolioInput{PortfolioId: p.Id})
		check(err)
		constraints, err := c.ListConstraintsForPortfolio(ctx, &servicecatalog.ListConstraintsForPortfolioInput{PortfolioId: p.Id})
		check(err)
		said := []any{one, ids, principals}
		for _, of := range constraints.ConstraintDetails {
			d, err := c.DescribeConstraint(ctx, &servicecatalog.DescribeConstraintInput{Id: of.ConstraintId})
			check(err)
			d.ConstraintDetail.ConstraintId = nil // one that was replaced and came back has another
			said = append(said, d)
		}
		slices.SortFunc(said[3:], func(a, b any) int { return strings.Compare(steady(a), steady(b)) })
		all["portfolio "+*p.Id] = steady(said...)
	}
	products, err := c.SearchProductsAsAdmin(ctx, &servicecatalog.SearchProductsAsAdminInput{})
	check(err)
	for _, p := range products.ProductViewDetails {
		one, err := c.DescribeProductAsAdmin(ctx, &servicecatalog.DescribeProductAsAdminInput{Id: p.ProductViewSummary.ProductId})
		check(err)
		for i := range one.ProvisioningArtifactSummaries { // which come back as others
			one.ProvisioningArtifactSummaries[i].Id = nil
		}
		all["product "+*p.ProductViewSummary.ProductId] = steady(one)
	}
	options, err := c.ListTagOptions(ctx, &servicecatalog.ListTagOptionsInput{})
	check(err)
	for _, o := range options.TagOptionDetails {
		linked, err := c.ListResourcesForTagOption(ctx, &servicecatalog.ListResourcesForTagOptionInput{TagOptionId: o.Id})
		check(err)
		all["option "+*o.Id] = steady(o, linked)
	}
}

// difference is in what two inventories differ.
func (i inventory) difference(other inventory) string {
	var b strings.Builder
	both := maps.Clone(i)
	maps.Copy(both, other)
	for _, k := range slices.Sorted(maps.Keys(both)) {
		was, there := i[k]
		is, stays := other[k]
		switch {
		case !there:
			fmt.Fprintf(&b, "new: %s\n", k)
		case !stays:
			fmt.Fprintf(&b, "gone: %s\n", k)
		case was != is:
			fmt.Fprintf(&b, "changed: %s\n from %s\n to   %s\n", k, was, is)
		}
	}
	return b.String()
}

// wantInventory checks that the account has what it had.
func (w *world) wantInventory(want inventory) {
	w.Helper()
	if d := want.difference(w.inventory()); d != "" {
		w.Fatal(d)
	}
}

// pick is one of some values.
func pick[T any](n int, of ...T) T { return of[n%len(of)] }
