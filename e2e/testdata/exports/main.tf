variable "endpoint" { type = string }

provider "aws" {
  region                      = "us-east-1"
  skip_metadata_api_check     = true
  skip_region_validation      = true
  s3_use_path_style           = true
  endpoints {
    dynamodb = var.endpoint
    s3       = var.endpoint
    sts      = var.endpoint
    iam      = var.endpoint
  }
}

resource "aws_s3_bucket" "archive" {
  bucket        = "archive"
  force_destroy = true
}

resource "aws_dynamodb_table" "books" {
  name         = "books"
  billing_mode = "PAY_PER_REQUEST"
  hash_key     = "id"
  attribute {
    name = "id"
    type = "S"
  }
  point_in_time_recovery { enabled = true }
}

resource "aws_dynamodb_table_item" "one" {
  table_name = aws_dynamodb_table.books.name
  hash_key   = "id"
  item       = jsonencode({ id = { S = "one" }, n = { N = "1" } })
}

resource "aws_dynamodb_table_export" "books" {
  table_arn  = aws_dynamodb_table.books.arn
  s3_bucket  = aws_s3_bucket.archive.id
  s3_prefix  = "books"
  depends_on = [aws_dynamodb_table_item.one]
}

resource "aws_dynamodb_table" "again" {
  name         = "again"
  billing_mode = "PAY_PER_REQUEST"
  hash_key     = "id"
  attribute {
    name = "id"
    type = "S"
  }
  import_table {
    input_format           = "DYNAMODB_JSON"
    input_compression_type = "GZIP"
    s3_bucket_source {
      bucket     = aws_s3_bucket.archive.id
      key_prefix = replace(aws_dynamodb_table_export.books.manifest_files_s3_key, "manifest-summary.json", "data/")
    }
  }
}
