"""Toy experiments: drawn, fitted in lanes by the million, and their statistic and posteriors."""
