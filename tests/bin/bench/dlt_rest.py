"""Loads every page of a JSON server into PostgreSQL, merged by key; prints the version of dlt."""

import os
import sys

import dlt
from dlt.sources.rest_api import rest_api_source

source = rest_api_source(
    {
        "client": {
            "base_url": sys.argv[1],
            "paginator": {"type": "page_number", "base_page": 0, "total_path": None},
        },
        "resources": [
            {
                "name": "work_orders",
                "endpoint": {"path": "rows", "data_selector": "rows"},
                "primary_key": "ROWGUID",
                "write_disposition": "merge",
            }
        ],
    }
)
pipeline = dlt.pipeline(
    pipeline_name="hotline",
    pipelines_dir=os.environ["PIPELINES_DIR"],
    destination="postgres",
    dataset_name="dlt_peer",
)
pipeline.run(source).raise_on_failed_jobs()
print(dlt.__version__)
