"""Follows the changes of a table from its stream: parents first, then their children."""

import boto3
from botocore.exceptions import ClientError

tables, streams = boto3.resource("dynamodb"), boto3.client("dynamodbstreams")


def wait_for_stream(table):
    table.wait_until_exists()
    return streams.describe_stream(StreamArn=table.latest_stream_arn)["StreamDescription"]


def shards_of(arn):
    page = streams.describe_stream(StreamArn=arn, Limit=1)["StreamDescription"]
    while True:
        yield from page["Shards"]
        if "LastEvaluatedShardId" not in page:
            return
        page = streams.describe_stream(StreamArn=arn, Limit=1, ExclusiveStartShardId=page["LastEvaluatedShardId"])["StreamDescription"]


def records_of(arn):
    for shard in shards_of(arn):
        at = streams.get_shard_iterator(StreamArn=arn, ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON")["ShardIterator"]
        while at:
            page = streams.get_records(ShardIterator=at, Limit=7)
            yield from page["Records"]
            if not page["Records"]:
                break
            at = page.get("NextShardIterator")


def expect(error, call, **arguments):
    try:
        call(**arguments)
    except ClientError as e:
        assert e.response["Error"]["Code"] == error, e
    else:
        raise AssertionError(f"{call} should fail with {error}")


orders = tables.create_table(
    TableName="orders",
    BillingMode="PAY_PER_REQUEST",
    AttributeDefinitions=[{"AttributeName": "customer", "AttributeType": "S"}, {"AttributeName": "placed", "AttributeType": "N"}],
    KeySchema=[{"AttributeName": "customer", "KeyType": "HASH"}, {"AttributeName": "placed", "KeyType": "RANGE"}],
    StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"},
)
first = wait_for_stream(orders)
assert first["StreamStatus"] == "ENABLED" and first["StreamViewType"] == "NEW_AND_OLD_IMAGES", first
assert [k["AttributeName"] for k in first["KeySchema"]] == ["customer", "placed"], first

with orders.batch_writer() as batch:
    for n in range(20):
        batch.put_item(Item={"customer": "ada", "placed": n, "tags": {"x", "y"}, "detail": {"bytes": b"\x00\xff", "list": [1, None, True]}})
orders.update_item(Key={"customer": "ada", "placed": 3}, UpdateExpression="SET paid = :p", ExpressionAttributeValues={":p": True})
orders.delete_item(Key={"customer": "ada", "placed": 4})

got = list(records_of(first["StreamArn"]))
assert len(got) == 22, len(got)
assert [r["eventName"] for r in got[-2:]] == ["MODIFY", "REMOVE"], got[-2:]
modify, remove = got[-2]["dynamodb"], got[-1]["dynamodb"]
assert modify["NewImage"]["paid"] == {"BOOL": True} and "paid" not in modify["OldImage"], modify
assert modify["NewImage"]["detail"]["M"]["bytes"] == {"B": b"\x00\xff"}, modify
assert remove["Keys"] == {"customer": {"S": "ada"}, "placed": {"N": "4"}} and "NewImage" not in remove, remove
numbers = [int(r["dynamodb"]["SequenceNumber"]) for r in got]
assert numbers == sorted(set(numbers)) and len({r["eventID"] for r in got}) == 22

# A disabled stream stays, and a new one begins empty.
orders.meta.client.update_table(TableName="orders", StreamSpecification={"StreamEnabled": False})
orders.put_item(Item={"customer": "unseen", "placed": 1})
assert streams.describe_stream(StreamArn=first["StreamArn"])["StreamDescription"]["StreamStatus"] == "DISABLED"
orders.meta.client.update_table(TableName="orders", StreamSpecification={"StreamEnabled": True, "StreamViewType": "KEYS_ONLY"})
orders.reload()
assert orders.latest_stream_arn != first["StreamArn"] and orders.stream_specification == {"StreamEnabled": True, "StreamViewType": "KEYS_ONLY"}
orders.put_item(Item={"customer": "seen", "placed": 1})
assert [r["dynamodb"]["Keys"]["customer"]["S"] for r in records_of(orders.latest_stream_arn)] == ["seen"]
assert len(list(records_of(first["StreamArn"]))) == 22
assert [s["StreamArn"] for s in streams.list_streams(TableName="orders")["Streams"]] == [first["StreamArn"], orders.latest_stream_arn]

expect("ResourceNotFoundException", streams.describe_stream, StreamArn=first["StreamArn"].replace("orders", "others"))
expect("ValidationException", streams.get_records, ShardIterator="none")
print("ok")
