"""A cache whose entries expire by their range key."""

import time

import boto3

client = boto3.client("dynamodb")
cache = boto3.resource("dynamodb").create_table(
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
now = int(time.time())
old = {"predictionId": "before", "timestamp": now - 60}
kept = [{"predictionId": "kept", "timestamp": at} for at in (1, now + 3600)]
cache.put_item(Item=old)


def describe():
    return client.describe_time_to_live(TableName=cache.name)["TimeToLiveDescription"]


def until(what, holds):
    end = time.monotonic() + 10
    while not holds():
        assert time.monotonic() < end, what
        time.sleep(0.1)


assert describe() == {"TimeToLiveStatus": "DISABLED"}, describe()
specification = {"Enabled": True, "AttributeName": "timestamp"}
answer = client.update_time_to_live(TableName=cache.name, TimeToLiveSpecification=specification)
assert answer["TimeToLiveSpecification"] == specification, answer
until("enabled", lambda: describe() == {"TimeToLiveStatus": "ENABLED", "AttributeName": "timestamp"})
for changed, message in (
    ({}, "TimeToLive is already enabled"),
    ({"AttributeName": "x"}, "TimeToLive is active on a different AttributeName: current AttributeName is timestamp"),
    ({"Enabled": False}, "Time to live has been modified multiple times within a fixed interval"),
):
    try:
        client.update_time_to_live(TableName=cache.name, TimeToLiveSpecification=specification | changed)
        raise AssertionError(f"{changed} passed")
    except client.exceptions.ClientError as e:
        assert e.response["Error"] == {"Code": "ValidationException", "Message": message}, e.response

for item in kept:
    cache.put_item(Item=item)
cache.put_item(Item={"predictionId": "after", "timestamp": now - 1})
until("gone", lambda: cache.scan(ConsistentRead=True)["Count"] == 2)
assert sorted(cache.scan()["Items"], key=lambda i: i["timestamp"]) == kept
print("ok")
