variable "environment" {
  description = "CIS's environment, or what vault.table-prefix is set to: the tables' names begin with it."
  type        = string

  validation {
    condition     = can(regex("^[a-zA-Z0-9_.-]{1,200}$", var.environment))
    error_message = "It becomes part of tables' names: letters, digits and _-. can be in it."
  }
}

variable "deletion_protection" {
  description = "Refuse to delete the tables."
  type        = bool
  default     = true
}

variable "recovery_days" {
  description = "How many days back the tables can be restored to any second of."
  type        = number
  default     = 35

  validation {
    condition     = var.recovery_days >= 1 && var.recovery_days <= 35 && floor(var.recovery_days) == var.recovery_days
    error_message = "DynamoDB keeps 1 to 35 days."
  }
}

variable "key_rotation_days" {
  description = "How often KMS gives the key new material. What was encrypted before stays readable."
  type        = number
  default     = 365

  validation {
    condition     = var.key_rotation_days >= 90 && var.key_rotation_days <= 2560
    error_message = "KMS rotates every 90 to 2560 days."
  }
}

variable "key_deletion_days" {
  description = "How long a key that was deleted can still be had back."
  type        = number
  default     = 30

  validation {
    condition     = var.key_deletion_days >= 7 && var.key_deletion_days <= 30
    error_message = "KMS waits 7 to 30 days."
  }
}

variable "oidc_provider_arn" {
  description = "The Kubernetes cluster's OpenID Connect provider in IAM, whose service accounts take the roles."
  type        = string

  validation {
    condition     = can(regex("^arn:aws[a-z-]*:iam::[0-9]{12}:oidc-provider/.+$", var.oidc_provider_arn))
    error_message = "It must be like arn:aws:iam::123456789012:oidc-provider/oidc.eks.us-west-2.amazonaws.com/id/EXAMPLE."
  }
}

variable "namespace" {
  description = "The Kubernetes namespace that CIS runs in."
  type        = string
  default     = "cis"

  validation {
    condition     = can(regex("^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$", var.namespace))
    error_message = "It must be a name that Kubernetes takes."
  }
}

variable "service_accounts" {
  description = "The service accounts of api and worker, as the Helm chart names them for the release \"cis\"."
  type        = object({ api = string, worker = string })
  default     = { api = "cis-api", worker = "cis-worker" }
}

variable "tags" {
  description = "Tags of everything that can have some."
  type        = map(string)
  default     = {}
}
