# The images of models, whose tags do not move. Public repositories of AWS are in us-east-1.
resource "aws_ecrpublic_repository" "models" {
  repository_name = "ml-model-repo"

  catalog_data {
    description = "Images of models"
  }

  # On Modelwharf this tag fixes the tags of images in a public repository; on AWS it is a
  # tag like any other.
  tags = {
    "modelwharf:image-tag-mutability" = "IMMUTABLE"
  }
}

resource "aws_ecr_repository" "models" {
  name                 = "ml-model-repo"
  image_tag_mutability = "IMMUTABLE"
}
