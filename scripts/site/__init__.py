"""Extensions of the documentation site: mathematics, the reference pages, and the check of what was built."""
