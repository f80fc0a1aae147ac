# Tables with a throughput, beside those of deploy/terraform.
variable "units" {
  type    = number
  default = 5
}

resource "aws_dynamodb_table" "provisioned" {
  name           = "provisionedTable"
  billing_mode   = "PROVISIONED"
  read_capacity  = var.units
  write_capacity = 1
  hash_key       = "id"

  attribute {
    name = "id"
    type = "S"
  }
}

resource "aws_dynamodb_table" "limited" {
  name         = "limitedTable"
  billing_mode = "PAY_PER_REQUEST"
  hash_key     = "id"

  attribute {
    name = "id"
    type = "S"
  }

  on_demand_throughput {
    max_read_request_units  = var.units
    max_write_request_units = 7
  }
}
