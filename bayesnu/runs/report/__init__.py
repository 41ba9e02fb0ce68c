"""What chains say, as a page in HTML or Markdown."""
