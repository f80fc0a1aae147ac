"""The model catalog and the prediction cache as an application uses them."""

from decimal import Decimal

import boto3
from boto3.dynamodb.conditions import Attr, Key
from botocore.exceptions import ClientError

resource = boto3.resource("dynamodb")
client = boto3.client("dynamodb")

catalog = resource.create_table(
    TableName="modelCatalogTable",
    BillingMode="PAY_PER_REQUEST",
    AttributeDefinitions=[
        {"AttributeName": "ModelId", "AttributeType": "S"},
        {"AttributeName": "ModelVersion", "AttributeType": "S"},
    ],
    KeySchema=[
        {"AttributeName": "ModelId", "KeyType": "HASH"},
        {"AttributeName": "ModelVersion", "KeyType": "RANGE"},
    ],
)
catalog.wait_until_exists()

# Every type there and back.
item = {
    "ModelId": "iris",
    "ModelVersion": "1.0",
    "Accuracy": Decimal("0.96666666666666666666666666666666666667"),
    "Small": Decimal("1E-130"),
    "Tags": {"a", "b"},
    "Sizes": {Decimal("1"), Decimal("2.5")},
    "Weights": [Decimal("-1"), {"nested": [True, None, ""]}],
    "Blob": b"\x00\xff",
}
catalog.put_item(Item=item, ConditionExpression=Attr("ModelId").not_exists())
got = catalog.get_item(Key={"ModelId": "iris", "ModelVersion": "1.0"}, ConsistentRead=True)["Item"]
assert got["Blob"].value == item.pop("Blob") and got.pop("Blob")
assert got == item, got

# Errors have their types.
try:
    catalog.put_item(Item=item, ConditionExpression="attribute_not_exists(ModelId)")
    raise AssertionError("a version was overwritten")
except client.exceptions.ConditionalCheckFailedException as e:
    assert e.response["Error"]["Message"] == "The conditional request failed", e.response
    assert e.response["ResponseMetadata"]["RequestId"], e.response
try:
    client.describe_table(TableName="nothing")
    raise AssertionError("a table from nowhere")
except client.exceptions.ResourceNotFoundException as e:
    assert "nothing" in str(e), e
try:
    client.create_table(
        TableName="modelCatalogTable",
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": "x", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "x", "KeyType": "HASH"}],
    )
    raise AssertionError("a table was made twice")
except client.exceptions.ResourceInUseException:
    pass
try:
    catalog.update_item(Key={"ModelId": "iris", "ModelVersion": "1.0"}, UpdateExpression="SET a = :unused")
    raise AssertionError("an undefined value passed")
except ClientError as e:
    assert e.response["Error"]["Code"] == "ValidationException", e.response

# Batches and pages.
with catalog.batch_writer() as batch:
    for i in range(60):
        batch.put_item(Item={"ModelId": "many", "ModelVersion": f"{i:03}", "N": i, "Pad": "x" * 40_000})
found = catalog.query(KeyConditionExpression=Key("ModelId").eq("many") & Key("ModelVersion").between("010", "019"))
assert [int(i["N"]) for i in found["Items"]] == list(range(10, 20)), found["Count"]
pages = list(
    client.get_paginator("query").paginate(
        TableName="modelCatalogTable",
        KeyConditionExpression="ModelId = :m",
        ExpressionAttributeValues={":m": {"S": "many"}},
    )
)
assert len(pages) == 3 and sum(p["Count"] for p in pages) == 60, [p["Count"] for p in pages]
seen = [
    i["ModelVersion"]["S"]
    for p in client.get_paginator("scan").paginate(TableName="modelCatalogTable", PaginationConfig={"PageSize": 7})
    for i in p["Items"]
]
assert len(seen) == len(set(seen)) == 61, len(seen)
parts = [client.scan(TableName="modelCatalogTable", Segment=s, TotalSegments=4, Limit=100)["Count"] for s in range(4)]
assert sum(parts) <= 61

# The prediction cache: a numeric range key, counters, returned values.
cache = resource.create_table(
    TableName="predictionCacheTable",
    BillingMode="PAY_PER_REQUEST",
    AttributeDefinitions=[
        {"AttributeName": "predictionId", "AttributeType": "S"},
        {"AttributeName": "timestamp", "AttributeType": "N"},
    ],
    KeySchema=[
        {"AttributeName": "predictionId", "KeyType": "HASH"},
        {"AttributeName": "timestamp", "KeyType": "RANGE"},
    ],
)
cache.wait_until_exists()
for at in (9, 10, -1, Decimal("9.5")):
    cache.put_item(Item={"predictionId": "p", "timestamp": at})
order = [i["timestamp"] for i in cache.query(KeyConditionExpression=Key("predictionId").eq("p"))["Items"]]
assert order == [-1, 9, Decimal("9.5"), 10], order
for _ in range(3):
    hit = cache.update_item(
        Key={"predictionId": "p", "timestamp": 9},
        UpdateExpression="ADD hits :one",
        ExpressionAttributeValues={":one": 1},
        ReturnValues="UPDATED_NEW",
        ReturnConsumedCapacity="TOTAL",
    )
assert hit["Attributes"] == {"hits": 3} and hit["ConsumedCapacity"]["CapacityUnits"] == 1, hit
# Transactions: all or nothing, once for each token.
move = [
    {
        "Update": {
            "TableName": "predictionCacheTable",
            "Key": {"predictionId": {"S": "p"}, "timestamp": {"N": "9"}},
            "UpdateExpression": "SET hits = hits - :n",
            "ConditionExpression": "hits >= :n",
            "ExpressionAttributeValues": {":n": {"N": "2"}},
            "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
        }
    },
    {
        "Update": {
            "TableName": "modelCatalogTable",
            "Key": {"ModelId": {"S": "iris"}, "ModelVersion": {"S": "1.0"}},
            "UpdateExpression": "ADD Hits :n",
            "ExpressionAttributeValues": {":n": {"N": "2"}},
        }
    },
]
for units in ("WriteCapacityUnits", "ReadCapacityUnits"):
    done = client.transact_write_items(TransactItems=move, ClientRequestToken="move", ReturnConsumedCapacity="TOTAL")
    assert [c[units] for c in done["ConsumedCapacity"]] == [2, 2], done["ConsumedCapacity"]
try:
    client.transact_write_items(TransactItems=move[:1], ClientRequestToken="move")
    raise AssertionError("a token was used for two transactions")
except client.exceptions.IdempotentParameterMismatchException:
    pass
try:
    client.transact_write_items(TransactItems=move)
    raise AssertionError("a purse went below zero")
except client.exceptions.TransactionCanceledException as e:
    reasons = e.response["CancellationReasons"]
    assert [r["Code"] for r in reasons] == ["ConditionalCheckFailed", "None"], reasons
    assert reasons[0]["Item"]["hits"] == {"N": "1"}, reasons
    assert e.response["Error"]["Message"].endswith("[ConditionalCheckFailed, None]"), e.response
both = client.transact_get_items(
    TransactItems=[{"Get": {"TableName": a["Update"]["TableName"], "Key": a["Update"]["Key"]}} for a in move]
)["Responses"]
assert both[0]["Item"]["hits"] == {"N": "1"} and both[1]["Item"]["Hits"] == {"N": "2"}, both

assert set(client.list_tables()["TableNames"]) == {"modelCatalogTable", "predictionCacheTable"}
cache.delete()
cache.wait_until_not_exists()
print("ok")
