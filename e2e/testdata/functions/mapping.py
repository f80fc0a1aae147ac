"""A function in this process, invoked by boto3 and by the stream of a table."""
import http.server
import json
import queue
import threading
import time

import boto3
from botocore.exceptions import ClientError

events = queue.Queue()
fail = threading.Event()


class Function(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        event = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        events.put((self.headers["Lambda-Runtime-Aws-Request-Id"], event))
        body = json.dumps({"errorType": "ValueError", "errorMessage": "no"} if fail.is_set() else {"got": event}).encode()
        self.send_response(500 if fail.is_set() else 200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Function)
threading.Thread(target=server.serve_forever, daemon=True).start()
url = f"http://127.0.0.1:{server.server_port}/"

iam, functions = boto3.client("iam"), boto3.client("lambda")
trust = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}]}
role = iam.create_role(RoleName="runner", AssumeRolePolicyDocument=json.dumps(trust))["Role"]["Arn"]
made = functions.create_function(FunctionName="score", Role=role, PackageType="Image", Code={"ImageUri": url}, Timeout=5)
assert made["ResponseMetadata"]["HTTPStatusCode"] == 201 and made["State"] == "Active", made
functions.get_waiter("function_active").wait(FunctionName="score")
functions.get_waiter("function_updated_v2").wait(FunctionName="score")

answer = functions.invoke(FunctionName="score", Payload=json.dumps({"x": [1, "é"]}))
assert json.load(answer["Payload"]) == {"got": {"x": [1, "é"]}} and "FunctionError" not in answer, answer
request, _ = events.get(timeout=10)
assert request == answer["ResponseMetadata"]["RequestId"], (request, answer)
fail.set()
answer = functions.invoke(FunctionName="score")
assert answer["FunctionError"] == "Unhandled" and json.load(answer["Payload"])["errorType"] == "ValueError", answer
fail.clear()
events.get(timeout=10)
assert functions.invoke(FunctionName="score", InvocationType="Event", Payload=b"[1]")["StatusCode"] == 202
assert events.get(timeout=10)[1] == [1]

table = boto3.resource("dynamodb").create_table(
    TableName="models", BillingMode="PAY_PER_REQUEST", KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
    AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
    StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"})
table.wait_until_exists()
try:
    functions.create_event_source_mapping(FunctionName="score", EventSourceArn=table.latest_stream_arn, StartingPosition="LATEST")
    raise AssertionError("a role without permissions reads a stream")
except functions.exceptions.InvalidParameterValueException as e:
    assert "Please ensure the role can perform the GetRecords, GetShardIterator, DescribeStream, and ListStreams Actions" in str(e), e
iam.put_role_policy(RoleName="runner", PolicyName="streams", PolicyDocument=json.dumps({
    "Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "dynamodb:*", "Resource": table.latest_stream_arn}]}))
mapping = functions.create_event_source_mapping(
    FunctionName="score", EventSourceArn=table.latest_stream_arn, StartingPosition="LATEST", BatchSize=2,
    FilterCriteria={"Filters": [{"Pattern": json.dumps({"eventName": ["INSERT", "REMOVE"]})}]})
while functions.get_event_source_mapping(UUID=mapping["UUID"])["State"] != "Enabled":
    time.sleep(0.01)
table.put_item(Item={"id": "churn", "n": 1, "tags": {"a", "b"}, "blob": b"\x00\xff"})
table.put_item(Item={"id": "churn", "n": 2})
table.delete_item(Key={"id": "churn"})
records = []
while len(records) < 2:
    records += events.get(timeout=20)[1]["Records"]
first, second = records
assert first["eventName"] == "INSERT" and first["eventSource"] == "aws:dynamodb" and first["eventVersion"] == "1.1", first
assert first["awsRegion"] == "us-east-1" and first["eventSourceARN"] == table.latest_stream_arn, first
assert first["dynamodb"]["NewImage"] == {"id": {"S": "churn"}, "n": {"N": "1"}, "tags": {"SS": ["a", "b"]}, "blob": {"B": "AP8="}}, first
assert first["dynamodb"]["Keys"] == {"id": {"S": "churn"}} and "OldImage" not in first["dynamodb"], first
assert second["eventName"] == "REMOVE" and second["dynamodb"]["OldImage"]["n"] == {"N": "2"}, second
assert first["dynamodb"]["SequenceNumber"] < second["dynamodb"]["SequenceNumber"], records
try:
    functions.update_event_source_mapping(UUID=mapping["UUID"], FilterCriteria={"Filters": [{"Pattern": "{}"}]})
    raise AssertionError("an empty pattern is taken")
except functions.exceptions.InvalidParameterValueException as e:
    assert "Invalid filter pattern definition." in str(e), e
assert functions.list_tags(Resource=mapping["EventSourceMappingArn"])["Tags"] == {}
functions.delete_event_source_mapping(UUID=mapping["UUID"])
try:
    while True:
        functions.get_event_source_mapping(UUID=mapping["UUID"])
except ClientError as e:
    assert e.response["Error"]["Code"] == "ResourceNotFoundException", e
print("ok")
