output "model_catalog_table_name" {
  value = aws_dynamodb_table.model_catalog.name
}

output "model_catalog_stream_arn" {
  value = aws_dynamodb_table.model_catalog.stream_arn
}

output "prediction_cache_table_name" {
  value = aws_dynamodb_table.prediction_cache.name
}

output "serving_role_arn" {
  value = aws_iam_role.serving.arn
}

output "registrar_access_key_id" {
  value = aws_iam_access_key.registrar.id
}

output "registrar_secret_access_key" {
  value     = aws_iam_access_key.registrar.secret
  sensitive = true
}

output "domain_arn" {
  value = aws_codeartifact_domain.models.arn
}

output "domain_name" {
  value = aws_codeartifact_domain.models.domain
}

output "repository_arn" {
  value = aws_codeartifact_repository.models.arn
}

output "repository_name" {
  value = aws_codeartifact_repository.models.repository
}

output "repository_uri" {
  value = aws_ecrpublic_repository.models.repository_uri
}

output "private_repository_uri" {
  value = aws_ecr_repository.models.repository_url
}

output "portfolio_id" {
  value = one(aws_servicecatalog_portfolio.models[*].id)
}

output "product_id" {
  value = one(aws_servicecatalog_product.model[*].id)
}
