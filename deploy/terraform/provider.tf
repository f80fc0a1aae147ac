terraform {
  required_version = ">= 1.5"
  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.0"
    }
  }
}

locals {
  # Without an endpoint this is AWS itself, and none of what follows applies.
  modelwharf = var.endpoint != ""
}

provider "aws" {
  region = var.region

  # The provider would otherwise look for the metadata service of EC2 and ask AWS
  # whether the keys and the region are its own.
  skip_metadata_api_check     = local.modelwharf
  skip_region_validation      = local.modelwharf
  skip_credentials_validation = local.modelwharf
  s3_use_path_style           = local.modelwharf

  dynamic "endpoints" {
    for_each = local.modelwharf ? [var.endpoint] : []
    content {
      cloudformation = endpoints.value
      codeartifact   = endpoints.value
      dynamodb       = endpoints.value
      ecr            = endpoints.value
      ecrpublic      = endpoints.value
      iam            = endpoints.value
      lambda         = endpoints.value
      s3             = endpoints.value
      servicecatalog = endpoints.value
      sts            = endpoints.value
    }
  }
}
