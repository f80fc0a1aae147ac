package main

import "strings"

// service says what is made of a model.
type service struct {
	Package string
	Folder  string // botocore's; "" means Package
	Version string
	Name    string // in ARNs; "" means Package
	// SigningName, ErrorNamespace and CRC32 are not in the model.
	SigningName    string
	ErrorNamespace string
	CRC32          bool
	Operations     []string
	// Own says that the model is one of ours, in the folder models, and not AWS's.
	Own bool
	// ModelNames keeps the model's names of inputs and outputs.
	ModelNames bool
	// Order lists, by shape, the members whose violations are reported first;
	// the others follow in the model's order.
	Order map[string][]string
	// EnumOrder lists, by shape, the values of an enum as AWS's messages do.
	EnumOrder map[string][]string
	// Go names, by shape, the hand-written type that stands for it.
	Go map[string]string
	// Raw are the members, as Shape.Member, that carry stored JSON.
	Raw map[string]bool
	// Values is the package that has the types of attribute values; "" means its own.
	Values string
	// EmptyAbsent are the parameters of queries that are as good as absent when they are
	// empty.
	EmptyAbsent map[string]bool
	// Extensions are, by shape, members that AWS's model has not.
	Extensions map[string]map[string]extension
}

// extension is a member that AWS's model has not: a text.
type extension struct {
	Enum   []string // its values, if it is not any text
	Header string   // of a REST protocol: the header that carries it
}

func list(s string) []string { return strings.Fields(s) }

var services = []service{dynamodb, dynamodbstreams, sts, iam, cloudtrail, lambda, ecr, ecrpublic, codeartifact, cloudformation, servicecatalog, sagemaker, sagemakerruntime, modelwharf}

var dynamodb = service{
	Package: "dynamodb", Version: "2012-08-10", SigningName: "dynamodb", CRC32: true, ModelNames: true,
	ErrorNamespace: "com.amazonaws.dynamodb.v20120810",
	Operations: list(`
		CreateTable DescribeTable UpdateTable DeleteTable ListTables DescribeEndpoints DescribeLimits
		TagResource UntagResource ListTagsOfResource
		PutItem GetItem UpdateItem DeleteItem Query Scan BatchGetItem BatchWriteItem TransactWriteItems TransactGetItems
		ExecuteStatement BatchExecuteStatement ExecuteTransaction
		UpdateTimeToLive DescribeTimeToLive
		UpdateContinuousBackups DescribeContinuousBackups RestoreTableToPointInTime
		CreateBackup DescribeBackup ListBackups DeleteBackup RestoreTableFromBackup
		PutResourcePolicy GetResourcePolicy DeleteResourcePolicy
		DescribeContributorInsights ListContributorInsights UpdateContributorInsights
		DescribeTableReplicaAutoScaling UpdateTableReplicaAutoScaling
		DescribeKinesisStreamingDestination EnableKinesisStreamingDestination DisableKinesisStreamingDestination UpdateKinesisStreamingDestination
		ListGlobalTables DescribeGlobalTable DescribeGlobalTableSettings CreateGlobalTable UpdateGlobalTable UpdateGlobalTableSettings
		ExportTableToPointInTime DescribeExport ListExports ImportTable DescribeImport ListImports
		StartBulkPutItems CancelBulkOperation DescribeBulkOperation ListBulkOperations SearchVectors`),
	Order: map[string][]string{
		"PutItemInput":            list("ReturnConsumedCapacity TableName Item ReturnItemCollectionMetrics ReturnValues"),
		"GetItemInput":            list("ReturnConsumedCapacity TableName Key"),
		"UpdateItemInput":         list("ReturnConsumedCapacity TableName ReturnItemCollectionMetrics ReturnValues Key"),
		"DeleteItemInput":         list("ReturnConsumedCapacity TableName ReturnItemCollectionMetrics ReturnValues Key"),
		"QueryInput":              list("ReturnConsumedCapacity TableName Select Limit"),
		"ScanInput":               list("ReturnConsumedCapacity TableName Select Limit"),
		"BatchGetItemInput":       list("ReturnConsumedCapacity RequestItems"),
		"BatchWriteItemInput":     list("ReturnConsumedCapacity ReturnItemCollectionMetrics RequestItems"),
		"TransactWriteItemsInput": list("ClientRequestToken ReturnConsumedCapacity ReturnItemCollectionMetrics TransactItems"),
		"TransactGetItemsInput":   list("ReturnConsumedCapacity TransactItems"),
		"CreateTableInput":        list("AttributeDefinitions TableName BillingMode ProvisionedThroughput KeySchema GlobalSecondaryIndexes LocalSecondaryIndexes"),
		"ProvisionedThroughput":   list("WriteCapacityUnits ReadCapacityUnits"),
	},
	EnumOrder: map[string][]string{
		"ReturnConsumedCapacity": list("INDEXES TOTAL NONE"),
		"ReturnValue":            list("ALL_NEW UPDATED_OLD ALL_OLD NONE UPDATED_NEW"),
		"Select":                 list("SPECIFIC_ATTRIBUTES COUNT ALL_ATTRIBUTES ALL_PROJECTED_ATTRIBUTES"),
		"ConditionalOperator":    list("OR AND"),
		"ComparisonOperator":     list("IN NULL BETWEEN LT NOT_CONTAINS EQ GT NOT_NULL NE LE BEGINS_WITH GE CONTAINS"),
		"ScalarAttributeType":    list("B N S"),
		"ProjectionType":         list("ALL INCLUDE KEYS_ONLY"),
	},
	Go: map[string]string{"AttributeValue": "AttributeValue"},
	Raw: map[string]bool{
		"GetItemOutput.Item": true, "QueryOutput.Items": true, "ScanOutput.Items": true, "BatchGetItemOutput.Responses": true,
		"ItemResponse.Item":        true,
		"PutItemOutput.Attributes": true, "UpdateItemOutput.Attributes": true, "DeleteItemOutput.Attributes": true,
		"ExecuteStatementOutput.Items": true, "BatchStatementResponse.Item": true, "BatchStatementError.Item": true,
		"ConditionalCheckFailedException.Item": true, "CancellationReason.Item": true,
	},
}

