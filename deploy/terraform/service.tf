# The model catalog service, from which other teams launch models. It is made when
# principals or an account are named that may.
locals {
  service = length(var.principals) > 0 || var.share_with != "" ? 1 : 0
}

# The template of the product is an object of a bucket. A new version of it is another
# object, and another aws_servicecatalog_provisioning_artifact.
resource "aws_s3_bucket" "templates" {
  count         = local.service
  bucket        = "model-templates-${data.aws_caller_identity.current.account_id}"
  force_destroy = true
}

resource "aws_s3_object" "template" {
  count  = local.service
  bucket = aws_s3_bucket.templates[0].bucket
  key    = "v1.0/model-endpoint.yaml"
  source = var.product_template
}

resource "aws_servicecatalog_product" "model" {
  count               = local.service
  name                = "MLModelProduct"
  owner               = "data-team"
  distributor         = "YourOrg"
  type                = "CLOUD_FORMATION_TEMPLATE"
  description         = "A model that answers predictions"
  support_description = "Ask the data team"
  support_email       = "support@example.com"
  support_url         = "https://support.example.com"

  provisioning_artifact_parameters {
    name         = "v1.0"
    description  = "The first version"
    type         = "CLOUD_FORMATION_TEMPLATE"
    template_url = "https://${aws_s3_bucket.templates[0].bucket_regional_domain_name}/${aws_s3_object.template[0].key}"
  }
}

resource "aws_servicecatalog_portfolio" "models" {
  count         = local.service
  name          = "MLModelPortfolio"
  provider_name = "YourOrg"
  description   = "Models that teams may launch"
}

resource "aws_servicecatalog_product_portfolio_association" "model" {
  count        = local.service
  portfolio_id = aws_servicecatalog_portfolio.models[0].id
  product_id   = aws_servicecatalog_product.model[0].id
}

# A launch has the rights of this role, whoever launches.
data "aws_iam_policy_document" "launch_trust" {
  statement {
    actions = ["sts:AssumeRole"]
    principals {
      type        = "Service"
      identifiers = ["servicecatalog.amazonaws.com"]
    }
  }
}

data "aws_iam_policy_document" "launch" {
  statement {
    actions   = ["cloudformation:*", "sagemaker:*", "s3:GetObject", "servicecatalog:*", "ecr:BatchGetImage", "ecr:DescribeImages"]
    resources = ["*"]
  }

  statement {
    actions   = ["iam:PassRole"]
    resources = [aws_iam_role.execution.arn]
    condition {
      test     = "StringEquals"
      variable = "iam:PassedToService"
      values   = ["sagemaker.amazonaws.com"]
    }
  }
}

resource "aws_iam_role" "launch" {
  name               = "ServiceCatalogLaunchRole"
  assume_role_policy = data.aws_iam_policy_document.launch_trust.json
}

resource "aws_iam_role_policy" "launch" {
  name   = "launch"
  role   = aws_iam_role.launch.id
  policy = data.aws_iam_policy_document.launch.json
}

# A running model has the rights of this one: it reads its image and its data, and reads
# and fills the prediction cache.
data "aws_iam_policy_document" "execution_trust" {
  statement {
    actions = ["sts:AssumeRole"]
    principals {
      type        = "Service"
      identifiers = ["sagemaker.amazonaws.com"]
    }
  }
}

data "aws_iam_policy_document" "execution" {
  statement {
    actions   = ["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetAuthorizationToken", "ecr:GetDownloadUrlForLayer", "s3:GetObject"]
    resources = ["*"]
  }

  statement {
    actions   = ["dynamodb:DeleteItem", "dynamodb:DescribeTable", "dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:Query", "dynamodb:UpdateItem"]
    resources = [aws_dynamodb_table.prediction_cache.arn]
  }
}

resource "aws_iam_role" "execution" {
  name               = "ModelExecutionRole"
  assume_role_policy = data.aws_iam_policy_document.execution_trust.json
}

resource "aws_iam_role_policy" "execution" {
  name   = "run"
  role   = aws_iam_role.execution.id
  policy = data.aws_iam_policy_document.execution.json
}

# The role is named, not its ARN: so it is also that of an account to which the portfolio
# is shared.
resource "aws_servicecatalog_constraint" "launch" {
  count        = local.service
  type         = "LAUNCH"
  description  = "Launched with the rights of the role alone"
  portfolio_id = aws_servicecatalog_portfolio.models[0].id
  product_id   = aws_servicecatalog_product.model[0].id
  parameters   = jsonencode({ LocalRoleName = aws_iam_role.launch.name })
  depends_on   = [aws_servicecatalog_product_portfolio_association.model]
}

resource "aws_servicecatalog_principal_portfolio_association" "launchers" {
  for_each      = toset(var.principals)
  portfolio_id  = aws_servicecatalog_portfolio.models[0].id
  principal_arn = each.value
}

resource "aws_servicecatalog_portfolio_share" "team" {
  count        = var.share_with == "" ? 0 : 1
  portfolio_id = aws_servicecatalog_portfolio.models[0].id
  principal_id = var.share_with
  type         = "ACCOUNT"
}
