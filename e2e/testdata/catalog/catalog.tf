variable "endpoint" { type = string }

variable "region" {
  type    = string
  default = "us-east-1"
}

variable "description" {
  type    = string
  default = "one"
}

variable "table" {
  type    = string
  default = "launched-one"
}

variable "template" { type = string }

variable "team" { type = string }

variable "share_tag_options" {
  type    = bool
  default = false
}

data "aws_caller_identity" "me" {}

resource "aws_servicecatalog_product" "model" {
  name                = "MLModelProduct"
  owner               = "data-team"
  distributor         = "YourOrg"
  description         = var.description
  support_description = "Ask the data team"
  support_email       = "data@example.com"
  support_url         = "https://example.com"
  type                = "CLOUD_FORMATION_TEMPLATE"
  tags                = { Environment = "production" }

  provisioning_artifact_parameters {
    name         = "v1.0"
    template_url = var.template
    type         = "CLOUD_FORMATION_TEMPLATE"
  }
}

resource "aws_servicecatalog_provisioning_artifact" "next" {
  name         = "v1.1"
  product_id   = aws_servicecatalog_product.model.id
  template_url = var.template
  type         = "CLOUD_FORMATION_TEMPLATE"
}

resource "aws_servicecatalog_portfolio" "models" {
  name          = "MLModelPortfolio"
  description   = var.description
  provider_name = "YourOrg"
}

resource "aws_servicecatalog_product_portfolio_association" "model" {
  portfolio_id = aws_servicecatalog_portfolio.models.id
  product_id   = aws_servicecatalog_product.model.id
}

resource "aws_servicecatalog_principal_portfolio_association" "me" {
  portfolio_id  = aws_servicecatalog_portfolio.models.id
  principal_arn = data.aws_caller_identity.me.arn
}

resource "aws_servicecatalog_portfolio_share" "team" {
  portfolio_id      = aws_servicecatalog_portfolio.models.id
  principal_id      = var.team
  type              = "ACCOUNT"
  share_tag_options = var.share_tag_options
}

resource "aws_iam_role" "launch" {
  name = "ServiceCatalogLaunchRole"
  assume_role_policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Principal = { Service = "servicecatalog.amazonaws.com" }, Action = "sts:AssumeRole" }]
  })
}

resource "aws_iam_role_policy" "launch" {
  role = aws_iam_role.launch.name
  policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Action = ["cloudformation:*", "dynamodb:*"], Resource = "*" }]
  })
}

resource "aws_servicecatalog_constraint" "launch" {
  description  = var.description
  portfolio_id = aws_servicecatalog_portfolio.models.id
  product_id   = aws_servicecatalog_product.model.id
  type         = "LAUNCH"
  parameters   = jsonencode({ RoleArn = aws_iam_role.launch.arn })
  depends_on   = [aws_servicecatalog_product_portfolio_association.model]
}

resource "aws_servicecatalog_tag_option" "cost" {
  key   = "cost"
  value = var.description
}

resource "aws_servicecatalog_tag_option_resource_association" "cost" {
  resource_id   = aws_servicecatalog_portfolio.models.id
  tag_option_id = aws_servicecatalog_tag_option.cost.id
}

resource "aws_servicecatalog_service_action" "restart" {
  name        = "restart"
  description = var.description
  definition {
    name    = "AWS-RestartEC2Instance"
    version = "1"
  }
}

resource "aws_servicecatalog_provisioned_product" "mine" {
  name                       = "mine"
  product_id                 = aws_servicecatalog_product.model.id
  provisioning_artifact_name = "v1.0"
  provisioning_parameters {
    key   = "Name"
    value = var.table
  }
  depends_on = [aws_servicecatalog_constraint.launch, aws_servicecatalog_principal_portfolio_association.me, aws_iam_role_policy.launch]
}
