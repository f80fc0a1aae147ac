variable "endpoint" {
  default = ""
}

variable "region" {
  default = "us-east-1"
}

variable "text" {
  default = "one"
}

resource "aws_s3_bucket" "models" {
  bucket        = "tf-models"
  force_destroy = true
  tags          = { team = var.text }
}

resource "aws_s3_bucket_policy" "models" {
  bucket = aws_s3_bucket.models.id
  policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Principal = "*", Action = "s3:GetObject", Resource = "${aws_s3_bucket.models.arn}/public/*" }]
  })
}

resource "aws_s3_bucket_ownership_controls" "models" {
  bucket = aws_s3_bucket.models.id
  rule {
    object_ownership = "BucketOwnerEnforced"
  }
}

resource "aws_s3_object" "readme" {
  bucket  = aws_s3_bucket.models.id
  key     = "public/readme.txt"
  content = "text ${var.text}"
  tags    = { kind = var.text }
}