var dynamodbstreams = service{
	Package: "dynamodbstreams", Version: "2012-08-10", Name: "dynamodb", SigningName: "dynamodb", CRC32: true,
	ErrorNamespace: "com.amazonaws.dynamodb.v20120810",
	Operations:     list("ListStreams DescribeStream GetShardIterator GetRecords"),
	Order: map[string][]string{
		"GetShardIteratorInput": list("StreamArn ShardId ShardIteratorType SequenceNumber"),
	},
	Go:     map[string]string{"AttributeValue": "AttributeValue"},
	Raw:    map[string]bool{"StreamRecord.Keys": true, "StreamRecord.NewImage": true, "StreamRecord.OldImage": true},
	Values: "dynamodb",
}

var sts = service{
	Package: "sts", Version: "2011-06-15", SigningName: "sts",
	Operations: list("GetCallerIdentity AssumeRole GetSessionToken GetAccessKeyInfo DecodeAuthorizationMessage"),
}

var cloudtrail = service{
	Package: "cloudtrail", Version: "2013-11-01", SigningName: "cloudtrail",
	ErrorNamespace: "com.amazonaws.cloudtrail.v20131101",
	Operations:     list("LookupEvents"),
}

var iam = service{
	Package: "iam", Version: "2010-05-08", SigningName: "iam",
	Operations: list(`
		CreateUser GetUser UpdateUser DeleteUser ListUsers TagUser UntagUser ListUserTags
		PutUserPermissionsBoundary DeleteUserPermissionsBoundary
		PutUserPolicy GetUserPolicy DeleteUserPolicy ListUserPolicies
		AttachUserPolicy DetachUserPolicy ListAttachedUserPolicies ListGroupsForUser
		CreateAccessKey UpdateAccessKey DeleteAccessKey ListAccessKeys GetAccessKeyLastUsed
		GetLoginProfile DeleteLoginProfile
		ListMFADevices DeactivateMFADevice DeleteVirtualMFADevice ListVirtualMFADevices
		ListSSHPublicKeys DeleteSSHPublicKey ListSigningCertificates DeleteSigningCertificate
		ListServiceSpecificCredentials DeleteServiceSpecificCredential
		CreateGroup GetGroup UpdateGroup DeleteGroup ListGroups AddUserToGroup RemoveUserFromGroup
		PutGroupPolicy GetGroupPolicy DeleteGroupPolicy ListGroupPolicies
		AttachGroupPolicy DetachGroupPolicy ListAttachedGroupPolicies
		CreateRole GetRole UpdateRole UpdateRoleDescription UpdateAssumeRolePolicy DeleteRole ListRoles
		TagRole UntagRole ListRoleTags PutRolePermissionsBoundary DeleteRolePermissionsBoundary
		PutRolePolicy GetRolePolicy DeleteRolePolicy ListRolePolicies
		AttachRolePolicy DetachRolePolicy ListAttachedRolePolicies ListInstanceProfilesForRole
		CreatePolicy GetPolicy DeletePolicy ListPolicies TagPolicy UntagPolicy ListPolicyTags
		CreatePolicyVersion GetPolicyVersion DeletePolicyVersion ListPolicyVersions SetDefaultPolicyVersion
		ListEntitiesForPolicy
		GetAccountSummary ListAccountAliases GetAccountAuthorizationDetails
		SimulatePrincipalPolicy SimulateCustomPolicy`),
}

