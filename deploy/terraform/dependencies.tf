# The packages that models are built with, and what comes of them from outside.
resource "aws_codeartifact_domain" "models" {
  domain = "my-codeartifact-domain"
}

data "aws_iam_policy_document" "domain" {
  statement {
    sid       = "Account"
    actions   = ["codeartifact:GetAuthorizationToken", "codeartifact:ListRepositoriesInDomain", "codeartifact:DescribeDomain"]
    resources = ["*"]
    principals {
      type        = "AWS"
      identifiers = ["arn:aws:iam::${data.aws_caller_identity.current.account_id}:root"]
    }
  }
}

resource "aws_codeartifact_domain_permissions_policy" "models" {
  domain          = aws_codeartifact_domain.models.domain
  policy_document = data.aws_iam_policy_document.domain.json
}

# What is not the team's own comes from there, once somebody asks for it.
resource "aws_codeartifact_repository" "outside" {
  domain      = aws_codeartifact_domain.models.domain
  repository  = "my-ml-model-repository-outside"
  description = "What models need from outside"

  dynamic "external_connections" {
    for_each = var.external_connection == "" ? [] : [var.external_connection]
    content {
      external_connection_name = external_connections.value
    }
  }
}

resource "aws_codeartifact_repository" "models" {
  domain      = aws_codeartifact_domain.models.domain
  repository  = "my-ml-model-repository"
  description = "Repository for ML Model Dependencies"

  upstream {
    repository_name = aws_codeartifact_repository.outside.repository
  }
}

data "aws_iam_policy_document" "repository" {
  statement {
    sid       = "Readers"
    actions   = ["codeartifact:ReadFromRepository", "codeartifact:GetRepositoryEndpoint", "codeartifact:DescribeRepository"]
    resources = ["*"]
    principals {
      type        = "AWS"
      identifiers = [for account in concat([data.aws_caller_identity.current.account_id], var.reader_accounts) : "arn:aws:iam::${account}:root"]
    }
  }
}

resource "aws_codeartifact_repository_permissions_policy" "models" {
  domain          = aws_codeartifact_domain.models.domain
  repository      = aws_codeartifact_repository.models.repository
  policy_document = data.aws_iam_policy_document.repository.json
}
