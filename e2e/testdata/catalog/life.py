"""The life of a product between a platform team and a team in another account."""

import json
import os
import time

import boto3
from botocore.exceptions import ClientError
from botocore.model import ServiceModel

# The catalog is asked in one of the protocols that its model names.
ServiceModel.resolved_protocol = property(lambda m: os.environ["PROTOCOL"] if m.service_name == "servicecatalog" else m.metadata["protocol"])

team = os.environ["TEAM"]
platform = boto3.client("servicecatalog")
sent = set()
platform.meta.events.register("before-send.*", lambda request, **_: sent.add(request.headers.get("smithy-protocol")))
lead = boto3.Session(os.environ["TEAM_ACCESS_KEY_ID"], os.environ["TEAM_SECRET_ACCESS_KEY"])


def user(name):
    """A user of the team's, who may find and launch what is offered to them."""
    iam = lead.client("iam")
    iam.create_user(UserName=name)
    iam.put_user_policy(UserName=name, PolicyName="Catalog", PolicyDocument=os.environ["END_USER_POLICY"])
    key = iam.create_access_key(UserName=name)["AccessKey"]
    return boto3.Session(key["AccessKeyId"], key["SecretAccessKey"]).client("servicecatalog")


def refused(code, part, call, **parameters):
    try:
        call(**parameters)
    except ClientError as e:
        assert e.response["Error"]["Code"] == code and part in e.response["Error"]["Message"], e.response
        return
    raise AssertionError(f"{parameters} was not refused")


def ended(catalog, answer):
    """Follows a record to its end."""
    record = answer["RecordDetail"]["RecordId"]
    for _ in range(3000):
        r = catalog.describe_record(Id=record)["RecordDetail"]
        if r["Status"] in ("SUCCEEDED", "FAILED"):
            return r
        time.sleep(0.02)
    raise AssertionError(r)


def parameters(**values):
    return [{"Key": k, "Value": v} for k, v in values.items()]


def version(name):
    return {"Name": name, "Type": "CLOUD_FORMATION_TEMPLATE", "Info": {"LoadTemplateFromURL": os.environ["TEMPLATES"] + name}}


# The platform team offers and shares it.
made = platform.create_product(
    Name="MLModelProduct", Owner="data-team", ProductType="CLOUD_FORMATION_TEMPLATE", ProvisioningArtifactParameters=version("v1.0"),
    Tags=[{"Key": "environment", "Value": "production"}],
)
product = made["ProductViewDetail"]["ProductViewSummary"]["ProductId"]
portfolio = platform.create_portfolio(DisplayName="MLModelPortfolio", ProviderName="YourOrg")["PortfolioDetail"]["Id"]
platform.associate_product_with_portfolio(ProductId=product, PortfolioId=portfolio)
role = json.dumps({"LocalRoleName": "ServiceCatalogLaunchRole"})
platform.create_constraint(PortfolioId=portfolio, ProductId=product, Type="LAUNCH", Parameters=role)
refused("DuplicateResourceException", "", platform.create_constraint, PortfolioId=portfolio, ProductId=product, Type="LAUNCH", Parameters=role)
platform.create_portfolio_share(PortfolioId=portfolio, AccountId=team)
assert [s["Accepted"] for s in platform.describe_portfolio_shares(PortfolioId=portfolio, Type="ACCOUNT")["PortfolioShareDetails"]] == [False]

# The team takes it.
launcher, outsider = user("launcher"), user("outsider")
iam = lead.client("iam")
trust = {"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Principal": {"Service": "servicecatalog.amazonaws.com"}, "Action": "sts:AssumeRole"}}
iam.create_role(RoleName="ServiceCatalogLaunchRole", AssumeRolePolicyDocument=json.dumps(trust))
may = {"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": ["cloudformation:*", "dynamodb:*", "ecr:*"], "Resource": "*"}}
iam.put_role_policy(RoleName="ServiceCatalogLaunchRole", PolicyName="Launch", PolicyDocument=json.dumps(may))
catalog = lead.client("servicecatalog")
assert launcher.search_products()["ProductViewSummaries"] == []
catalog.accept_portfolio_share(PortfolioId=portfolio)
assert [p["Id"] for page in catalog.get_paginator("list_accepted_portfolio_shares").paginate() for p in page["PortfolioDetails"]] == [portfolio]
catalog.associate_principal_with_portfolio(PortfolioId=portfolio, PrincipalARN=f"arn:aws:iam::{team}:user/launcher", PrincipalType="IAM")
assert [p["ProductId"] for p in launcher.search_products()["ProductViewSummaries"]] == [product]

# What is wrong is refused, and makes nothing.
launch = {"ProductId": product, "ProvisioningArtifactName": "v1.0", "ProvisionedProductName": "fraud", "Tags": [{"Key": "team", "Value": "risk"}]}
refused("InvalidParametersException", "ModelName", launcher.provision_product, **launch)
refused("InvalidParametersException", "three to twenty small letters", launcher.provision_product, ProvisioningParameters=parameters(ModelName="F"), **launch)
refused("InvalidParametersException", "Colour", launcher.provision_product, ProvisioningParameters=parameters(ModelName="fraud", Colour="red"), **launch)
refused("ResourceNotFoundException", "", launcher.provision_product, **{**launch, "ProvisioningArtifactName": "v9"})
assert launcher.list_record_history()["RecordDetails"] == []

