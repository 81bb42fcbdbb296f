"""The policy language: IAM policy documents, checked and evaluated. It knows no service and no store."""
