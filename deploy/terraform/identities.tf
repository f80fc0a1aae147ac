data "aws_caller_identity" "current" {}

# Whoever registers models may add versions and read them, and nothing else.
data "aws_iam_policy_document" "register" {
  statement {
    actions   = ["dynamodb:PutItem", "dynamodb:GetItem", "dynamodb:Query"]
    resources = [aws_dynamodb_table.model_catalog.arn]
  }
}

resource "aws_iam_policy" "register" {
  name        = "RegisterModels"
  description = "Add versions to the model catalog and read them"
  policy      = data.aws_iam_policy_document.register.json
}

resource "aws_iam_user" "registrar" {
  name          = var.registrar
  force_destroy = true
}

resource "aws_iam_user_policy_attachment" "registrar" {
  user       = aws_iam_user.registrar.name
  policy_arn = aws_iam_policy.register.arn
}

resource "aws_iam_access_key" "registrar" {
  user = aws_iam_user.registrar.name
}

# What serves predictions takes this role: it reads the catalog, and reads and
# fills the cache.
data "aws_iam_policy_document" "trust" {
  statement {
    actions = ["sts:AssumeRole"]
    principals {
      type        = "AWS"
      identifiers = ["arn:aws:iam::${data.aws_caller_identity.current.account_id}:root"]
    }
  }
}

data "aws_iam_policy_document" "serve" {
  statement {
    actions   = ["dynamodb:GetItem", "dynamodb:Query"]
    resources = [aws_dynamodb_table.model_catalog.arn]
  }

  statement {
    actions   = ["dynamodb:PutItem", "dynamodb:GetItem", "dynamodb:Query"]
    resources = [aws_dynamodb_table.prediction_cache.arn]
  }
}

resource "aws_iam_role" "serving" {
  name               = "ModelServing"
  assume_role_policy = data.aws_iam_policy_document.trust.json
}

resource "aws_iam_role_policy" "serving" {
  name   = "ServePredictions"
  role   = aws_iam_role.serving.id
  policy = data.aws_iam_policy_document.serve.json
}

# Some of those who serve also register what they have trained.
resource "aws_iam_role_policy_attachment" "serving" {
  role       = aws_iam_role.serving.name
  policy_arn = aws_iam_policy.register.arn
}

# The users of other accounts read the catalog, as far as their own policies let them.
data "aws_iam_policy_document" "readers" {
  count = length(var.reader_accounts) > 0 ? 1 : 0

  statement {
    actions   = ["dynamodb:GetItem", "dynamodb:Query"]
    resources = [aws_dynamodb_table.model_catalog.arn, "${aws_dynamodb_table.model_catalog.arn}/index/*"]
    principals {
      type        = "AWS"
      identifiers = [for account in var.reader_accounts : "arn:aws:iam::${account}:root"]
    }
  }
}

resource "aws_dynamodb_resource_policy" "readers" {
  count        = length(var.reader_accounts) > 0 ? 1 : 0
  resource_arn = aws_dynamodb_table.model_catalog.arn
  policy       = data.aws_iam_policy_document.readers[0].json
}
