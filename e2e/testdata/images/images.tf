# Repositories of images, private and public, with everything that they can have.

variable "endpoint" { type = string }
variable "region" { default = "us-east-1" }
variable "mutability" { default = "IMMUTABLE" }
variable "keep" { default = 5 }
variable "text" { default = "one" }

data "aws_caller_identity" "own" {}

resource "aws_iam_user" "puller" { name = "puller" }

resource "aws_ecr_repository" "model" {
  name                 = "team/model"
  image_tag_mutability = var.mutability
  force_delete         = true
  image_scanning_configuration { scan_on_push = false }
  encryption_configuration { encryption_type = "AES256" }
  tags = { team = var.text }
}

data "aws_iam_policy_document" "pull" {
  statement {
    sid     = var.text
    actions = ["ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"]
    principals {
      type        = "AWS"
      identifiers = [aws_iam_user.puller.arn]
    }
  }
}

resource "aws_ecr_repository_policy" "model" {
  repository = aws_ecr_repository.model.name
  policy     = data.aws_iam_policy_document.pull.json
}

data "aws_ecr_lifecycle_policy_document" "model" {
  rule {
    priority    = 1
    description = "Builds go after a while."
    selection {
      tag_status       = "tagged"
      tag_pattern_list = ["build-*"]
      count_type       = "sinceImagePushed"
      count_unit       = "days"
      count_number     = var.keep
    }
  }
  rule {
    priority = 2
    selection {
      tag_status   = "any"
      count_type   = "imageCountMoreThan"
      count_number = 100
    }
  }
}

resource "aws_ecr_lifecycle_policy" "model" {
  repository = aws_ecr_repository.model.name
  policy     = data.aws_ecr_lifecycle_policy_document.model.json
}

resource "aws_ecr_repository_creation_template" "team" {
  prefix               = "team"
  description          = var.text
  applied_for          = ["PULL_THROUGH_CACHE", "REPLICATION"]
  image_tag_mutability = var.mutability
  repository_policy    = data.aws_iam_policy_document.pull.json
  lifecycle_policy     = data.aws_ecr_lifecycle_policy_document.model.json
  resource_tags        = { from = "template" }
  encryption_configuration { encryption_type = "AES256" }
}

resource "aws_ecr_registry_policy" "own" {
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid       = var.text
      Effect    = "Allow"
      Principal = { AWS = "arn:aws:iam::${data.aws_caller_identity.own.account_id}:root" }
      Action    = ["ecr:ReplicateImage"]
      Resource  = ["arn:aws:ecr:${var.region}:${data.aws_caller_identity.own.account_id}:repository/*"]
    }]
  })
}

resource "aws_ecr_registry_scanning_configuration" "own" {
  scan_type = "BASIC"
}

resource "aws_ecr_account_setting" "policies" {
  name  = "REGISTRY_POLICY_SCOPE"
  value = "V2"
}

resource "aws_ecrpublic_repository" "plain" {
  repository_name = "plain"
}

resource "aws_ecrpublic_repository" "model" {
  repository_name = "model"
  force_destroy   = true
  catalog_data {
    description       = var.text
    about_text        = "# About"
    usage_text        = "# Usage"
    architectures     = ["ARM 64", "x86-64"]
    operating_systems = ["Linux"]
    logo_image_blob   = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
  }
  tags = { "modelwharf:image-tag-mutability" = "IMMUTABLE" }
}

resource "aws_ecrpublic_repository_policy" "model" {
  repository_name = aws_ecrpublic_repository.model.repository_name
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid       = var.text
      Effect    = "Allow"
      Principal = { AWS = aws_iam_user.puller.arn }
      Action    = ["ecr-public:DescribeImages"]
    }]
  })
}
