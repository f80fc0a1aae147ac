"""Throughput as clients meet it, and the answers about what there is none of."""

import json

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

client = boto3.client("dynamodb")
impatient = boto3.client("dynamodb", config=Config(retries={"total_max_attempts": 1}))
account = boto3.client("sts").get_caller_identity()["Account"]


def refusal(call, **parameters):
    try:
        call(**parameters)
    except ClientError as e:
        return e.response
    raise AssertionError(f"{call.__name__} was not refused")


client.create_table(
    TableName="metered",
    ProvisionedThroughput={"ReadCapacityUnits": 1, "WriteCapacityUnits": 5},
    AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
    KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
)
client.get_waiter("table_exists").wait(TableName="metered")
arn = client.describe_table(TableName="metered")["Table"]["TableArn"]

# 1,500 units of burst: three writes of 400 units leave 300, a fourth takes them into debt.
large = {"id": {"S": "large"}, "body": {"S": "x" * 409_000}}
for _ in range(4):
    consumed = impatient.put_item(TableName="metered", Item=large, ReturnConsumedCapacity="TOTAL")["ConsumedCapacity"]
    assert consumed["CapacityUnits"] == 400, consumed
refused = refusal(impatient.put_item, TableName="metered", Item={"id": {"S": "a"}})
assert refused["Error"]["Code"] == "ProvisionedThroughputExceededException", refused
assert refused["ResponseMetadata"]["HTTPStatusCode"] == 400, refused
assert refused["ThrottlingReasons"] == [{"reason": "TableWriteProvisionedThroughputExceeded", "resource": arn}], refused
refused = refusal(impatient.batch_write_item, RequestItems={"metered": [{"PutRequest": {"Item": {"id": {"S": "a"}}}}]})
assert refused["Error"]["Code"] == "ProvisionedThroughputExceededException", refused
refused = refusal(impatient.transact_write_items, TransactItems=[{"Put": {"TableName": "metered", "Item": {"id": {"S": "a"}}}}])
assert [r["Code"] for r in refused["CancellationReasons"]] == ["ProvisionedThroughputExceeded"], refused

# More throughput works off the debt of 100 units at once, and the SDK's own retries wait for it.
client.update_table(TableName="metered", ProvisionedThroughput={"ReadCapacityUnits": 1, "WriteCapacityUnits": 200})
answer = client.put_item(TableName="metered", Item={"id": {"S": "a"}})
assert answer["ResponseMetadata"]["RetryAttempts"] < 10, answer

# A maximum on demand.
client.update_table(TableName="metered", BillingMode="PAY_PER_REQUEST", OnDemandThroughput={"MaxReadRequestUnits": 1})
assert client.describe_table(TableName="metered")["Table"]["OnDemandThroughput"] == {"MaxReadRequestUnits": 1}
for _ in range(400):
    try:
        impatient.scan(TableName="metered", ConsistentRead=True)  # 100 units each
    except ClientError as e:
        assert e.response["Error"]["Code"] == "ThrottlingException", e.response
        assert e.response["throttlingReasons"][0]["reason"] == "TableReadMaxOnDemandThroughputExceeded", e.response
        break
else:
    raise AssertionError("a maximum is no limit")
client.update_table(TableName="metered", OnDemandThroughput={"MaxReadRequestUnits": -1})
impatient.scan(TableName="metered")
assert "OnDemandThroughput" not in client.describe_table(TableName="metered")["Table"]

# The policy of a table.
policy = {
    "Version": "2012-10-17",
    "Statement": [
        {"Effect": "Deny", "Principal": "*", "Action": "dynamodb:DeleteItem", "Resource": arn},
        {"Effect": "Allow", "Principal": {"AWS": account}, "Action": ["dynamodb:GetItem"], "Resource": arn},
    ],
}
revision = client.put_resource_policy(ResourceArn=arn, Policy=json.dumps(policy))["RevisionId"]
got = client.get_resource_policy(ResourceArn=arn)
assert got["RevisionId"] == revision and json.loads(got["Policy"])["Statement"][0] == policy["Statement"][0], got
refused = refusal(client.delete_item, TableName="metered", Key={"id": {"S": "a"}})
assert refused["Error"]["Code"] == "AccessDeniedException", refused
policy["Statement"][0]["Action"] = "dynamodb:PutResourcePolicy"
refused = refusal(client.put_resource_policy, ResourceArn=arn, Policy=json.dumps(policy))
assert refused["Error"]["Code"] == "AccessDeniedException", refused
client.put_resource_policy(ResourceArn=arn, Policy=json.dumps(policy), ConfirmRemoveSelfResourceAccess=True)
assert client.delete_resource_policy(ResourceArn=arn)["RevisionId"] > revision
assert refusal(client.get_resource_policy, ResourceArn=arn)["Error"]["Code"] == "PolicyNotFoundException"

# What this table has not, or no table here.
assert client.describe_contributor_insights(TableName="metered")["ContributorInsightsStatus"] == "DISABLED"
assert client.list_contributor_insights()["ContributorInsightsSummaries"] == []
assert client.describe_kinesis_streaming_destination(TableName="metered")["KinesisDataStreamDestinations"] == []
assert client.list_global_tables()["GlobalTables"] == []
assert client.list_exports()["ExportSummaries"] == [] and client.list_imports()["ImportSummaryList"] == []
assert client.describe_limits()["AccountMaxReadCapacityUnits"] == 80000
for call, parameters, code in [
    (client.describe_table_replica_auto_scaling, {"TableName": "metered"}, "ResourceNotFoundException"),
    (client.describe_global_table, {"GlobalTableName": "metered"}, "GlobalTableNotFoundException"),
    (client.describe_global_table_settings, {"GlobalTableName": "metered"}, "GlobalTableNotFoundException"),
    (client.describe_export, {"ExportArn": arn + "/export/01700000000000-abcdef01"}, "ExportNotFoundException"),
    (client.describe_import, {"ImportArn": arn + "/import/01700000000000-abcdef01"}, "ImportNotFoundException"),
    (client.export_table_to_point_in_time, {"TableArn": arn, "S3Bucket": "bucket"}, "PointInTimeRecoveryUnavailableException"),
    (client.create_global_table, {"GlobalTableName": "metered", "ReplicationGroup": [{"RegionName": "us-west-2"}]}, "ValidationException"),
    (client.update_contributor_insights, {"TableName": "metered", "ContributorInsightsAction": "ENABLE"}, "ValidationException"),
]:
    assert refusal(call, **parameters)["Error"]["Code"] == code, call.__name__
print("ok")
