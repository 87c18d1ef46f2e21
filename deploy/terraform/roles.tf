# A role for each kind of process, which only its service account can take.

locals {
  issuer = replace(var.oidc_provider_arn, "/^.*oidc-provider//", "")
  reads  = ["dynamodb:BatchGetItem", "dynamodb:GetItem", "dynamodb:Query", "dynamodb:Scan"]
  writes = ["dynamodb:BatchWriteItem", "dynamodb:DeleteItem", "dynamodb:PutItem"]
  # A health check asks for one item, and needs nothing more.
  actions = {
    api    = local.reads
    worker = concat(local.reads, local.writes)
  }
}

data "aws_iam_policy_document" "trust" {
  for_each = var.service_accounts

  statement {
    actions = ["sts:AssumeRoleWithWebIdentity"]
    principals {
      type        = "Federated"
      identifiers = [var.oidc_provider_arn]
    }
    condition {
      test     = "StringEquals"
      variable = "${local.issuer}:sub"
      values   = ["system:serviceaccount:${var.namespace}:${each.value}"]
    }
    condition {
      test     = "StringEquals"
      variable = "${local.issuer}:aud"
      values   = ["sts.amazonaws.com"]
    }
  }
}

resource "aws_iam_role" "cis" {
  for_each = var.service_accounts

  name               = "${var.environment}-cis-${each.key}"
  assume_role_policy = data.aws_iam_policy_document.trust[each.key].json
  tags               = var.tags
}

data "aws_iam_policy_document" "cis" {
  for_each = var.service_accounts

  statement {
    sid     = "Vault"
    actions = local.actions[each.key]
    resources = [
      aws_dynamodb_table.vault.arn,
      aws_dynamodb_table.index.arn,
    ]
  }
  statement {
    sid       = "LookUps"
    actions   = ["dynamodb:Query"]
    resources = ["${aws_dynamodb_table.vault.arn}/index/*"]
  }
  statement {
    sid       = "VaultAtRest"
    actions   = ["kms:Decrypt", "kms:DescribeKey", "kms:Encrypt", "kms:GenerateDataKey*", "kms:ReEncrypt*"]
    resources = [aws_kms_key.cis.arn]
    condition { # not by itself, only through DynamoDB
      test     = "StringLike"
      variable = "kms:ViaService"
      values   = ["dynamodb.*.amazonaws.com"]
    }
  }
  statement {
    sid       = "Histories"
    actions   = ["kms:Decrypt", "kms:GenerateDataKey"]
    resources = [aws_kms_key.histories.arn]
  }
}

resource "aws_iam_role_policy" "cis" {
  for_each = var.service_accounts

  name   = "cis"
  role   = aws_iam_role.cis[each.key].id
  policy = data.aws_iam_policy_document.cis[each.key].json
}
