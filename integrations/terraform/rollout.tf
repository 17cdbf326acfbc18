# Rolls the group to each new version of its launch template, from `terraform apply`.
# A rollout that fails is rolled back, and the apply fails: the next apply tries again.

variable "asg" {
  type        = string
  description = "Name of the Auto Scaling group"
}

variable "launch_template" {
  type        = object({ id = string, latest_version = number })
  description = "The launch template of the group: the resource itself"
}

variable "state" {
  type        = string
  description = "Where records are kept: s3://BUCKET/PREFIX or dynamodb://TABLE"
}

variable "options" {
  type        = string
  default     = "--launch-first"
  description = "Further options of awsroll roll"
}

resource "terraform_data" "rollout" {
  triggers_replace = [var.launch_template.latest_version]

  provisioner "local-exec" {
    command = "awsroll roll --asg \"$ASG\" --launch-template \"$VERSION\" --state \"$STATE\" --yes $OPTIONS"
    environment = {
      ASG     = var.asg
      VERSION = "${var.launch_template.id}:${var.launch_template.latest_version}"
      STATE   = var.state
      OPTIONS = var.options
    }
  }
}
