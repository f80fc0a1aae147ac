"""Users, roles, sessions and the audit trail, as an administrator's script uses them."""

import json
import urllib.request

import boto3
from botocore.exceptions import ClientError

iam = boto3.client("iam")
sts = boto3.client("sts")

account = sts.get_caller_identity()["Account"]
assert account == "000000000000"

for i in range(5):
    iam.create_user(UserName=f"user-{i}", Tags=[{"Key": "team", "Value": "ml"}])
names = [u["UserName"] for p in iam.get_paginator("list_users").paginate(PaginationConfig={"PageSize": 2}) for u in p["Users"]]
assert names == [f"user-{i}" for i in range(5)], names
try:
    iam.create_user(UserName="user-0")
    raise AssertionError("a user was made twice")
except iam.exceptions.EntityAlreadyExistsException as e:
    assert e.response["ResponseMetadata"]["HTTPStatusCode"] == 409, e.response

trust = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"AWS": f"arn:aws:iam::{account}:root"}}],
}
role = iam.create_role(RoleName="Serving", AssumeRolePolicyDocument=json.dumps(trust))["Role"]
assert role["AssumeRolePolicyDocument"] == trust, role
everything = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "dynamodb:*", "Resource": "*"}]}
iam.put_role_policy(RoleName="Serving", PolicyName="All", PolicyDocument=json.dumps(everything))
assert iam.get_role_policy(RoleName="Serving", PolicyName="All")["PolicyDocument"] == everything

key = iam.create_access_key(UserName="user-0")["AccessKey"]
may = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole", "Resource": role["Arn"]}]}
iam.put_user_policy(UserName="user-0", PolicyName="Assume", PolicyDocument=json.dumps(may))
user = boto3.Session(key["AccessKeyId"], key["SecretAccessKey"])
# The session's own policy leaves it one action of the role's.
narrow = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "dynamodb:ListTables", "Resource": "*"}]}
c = user.client("sts").assume_role(RoleArn=role["Arn"], RoleSessionName="night", Policy=json.dumps(narrow))["Credentials"]
session = boto3.Session(c["AccessKeyId"], c["SecretAccessKey"], c["SessionToken"])
assert session.client("dynamodb").list_tables()["TableNames"] == []
try:
    session.client("dynamodb").describe_table(TableName="nothing")
    raise AssertionError("a session did more than its policy says")
except ClientError as e:
    assert e.response["Error"]["Code"] == "AccessDeniedException", e.response
try:
    boto3.Session(c["AccessKeyId"], c["SecretAccessKey"], "forged").client("sts").get_caller_identity()
    raise AssertionError("a forged token passed")
except ClientError as e:
    assert e.response["Error"]["Code"] == "InvalidClientTokenId", e.response

# A presigned identity, as it is handed to others who want to know who one is.


url = boto3.client("sts").generate_presigned_url("get_caller_identity", HttpMethod="GET")
body = urllib.request.build_opener(urllib.request.ProxyHandler({})).open(url).read().decode()
assert f"<Account>{account}</Account>" in body, body

trail = boto3.client("cloudtrail")
events = trail.lookup_events(LookupAttributes=[{"AttributeKey": "ResourceName", "AttributeValue": "user-3"}])["Events"]
assert [e["EventName"] for e in events] == ["CreateUser"], events
assert json.loads(events[0]["CloudTrailEvent"])["userIdentity"]["type"] == "Root"
print("ok")
