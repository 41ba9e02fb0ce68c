"""What sets the project up, tests it, and writes its pages of numbers."""