var lambda = service{
	Package: "lambda", Version: "2015-03-31", SigningName: "lambda", ModelNames: true,
	Operations: list(`
		CreateFunction GetFunction GetFunctionConfiguration ListFunctions DeleteFunction
		UpdateFunctionCode UpdateFunctionConfiguration Invoke
		ListVersionsByFunction GetFunctionCodeSigningConfig GetFunctionConcurrency GetPolicy
		TagResource UntagResource ListTags
		CreateEventSourceMapping GetEventSourceMapping ListEventSourceMappings UpdateEventSourceMapping DeleteEventSourceMapping`),
}

var ecr = service{
	Package: "ecr", Version: "2015-09-21", SigningName: "ecr",
	ErrorNamespace: "com.amazonaws.ecr.v20150921",
	Operations: list(`
		GetAuthorizationToken CreateRepository DeleteRepository DescribeRepositories PutImageTagMutability DescribeRegistry
		PutImage BatchGetImage ListImages DescribeImages BatchDeleteImage ListImageReferrers
		BatchCheckLayerAvailability InitiateLayerUpload UploadLayerPart CompleteLayerUpload GetDownloadUrlForLayer
		SetRepositoryPolicy GetRepositoryPolicy DeleteRepositoryPolicy
		TagResource UntagResource ListTagsForResource
		CreateRepositoryCreationTemplate UpdateRepositoryCreationTemplate DeleteRepositoryCreationTemplate DescribeRepositoryCreationTemplates
		PutLifecyclePolicy GetLifecyclePolicy DeleteLifecyclePolicy StartLifecyclePolicyPreview GetLifecyclePolicyPreview
		PutRegistryPolicy GetRegistryPolicy DeleteRegistryPolicy GetAccountSetting PutAccountSetting
		PutRegistryScanningConfiguration GetRegistryScanningConfiguration PutImageScanningConfiguration
		BatchGetRepositoryScanningConfiguration DescribeImageScanFindings
		PutSigningConfiguration GetSigningConfiguration DeleteSigningConfiguration DescribeImageSigningStatus
		UpdateImageStorageClass RegisterPullTimeUpdateExclusion DeregisterPullTimeUpdateExclusion ListPullTimeUpdateExclusions
		PutReplicationConfiguration DescribeImageReplicationStatus
		CreatePullThroughCacheRule DescribePullThroughCacheRules UpdatePullThroughCacheRule DeletePullThroughCacheRule ValidatePullThroughCacheRule`),
}

