# The tables are those that "cis vault init" makes; a test compares them. Here
# they also get encryption with a key of their own, a way back in time, and
# protection from deletion.

locals {
  vault = "${var.environment}-identity-vault"
}

resource "aws_dynamodb_table" "vault" {
  name                        = local.vault
  billing_mode                = "PAY_PER_REQUEST"
  hash_key                    = "id"
  deletion_protection_enabled = var.deletion_protection
  stream_enabled              = true
  stream_view_type            = "KEYS_ONLY"
  tags                        = var.tags

  attribute {
    name = "id"
    type = "S"
  }
  attribute {
    name = "sequence_number"
    type = "S"
  }
  attribute {
    name = "primary_email"
    type = "S"
  }
  attribute {
    name = "primary_username"
    type = "S"
  }
  attribute {
    name = "user_uuid"
    type = "S"
  }

  global_secondary_index {
    name            = "${local.vault}-sequence_number"
    hash_key        = "sequence_number"
    projection_type = "ALL"
  }
  global_secondary_index {
    name            = "${local.vault}-primary_email"
    hash_key        = "primary_email"
    range_key       = "id"
    projection_type = "ALL"
  }
  global_secondary_index {
    name            = "${local.vault}-primary_username"
    hash_key        = "primary_username"
    range_key       = "id"
    projection_type = "ALL"
  }
  global_secondary_index {
    name            = "${local.vault}-user_uuid"
    hash_key        = "user_uuid"
    range_key       = "id"
    projection_type = "ALL"
  }

  point_in_time_recovery {
    enabled                 = true
    recovery_period_in_days = var.recovery_days
  }
  server_side_encryption {
    enabled     = true
    kms_key_arn = aws_kms_key.cis.arn
  }

  lifecycle {
    prevent_destroy = true
  }
}

resource "aws_dynamodb_table" "index" {
  name                        = "${local.vault}-index"
  billing_mode                = "PAY_PER_REQUEST"
  hash_key                    = "index_key"
  range_key                   = "index_position"
  deletion_protection_enabled = var.deletion_protection
  tags                        = var.tags

  attribute {
    name = "index_key"
    type = "S"
  }
  attribute {
    name = "index_position"
    type = "B"
  }

  point_in_time_recovery {
    enabled                 = true
    recovery_period_in_days = var.recovery_days
  }
  server_side_encryption {
    enabled     = true
    kms_key_arn = aws_kms_key.cis.arn
  }

  lifecycle {
    prevent_destroy = true
  }
}
