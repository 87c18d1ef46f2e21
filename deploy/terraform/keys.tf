# One key for what DynamoDB keeps, one for the data keys that CIS seals
# histories with (encryption.kms.key). Losing either loses what it encrypted.

resource "aws_kms_key" "cis" {
  description             = "CIS ${var.environment}: the vault at rest"
  enable_key_rotation     = true
  rotation_period_in_days = var.key_rotation_days
  deletion_window_in_days = var.key_deletion_days
  tags                    = var.tags

  lifecycle {
    prevent_destroy = true
  }
}

resource "aws_kms_key" "histories" {
  description             = "CIS ${var.environment}: Temporal's histories"
  enable_key_rotation     = true
  rotation_period_in_days = var.key_rotation_days
  deletion_window_in_days = var.key_deletion_days
  tags                    = var.tags

  lifecycle {
    prevent_destroy = true
  }
}

resource "aws_kms_alias" "histories" {
  name          = "alias/${var.environment}-cis-histories"
  target_key_id = aws_kms_key.histories.key_id
}
