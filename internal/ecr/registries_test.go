package ecr_test

import (
	"fmt"
	"testing"

	sdk "github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecr/types"
	"github.com/opencontainers/go-digest"
)

// TestRegistryPolicy lets another account in by the policy of the registry, which speaks
// beside those of its repositories.
func TestRegistryPolicy(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	root := w.roots[home]
	c := w.private(root)
	for _, name := range []string{"team/model", "other"} {
		w.create(name)
		if _, status := w.push(root, path(home, name), "{}", "1.0"); status != 201 {
			t.Fatal(status)
		}
	}
	_, err := c.GetRegistryPolicy(t.Context(), &sdk.GetRegistryPolicyInput{})
	w.wants("none yet", err, "RegistryPolicyNotFoundException", home)
	_, err = c.DeleteRegistryPolicy(t.Context(), &sdk.DeleteRegistryPolicyInput{})
	w.wants("none to delete", err, "RegistryPolicyNotFoundException", "")
	for what, document := range map[string]string{
		"no JSON":         `{`,
		"no resource":     repositoryPolicy("Allow", `{"AWS":"`+abroad+`"}`, "ecr:*"),
		"another service": `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"s3:*","Resource":"*"}]}`,
	} {
		_, err := c.PutRegistryPolicy(t.Context(), &sdk.PutRegistryPolicyInput{PolicyText: &document})
		w.wants(what, err, "InvalidParameterException", "Invalid parameter at 'PolicyText' failed to satisfy constraint: 'Invalid registry policy provided'")
	}
	document := fmt.Sprintf(`{"Version":"2012-10-17","Statement":[
		{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::%s:root"},"Action":["ecr:BatchGetImage","ecr:CreateRepository"],"Resource":"arn:aws:ecr:%s:%s:repository/team/*"},
		{"Effect":"Deny","Principal":"*","Action":"ecr:DeleteRepository","Resource":"*"}]}`, abroad, region, home)
	put := must2(t, func() (*sdk.PutRegistryPolicyOutput, error) {
		return c.PutRegistryPolicy(t.Context(), &sdk.PutRegistryPolicyInput{PolicyText: &document})
	})
	if *put.PolicyText != document || *put.RegistryId != home {
		t.Errorf("%+v", put)
	}
	puller := w.user(abroad, "puller", allow(`"ecr:*"`))
	for name, want := range map[string]int{"team/model": 200, "other": 403} {
		if status, _ := w.http(puller, "GET", path(home, name)+"/manifests/1.0", nil); status != want {
			t.Errorf("%s: %d, want %d", name, status, want)
		}
	}
	_, err = w.private(puller).CreateRepository(t.Context(), &sdk.CreateRepositoryInput{RegistryId: new(home), RepositoryName: new("team/theirs")})
	w.wants("create abroad", err, "", "")
	_, err = c.DeleteRepository(t.Context(), &sdk.DeleteRepositoryInput{RepositoryName: new("team/theirs")})
	w.wants("what it denies", err, "AccessDeniedException", "")
	deny := repositoryPolicy("Deny", `{"AWS":"`+abroad+`"}`, "ecr:BatchGetImage")
	must(t)(c.SetRepositoryPolicy(t.Context(), &sdk.SetRepositoryPolicyInput{RepositoryName: new("team/model"), PolicyText: &deny}))
	if status, _ := w.http(puller, "GET", path(home, "team/model")+"/manifests/1.0", nil); status != 403 {
		t.Errorf("what the repository's denies: %d", status)
	}
	if got, err := c.GetRegistryPolicy(t.Context(), &sdk.GetRegistryPolicyInput{}); err != nil || *got.PolicyText != document {
		t.Errorf("%+v, %v", got, err)
	}
	must(t)(c.DeleteRegistryPolicy(t.Context(), &sdk.DeleteRegistryPolicyInput{}))
	_, err = c.DeleteRepository(t.Context(), &sdk.DeleteRepositoryInput{RepositoryName: new("team/theirs")})
	w.wants("without it", err, "", "")
}

