# The versions of each model, in order. A version is written once: with the
# condition attribute_not_exists(ModelId).
resource "aws_dynamodb_table" "model_catalog" {
  name                        = "modelCatalogTable"
  billing_mode                = "PAY_PER_REQUEST"
  hash_key                    = "ModelId"
  range_key                   = "ModelVersion"
  deletion_protection_enabled = var.deletion_protection

  attribute {
    name = "ModelId"
    type = "S"
  }

  attribute {
    name = "ModelVersion"
    type = "S"
  }

  attribute {
    name = "ModelType"
    type = "S"
  }

  attribute {
    name = "CreationDate"
    type = "S"
  }

  # The models of a type, by the day on which they were made.
  global_secondary_index {
    name            = "ByType"
    hash_key        = "ModelType"
    range_key       = "CreationDate"
    projection_type = "ALL"
  }

  # Whoever follows the catalog sees each change with what was before it.
  stream_enabled   = true
  stream_view_type = "NEW_AND_OLD_IMAGES"

  # The catalog can be taken back to the second before a mistake.
  point_in_time_recovery {
    enabled = true
  }

  # Versions that are given an expiry go by it.
  ttl {
    attribute_name = "TimeToLive"
    enabled        = true
  }

  tags = {
    Environment = "production"
    Purpose     = "ML Model Catalog"
  }
}

# Answers that a model has already given.
resource "aws_dynamodb_table" "prediction_cache" {
  name         = "predictionCacheTable"
  billing_mode = "PAY_PER_REQUEST"
  hash_key     = "predictionId"
  range_key    = "timestamp"

  attribute {
    name = "predictionId"
    type = "S"
  }

  attribute {
    name = "timestamp"
    type = "N"
  }

  # An answer's range key is the time at which it expires.
  ttl {
    attribute_name = "timestamp"
    enabled        = true
  }

  tags = {
    Environment = "Production"
    Purpose     = "CachePredictionOutputs"
  }
}
