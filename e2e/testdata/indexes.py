"""Indexes that come and go on a table with data, through boto3."""

import time

import boto3

client = boto3.client("dynamodb")
models = boto3.resource("dynamodb").create_table(
    TableName="models",
    BillingMode="PAY_PER_REQUEST",
    AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
    KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
)
models.wait_until_exists()
with models.batch_writer() as batch:
    for n in range(1200):
        item = {"id": f"model-{n:04}", "kind": ("tree", "net", "line")[n % 3], "score": n}
        if n % 5 == 0:
            del item["kind"]
        if n % 7 == 0:
            item["score"] = f"{n}"  # of a wrong type: such an item is passed over
        batch.put_item(Item=item)


def update(action, **index):
    return client.update_table(
        TableName=models.name,
        AttributeDefinitions=[
            {"AttributeName": "kind", "AttributeType": "S"},
            {"AttributeName": "score", "AttributeType": "N"},
        ],
        GlobalSecondaryIndexUpdates=[{action: {"IndexName": "by-kind", **index}}],
    )["TableDescription"]


def index():
    found = client.describe_table(TableName=models.name)["Table"].get("GlobalSecondaryIndexes", [])
    return found[0] if found else None


def until(what, holds):
    end = time.monotonic() + 20
    while not holds():
        assert time.monotonic() < end, what
        time.sleep(0.05)


key = [{"AttributeName": "kind", "KeyType": "HASH"}, {"AttributeName": "score", "KeyType": "RANGE"}]
answer = update("Create", KeySchema=key, Projection={"ProjectionType": "ALL"})
created = answer["GlobalSecondaryIndexes"][0]
assert (answer["TableStatus"], created["IndexStatus"], created["Backfilling"]) == ("UPDATING", "CREATING", False), answer
models.put_item(Item={"id": "new", "kind": "net", "score": 1})
client.get_waiter("table_exists").wait(TableName=models.name)
until("the index is not ACTIVE", lambda: index()["IndexStatus"] == "ACTIVE")

want = [n for n in range(1200) if n % 5 and n % 7]
assert index()["ItemCount"] == len(want) + 1, index()
found = [
    item
    for page in client.get_paginator("query").paginate(
        TableName=models.name,
        IndexName="by-kind",
        KeyConditionExpression="kind = :k AND score >= :s",
        ExpressionAttributeValues={":k": {"S": "net"}, ":s": {"N": "100"}},
        PaginationConfig={"PageSize": 50},
    )
    for item in page["Items"]
]
assert [int(item["score"]["N"]) for item in found] == [n for n in want if n % 3 == 1 and n >= 100], len(found)

try:
    update("Create", KeySchema=key, Projection={"ProjectionType": "ALL"})
    raise AssertionError("an index was created twice")
except client.exceptions.ClientError as e:
    assert e.response["Error"]["Message"] == "Attempting to create an index which already exists", e.response
answer = update("Delete")
assert (answer["TableStatus"], answer["GlobalSecondaryIndexes"][0]["IndexStatus"]) == ("UPDATING", "DELETING"), answer
until("the index is there", lambda: index() is None)
left = client.describe_table(TableName=models.name)["Table"]
assert left["AttributeDefinitions"] == [{"AttributeName": "id", "AttributeType": "S"}], left
assert left["ItemCount"] == 1201, left
models.delete()
models.wait_until_not_exists()
print("ok")