// TestAccountSettings gets and puts account settings; that of mounting blobs holds.
func TestAccountSettings(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	root := w.roots[home]
	c := w.private(root)
	get := func(name string) string {
		t.Helper()
		out := must2(t, func() (*sdk.GetAccountSettingOutput, error) {
			return c.GetAccountSetting(t.Context(), &sdk.GetAccountSettingInput{Name: &name})
		})
		return *out.Name + "=" + *out.Value
	}
	put := func(name, value string) error {
		_, err := c.PutAccountSetting(t.Context(), &sdk.PutAccountSettingInput{Name: &name, Value: &value})
		return err
	}
	for _, want := range []string{"BASIC_SCAN_TYPE_VERSION=AWS_NATIVE", "REGISTRY_POLICY_SCOPE=V2", "BLOB_MOUNTING=ENABLED"} {
		var name, value string
		for i := range want {
			if want[i] == '=' {
				name, value = want[:i], want[i+1:]
			}
		}
		if got := get(name); got != want {
			t.Errorf("%s, want %s", got, want)
		}
		w.wants(want, put(name, value), "", "")
	}
	w.wants("a name", put("OTHER", "x"), "InvalidParameterException", "BLOB_MOUNTING")
	w.wants("a value", put("REGISTRY_POLICY_SCOPE", "V1"), "InvalidParameterException", "V2")
	_, err := c.GetAccountSetting(t.Context(), &sdk.GetAccountSettingInput{Name: new("OTHER")})
	w.wants("a name", err, "InvalidParameterException", "")

	w.create("from")
	w.create("to")
	if _, status := w.push(root, path(home, "from"), "{}", "1.0"); status != 201 {
		t.Fatal(status)
	}
	mount := path(home, "to") + "/blobs/uploads/?mount=" + digest.FromString("{}").String() + "&from=" + path(home, "from")
	w.wants("disable", put("BLOB_MOUNTING", "DISABLED"), "", "")
	if status, body := w.http(root, "POST", mount, nil); status != 202 {
		t.Errorf("a mount where there is none: %d %s", status, body)
	}
	w.wants("enable", put("BLOB_MOUNTING", "ENABLED"), "", "")
	if status, body := w.http(root, "POST", mount, nil); status != 201 {
		t.Errorf("a mount: %d %s", status, body)
	}
}

// TestScanning says of images what is true: that nothing scans them.
func TestScanning(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.private(w.roots[home])
	w.create("team/model")
	if _, status := w.push(w.roots[home], path(home, "team/model"), "{}", "1.0"); status != 201 {
		t.Fatal(status)
	}
	const no = "Image scanning is not available in this version of Modelwharf"
	filters := []types.ScanningRepositoryFilter{{Filter: new("team/*"), FilterType: types.ScanningRepositoryFilterTypeWildcard}}
	for what, in := range map[string]*sdk.PutRegistryScanningConfigurationInput{
		"enhanced": {ScanType: types.ScanTypeEnhanced},
		"on push":  {ScanType: types.ScanTypeBasic, Rules: []types.RegistryScanningRule{{ScanFrequency: types.ScanFrequencyScanOnPush, RepositoryFilters: filters}}},
	} {
		_, err := c.PutRegistryScanningConfiguration(t.Context(), in)
		w.wants(what, err, "InvalidParameterException", no)
	}
	must(t)(c.PutRegistryScanningConfiguration(t.Context(), &sdk.PutRegistryScanningConfigurationInput{
		ScanType: types.ScanTypeBasic, Rules: []types.RegistryScanningRule{{ScanFrequency: types.ScanFrequencyManual, RepositoryFilters: filters}},
	}))
	got := must2(t, func() (*sdk.GetRegistryScanningConfigurationOutput, error) {
		return c.GetRegistryScanningConfiguration(t.Context(), &sdk.GetRegistryScanningConfigurationInput{})
	})
	if got.ScanningConfiguration.ScanType != "BASIC" || len(got.ScanningConfiguration.Rules) != 1 || *got.ScanningConfiguration.Rules[0].RepositoryFilters[0].Filter != "team/*" {
		t.Errorf("%+v", got)
	}
	of := must2(t, func() (*sdk.BatchGetRepositoryScanningConfigurationOutput, error) {
		return c.BatchGetRepositoryScanningConfiguration(t.Context(), &sdk.BatchGetRepositoryScanningConfigurationInput{RepositoryNames: []string{"team/model", "absent"}})
	})
	if len(of.ScanningConfigurations) != 1 || of.ScanningConfigurations[0].ScanOnPush || of.ScanningConfigurations[0].ScanFrequency != "MANUAL" ||
		len(of.ScanningConfigurations[0].AppliedScanFilters) != 1 || len(of.Failures) != 1 || of.Failures[0].FailureCode != "REPOSITORY_NOT_FOUND" {
		t.Errorf("%+v", of)
	}
	scan := func(onPush bool) error {
		_, err := c.PutImageScanningConfiguration(t.Context(), &sdk.PutImageScanningConfigurationInput{
			RepositoryName: new("team/model"), ImageScanningConfiguration: &types.ImageScanningConfiguration{ScanOnPush: onPush},
		})
		return err
	}
	w.wants("on push", scan(true), "InvalidParameterException", no)
	w.wants("not on push", scan(false), "", "")
	_, err := c.StartImageScan(t.Context(), &sdk.StartImageScanInput{RepositoryName: new("team/model"), ImageId: &types.ImageIdentifier{ImageTag: new("1.0")}})
	w.wants("now", err, "UnknownOperationException", "not available in this version")
	findings := func(repository, tag string) error {
		_, err := c.DescribeImageScanFindings(t.Context(), &sdk.DescribeImageScanFindingsInput{RepositoryName: &repository, ImageId: &types.ImageIdentifier{ImageTag: &tag}})
		return err
	}
	w.wants("findings", findings("team/model", "1.0"), "ScanNotFoundException", "Image scan does not exist")
	w.wants("of no image", findings("team/model", "2.0"), "ImageNotFoundException", "")
	w.wants("of no repository", findings("absent", "1.0"), "RepositoryNotFoundException", "")
}

