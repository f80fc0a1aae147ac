variable "endpoint" {
  description = "URL of Modelwharf, such as http://127.0.0.1:4780; empty for AWS."
  type        = string
  default     = ""
}

variable "region" {
  description = "Region of what is made; public repositories of AWS are in us-east-1."
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
  description = "Numbers of accounts that may read the model catalog and the packages."
  type        = list(string)
  default     = []
}

variable "external_connection" {
  description = "Where packages come from that the team does not publish; empty for nowhere. Modelwharf needs --upstream public:pypi=URL for this one."
  type        = string
  default     = "public:pypi"
}

variable "product_template" {
  description = "File of the template that version v1.0 of the product launches."
  type        = string
  default     = "../cloudformation/model-endpoint.yaml"
}

variable "principals" {
  description = "ARNs of who may launch the product."
  type        = list(string)
  default     = []
}

variable "share_with" {
  description = "Number of an account that the portfolio is shared with; empty for none."
  type        = string
  default     = ""
}
