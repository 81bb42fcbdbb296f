"""The operations of S3, each an `async def operation(call: Call) -> Answer` that raises S3Error."""