// TestSigning says of images what is true: that nothing signs them.
func TestSigning(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.private(w.roots[home])
	w.create("model")
	if _, status := w.push(w.roots[home], path(home, "model"), "{}", "1.0"); status != 201 {
		t.Fatal(status)
	}
	_, err := c.PutSigningConfiguration(t.Context(), &sdk.PutSigningConfigurationInput{SigningConfiguration: &types.SigningConfiguration{Rules: []types.SigningRule{{
		SigningProfileArn: new("arn:aws:signer:" + region + ":" + home + ":/signing-profiles/mine"),
	}}}})
	w.wants("put", err, "InvalidParameterException", "not available in this version")
	_, err = c.GetSigningConfiguration(t.Context(), &sdk.GetSigningConfigurationInput{})
	w.wants("get", err, "SigningConfigurationNotFoundException", "")
	_, err = c.DeleteSigningConfiguration(t.Context(), &sdk.DeleteSigningConfigurationInput{})
	w.wants("delete", err, "SigningConfigurationNotFoundException", "")
	out, err := c.DescribeImageSigningStatus(t.Context(), &sdk.DescribeImageSigningStatusInput{RepositoryName: new("model"), ImageId: &types.ImageIdentifier{ImageTag: new("1.0")}})
	if err != nil || len(out.SigningStatuses) != 0 || out.ImageId.ImageDigest == nil {
		t.Errorf("%+v, %v", out, err)
	}
}

// TestArchive says what is true: that images stay where they are.
func TestArchive(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.private(w.roots[home])
	w.create("model")
	if _, status := w.push(w.roots[home], path(home, "model"), "{}", "1.0"); status != 201 {
		t.Fatal(status)
	}
	move := func(tag string, to types.TargetStorageClass) (*sdk.UpdateImageStorageClassOutput, error) {
		return c.UpdateImageStorageClass(t.Context(), &sdk.UpdateImageStorageClassInput{
			RepositoryName: new("model"), ImageId: &types.ImageIdentifier{ImageTag: &tag}, TargetStorageClass: to,
		})
	}
	_, err := move("1.0", types.TargetStorageClassArchive)
	w.wants("archive", err, "ImageStorageClassUpdateNotSupportedException", "not available in this version")
	_, err = move("2.0", types.TargetStorageClassArchive)
	w.wants("no image", err, "ImageNotFoundException", "")
	if out, err := move("1.0", types.TargetStorageClassStandard); err != nil || out.ImageStatus != types.ImageStatusActive {
		t.Errorf("%+v, %v", out, err)
	}
	arn := new("arn:aws:iam::" + home + ":role/scanner")
	_, err = c.RegisterPullTimeUpdateExclusion(t.Context(), &sdk.RegisterPullTimeUpdateExclusionInput{PrincipalArn: arn})
	w.wants("register", err, "InvalidParameterException", "not available in this version")
	_, err = c.DeregisterPullTimeUpdateExclusion(t.Context(), &sdk.DeregisterPullTimeUpdateExclusionInput{PrincipalArn: arn})
	w.wants("deregister", err, "ExclusionNotFoundException", "")
	if out, err := c.ListPullTimeUpdateExclusions(t.Context(), &sdk.ListPullTimeUpdateExclusionsInput{}); err != nil || len(out.PullTimeUpdateExclusions) != 0 {
		t.Errorf("%+v, %v", out, err)
	}
}