var ecrpublic = service{
	Package: "ecrpublic", Folder: "ecr-public", Version: "2020-10-30", Name: "ecr-public", SigningName: "ecr-public",
	Extensions: map[string]map[string]extension{
		"CreateRepositoryRequest": {"imageTagMutability": {Enum: list("MUTABLE IMMUTABLE")}},
		"Repository":              {"imageTagMutability": {Enum: list("MUTABLE IMMUTABLE")}},
	},
	Operations: list(`
		GetAuthorizationToken CreateRepository DeleteRepository DescribeRepositories DescribeRegistries
		PutImage DescribeImages DescribeImageTags BatchDeleteImage
		BatchCheckLayerAvailability InitiateLayerUpload UploadLayerPart CompleteLayerUpload
		SetRepositoryPolicy GetRepositoryPolicy DeleteRepositoryPolicy
		TagResource UntagResource ListTagsForResource
		PutRepositoryCatalogData GetRepositoryCatalogData PutRegistryCatalogData GetRegistryCatalogData`),
}

var codeartifact = service{
	Package: "codeartifact", Version: "2018-09-22", SigningName: "codeartifact",
	EmptyAbsent: map[string]bool{"domain-owner": true},
	Operations: list(`
		CreateDomain DescribeDomain DeleteDomain ListDomains
		PutDomainPermissionsPolicy GetDomainPermissionsPolicy DeleteDomainPermissionsPolicy
		CreateRepository DescribeRepository UpdateRepository DeleteRepository ListRepositories ListRepositoriesInDomain GetRepositoryEndpoint
		PutRepositoryPermissionsPolicy GetRepositoryPermissionsPolicy DeleteRepositoryPermissionsPolicy
		AssociateExternalConnection DisassociateExternalConnection
		GetAuthorizationToken TagResource UntagResource ListTagsForResource
		ListPackages DescribePackage DeletePackage PutPackageOriginConfiguration
		ListPackageVersions DescribePackageVersion PublishPackageVersion CopyPackageVersions
		UpdatePackageVersionsStatus DisposePackageVersions DeletePackageVersions
		ListPackageVersionAssets GetPackageVersionAsset GetPackageVersionReadme ListPackageVersionDependencies
		CreatePackageGroup DescribePackageGroup UpdatePackageGroup DeletePackageGroup ListPackageGroups ListSubPackageGroups
		UpdatePackageGroupOriginConfiguration ListAllowedRepositoriesForGroup ListAssociatedPackages GetAssociatedPackageGroup`),
}

var cloudformation = service{
	Package: "cloudformation", Version: "2010-05-15", SigningName: "cloudformation",
	Operations: list(`
		CreateStack UpdateStack DeleteStack DescribeStacks ListStacks DescribeStackEvents
		DescribeStackResource DescribeStackResources ListStackResources
		GetTemplate GetTemplateSummary ValidateTemplate
		CreateChangeSet DescribeChangeSet ExecuteChangeSet DeleteChangeSet ListChangeSets
		ListExports ListImports SetStackPolicy GetStackPolicy UpdateTerminationProtection
		CancelUpdateStack ContinueUpdateRollback RollbackStack DescribeAccountLimits`),
}

