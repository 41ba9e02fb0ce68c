"""One expected count taken apart: its bin, its contributions, and every stage from the Sun to the data."""
