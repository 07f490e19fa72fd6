"""Loads every JSON page of a source into PostgreSQL; prints the version of dlt.

The fastest settings that its documentation names: rows are merged with one upsert, or appended without looking
for the same key, as CSV files (loaded with COPY), not compressed, in several files that two processes normalise; nested
tables are off. `peers.rs` sets the environment.
"""

import os
import sys

import dlt
from dlt.sources.rest_api import rest_api_source

MERGE = {"disposition": "merge", "strategy": "upsert"}

if __name__ == "__main__":  # the processes that normalise import this file
    source = rest_api_source(
        {
            "client": {
                "base_url": sys.argv[1],
                "paginator": {"type": "cursor", "cursor_path": "next", "cursor_param": "after"},
            },
            "resources": [
                {
                    "name": "work_orders",
                    "endpoint": {"path": "json", "data_selector": "rows"},
                    "primary_key": "id",
                    "write_disposition": sys.argv[3] if sys.argv[3] == "append" else MERGE,
                    "max_table_nesting": 0,
                }
            ],
        }
    )
    pipeline = dlt.pipeline(
        pipeline_name="bench",
        pipelines_dir=os.environ["PIPELINES_DIR"],
        destination="postgres",
        dataset_name=sys.argv[2],
    )
    pipeline.run(source, loader_file_format="csv").raise_on_failed_jobs()
    print(dlt.__version__)
