output "tables" {
  description = "Names of the vault's tables."
  value       = [aws_dynamodb_table.vault.name, aws_dynamodb_table.index.name]
}

output "role_arns" {
  description = "For the Helm chart: serviceAccount.api and serviceAccount.worker, eks.amazonaws.com/role-arn."
  value       = { for kind, role in aws_iam_role.cis : kind => role.arn }
}

output "histories_key_arn" {
  description = "encryption.kms.key of CIS's configuration."
  value       = aws_kms_key.histories.arn
}