launch["ProvisioningParameters"] = parameters(ModelName="fraud", Secret="s3cret")
first = ended(launcher, launcher.provision_product(**launch))
assert first["Status"] == "SUCCEEDED" and first["RecordType"] == "PROVISION_PRODUCT", first
assert first["RecordTags"] == launch["Tags"], first
refused("InvalidParametersException", "already exists", launcher.provision_product, **launch)
d = launcher.describe_provisioned_product(Name="fraud")["ProvisionedProductDetail"]
assert d["Status"] == "AVAILABLE" and d["LastSuccessfulProvisioningRecordId"] == first["RecordId"], d
assert d["Arn"] == f"arn:aws:servicecatalog:us-east-1:{team}:stack/fraud/{d['Id']}", d


def outputs():
    pages = launcher.get_paginator("get_provisioned_product_outputs") if launcher.can_paginate("get_provisioned_product_outputs") else None
    answers = pages.paginate(ProvisionedProductName="fraud") if pages else [launcher.get_provisioned_product_outputs(ProvisionedProductName="fraud")]
    return {o["OutputKey"]: o["OutputValue"] for a in answers for o in a["Outputs"]}


assert outputs()["Table"].endswith(f":{team}:table/predictions-fraud"), outputs()
stack = lead.client("cloudformation").describe_stacks(StackName=outputs()["CloudformationStackARN"])["Stacks"][0]
assert stack["StackName"] == f"SC-{team}-{d['Id']}" and stack["StackStatus"] == "CREATE_COMPLETE", stack
assert {p["ParameterKey"]: p["ParameterValue"] for p in stack["Parameters"]}["Secret"] == "****", stack

# It is real.
dynamodb = lead.client("dynamodb")
dynamodb.put_item(TableName="predictions-fraud", Item={"id": {"S": "1"}})
tags = {t["Key"]: t["Value"] for t in dynamodb.list_tags_of_resource(ResourceArn=outputs()["Table"])["Tags"]}
assert tags["environment"] == "production" and tags["team"] == "risk" and tags["aws:servicecatalog:provisionedProductArn"] == d["Arn"], tags

# A new version keeps what is in the table; one that fails is undone.
for v in ("v1.1", "v2.0"):
    platform.create_provisioning_artifact(ProductId=product, Parameters=version(v))
keep = [{"Key": "ModelName", "UsePreviousValue": True}, {"Key": "Secret", "UsePreviousValue": True}]
up = ended(launcher, launcher.update_provisioned_product(ProvisionedProductName="fraud", ProvisioningArtifactName="v1.1", ProvisioningParameters=keep))
assert up["Status"] == "SUCCEEDED" and outputs()["Version"] == "1.1", up
bad = ended(launcher, launcher.update_provisioned_product(ProvisionedProductName="fraud", ProvisioningArtifactName="v2.0", ProvisioningParameters=keep))
assert bad["Status"] == "FAILED" and bad["RecordErrors"][0]["Description"].startswith("AmazonCloudFormationException  "), bad
d = launcher.describe_provisioned_product(Name="fraud")["ProvisionedProductDetail"]
assert d["Status"] == "TAINTED" and d["LastSuccessfulProvisioningRecordId"] == up["RecordId"], d
assert d["ProvisioningArtifactId"] == up["ProvisioningArtifactId"], d
assert "Item" in dynamodb.get_item(TableName="predictions-fraud", Key={"id": {"S": "1"}})

# The outsider sees nothing of it and can do nothing with it.
assert outsider.search_products()["ProductViewSummaries"] == []
assert outsider.search_provisioned_products()["ProvisionedProducts"] == []
assert outsider.scan_provisioned_products()["ProvisionedProducts"] == []
assert outsider.list_record_history()["RecordDetails"] == []
refused("ResourceNotFoundException", "", outsider.describe_product, Id=product)
refused("ResourceNotFoundException", "", outsider.list_launch_paths, ProductId=product)
refused("ResourceNotFoundException", "", outsider.provision_product, **{**launch, "ProvisionedProductName": "theirs"})
refused("AccessDeniedException", "DescribeRecord", outsider.describe_record, Id=first["RecordId"])
refused("AccessDeniedException", "DescribeProvisionedProduct", outsider.describe_provisioned_product, Name="fraud")
refused("AccessDeniedException", "UpdateProvisionedProduct", outsider.update_provisioned_product, ProvisionedProductName="fraud", ProvisioningArtifactName="v1.0")
refused("AccessDeniedException", "TerminateProvisionedProduct", outsider.terminate_provisioned_product, ProvisionedProductName="fraud")

# The share goes; what was launched stays until it is terminated.
platform.delete_portfolio_share(PortfolioId=portfolio, AccountId=team)
refused("ResourceNotFoundException", "", launcher.provision_product, **{**launch, "ProvisionedProductName": "another"})
assert dynamodb.list_tables()["TableNames"] == ["predictions-fraud"]
gone = ended(launcher, launcher.terminate_provisioned_product(ProvisionedProductName="fraud"))
assert gone["Status"] == "SUCCEEDED", gone
refused("ResourceNotFoundException", "", launcher.describe_provisioned_product, Name="fraud")
assert dynamodb.list_tables()["TableNames"] == []
assert [r["RecordType"] for r in launcher.list_record_history()["RecordDetails"]] == [
    "TERMINATE_PROVISIONED_PRODUCT", "UPDATE_PROVISIONED_PRODUCT", "UPDATE_PROVISIONED_PRODUCT", "PROVISION_PRODUCT",
]
assert sent == {b"rpc-v2-cbor" if os.environ["PROTOCOL"] == "smithy-rpc-v2-cbor" else None}, sent
print("ok")
