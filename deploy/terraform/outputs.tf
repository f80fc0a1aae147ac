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
