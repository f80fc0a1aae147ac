# What the model catalog held a second ago.
resource "aws_dynamodb_table" "restored" {
  name                   = "restoredCatalog"
  restore_source_name    = aws_dynamodb_table.model_catalog.name
  restore_to_latest_time = true
  billing_mode           = "PAY_PER_REQUEST"
  hash_key               = "ModelId"
  range_key              = "ModelVersion"

  dynamic "attribute" {
    for_each = ["ModelId", "ModelVersion", "ModelType", "CreationDate"]
    content {
      name = attribute.value
      type = "S"
    }
  }

  global_secondary_index {
    name            = "ByType"
    hash_key        = "ModelType"
    range_key       = "CreationDate"
    projection_type = "ALL"
  }

  point_in_time_recovery {
    enabled                 = true
    recovery_period_in_days = 3
  }
}
