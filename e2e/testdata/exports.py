"""A table goes into a bucket, whole and by its changes, and comes back as another one."""

import base64
import gzip
import hashlib
import json
import time
from decimal import Decimal

import boto3
from boto3.dynamodb.types import Binary
from botocore.exceptions import ClientError

resource = boto3.resource("dynamodb")
client = boto3.client("dynamodb")
s3 = boto3.client("s3")

s3.create_bucket(Bucket="archive")
table = resource.create_table(
    TableName="predictions",
    BillingMode="PAY_PER_REQUEST",
    AttributeDefinitions=[
        {"AttributeName": "id", "AttributeType": "S"},
        {"AttributeName": "at", "AttributeType": "N"},
    ],
    KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}, {"AttributeName": "at", "KeyType": "RANGE"}],
)
table.wait_until_exists()
arn = table.table_arn


def refused(code, call, **arguments):
    try:
        call(**arguments)
    except ClientError as e:
        assert e.response["Error"]["Code"] == code, e
        return e.response["Error"]["Message"]
    raise AssertionError(f"{code} is missing")


refused(
    "PointInTimeRecoveryUnavailableException",
    client.export_table_to_point_in_time,
    TableArn=arn,
    S3Bucket="archive",
)
client.update_continuous_backups(
    TableName="predictions", PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": True}
)
with table.batch_writer() as batch:
    for n in range(500):
        batch.put_item(
            Item={
                "id": f"iris#{n}",
                "at": n,
                "score": Decimal(n) / 7,
                "raw": Binary(bytes([n % 256])),
                "classes": {"a", str(n)},
                "more": [None, True, {"n": Decimal("1E-100"), "empty": ""}],
            }
        )


def wait(call, member, **arguments):
    while True:
        d = call(**arguments)[member]
        if "IN_PROGRESS" not in (d.get("ExportStatus"), d.get("ImportStatus")):
            return d
        time.sleep(0.05)


begun = client.export_table_to_point_in_time(TableArn=arn, S3Bucket="archive", S3Prefix="daily")["ExportDescription"]
export = wait(client.describe_export, "ExportDescription", ExportArn=begun["ExportArn"])
assert export["ExportStatus"] == "COMPLETED" and export["ItemCount"] == 500, export


def read(key):
    return s3.get_object(Bucket="archive", Key=key)["Body"].read()


def md5(content):
    return base64.b64encode(hashlib.md5(content).digest()).decode()


summary = read(export["ExportManifest"])
assert read(export["ExportManifest"].replace(".json", ".md5")).decode() == md5(summary)
summary = json.loads(summary)
assert summary["exportArn"] == begun["ExportArn"] and summary["outputFormat"] == "DYNAMODB_JSON", summary
items = 0
for line in read(summary["manifestFilesS3Key"]).splitlines():
    file = json.loads(line)
    data = read(file["dataFileS3Key"])
    assert md5(data) == file["md5Checksum"], file
    lines = gzip.decompress(data).splitlines()
    assert len(lines) == file["itemCount"], file
    assert all("Item" in json.loads(line) for line in lines)
    items += len(lines)
assert items == 500, items
assert client.list_exports(TableArn=arn)["ExportSummaries"][0]["ExportType"] == "FULL_EXPORT"
message = refused(
    "InvalidExportTimeException",
    client.export_table_to_point_in_time,
    TableArn=arn,
    S3Bucket="archive",
    ExportType="INCREMENTAL_EXPORT",
    IncrementalExportSpecification={"ExportFromTime": int(time.time()) - 1},
)
failed = client.export_table_to_point_in_time(TableArn=arn, S3Bucket="nowhere")["ExportDescription"]
failed = wait(client.describe_export, "ExportDescription", ExportArn=failed["ExportArn"])
assert failed["FailureCode"] == "S3NoSuchBucket", failed


def imported(name, prefix, **arguments):
    d = client.import_table(
        S3BucketSource={"S3Bucket": "archive", "S3KeyPrefix": prefix},
        TableCreationParameters={
            "TableName": name,
            "BillingMode": "PAY_PER_REQUEST",
            "AttributeDefinitions": [
                {"AttributeName": "id", "AttributeType": "S"},
                {"AttributeName": "at", "AttributeType": "N"},
            ],
            "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}, {"AttributeName": "at", "KeyType": "RANGE"}],
        },
        **arguments,
    )["ImportTableDescription"]
    return wait(client.describe_import, "ImportTableDescription", ImportArn=d["ImportArn"])


def content(name):
    items = []
    for page in client.get_paginator("scan").paginate(TableName=name):
        items += page["Items"]
    return sorted(items, key=lambda i: i["id"]["S"])


data = export["ExportManifest"].replace("manifest-summary.json", "data/")
again = imported("again", data, InputFormat="DYNAMODB_JSON", InputCompressionType="GZIP")
assert again["ImportStatus"] == "COMPLETED" and again["ImportedItemCount"] == 500, again
assert content("again") == content("predictions")
resource.Table("again").put_item(Item={"id": "new", "at": 1})

s3.put_object(Bucket="archive", Key="rows/1.csv", Body="a|1|x\nb|two|y\nc|3|z\n")
rows = imported(
    "rows",
    "rows/",
    InputFormat="CSV",
    InputFormatOptions={"Csv": {"Delimiter": "|", "HeaderList": ["id", "at", "label"]}},
)
assert rows["ImportStatus"] == "FAILED" and rows["FailureCode"] == "ItemValidationError", rows
assert (rows["ImportedItemCount"], rows["ErrorCount"]) == (2, 1), rows
assert [i["label"]["S"] for i in content("rows")] == ["x", "z"]
missing = client.import_table(
    S3BucketSource={"S3Bucket": "nowhere"},
    InputFormat="CSV",
    TableCreationParameters={
        "TableName": "none",
        "BillingMode": "PAY_PER_REQUEST",
        "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}],
        "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
    },
)["ImportTableDescription"]
missing = wait(client.describe_import, "ImportTableDescription", ImportArn=missing["ImportArn"])
assert missing["FailureCode"] == "S3NoSuchBucket", missing
refused("ResourceNotFoundException", client.describe_table, TableName="none")
page = client.list_imports(PageSize=2)
arns = [s["ImportArn"] for s in page["ImportSummaryList"]]
page = client.list_imports(PageSize=2, NextToken=page["NextToken"])
arns += [s["ImportArn"] for s in page["ImportSummaryList"]]
assert len(arns) == 3 and arns == sorted(arns, reverse=True), arns
print("ok")
