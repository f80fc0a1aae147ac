# A stack beside the platform: parameters, tags and outputs of aws_cloudformation_stack.
variable "stage" { default = "test" }

resource "aws_cloudformation_stack" "beside" {
  name          = "beside"
  capabilities  = ["CAPABILITY_IAM"]
  parameters    = { Stage = var.stage }
  tags          = { stage = var.stage }
  on_failure    = "ROLLBACK"
  template_body = <<-EOT
    Parameters:
      Stage: {Type: String, AllowedValues: [test, production]}
    Resources:
      Images:
        Type: AWS::ECR::Repository
        Properties: {RepositoryName: !Sub "beside", Tags: [{Key: own, Value: !Ref Stage}]}
      Reader:
        Type: AWS::IAM::ManagedPolicy
        Properties: {PolicyDocument: {Version: 2012-10-17, Statement: [{Effect: Allow, Action: "ecr:BatchGetImage", Resource: !GetAtt Images.Arn}]}}
    Outputs:
      Uri: {Value: !GetAtt Images.RepositoryUri}
      Stage: {Value: !Ref Stage}
  EOT
}

output "beside" { value = aws_cloudformation_stack.beside.outputs["Uri"] }
output "stage" { value = aws_cloudformation_stack.beside.outputs["Stage"] }
