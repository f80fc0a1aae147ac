variable "url" {
  type = string
}

variable "timeout" {
  type    = number
  default = 3
}

variable "batch_size" {
  type    = number
  default = 100
}

variable "enabled" {
  type    = bool
  default = true
}

resource "aws_dynamodb_table" "models" {
  name             = "models"
  billing_mode     = "PAY_PER_REQUEST"
  hash_key         = "id"
  stream_enabled   = true
  stream_view_type = "NEW_IMAGE"

  attribute {
    name = "id"
    type = "S"
  }
}

data "aws_iam_policy_document" "trust" {
  statement {
    actions = ["sts:AssumeRole"]
    principals {
      type        = "Service"
      identifiers = ["lambda.amazonaws.com"]
    }
  }
}

data "aws_iam_policy_document" "streams" {
  statement {
    actions   = ["dynamodb:DescribeStream", "dynamodb:GetRecords", "dynamodb:GetShardIterator", "dynamodb:ListStreams"]
    resources = [aws_dynamodb_table.models.stream_arn]
  }
}

resource "aws_iam_role" "runner" {
  name               = "runner"
  assume_role_policy = data.aws_iam_policy_document.trust.json
}

resource "aws_iam_role_policy" "streams" {
  role   = aws_iam_role.runner.id
  policy = data.aws_iam_policy_document.streams.json
}

resource "aws_lambda_function" "tell" {
  function_name = "tell"
  role          = aws_iam_role.runner.arn
  package_type  = "Image"
  image_uri     = var.url
  timeout       = var.timeout

  environment {
    variables = {
      LEVEL = "1"
    }
  }

  tags = {
    Purpose = "Tell of new models"
  }
}

resource "aws_lambda_event_source_mapping" "tell" {
  function_name                  = aws_lambda_function.tell.arn
  event_source_arn               = aws_dynamodb_table.models.stream_arn
  starting_position              = "TRIM_HORIZON"
  batch_size                     = var.batch_size
  enabled                        = var.enabled
  bisect_batch_on_function_error = true
  maximum_retry_attempts         = 5
  function_response_types        = ["ReportBatchItemFailures"]

  filter_criteria {
    filter {
      pattern = jsonencode({ eventName = ["INSERT", "MODIFY"] })
    }
  }

  tags = {
    Purpose = "Tell of new models"
  }

  depends_on = [aws_iam_role_policy.streams]
}