var servicecatalog = service{
	Package: "servicecatalog", Version: "2015-12-10", SigningName: "servicecatalog",
	Operations: list(`
		AcceptPortfolioShare AssociateBudgetWithResource AssociatePrincipalWithPortfolio AssociateProductWithPortfolio
		AssociateServiceActionWithProvisioningArtifact AssociateTagOptionWithResource BatchAssociateServiceActionWithProvisioningArtifact
		BatchDisassociateServiceActionFromProvisioningArtifact CopyProduct CreateConstraint CreatePortfolio CreatePortfolioShare
		CreateProduct CreateProvisioningArtifact CreateServiceAction CreateTagOption DeleteConstraint
		DeletePortfolio DeletePortfolioShare DeleteProduct DeleteProvisioningArtifact DeleteServiceAction
		DeleteTagOption DescribeConstraint DescribeCopyProductStatus DescribePortfolio DescribePortfolioShareStatus
		DescribePortfolioShares DescribeProduct DescribeProductAsAdmin DescribeProductView DescribeProvisionedProduct
		DescribeProvisioningArtifact DescribeProvisioningParameters DescribeRecord DescribeServiceAction
		DescribeServiceActionExecutionParameters DescribeTagOption DisableAWSOrganizationsAccess DisassociateBudgetFromResource
		DisassociatePrincipalFromPortfolio DisassociateProductFromPortfolio DisassociateServiceActionFromProvisioningArtifact
		DisassociateTagOptionFromResource EnableAWSOrganizationsAccess
		ExecuteProvisionedProductServiceAction GetAWSOrganizationsAccessStatus GetProvisionedProductOutputs ImportAsProvisionedProduct
		ListAcceptedPortfolioShares ListBudgetsForResource ListConstraintsForPortfolio ListLaunchPaths ListOrganizationPortfolioAccess
		ListPortfolioAccess ListPortfolios ListPortfoliosForProduct ListPrincipalsForPortfolio
		ListProvisioningArtifacts ListProvisioningArtifactsForServiceAction ListRecordHistory ListResourcesForTagOption ListServiceActions
		ListServiceActionsForProvisioningArtifact ListStackInstancesForProvisionedProduct ListTagOptions
		NotifyProvisionProductEngineWorkflowResult NotifyTerminateProvisionedProductEngineWorkflowResult
		NotifyUpdateProvisionedProductEngineWorkflowResult ProvisionProduct RejectPortfolioShare ScanProvisionedProducts SearchProducts
		SearchProductsAsAdmin SearchProvisionedProducts TerminateProvisionedProduct UpdateConstraint UpdatePortfolio UpdatePortfolioShare
		UpdateProduct UpdateProvisionedProduct UpdateProvisionedProductProperties UpdateProvisioningArtifact UpdateServiceAction
		UpdateTagOption
		CreateProvisionedProductPlan DescribeProvisionedProductPlan ListProvisionedProductPlans ExecuteProvisionedProductPlan
		DeleteProvisionedProductPlan`),
}

var sagemaker = service{
	Package: "sagemaker", Version: "2017-07-24", SigningName: "sagemaker",
	Operations: list(`
		CreateModel DescribeModel ListModels DeleteModel
		CreateEndpointConfig DescribeEndpointConfig ListEndpointConfigs DeleteEndpointConfig
		CreateEndpoint DescribeEndpoint ListEndpoints UpdateEndpoint UpdateEndpointWeightsAndCapacities DeleteEndpoint
		AddTags ListTags DeleteTags
		CreateModelPackageGroup DescribeModelPackageGroup ListModelPackageGroups DeleteModelPackageGroup
		PutModelPackageGroupPolicy GetModelPackageGroupPolicy DeleteModelPackageGroupPolicy
		CreateModelPackage DescribeModelPackage BatchDescribeModelPackage ListModelPackages UpdateModelPackage DeleteModelPackage`),
}

var sagemakerruntime = service{
	Package: "sagemakerruntime", Folder: "sagemaker-runtime", Version: "2017-05-13", Name: "sagemaker", SigningName: "sagemaker",
	Operations: list(`InvokeEndpoint InvokeEndpointWithResponseStream`),
	Extensions: map[string]map[string]extension{
		"InvokeEndpointInput":  {"CacheControl": {Header: "Cache-Control"}},
		"InvokeEndpointOutput": {"Cache": {Enum: list("hit miss bypass"), Header: "X-Modelwharf-Cache"}, "Age": {Header: "Age"}},
	},
}

// modelwharf is the API of the model catalog. Its model is in the form of botocore's, so
// that AWS's own clients can be given it.
var modelwharf = service{
	Package: "modelwharf", Version: "2026-11-21", SigningName: "modelwharf", ModelNames: true, Own: true,
	Operations: list(`
		RegisterModelVersion DescribeModelVersion ListModelVersions ConfirmModelVersion LinkModelVersion RetireModelVersion
		PromoteModelVersion RemoveModelAlias ListModelAliases ListModelHistory`),
}
