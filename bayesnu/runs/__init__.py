"""What is kept in a folder: a run with its configuration and chain, its summary, a campaign with its tasks, and reports.

`sampling.py` carries a run out, from `run.py`, its configuration, to `summary.py`, its result. The rows of its table are
made in `limit_rows.py`, those of toys in `toy_rows.py`. `result_json.py` makes its JSON. `chain_file.py` stores the
chain, `campaign.py` many tasks, and `report/` makes a page.

Imports support to plots; studies and the command line may import it.
"""
