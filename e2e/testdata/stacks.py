"""Stacks by boto3: waiters, paginators, resources of stacks, change sets, errors."""
import boto3
from botocore.exceptions import ClientError, WaiterError

c = boto3.client("cloudformation")
FAST = {"Delay": 1, "MaxAttempts": 60}
TEMPLATE = """
Parameters: {Tag: {Type: String, Default: one}}
Resources:
  Models:
    Type: AWS::ECR::Repository
    Properties: {RepositoryName: models, Tags: [{Key: t, Value: !Ref Tag}]}
  Role:
    Type: AWS::IAM::Role
    Properties:
      AssumeRolePolicyDocument: {Version: 2012-10-17, Statement: [{Effect: Allow, Principal: {Service: lambda.amazonaws.com}, Action: 'sts:AssumeRole'}]}
Outputs:
  Uri: {Value: !GetAtt Models.RepositoryUri}
"""

try:
    c.create_stack(StackName="s", TemplateBody=TEMPLATE)
    raise SystemExit("made a role that nobody acknowledged")
except c.exceptions.InsufficientCapabilitiesException:
    pass
stack = c.create_stack(StackName="s", TemplateBody=TEMPLATE, Capabilities=["CAPABILITY_IAM"])["StackId"]
c.get_waiter("stack_create_complete").wait(StackName="s", WaiterConfig=FAST)
try:
    c.create_stack(StackName="s", TemplateBody=TEMPLATE, Capabilities=["CAPABILITY_IAM"])
    raise SystemExit("made it twice")
except c.exceptions.AlreadyExistsException:
    pass

resource = boto3.resource("cloudformation").Stack("s")
assert resource.outputs[0]["OutputValue"].endswith("/models"), resource.outputs
assert {r.logical_resource_id for r in resource.resource_summaries.all()} == {"Models", "Role"}
events = [e for page in c.get_paginator("describe_stack_events").paginate(StackName="s") for e in page["StackEvents"]]
assert events[0]["ResourceStatus"] == "CREATE_COMPLETE" and events[0]["PhysicalResourceId"] == stack, events[0]

c.update_stack(StackName="s", UsePreviousTemplate=True, Parameters=[{"ParameterKey": "Tag", "ParameterValue": "two"}], Capabilities=["CAPABILITY_IAM"])
c.get_waiter("stack_update_complete").wait(StackName="s", WaiterConfig=FAST)
try:
    c.update_stack(StackName="s", UsePreviousTemplate=True, Parameters=[{"ParameterKey": "Tag", "UsePreviousValue": True}], Capabilities=["CAPABILITY_IAM"])
    raise SystemExit("updated nothing")
except ClientError as e:
    assert "No updates are to be performed." in str(e), e
# A change set says what an update would do, and does it.
uri = resource.outputs[0]["OutputValue"]
c.create_change_set(StackName="s", ChangeSetName="three", UsePreviousTemplate=True, Parameters=[{"ParameterKey": "Tag", "ParameterValue": "three"}], Capabilities=["CAPABILITY_IAM"])
c.get_waiter("change_set_create_complete").wait(StackName="s", ChangeSetName="three", WaiterConfig=FAST)
changes = [ch["ResourceChange"] for ch in c.describe_change_set(StackName="s", ChangeSetName="three")["Changes"]]
assert [(ch["LogicalResourceId"], ch["Action"], ch["Replacement"]) for ch in changes] == [("Models", "Modify", "False")], changes
c.execute_change_set(StackName="s", ChangeSetName="three")
c.get_waiter("stack_update_complete").wait(StackName="s", WaiterConfig=FAST)
resource.reload()
assert resource.stack_status == "UPDATE_COMPLETE" and resource.outputs[0]["OutputValue"] == uri, resource.outputs
tags = boto3.client("ecr").list_tags_for_resource(resourceArn=boto3.client("ecr").describe_repositories()["repositories"][0]["repositoryArn"])["tags"]
assert {"Key": "t", "Value": "three"} in tags, tags

# More events than one page has.
HANDLES = "Resources:" + "".join("\n  H%d: {Type: 'AWS::CloudFormation::WaitConditionHandle'}" % i for i in range(60))
c.create_stack(StackName="many", TemplateBody=HANDLES)
c.get_waiter("stack_create_complete").wait(StackName="many", WaiterConfig=FAST)
pages = list(c.get_paginator("describe_stack_events").paginate(StackName="many"))
events = [e["EventId"] for page in pages for e in page["StackEvents"]]
assert len(pages) > 1 and len(events) == len(set(events)), (len(pages), len(events))

try:
    c.describe_change_set(StackName="s", ChangeSetName="none")
    raise SystemExit("there is a change set")
except c.exceptions.ChangeSetNotFoundException:
    pass

c.create_stack(StackName="bad", TemplateBody="Resources: {R: {Type: 'AWS::ECR::Repository', Properties: {RepositoryName: NO}}}")
try:
    c.get_waiter("stack_create_complete").wait(StackName="bad", WaiterConfig=FAST)
    raise SystemExit("made what cannot be")
except WaiterError:
    pass
for name in ("s", "many", "bad"):
    c.delete_stack(StackName=name)
    c.get_waiter("stack_delete_complete").wait(StackName=name, WaiterConfig=FAST)
assert boto3.client("ecr").describe_repositories()["repositories"] == []
print("ok")
