"""What the commands do: call the package's functions and print the result."""
