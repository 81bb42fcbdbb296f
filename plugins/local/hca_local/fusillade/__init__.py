"""The embedded Fusillade: users, groups, roles and resources, and what their policies let them do."""
