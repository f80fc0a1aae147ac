"""A table is taken back to a second and to a backup, as an application does it."""

import time
from datetime import datetime, timezone

import boto3

resource = boto3.resource("dynamodb")
client = boto3.client("dynamodb")

source = resource.create_table(
    TableName="predictions",
    BillingMode="PAY_PER_REQUEST",
    AttributeDefinitions=[
        {"AttributeName": "id", "AttributeType": "S"},
        {"AttributeName": "model", "AttributeType": "S"},
    ],
    KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
    GlobalSecondaryIndexes=[
        {
            "IndexName": "ByModel",
            "KeySchema": [{"AttributeName": "model", "KeyType": "HASH"}],
            "Projection": {"ProjectionType": "ALL"},
        }
    ],
)
source.wait_until_exists()
client.update_continuous_backups(
    TableName="predictions", PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": True}
)
with source.batch_writer() as batch:
    for n in range(60):
        batch.put_item(Item={"id": str(n), "model": f"m{n % 3}", "score": n})
before = datetime.now(timezone.utc).replace(microsecond=0)


def window():
    d = client.describe_continuous_backups(TableName="predictions")["ContinuousBackupsDescription"]
    assert d["ContinuousBackupsStatus"] == "ENABLED", d
    return d["PointInTimeRecoveryDescription"]


while window()["LatestRestorableDateTime"] < before:
    time.sleep(0.1)
assert window()["EarliestRestorableDateTime"] <= before, window()
assert window()["RecoveryPeriodInDays"] == 35, window()

with source.batch_writer() as batch:
    for n in range(0, 60, 2):
        batch.delete_item(Key={"id": str(n)})
backup = client.create_backup(TableName="predictions", BackupName="half")["BackupDetails"]
assert backup["BackupStatus"] == "CREATING", backup

client.restore_table_to_point_in_time(
    SourceTableArn=source.table_arn, TargetTableName="whole", RestoreDateTime=before
)
client.restore_table_to_point_in_time(
    SourceTableName="predictions",
    TargetTableName="bare",
    RestoreDateTime=before,
    GlobalSecondaryIndexOverride=[],
)
for name in ("whole", "bare"):
    client.get_waiter("table_exists").wait(TableName=name, WaiterConfig={"Delay": 1})
    table = client.describe_table(TableName=name)["Table"]
    assert table["ItemCount"] == 60, table
    assert table["RestoreSummary"]["RestoreDateTime"] == before, table
    assert not table["RestoreSummary"]["RestoreInProgress"], table
assert "GlobalSecondaryIndexes" not in client.describe_table(TableName="bare")["Table"]
found = client.query(
    TableName="whole",
    IndexName="ByModel",
    KeyConditionExpression="model = :m",
    ExpressionAttributeValues={":m": {"S": "m1"}},
)
assert found["Count"] == 20, found

while True:
    described = client.describe_backup(BackupArn=backup["BackupArn"])["BackupDescription"]
    if described["BackupDetails"]["BackupStatus"] == "AVAILABLE":
        break
    time.sleep(0.1)
assert described["SourceTableDetails"]["ItemCount"] == 30, described
client.restore_table_from_backup(BackupArn=backup["BackupArn"], TargetTableName="half")
client.get_waiter("table_exists").wait(TableName="half", WaiterConfig={"Delay": 1})
assert client.scan(TableName="half", Select="COUNT")["Count"] == 30

for call, error in (
    (lambda: client.create_backup(TableName="absent", BackupName="none"), client.exceptions.TableNotFoundException),
    (
        lambda: client.restore_table_from_backup(BackupArn=backup["BackupArn"], TargetTableName="half"),
        client.exceptions.TableAlreadyExistsException,
    ),
    (
        lambda: client.restore_table_to_point_in_time(
            SourceTableName="predictions", TargetTableName="none", RestoreDateTime=datetime(2020, 1, 1)
        ),
        client.exceptions.InvalidRestoreTimeException,
    ),
):
    try:
        call()
        raise AssertionError(f"no {error}")
    except error:
        pass
pages = client.get_paginator("list_backups").paginate(PaginationConfig={"PageSize": 1})
assert [b["BackupName"] for page in pages for b in page["BackupSummaries"]] == ["half"]
client.delete_backup(BackupArn=backup["BackupArn"])
print("ok")
