"""Walks a table with PartiQL, through boto3."""

import boto3

client = boto3.client("dynamodb")
client.create_table(
    TableName="models",
    BillingMode="PAY_PER_REQUEST",
    AttributeDefinitions=[
        {"AttributeName": "name", "AttributeType": "S"},
        {"AttributeName": "version", "AttributeType": "N"},
    ],
    KeySchema=[
        {"AttributeName": "name", "KeyType": "HASH"},
        {"AttributeName": "version", "KeyType": "RANGE"},
    ],
)
client.get_waiter("table_exists").wait(TableName="models")


def run(statement, *parameters, **more):
    if parameters:
        more["Parameters"] = list(parameters)
    return client.execute_statement(Statement=statement, **more)


for version in range(1, 6):
    run(
        """INSERT INTO "models" VALUE {'name': 'iris', 'version': ?, 'tags': <<'new'>>, 'scores': [0.5], 'about': {'by': 'it''s ada'}}""",
        {"N": str(version)},
    )
try:
    run("INSERT INTO models VALUE {'name': 'iris', 'version': 1}")
    raise AssertionError("an item was inserted twice")
except client.exceptions.DuplicateItemException as e:
    assert e.response["Error"]["Message"] == "Duplicate primary key exists in table", e.response

found, token, count = [], {}, 0
while True:
    page = run("SELECT version FROM models WHERE name = 'iris' ORDER BY version DESC", Limit=2, **token)
    found += [i["version"]["N"] for i in page["Items"]]
    count += 1
    if "NextToken" not in page:
        break
    token = {"NextToken": page["NextToken"]}
assert found == ["5", "4", "3", "2", "1"] and count == 3, (found, count)

changed = run(
    "UPDATE models SET tags = set_add(tags, <<'good'>>) SET scores = list_append(scores, ?) "
    "WHERE name = 'iris' AND version = 3 AND contains(tags, 'new') RETURNING MODIFIED NEW *",
    {"L": [{"N": "0.9"}]},
    ReturnConsumedCapacity="TOTAL",
)
assert changed["Items"] == [{"tags": {"SS": ["good", "new"]}, "scores": {"L": [{"N": "0.5"}, {"N": "0.9"}]}}], changed
assert changed["ConsumedCapacity"] == {"TableName": "models", "CapacityUnits": 1.0}, changed
row = run("SELECT about.\"by\", scores[1], tags FROM models WHERE name IN ['iris', 'wine'] AND size(scores) > 1")["Items"]
assert row == [{"by": {"S": "it's ada"}, "scores[1]": {"N": "0.9"}, "tags": {"SS": ["good", "new"]}}], row

answers = client.batch_execute_statement(
    Statements=[
        {"Statement": "DELETE FROM models WHERE name = 'iris' AND version = 1 RETURNING ALL OLD *"},
        {"Statement": "UPDATE models SET n = 1 WHERE name = 'iris' AND version = 1"},
        {"Statement": "UPDATE models SET n = 1 WHERE name = 'iris'"},
    ]
)["Responses"]
assert answers[0]["Item"]["version"] == {"N": "1"}, answers
assert [a.get("Error", {}).get("Code") for a in answers] == [None, "ConditionalCheckFailed", "ValidationError"], answers

client.execute_transaction(
    TransactStatements=[
        {"Statement": "EXISTS(SELECT * FROM models WHERE name = 'iris' AND version = 2 AND n IS MISSING)"},
        {"Statement": "UPDATE models SET live = true WHERE name = 'iris' AND version = 3"},
    ]
)
both = client.execute_transaction(
    TransactStatements=[
        {"Statement": "SELECT live FROM models WHERE name = 'iris' AND version = ?", "Parameters": [{"N": n}]} for n in "32"
    ]
)["Responses"]
assert [r.get("Item") for r in both] == [{"live": {"BOOL": True}}, {}], both
print("ok")
