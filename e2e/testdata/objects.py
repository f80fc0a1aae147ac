"""Objects through boto3: transfers in parts, streams, pages, tags, URLs and refusals."""

import io
import os
import urllib.request

import boto3
from boto3.s3.transfer import TransferConfig
from botocore.config import Config
from botocore.exceptions import ClientError

s3 = boto3.client("s3")
bucket = boto3.resource("s3").create_bucket(Bucket="models")
big = os.urandom(12 * 1024 * 1024 + 7)
config = TransferConfig(multipart_threshold=5 * 1024 * 1024, multipart_chunksize=5 * 1024 * 1024)
s3.upload_fileobj(io.BytesIO(big), "models", "big", Config=config, ExtraArgs={"Metadata": {"kind": "net"}, "Tagging": "a=b"})
back = io.BytesIO()
s3.download_fileobj("models", "big", back, Config=config)
assert back.getvalue() == big
head = s3.head_object(Bucket="models", Key="big")
assert head["Metadata"] == {"kind": "net"} and head["ETag"].endswith('-3"'), head
assert s3.get_object_tagging(Bucket="models", Key="big")["TagSet"] == [{"Key": "a", "Value": "b"}]

for n in range(25):
    bucket.put_object(Key=f"many/{n:02} ü", Body=str(n))
keys = [o["Key"] for page in s3.get_paginator("list_objects_v2").paginate(Bucket="models", Prefix="many/", PaginationConfig={"PageSize": 7}) for o in page["Contents"]]
assert keys == [f"many/{n:02} ü" for n in range(25)], keys
assert [o.key for o in bucket.objects.filter(Prefix="many/1")] == [f"many/{n} ü" for n in range(10, 20)]
assert s3.list_objects(Bucket="models", Delimiter="/")["CommonPrefixes"] == [{"Prefix": "many/"}]

for version in ("s3", "s3v4"):
    signer = boto3.client("s3", config=Config(signature_version=version))
    url = signer.generate_presigned_url("get_object", Params={"Bucket": "models", "Key": "many/03 ü", "ResponseContentType": "text/x"})
    with urllib.request.urlopen(url) as r:
        assert r.read() == b"3" and r.headers["Content-Type"] == "text/x", version
    url = signer.generate_presigned_url("put_object", Params={"Bucket": "models", "Key": "by url"})
    urllib.request.urlopen(urllib.request.Request(url, data=version.encode(), method="PUT", headers={"Content-Type": ""})).close()
    assert s3.get_object(Bucket="models", Key="by url")["Body"].read() == version.encode()

try:
    s3.put_object(Bucket="models", Key="big", Body=b"", IfNoneMatch="*")
    raise AssertionError("an object was replaced")
except ClientError as e:
    assert e.response["Error"]["Code"] == "PreconditionFailed"
try:
    s3.delete_bucket(Bucket="models")
    raise AssertionError("a bucket with objects was deleted")
except ClientError as e:
    assert e.response["Error"]["Code"] == "BucketNotEmpty"
bucket.objects.all().delete()
bucket.delete()
assert s3.list_buckets()["Buckets"] == []
print("ok")
