"""What a user asks for: the request for one fleet or many, and how its keys are written."""
