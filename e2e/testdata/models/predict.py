"""Asks an endpoint that another client has made, updates it, and asks again."""

import json

import boto3
from botocore.exceptions import ClientError

models = boto3.client("sagemaker")
runtime = boto3.client("sagemaker-runtime")


def ask(body, **more):
    answer = runtime.invoke_endpoint(EndpointName="irises", Body=body, ContentType="text/csv", **more)
    headers = answer["ResponseMetadata"]["HTTPHeaders"]
    return json.loads(answer["Body"].read())["version"], headers.get("x-modelwharf-cache"), "age" in headers


assert ask("1,2,3") == ("1", "miss", False)
assert ask("1,2,3") == ("1", "hit", True)
assert ask("1,2,3", InferenceId="mine") == ("1", "hit", True)
assert ask("1,2,3", SessionId="s") == ("1", "bypass", False)
assert ask("1,2,3", TargetVariant="all") == ("1", "hit", True)

models.update_endpoint(EndpointName="irises", EndpointConfigName="config-2")
models.get_waiter("endpoint_in_service").wait(EndpointName="irises", WaiterConfig={"Delay": 1})
assert models.describe_endpoint(EndpointName="irises")["EndpointConfigName"] == "config-2"
assert ask("1,2,3") == ("2", "miss", False)
assert ask("1,2,3") == ("2", "hit", True)

stream = runtime.invoke_endpoint_with_response_stream(EndpointName="irises", Body=b"1,2,3")
whole = b"".join(event["PayloadPart"]["Bytes"] for event in stream["Body"])
assert json.loads(whole)["version"] == "2", whole

try:
    runtime.invoke_endpoint(EndpointName="irises", Body=b"x" * (6 * 1024 * 1024 + 1))
    raise AssertionError("a body of 6 MiB + 1 was taken")
except ClientError as e:
    assert e.response["Error"]["Code"] == "ValidationError", e

listed = models.get_paginator("list_endpoints").paginate(StatusEquals="InService").build_full_result()
assert [e["EndpointName"] for e in listed["Endpoints"]] == ["irises"], listed
print("ok")
