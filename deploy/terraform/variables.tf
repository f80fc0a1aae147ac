variable "endpoint" {
  description = "URL of Modelwharf, such as http://127.0.0.1:4780; empty for AWS."
  type        = string
  default     = ""
}

variable "region" {
  description = "Region of the tables."
  type        = string
  default     = "us-east-1"
}

variable "deletion_protection" {
  description = "Refuse to delete the model catalog."
  type        = bool
  default     = false
}

variable "registrar" {
  description = "Name of the user who registers models."
  type        = string
  default     = "model-registrar"
}

variable "reader_accounts" {
  description = "Numbers of accounts that may read the model catalog."
  type        = list(string)
  default     = []
}
