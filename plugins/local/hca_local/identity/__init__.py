"""Who a caller is: tokens that this deployment signs, and the check of those that it is sent."""
